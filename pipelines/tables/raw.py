"""A table as it stands in its file: named columns, and where each row is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import polars as pl

from andon.errors import DataError
from configs.expressions import did_you_mean

MAX_COLUMNS = 5_000
MAX_NAME = 200

_READING = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ].*)?")


@dataclass(frozen=True, slots=True)
class RawTable:
    """Cells of a table, not yet understood.

    ``cells`` holds String columns (of CSV and XLSX) or typed ones (of Parquet); ``rows`` (Int64) says where each row
    stands in the file, counted as people count, in ``unit``; ``commas`` whether decimal commas are to be looked for.
    """

    path: Path
    cells: pl.DataFrame
    rows: pl.Series
    unit: Literal["line", "row"]
    commas: bool = False
    notes: tuple[str, ...] = ()

    def place(self, index: int | None = None, column: str | None = None) -> str:
        """Say where a cell, row or column is; ``index`` counts the rows of ``cells`` from 0."""
        parts = [] if index is None else [f"{self.unit} {self.rows[index]}"]
        if column is not None:
            parts.append(f"column {column!r}")
        return f"{self.path}: {', '.join(parts)}" if parts else str(self.path)

    def without_blank_rows(self) -> RawTable:
        """Leave out rows in which every cell is empty.

        Raises
        ------
        DataError
            If no row is left.
        """
        cells = self.cells
        blank = pl.all_horizontal(pl.all().is_null())
        keep = cells.select(~blank).to_series() if cells.width else pl.Series([], dtype=pl.Boolean)
        if not keep.any():
            raise DataError(str(self.path), "has a header and no rows", "export it again with its data")
        if keep.all():
            return self
        return replace(self, cells=cells.filter(keep), rows=self.rows.filter(keep))


def check_width(path: Path, columns: int) -> None:
    """Refuse a table with more columns than a line can have variables.

    Raises
    ------
    DataError
        Naming how many there are.
    """
    if columns > MAX_COLUMNS:
        problem = f"has {columns:,} columns, and {MAX_COLUMNS:,} are the most"
        raise DataError(f"{path}: header", problem, "split it, or put one row for each time and one column a variable")


def check_header(path: Path, header: Sequence[str | None], where: str) -> list[str]:
    """Return the names of columns, without blanks around them.

    Parameters
    ----------
    where
        Place of the header in the file, for example ``line 1``.

    Raises
    ------
    DataError
        On names that are missing, repeated, too long, not text or patterns (of Polars), and on a row of readings.
    """
    check_width(path, len(header))
    names = [re.sub(r"\s+", " ", (name or "").strip()) for name in header]
    place = f"{path}: {where}"
    if not any(names):
        raise DataError(place, "holds no column names", "put the names of the columns into the first row")
    if all(_READING.fullmatch(name) for name in names if name):
        shown = ", ".join(names[:3])
        problem = f"holds readings instead of column names: {shown}"
        raise DataError(place, problem, "put the names of the columns into the first row")
    seen: dict[str, int] = {}
    for number, name in enumerate(names, start=1):
        if not name:
            raise DataError(f"{place}, column {number}", "has no name", "name it, or remove the column")
        if name in seen:
            problem = f"{name!r} is the name of column {seen[name]} too"
            raise DataError(f"{place}, column {number}", problem, "rename one of them")
        if len(name) > MAX_NAME:
            problem = f"name is {len(name)} characters long: {name[:30]!r}..."
            raise DataError(f"{place}, column {number}", problem, f"shorten it to {MAX_NAME}")
        if name == "*" or (name.startswith("^") and name.endswith("$")):
            raise DataError(f"{place}, column {number}", f"name is the pattern {name!r}", "rename it")
        if not name.isprintable():
            raise DataError(f"{place}, column {number}", f"name is not text: {name!r}", "rename it")
        seen[name] = number
    return names


def check_excluded(path: Path, names: Sequence[str], exclude: Sequence[str]) -> None:
    """Refuse to leave out what is not there.

    Raises
    ------
    DataError
        Naming the nearest column.
    """
    for name in exclude:
        if name not in names:
            raise DataError(str(path), f"has no column {name!r} to exclude", did_you_mean(name, names))


_DAYS = (-719_162, 2_932_896)
"""The first of January of year 1 and the last of December of 9999, in days since the Unix epoch."""


def shown(cells: pl.Series) -> pl.Series:
    """Return cells as text, to be told to people; a time beyond the years 1 to 9999, as in damaged files, as a number.

    Examples
    --------
    >>> shown(pl.Series([0, 2**60]).cast(pl.Datetime("us"))).to_list()
    ['1970-01-01 00:00:00.000000', '1152921504606846976']
    """
    kind = cells.dtype
    if not isinstance(kind, pl.Date | pl.Datetime) or (isinstance(kind, pl.Datetime) and kind.time_unit == "ns"):
        return cells.cast(pl.String)
    numbers = cells.to_physical().cast(pl.Int64)
    day = {"us": 86_400_000_000, "ms": 86_400_000}[kind.time_unit] if isinstance(kind, pl.Datetime) else 1
    writable = numbers.is_between(_DAYS[0] * day, (_DAYS[1] + 1) * day - 1)
    # Polars panics at the others.
    text = cells.set(~writable.fill_null(True), None).cast(pl.String)
    return text.zip_with(writable.fill_null(True), numbers.cast(pl.String))
