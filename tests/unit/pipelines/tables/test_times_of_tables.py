"""What a cell says about time, and what is refused rather than guessed."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from andon.errors import DataError
from pipelines.tables.options import parse_options
from pipelines.tables.raw import RawTable
from pipelines.tables.times import find_time_column, read_times


def table(**columns: list[object]) -> RawTable:
    cells = pl.DataFrame(columns, strict=False)
    return RawTable(Path("t.csv"), cells, pl.int_range(2, cells.height + 2, eager=True), "line")


def read(cells: list[object], **options: str) -> list[datetime | None]:
    return read_times(table(time=cells), "time", parse_options(line="p", **options)).values.to_list()


NOON = datetime(2026, 3, 9, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-03-09T12:30:00Z", NOON),
        ("2026-03-09 12:30", NOON),
        (" 2026-03-09  12:30:00 ", NOON),
        ("2026/03/09 12:30:00", NOON),
        ("2026-3-9 12:30", NOON),
        ("2026-03-09T14:30:00+02:00", NOON),
        ("2026-03-09T12:30:00 UTC", NOON),
        ("2026-03-09T07:00:00.000-0530", NOON),
        ("2026-03-09 14:30+02", NOON),
        ("20260309T123000Z", NOON),
        ("2026-03-09 12:30 PM", NOON),
        ("09.03.2026 12:30", NOON),
        ("2026-03-09", datetime(2026, 3, 9, tzinfo=UTC)),
        ("2026-03-09 12:30:00.25", datetime(2026, 3, 9, 12, 30, 0, 250_000, tzinfo=UTC)),
        ("2026-03-09 12:30:00,000001", datetime(2026, 3, 9, 12, 30, 0, 1, tzinfo=UTC)),
        ("2026-03-09 12:30:00.123456789", datetime(2026, 3, 9, 12, 30, 0, 123_456, tzinfo=UTC)),
        ("2026-03-09 12:30 am", datetime(2026, 3, 9, 0, 30, tzinfo=UTC)),
        ("2024-02-29 00:00", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_texts(text: str, time: datetime) -> None:
    assert read([text]) == [time]


@pytest.mark.parametrize(
    "text",
    ["2026-02-29", "2026-03-09 24:00", "2026-03-09 12:60", "2026-03-09 12:30:60", "09/03/26 12:30", "9 March 2026",
     "2026-03-09 13:00 pm", "2026-03-09T12", "x2026-03-09", "1066-10-14 09:00", "2226-01-01"],
)  # fmt: skip
def test_what_is_no_time_is_refused(text: str) -> None:
    assert read(["2026-01-01", text]) == [datetime(2026, 1, 1, tzinfo=UTC), None]


@pytest.mark.parametrize(
    ("cells", "options", "time"),
    [
        (["13/02/2026 06:00", "01/02/2026 06:00"], {}, datetime(2026, 2, 1, 6, tzinfo=UTC)),
        (["02/13/2026 06:00", "01/02/2026 06:00"], {}, datetime(2026, 1, 2, 6, tzinfo=UTC)),
        (["01/02/2026 06:00"], {"date_order": "dmy"}, datetime(2026, 2, 1, 6, tzinfo=UTC)),
        (["01-02-2026 06:00 AM"], {"date_order": "mdy"}, datetime(2026, 1, 2, 6, tzinfo=UTC)),
        (["02/02/2026 06:00"], {}, datetime(2026, 2, 2, 6, tzinfo=UTC)),
    ],
)
def test_order_of_day_and_month(cells: list[object], options: dict[str, str], time: datetime) -> None:
    assert read(cells, **options)[-1] == time


def test_an_order_that_cannot_be_told_is_an_error() -> None:
    with pytest.raises(DataError, match=r"line 3, column 'time': may be day or month first .*'01/02/2026'"):
        read(["02/02/2026", "01/02/2026"])


@pytest.mark.parametrize(
    ("cell", "note"),
    [(1773059400, "seconds"), (1773059400.0, "seconds"), ("1773059400", "seconds"), ("1773059400.0", "seconds"),
     (1773059400_000, "milliseconds"), (1773059400_000_000, "microseconds"), ("1773059400000000000", "nanoseconds"),
     (1773059400_000_000_000, "nanoseconds")],
)  # fmt: skip
def test_numbers_by_their_magnitude(cell: object, note: str) -> None:
    times = read_times(table(time=[cell]), "time", parse_options(line="p", timezone="Asia/Tokyo"))
    assert times.values.to_list() == [NOON]
    assert times.notes == (f"time: 'time' counts {note} since 1970-01-01 UTC",)


def test_parts_of_a_second_since_1970() -> None:
    assert read(["1773059400.25"]) == [NOON.replace(microsecond=250_000)]


def test_steps_count_from_1970_and_parts_of_steps_are_refused() -> None:
    assert read([1, 2.5, 24], step="1h") == [
        datetime(1970, 1, 1, 1, tzinfo=UTC),
        None,
        datetime(1970, 1, 2, tzinfo=UTC),
    ]


def test_a_local_clock_that_skips_or_repeats_is_refused_with_the_reason() -> None:
    cells: list[object] = [
        "2026-03-29 01:59",
        "2026-03-29 02:00",
        "2026-03-29 03:00",
        "2026-10-25 01:59",
        "2026-10-25 02:59",
        "2026-10-25 03:00",
        "2026-10-25T02:59+02:00",
    ]
    times = read_times(table(time=cells), "time", parse_options(line="p", timezone="Europe/Paris"))
    assert [time and time.strftime("%m-%d %H:%M") for time in times.values] == [
        "03-29 00:59",
        None,
        "03-29 01:00",
        "10-24 23:59",
        None,
        "10-25 02:00",
        "10-25 00:59",
    ]
    assert times.problems[1] == "the clock of Europe/Paris skips it"
    assert times.problems[4] == "the clock of Europe/Paris shows it twice"


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"TimeStamp": ["x"], "begin": ["2026-01-01"]}, "TimeStamp"),
        ({"Date Time [UTC]": ["2026-01-01"], "a": ["1"]}, "Date Time [UTC]"),
        ({"begin": ["2026-01-01"], "a": ["1"]}, "begin"),
        ({"date": ["2026-01-01 06:00"], "ts": ["shift"]}, "date"),
    ],
)
def test_the_time_column_is_found(columns: dict[str, list[object]], found: str) -> None:
    assert find_time_column(table(**columns), parse_options(line="p")) == found
