"""Times that are written as text: ISO 8601, and dates as people write them."""

from __future__ import annotations

import polars as pl

from andon.errors import DataError
from pipelines.tables.options import DateOrder
from pipelines.tables.raw import RawTable

MOSTLY = 0.95
"""Share of a column's cells that must read as times, or numbers, for it to be one of them."""

_SAMPLE = 200
_PATTERN = (
    r"^(?P<a>\d{1,4})(?P<sep>[-/.])(?P<b>\d{1,2})[-/.](?P<c>\d{1,4})"
    r"(?:(?:T|,? +)(?P<H>\d{1,2}):(?P<M>[0-5]\d)(?::(?P<S>[0-5]\d)(?:[.,](?P<f>\d{1,9}))?)?"
    r"(?: ?(?P<ap>[AaPp][Mm]))?(?: ?(?P<z>Z|z|UTC|[+-]\d{2}(?::?[0-5]\d)?))?)?$"
)
_COMPACT = r"^(\d{4})(\d{2})(\d{2})[T ](\d{2})(\d{2})(\d{2})"


def reads_as_times(cells: pl.Series) -> bool:
    """Tell whether a column holds times, by its type or by its first cells."""
    if cells.dtype != pl.String:
        return isinstance(cells.dtype, pl.Datetime | pl.Date)
    sample = cells.drop_nulls().head(_SAMPLE).str.strip_chars()
    return len(sample) > 0 and bool((_tidy(sample).str.contains(_PATTERN)).mean() >= MOSTLY)  # type: ignore[operator]


def _tidy(texts: pl.Series) -> pl.Series:
    return texts.str.replace(_COMPACT, "${1}-${2}-${3}T${4}:${5}:${6}")


def read_texts(table: RawTable, column: str, cells: pl.Series, order: DateOrder | None) -> tuple[pl.Series, pl.Series]:
    """Read texts: local times (timestamp[us]) and offsets from UTC in minutes (Int64), null where there is none.

    Parameters
    ----------
    order
        Of day and month, where the year comes last; by default told from all rows together.

    Raises
    ------
    DataError
        If that cannot be told.
    """
    parts = _tidy(cells).str.extract_groups(_PATTERN).struct.unnest()
    year_first = parts["a"].str.len_chars() == 4
    year_last = ~year_first & (parts["c"].str.len_chars() == 4)
    if year_last.any():
        order = _date_order(table, column, parts.with_columns(cells=cells), year_last, order)
    day_first = order != "mdy"
    hour = pl.col("H").cast(pl.Int32)
    hour = (
        pl.when(pl.col("ap").is_null())
        .then(hour)
        .when(hour.is_between(1, 12))
        .then(hour % 12 + pl.when(pl.col("ap").str.to_lowercase() == "pm").then(12).otherwise(0))
    )
    date = (
        pl.when(pl.lit(year_first))
        .then(pl.format("{}-{}-{}", "a", "b", "c"))
        .when(pl.lit(year_last))
        .then(pl.format("{}-{}-{}", "c", "b" if day_first else "a", "a" if day_first else "b"))
    )
    clock = pl.format(
        " {}:{}:{}.{}",
        pl.when(pl.col("H").is_null()).then(pl.lit("0")).otherwise(hour.cast(pl.String)),
        pl.col("M").fill_null("00"),
        pl.col("S").fill_null("00"),
        pl.col("f").fill_null("0"),
    )
    zone = pl.col("z")
    minutes = zone.str.slice(1, 2).cast(pl.Int64, strict=False) * 60 + zone.str.extract(r"(\d{2})$").cast(pl.Int64) * (
        zone.str.len_chars() > 3
    )
    read = parts.select(
        local=(date + clock).str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False),
        offset=pl.when(zone.str.starts_with("+"))
        .then(minutes)
        .when(zone.str.starts_with("-"))
        .then(-minutes)
        .when(zone.is_not_null())
        .then(0),
    )
    return read["local"], read["offset"]


def _date_order(
    table: RawTable, column: str, parts: pl.DataFrame, year_last: pl.Series, order: DateOrder | None
) -> DateOrder:
    """Tell whether day or month comes first, from all rows together; dots are always day first."""
    dated = parts.with_row_index("index").filter(year_last).with_columns(pl.col("a", "b").cast(pl.Int32))
    if order is not None:
        return order
    open_ones = dated.filter(pl.col("sep") != ".")
    day_first, month_first = open_ones.filter(pl.col("a") > 12), open_ones.filter(pl.col("b") > 12)
    if len(dated) > len(open_ones):
        day_first = dated.filter(pl.col("sep") == ".")
    remedy = "say which with --date-order dmy or --date-order mdy"
    if len(day_first) and len(month_first):
        other = month_first.row(0, named=True)
        problem = (
            f"has the day first in {day_first['cells'][0]!r} ({table.unit} {table.rows[day_first['index'][0]]}) "
            f"and the month first in {other['cells']!r}"
        )
        raise DataError(table.place(other["index"], column), problem, remedy)
    if len(day_first) or (open_ones["a"] == open_ones["b"]).all():
        return "dmy"
    if len(month_first):
        return "mdy"
    first = open_ones.filter(pl.col("a") != pl.col("b")).row(0, named=True)
    problem = f"may be day or month first in every row: {first['cells']!r}"
    raise DataError(table.place(first["index"], column), problem, remedy)
