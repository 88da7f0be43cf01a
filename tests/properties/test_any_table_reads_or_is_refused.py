"""Whatever bytes a table has, reading it gives lines or one error with place, problem and remedy; never a crash."""

import io
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.errors import DataError
from pipelines.tables.lines import line_tables
from pipelines.tables.options import parse_options
from pipelines.tables.reading import read_table

TIMES = [datetime(2026, 1, 1) + timedelta(minutes=minute) for minute in range(30)]
TABLE = pl.DataFrame({"time": TIMES, "speed": [minute / 7 for minute in range(30)], "product": ["A", "b c", None] * 10})
CSV = TABLE.with_columns(pl.col("time").dt.strftime("%Y-%m-%d %H:%M")).write_csv().encode()

CELLS = [
    "",
    "1",
    "-2.5",
    "1,5",
    "inf",
    "nan",
    "true",
    "x",
    '"',
    '"a"',
    '"a""b"',
    "2026-01-01",
    "01/02/2026",
    "1767225600",
]
CELLS += ["\x00", "é", "\ufeff", "9" * 400, "1e999", "-", "time", "\r", " ", "#N/A", "12:30", "0x1f", "٣", "\U0001d7d9"]


def parquet() -> bytes:
    buffer = io.BytesIO()
    TABLE.write_parquet(buffer)
    return buffer.getvalue()


def workbook() -> bytes:
    import openpyxl

    book, buffer = openpyxl.Workbook(), io.BytesIO()
    assert book.active is not None
    for row in [TABLE.columns, *TABLE.rows()]:
        book.active.append(row)
    book.save(buffer)
    return buffer.getvalue()


def check(suffix: str, data: bytes, **options: str) -> None:
    parsed = parse_options(**(options or {"line": "p"}))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"t{suffix}"
        path.write_bytes(data)
        try:
            tables = line_tables(read_table(path, parsed), parsed)
        except DataError as error:
            assert str(path) in error.place
            assert error.problem and error.remedy
        else:
            assert all(len(table.frame) for table in tables)


@settings(max_examples=300, deadline=None)
@given(rows=st.lists(st.lists(st.sampled_from(CELLS), min_size=1, max_size=4), min_size=1, max_size=5),
       delimiter=st.sampled_from([",", ";", "\t", "|"]), named=st.booleans())  # fmt: skip
def test_any_cells(rows: list[list[str]], delimiter: str, named: bool) -> None:
    lines = [delimiter.join(row) for row in rows]
    if named:
        width = max(len(row) for row in rows)
        lines.insert(0, delimiter.join(["time", "a", "b", "c"][:width]))
    data = "\n".join(lines).encode()
    check(".csv", data)
    check(".csv", data, line_column="a")
    check(".csv", data, line="p", timezone="America/New_York", step="1h")


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    for suffix in (".csv", ".csv.gz", ".parquet", ".xlsx"):
        check(suffix, data)
    check(".csv", b"time,a\n" + data)
    check(".csv", b"\xff\xfe" + data)


@pytest.mark.parametrize(("suffix", "sound"), [(".csv", CSV), (".parquet", parquet()), (".xlsx", workbook())])
def test_a_sound_file_with_some_bytes_changed(suffix: str, sound: bytes) -> None:
    @settings(max_examples=150, deadline=None)
    @given(changes=st.lists(st.tuples(st.integers(0, len(sound) - 1), st.integers(0, 255)), min_size=1, max_size=6),
           cut=st.none() | st.integers(0, len(sound)))  # fmt: skip
    def changed(changes: list[tuple[int, int]], cut: int | None) -> None:
        data = bytearray(sound)
        for at, value in changes:
            data[at] = value
        check(suffix, bytes(data[:cut]))

    changed()
