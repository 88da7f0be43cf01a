"""Labels by hand: a row a minute, and every boundary of the horizon."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from andon.errors import ConfigError
from andon.frames import SignalFrame, signal_frame, to_microseconds
from andon.labels import label_rows, onsets
from configs.expressions import parse

MINUTE = timedelta(minutes=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
JAM = parse("jam == 1")
NONE = float("nan")


def line(states: str, minutes: list[float] | None = None) -> SignalFrame:
    """One row a minute (or at ``minutes``): 1 jammed, 0 not, ? unknown."""
    at = minutes if minutes is not None else list(range(len(states)))
    rows = {
        "time": pl.Series([START + minute * MINUTE for minute in at], dtype=pl.Datetime("us", "UTC")),
        "jam": pl.Series([{"0": 0.0, "1": 1.0, "?": None}[state] for state in states], dtype=pl.Float64),
        "speed": pl.Series([50.0] * len(at), dtype=pl.Float64),
    }
    return signal_frame("press-07", pl.DataFrame(rows), {"jam": "boolean", "speed": "number"}, MINUTE)


def labels(states: str, horizon: int | timedelta, minutes: list[float] | None = None) -> str:
    """Labels as text: 1, 0, and - for none."""
    length = horizon if isinstance(horizon, timedelta) else horizon * MINUTE
    found = label_rows(line(states, minutes), JAM, length)
    return "".join("-" if np.isnan(one) else str(int(one)) for one in found)


@pytest.mark.parametrize(
    ("states", "horizon", "wanted"),
    [
        ("000010000", 2, "0011-00--"),  # onset at 4: seen from 2 (exactly t + horizon) and 3, not from 1
        ("000010000", 1, "0001-000-"),
        ("000010000", 4, "1111-----"),  # after the onset no row has its whole horizon in the data
        ("000010000", 9, "1111-----"),  # positive although the horizon passes the end of the data
        ("00000", 2, "000--"),  # negative where t + horizon is the last row, none beyond
        ("00000", 4, "0----"),
        ("00000", 5, "-----"),
        ("111000", 2, "---0--"),  # the first row being true is no onset; rows where it holds have no label
        ("011101110", 1, "1---1----"),  # two onsets; the row between them is free
        ("011100", 1, "1---0-"),
        ("00111", 1, "01---"),  # at the onset itself, none
    ],
)
def test_labels_at_the_boundaries_of_the_horizon(states: str, horizon: int, wanted: str) -> None:
    assert labels(states, horizon) == wanted


@pytest.mark.parametrize(
    ("states", "horizon", "wanted"),
    [
        ("??0001", 1, "--001-"),  # never known yet
        ("00?001", 2, "00011-"),  # an unknown row keeps its last known state
        ("01?000", 1, "1--00-"),  # ... also when it was true
        ("0?1000", 1, "01-00-"),  # from false over unknown to true is an onset, at the true row
        ("?1100", 1, "---0-"),  # from never known to true is none
        ("0000??", 2, "00----"),  # the target is not known to the horizon's end
        ("??????", 2, "------"),
    ],
)
def test_unknown_targets(states: str, horizon: int, wanted: str) -> None:
    assert labels(states, horizon) == wanted


def test_a_hole_of_three_samplings_was_seen_and_a_longer_one_was_not() -> None:
    assert labels("0000", 1, [0, 3, 4, 5]) == "000-"
    assert labels("00000", 2, [0, 3, 4, 5, 6]) == "000--"
    # Known at 0 and 4 only, and the horizon of 0 ends within three samplings, or beyond them.
    assert labels("00000", 3, [0, 4, 5, 6, 7]) == "00---"
    assert labels("00000", 4, [0, 4, 5, 6, 8]) == "-0---"
    # A hole that only touches the horizon's end hides nothing of it.
    assert labels("0000", 1, [0, 1, 9, 10]) == "000-"
    assert labels("0000", 2, [0, 1, 9, 10]) == "00--"
    # Unknown rows in between do not make it seen.
    assert labels("0???000000", 5) == "----0-----"
    assert labels("0??0000000", 5) == "00000-----"


def test_an_onset_after_a_hole_is_still_one() -> None:
    assert labels("0010", 20, [0, 1, 15, 16]) == "11--"


def test_a_row_within_a_hole_is_not_certain() -> None:
    # Of row 0 the horizon ends three samplings after it, and three are not too many; of row 1 it ends four after row 0.
    assert labels("0????0000", 3) == "0----0---"


def test_horizons_between_readings() -> None:
    assert labels("000100", timedelta(seconds=90)) == "001---"
    assert labels("0001000", timedelta(seconds=119)) == "001-0--"
    assert labels("0001000", timedelta(seconds=120)) == "011-0--"


def test_onsets_are_steps_from_known_false_to_known_true() -> None:
    found = onsets(line("?10?1101"), JAM)
    assert found.tolist() == [to_microseconds(START + 4 * MINUTE), to_microseconds(START + 7 * MINUTE)]
    assert onsets(line("1111"), JAM).tolist() == []


@pytest.mark.parametrize("states", ["", "0", "1", "?"])
def test_frames_of_no_or_one_row(states: str) -> None:
    assert labels(states, 1) == "-" * len(states)
    assert len(onsets(line(states), JAM)) == 0


def test_a_condition_over_several_variables() -> None:
    frame = line("0001")
    assert label_rows(frame, parse("jam == 1 and speed > 10"), MINUTE).tolist()[:3] == [0.0, 0.0, 1.0]
    assert np.isnan(label_rows(frame, parse("jam == 1 and speed > 10"), MINUTE)[3])


def test_a_target_that_the_line_lacks_is_refused() -> None:
    with pytest.raises(ConfigError, match="heat"):
        label_rows(line("01"), parse("heat > 3"), MINUTE)


def test_labels_against_a_loop_over_rows() -> None:
    rng = np.random.default_rng(2)
    for _ in range(60):
        minutes = np.cumsum(rng.choice([1.0, 1.0, 1.0, 2.0, 3.5, 0.4, 9.0], 40)).tolist()
        states = "".join(rng.choice(list("000001?"), 40))
        horizon = int(rng.integers(1, 12))
        assert labels(states, horizon, minutes) == slow(states, horizon, minutes)


def slow(states: str, horizon: float, minutes: list[float]) -> str:
    known = [(at, state == "1") for at, state in zip(minutes, states, strict=True) if state != "?"]
    written = ""
    for at in minutes:
        before = [holds for time, holds in known if time <= at]
        steps = list(itertools.pairwise(known))
        began = [later for (_, was), (later, holds) in steps if holds and not was]
        end = at + horizon
        # Stretches without a known row, each cut at the horizon's end.
        holes = [(one, min(end, other)) for (one, _), (other, _) in steps if other > at]
        if not before or before[-1]:
            written += "-"
        elif any(at < onset <= end for onset in began):
            written += "1"
        elif known[-1][0] >= end and not any(to - since > 3 + 1e-9 for since, to in holes):
            written += "0"
        else:
            written += "-"
    return written
