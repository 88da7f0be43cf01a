from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from andon.errors import ConfigError
from andon.expressions import evaluate
from andon.frames import SignalFrame, signal_frame
from configs.expressions import parse

START = datetime(2026, 1, 1, tzinfo=UTC)
TRUE, FALSE, UNKNOWN = 1.0, 0.0, np.nan


def frame(**columns: list) -> SignalFrame:
    rows = len(next(iter(columns.values())))
    times = pl.Series("time", [START + timedelta(minutes=row) for row in range(rows)], pl.Datetime("us", "UTC"))
    types = {
        name: "category"
        if any(isinstance(value, str) for value in values)
        else "boolean"
        if name == "jam"
        else "number"
        for name, values in columns.items()
    }
    data = pl.DataFrame([times, *(pl.Series(name, values, strict=False) for name, values in columns.items())])
    return signal_frame("press-07", data, types, timedelta(minutes=1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x > 2", [FALSE, FALSE, TRUE, UNKNOWN]),
        ("x >= 2", [FALSE, TRUE, TRUE, UNKNOWN]),
        ("x != 2", [TRUE, FALSE, TRUE, UNKNOWN]),
        ("not x == 2", [TRUE, FALSE, TRUE, UNKNOWN]),
        ("1 < x < 3", [FALSE, TRUE, FALSE, UNKNOWN]),
        ("x in (1, 3)", [TRUE, FALSE, TRUE, UNKNOWN]),
        ("x not in (1, 3)", [FALSE, TRUE, FALSE, UNKNOWN]),
        ("jam", [FALSE, TRUE, UNKNOWN, TRUE]),
        ("jam == 1 or x > 2", [FALSE, TRUE, TRUE, TRUE]),
        ("jam == 0 and x > 2", [FALSE, FALSE, UNKNOWN, FALSE]),
        ("jam == false", [TRUE, FALSE, UNKNOWN, FALSE]),
        ("jam in (1,)", [FALSE, TRUE, UNKNOWN, TRUE]),
        ("6 / y > 2", [UNKNOWN, TRUE, FALSE, FALSE]),
        ("y / y == 1", [UNKNOWN, TRUE, TRUE, TRUE]),
        ("abs(-y) == y", [TRUE, TRUE, TRUE, TRUE]),
        ("x * 1e300 * 1e300 > 0", [UNKNOWN] * 4),
        ("1 + 2 * 3 == 7", [TRUE] * 4),
        ("7 - 2 - 1 == 4", [TRUE] * 4),
        ('product == "penne"', [TRUE, FALSE, UNKNOWN, TRUE]),
        ('product != "penne"', [FALSE, TRUE, UNKNOWN, FALSE]),
        ('product in ("penne", "fusilli")', [TRUE, TRUE, UNKNOWN, TRUE]),
        ("product == product", [TRUE, TRUE, UNKNOWN, TRUE]),
        ("'a' == 'a'", [TRUE] * 4),
        ("(x > 2) == jam", [TRUE, FALSE, UNKNOWN, UNKNOWN]),
        ("true", [TRUE] * 4),
    ],
)
def test_each_row_is_true_false_or_unknown(text: str, expected: list[float]) -> None:
    rows = frame(x=[1, 2, 3, None], jam=[0, 1, None, 1], y=[0, 2, 3, 4], product=["penne", "fusilli", None, "penne"])
    found = evaluate(parse(text), rows)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, expected)


def test_names_with_blanks_stand_in_back_quotes() -> None:
    np.testing.assert_array_equal(evaluate(parse("`belt speed` > 1"), frame(**{"belt speed": [1, 2]})), [FALSE, TRUE])


def test_no_rows_give_no_values() -> None:
    rows = frame(x=[1]).between(None, START)
    assert evaluate(parse("x > 1 or true"), rows).shape == (0,)


def test_a_variable_that_the_line_lacks_is_named() -> None:
    with pytest.raises(ConfigError, match=r"line press-07: unknown variable 'sped' .* did you mean 'speed'\?"):
        evaluate(parse("sped > 1"), frame(speed=[1]))


def test_the_readings_are_left_as_they_were() -> None:
    rows = frame(x=[1, None], jam=[0, 1])
    before = rows.data.clone()
    evaluate(parse("not jam and -x < 3 / x"), rows)
    assert rows.data.equals(before)
