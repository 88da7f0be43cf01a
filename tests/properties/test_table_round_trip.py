"""What is written as a table in any format, and in any order of rows and columns, is read back to the last bit."""

import gzip
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.frames import SignalFrame
from pipelines.tables.lines import line_tables
from pipelines.tables.options import parse_options
from pipelines.tables.reading import read_table

numbers = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=8).filter(
    # What stands for nothing, for numbers and for truth is not a word; blanks around a cell are not kept.
    lambda text: (
        text == text.strip()
        and text.lower() not in ("", "na", "nan", "null", "-", "#n/a", "n/a", "true", "false", "yes", "no")
        and not any(letter.isdigit() for letter in text)
        and text.strip("+-").lower() not in ("inf", "infinity")
    )
)
names = st.text(st.characters(codec="utf-8", categories=("L", "P", "S")), min_size=1, max_size=8).filter(
    lambda text: (
        text.casefold() not in ("time", "timestamp", "datetime", "date", "ts")
        and text != "*"
        and not (text.startswith("^") and text.endswith("$"))
    )
)


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    steps = draw(st.lists(st.integers(0, 10**9), min_size=2, max_size=30, unique=True))
    start = datetime(2026, 1, 1, tzinfo=UTC)
    unit = draw(st.sampled_from([timedelta(microseconds=1), timedelta(milliseconds=7), timedelta(seconds=1)]))
    columns: dict[str, object] = {}
    for name in draw(st.lists(names, min_size=1, max_size=4, unique_by=str.strip)):
        cells = draw(st.sampled_from([numbers, words]))
        nullable = st.lists(st.none() | cells, min_size=len(steps), max_size=len(steps))
        columns[name] = draw(nullable.filter(lambda values: any(value is not None for value in values)))
    return pl.DataFrame({"time": [start + unit * step for step in steps], **columns})


def read(path: Path, **options: str) -> SignalFrame:
    parsed = parse_options(line="p", **options)
    (table,) = line_tables(read_table(path, parsed), parsed)
    assert (table.refused.height, table.refused_rows.height) == (0, 0)
    return table.frame


def expected(table: pl.DataFrame) -> pl.DataFrame:
    frame = table.sort("time").select("time", *sorted(table.columns[1:]))
    return frame.filter(pl.any_horizontal(pl.exclude("time").is_not_null()))


@settings(max_examples=60, deadline=None)
@given(table=tables(), separator=st.sampled_from([",", ";", "\t", "|"]), packed=st.booleans(), zone=st.booleans())
def test_csv(table: pl.DataFrame, separator: str, packed: bool, zone: bool) -> None:
    times = pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%S%.6f" + ("+00:00" if zone else ""))
    content = table.with_columns(times).write_csv(separator=separator, float_precision=None).encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("t.csv.gz" if packed else "t.csv")
        path.write_bytes(gzip.compress(content, 1) if packed else content)
        frame = read(path, delimiter=separator, decimal=".")
    assert frame.data.equals(expected(table))


@settings(max_examples=60, deadline=None)
@given(table=tables(), shuffle=st.randoms(use_true_random=False))
def test_parquet_in_any_order(table: pl.DataFrame, shuffle: Random) -> None:
    columns, rows = table.columns[:], list(range(table.height))
    shuffle.shuffle(columns)
    shuffle.shuffle(rows)
    with tempfile.TemporaryDirectory() as folder:
        table[rows].select(columns).write_parquet(Path(folder) / "t.parquet")
        frame = read(Path(folder) / "t.parquet")
    assert frame.data.equals(expected(table))


@settings(max_examples=40, deadline=None)
@given(table=tables())
def test_decimal_commas_and_dates_of_people(table: pl.DataFrame) -> None:
    written = table.with_columns(
        pl.col("time").dt.strftime("%d.%m.%Y %H:%M:%S,%6f"),
        pl.col(pl.Float64).cast(pl.String).str.replace(".", ",", literal=True),
    )
    with tempfile.TemporaryDirectory() as folder:
        written.write_csv(Path(folder) / "t.csv", separator=";")
        frame = read(Path(folder) / "t.csv", delimiter=";", decimal=",")
    assert frame.data.equals(expected(table))
