"""Columns of cells as numbers, booleans or categories; a cell that is not of its column's type is refused."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from andon.errors import DataError
from configs.definitions import VariableType
from pipelines.tables.raw import RawTable, shown

MOSTLY = 0.95
"""Share of a column's cells that make its type."""
MAX_CATEGORIES = 10_000

_NULLS = ("", "na", "nan", "null", "-", "#n/a", "n/a")
_TRUTHS = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}
_COMMA_NUMBER = r"^\s*[+-]?\d+,\d+([eE][+-]?\d+)?\s*$"


@dataclass(frozen=True, slots=True)
class Column:
    """Readings of one variable: Float64 or String ``values``, null where nothing was read or a cell was refused.

    ``type`` is None where no cell holds anything. ``refused`` (UInt32) are the indices of refused cells.
    """

    name: str
    values: pl.Series
    type: VariableType | None
    refused: pl.Series
    note: str | None = None


def find_decimal(table: RawTable, columns: list[str]) -> str:
    """Tell whether numbers have a comma or a point before their decimals.

    Raises
    ------
    DataError
        If a table has both.
    """
    if not table.commas:
        return "."
    comma = point = None
    for name in columns:
        cells = table.cells[name]
        if cells.dtype != pl.String:
            continue
        odd = cells.is_not_null() & cells.cast(pl.Float64, strict=False).is_null()
        if comma is None and odd.any():
            found = (odd & cells.str.contains(_COMMA_NUMBER)).arg_true()
            comma = (name, int(found[0])) if len(found) else None
        if point is None and not odd.all():
            found = (~odd & cells.str.contains(".", literal=True).fill_null(value=False)).arg_true()
            point = (name, int(found[0])) if len(found) else None
    if comma is not None and point is not None:
        one, other = table.cells[comma[0]][comma[1]], table.cells[point[0]][point[1]]
        problem = f"{one!r} has a decimal comma, and {other!r} in column {point[0]!r} has a decimal point"
        raise DataError(table.place(comma[1], comma[0]), problem, "say which it is with --decimal , or --decimal .")
    return "." if comma is None else ","


def read_column(table: RawTable, name: str, wanted: VariableType | None, decimal: str) -> Column:
    """Read a column as the type that is wanted, else as the type that its cells have.

    Raises
    ------
    DataError
        If most cells are not of the wanted type, or a category has too many values.
    """
    cells = table.cells[name]
    if cells.dtype == pl.String:
        column = _from_text(name, cells, wanted, decimal)
    elif cells.dtype == pl.Boolean and wanted in (None, "boolean", "number"):
        column = Column(name, cells.cast(pl.Float64), wanted or "boolean", _none())
    elif cells.dtype.is_numeric() and wanted != "category":
        column = _from_numbers(name, cells.cast(pl.Float64), wanted or "number")
    elif cells.dtype == pl.Null:
        column = Column(name, cells.cast(pl.Float64), None, _none())
    else:
        column = _from_text(name, _as_text(cells), wanted, decimal)
    kept = column.values.len() - column.values.null_count()
    refused = len(column.refused)
    if wanted is not None and refused > kept:
        index = int(column.refused[0])
        problem = f"is a {wanted}, and {refused:,} of {refused + kept:,} cells are not; the first is {cells[index]!r}"
        remedy = f"mend the column, leave it out with --exclude {name!r}, or correct its type"
        raise DataError(table.place(index, name), problem, remedy)
    if not kept:
        return Column(name, column.values, None, column.refused, column.note)
    if column.type == "category":
        _refuse_prose(table, column)
    return column


def _from_text(name: str, cells: pl.Series, wanted: VariableType | None, decimal: str) -> Column:
    texts = cells.str.strip_chars()
    plain = texts
    if decimal == ",":
        dotted = texts.str.contains(".", literal=True).fill_null(value=False)
        plain = texts.str.replace(",", ".", literal=True).set(dotted, None)
    numbers = plain.cast(pl.Float64, strict=False)
    number = numbers.is_finite().fill_null(value=False)
    others = (~number & texts.is_not_null()).arg_true()
    words = texts.gather(others).str.to_lowercase()
    empty = words.is_in(_NULLS)
    nulls, others, words = others.filter(empty), others.filter(~empty), words.filter(~empty)
    infinite = words.str.strip_chars("+-").is_in(("inf", "infinity"))
    truths = words.replace_strict(_TRUTHS, default=None, return_dtype=pl.Float64)
    count, given = int(number.sum()), int(number.sum()) + len(words)
    note = None
    kind: VariableType
    if wanted is not None:
        kind = wanted
    elif given == 0 or count + int(infinite.sum()) >= MOSTLY * given:
        kind = "number"
    elif truths.len() - truths.null_count() >= MOSTLY * given:
        kind = "boolean"
    else:
        kind = "category"
        if count > 0.5 * given:
            note = (
                f"{name}: kept as a category, though {100 * count / given:.0f} % of its cells are numbers; "
                "declare it type: number in the Line to refuse the others"
            )
        elif decimal == "." and 2 * int(words.str.contains(_COMMA_NUMBER).sum()) > given:
            note = f"{name}: kept as a category; if its commas are decimals, give --decimal ,"
    if kind == "category":
        return Column(name, texts.scatter(nulls, None) if len(nulls) else texts, kind, _none(), note)
    if kind == "number":
        return Column(name, numbers.set(~number, None), kind, others)
    values = numbers.set(~number, None).scatter(others, truths) if len(others) else numbers
    wrong = values.is_not_null() & ~values.is_in((0.0, 1.0))
    refused = pl.concat([others.filter(truths.is_null()), wrong.arg_true()]).sort()
    return Column(name, values.set(wrong, None), kind, refused)


def _from_numbers(name: str, numbers: pl.Series, kind: VariableType) -> Column:
    numbers = numbers.fill_nan(None)
    wrong = numbers.is_infinite()
    if kind == "boolean":
        wrong = ~numbers.is_in((0.0, 1.0))
    wrong = wrong.fill_null(value=False)
    return Column(name, numbers.set(wrong, None), kind, wrong.arg_true())


def _as_text(cells: pl.Series) -> pl.Series:
    if cells.dtype.is_float():
        # A code that a spreadsheet made a float: 12.0 is the code 12.
        whole = (cells.round() == cells) & (cells.abs() < 2.0**53)
        return cells.to_frame("x").select(
            pl.when(pl.lit(whole))
            .then(pl.col("x").cast(pl.Int64, strict=False).cast(pl.String))
            .otherwise(pl.col("x").cast(pl.String))
        )["x"]
    return shown(cells)


def _refuse_prose(table: RawTable, column: Column) -> None:
    different = column.values.n_unique()
    if different > MAX_CATEGORIES:
        index = int(column.values.is_not_null().arg_max() or 0)
        problem = f"is no number and has {different:,} different values, such as {column.values[index][:60]!r}"
        remedy = f"leave it out with --exclude {column.name!r}; a category has at most {MAX_CATEGORIES:,}"
        raise DataError(table.place(index, column.name), problem, remedy)


def _none() -> pl.Series:
    return pl.Series([], dtype=pl.UInt32)
