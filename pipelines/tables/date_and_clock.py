"""Tables whose time stands in two columns, a date and a time of day, as many loggers write it."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from pipelines.tables.options import TableOptions
from pipelines.tables.raw import RawTable
from pipelines.tables.time_texts import MOSTLY

_DATES, _CLOCKS = ("date", "day"), ("time", "clock", "time of day")
_DATE = r"^\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}( 00:00:00)?\s*$"
# A spreadsheet shows a time of day on the first day of its calendar.
_FIRST_DAY = r"^\s*(1899-12-3[01]|1904-01-01) "
_CLOCK = r"^\s*((1899-12-3[01]|1904-01-01) )?\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[AaPp][Mm])?\s*$"
_SAMPLE = 200


def join_date_and_clock(table: RawTable, options: TableOptions) -> RawTable:
    """Put a column of dates and one of times of day together, where the table has exactly one of each, so named.

    Any other table, and one whose time column is given, is returned as it is.
    """
    if options.time_column is not None or options.step is not None:
        return table
    texts = {
        name: table.cells[name].cast(pl.String)
        for name, kind in table.cells.schema.items()
        if name != options.line_column and kind in (pl.String, pl.Date, pl.Time)
    }
    dates = [name for name in texts if name.casefold() in _DATES and _mostly(texts[name], _DATE)]
    clocks = [name for name in texts if name.casefold() in _CLOCKS and _mostly(texts[name], _CLOCK)]
    if len(dates) != 1 or len(clocks) != 1:
        return table
    (date,), (clock,) = dates, clocks
    name = f"{date} {clock}"
    if name in table.cells.columns:
        return table
    joined = pl.DataFrame({"date": texts[date], "clock": texts[clock]}).select(
        pl.col("date").str.replace(r" 00:00:00\s*$", "") + " " + pl.col("clock").str.replace(_FIRST_DAY, "")
    )
    cells = table.cells.drop(date, clock).insert_column(0, joined.to_series().alias(name))
    notes = (*table.notes, f"time: columns {date!r} and {clock!r} together")
    return replace(table, cells=cells, notes=notes)


def _mostly(texts: pl.Series, pattern: str) -> bool:
    sample = texts.drop_nulls().head(_SAMPLE)
    return len(sample) > 0 and float(sample.str.contains(pattern).mean() or 0.0) >= MOSTLY  # type: ignore[arg-type]
