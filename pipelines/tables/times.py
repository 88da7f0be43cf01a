"""The time of each row: which column holds it, and what it says in UTC. Nothing is guessed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from andon.errors import DataError
from andon.frames import MICROSECOND, TIME
from configs.durations import format_duration
from configs.expressions import did_you_mean
from pipelines.tables.options import TableOptions
from pipelines.tables.raw import RawTable, shown
from pipelines.tables.time_texts import MOSTLY, read_texts, reads_as_times

_NAMES = ("time", "timestamp", "datetime", "date", "ts", "daytime", "datetimeofday")
_STEPS = ("cycle", "step")
_OLDEST, _NEWEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_UNITS = ((1e11, "seconds", 1_000_000.0), (1e14, "milliseconds", 1_000.0), (1e17, "microseconds", 1.0))
_EXAMPLES = "write for example 2026-03-29T06:00:00Z, or name another column with --time-column"


@dataclass(frozen=True, slots=True)
class Times:
    """Time of each row, timestamp[us, UTC]: null where ``problems`` (String) says why it was refused."""

    values: pl.Series
    problems: pl.Series
    notes: tuple[str, ...]


def find_time_column(table: RawTable, options: TableOptions) -> str:
    """Return the column that holds the time: the one given, else one so named, else the only one that reads as times.

    Raises
    ------
    DataError
        If there is none, or more than one.
    """
    columns = [name for name in table.cells.columns if name != options.line_column]
    if options.time_column is not None:
        if options.time_column not in columns:
            remedy = did_you_mean(options.time_column, columns)
            raise DataError(str(table.path), f"has no column {options.time_column!r} for the time", remedy)
        return options.time_column
    known = _NAMES + (_STEPS if options.step is not None else ())
    found = [name for name in columns if _bare(name) in known]
    if len(found) != 1:
        found = [name for name in found or columns if reads_as_times(table.cells[name])]
    if len(found) == 1:
        return found[0]
    if found:
        problem = f"has {len(found)} columns that may be the time: {', '.join(map(repr, found[:5]))}"
        raise DataError(str(table.path), problem, f"choose one, for example --time-column {found[0]!r}")
    problem = f"has no column of times among {', '.join(map(repr, columns[:8]))}{', ...' if len(columns) > 8 else ''}"
    raise DataError(str(table.path), problem, "name it with --time-column; steps without a time need --step too")


def read_times(table: RawTable, column: str, options: TableOptions) -> Times:
    """Read the time of each row.

    Numbers are seconds, milliseconds, microseconds or nanoseconds since 1970 by their magnitude, or steps. Times
    without an offset are of ``options.timezone``; one that its clock shows twice or never is refused.

    Raises
    ------
    DataError
        If the column is not one of times, or the order of day and month cannot be told.
    """
    cells = table.cells[column]
    notes: list[str] = []
    if cells.dtype == pl.String:
        cells = cells.str.strip_chars().replace("", None)
        given = cells.len() - cells.null_count()
        numbers = cells.cast(pl.Float64, strict=False)
        if given and (numbers.len() - numbers.null_count()) >= MOSTLY * given:
            wholes = cells.cast(pl.Int64, strict=False)
            numbers = wholes if wholes.null_count() == numbers.null_count() else numbers
            local, offset = _from_numbers(table, column, numbers, options, notes), None
        elif options.step is not None:
            raise _no_step(table, column, cells, numbers)
        else:
            local, offset = read_texts(table, column, cells, options.date_order)
    elif cells.dtype.is_numeric():
        local, offset = _from_numbers(table, column, cells, options, notes), None
    elif isinstance(cells.dtype, pl.Datetime | pl.Date):
        if options.step is not None:
            problem = "holds times, and --step is for step numbers"
            raise DataError(table.place(column=column), problem, "leave out --step")
        zone = getattr(cells.dtype, "time_zone", None)
        if zone is not None:
            cells = cells.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        local = cells.cast(pl.Datetime("us"))
        offset = None if zone is None else pl.repeat(0, len(cells), dtype=pl.Int64, eager=True)
    else:
        problem = f"holds {cells.dtype}, not times"
        raise DataError(table.place(column=column), problem, _EXAMPLES)
    return _in_utc(table, column, cells, local, offset, options, notes)


def _bare(name: str) -> str:
    """Reduce a name: ``Date Time [UTC]`` and ``date_time`` to ``datetime``."""
    return re.sub(r"[^a-z]", "", re.sub(r"[\[(].*", "", name.casefold()))


def _from_numbers(
    table: RawTable, column: str, numbers: pl.Series, options: TableOptions, notes: list[str]
) -> pl.Series:
    """Return times of numbers, which count from 1970 in UTC: timestamp[us, UTC]."""
    if numbers.dtype.is_float():
        numbers = numbers.fill_nan(None)
    present = numbers.drop_nulls()
    if not len(present):
        raise DataError(table.place(column=column), "is empty, and must hold the time", _EXAMPLES)
    if options.step is not None:
        step = options.step // MICROSECOND
        wholes = numbers.cast(pl.Int64, strict=False)
        broken = (wholes.cast(pl.Float64) != numbers.cast(pl.Float64)).fill_null(value=False)
        broken |= wholes.abs() > (1 << 62) // step
        notes.append(f"time: step {column!r} x {format_duration(options.step)} since 1970-01-01")
        return (wholes.set(broken, None) * step).cast(TIME)
    middle = abs(float(present.cast(pl.Float64).median() or 0.0))  # type: ignore[arg-type]
    if middle < 1e8:
        index = int(numbers.is_not_null().arg_max() or 0)
        problem = f"holds numbers such as {present[0]:g}, which are no seconds or milliseconds since 1970"
        remedy = "if they count steps, say how long one is, for example --step 1h; else write 2026-03-29T06:00:00Z"
        if table.unit == "row" and table.cells[column].dtype == pl.String and 2e4 < middle < 1e5:
            remedy = "if they are days since 1900, format the cells as date and time in the sheet"
        raise DataError(table.place(index, column), problem, remedy)
    unit, factor = next(((unit, by) for most, unit, by in _UNITS if middle < most), ("nanoseconds", 1e-3))
    notes.append(f"time: {column!r} counts {unit} since 1970-01-01 UTC")
    if numbers.dtype.is_integer():
        wholes = numbers.cast(pl.Int64, strict=False)
        if factor < 1:
            return (wholes // 1000).cast(TIME)
        beyond = (wholes.abs() > (1 << 62) // int(factor)).fill_null(value=False)
        return (wholes.set(beyond, None) * int(factor)).cast(TIME)
    micro = (numbers.cast(pl.Float64) * factor).round()
    return micro.set((micro.abs() > 2.0**62).fill_null(value=False), None).cast(pl.Int64, strict=False).cast(TIME)


def _in_utc(
    table: RawTable,
    column: str,
    cells: pl.Series,
    local: pl.Series,
    offset: pl.Series | None,
    options: TableOptions,
    notes: list[str],
) -> Times:
    zone = options.timezone
    frame = pl.DataFrame({"cell": cells.is_not_null(), "local": local})
    if local.dtype == TIME:
        frame = frame.with_columns(time=pl.col("local"))
    else:
        frame = frame.with_columns(offset=offset if offset is not None else pl.lit(None, dtype=pl.Int64))
        moved = (pl.col("local") - pl.duration(minutes="offset")).dt.replace_time_zone("UTC")
        clock = pl.col("local").dt.replace_time_zone(zone, ambiguous="null", non_existent="null")
        frame = frame.with_columns(
            time=pl.when(pl.col("offset").is_not_null()).then(moved).otherwise(clock.dt.convert_time_zone("UTC")),
            shown=pl.col("local").dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").is_not_null(),
        )
        if (frame["local"].is_not_null() & frame["offset"].is_null()).any():
            notes.append(f"time: without an offset, read as {zone}")
    twice = pl.col("shown") if "shown" in frame.columns else pl.lit(value=False)
    frame = frame.with_columns(
        problem=pl.when(pl.col("cell").not_())
        .then(pl.lit("no time"))
        .when(pl.col("local").is_null())
        .then(pl.lit("not a time"))
        .when(pl.col("time").is_null() & twice)
        .then(pl.lit(f"the clock of {zone} shows it twice"))
        .when(pl.col("time").is_null())
        .then(pl.lit(f"the clock of {zone} skips it"))
        .when((pl.col("time") < _OLDEST) | (pl.col("time") >= _NEWEST))
        .then(pl.lit("before 1900 or after 2199"))
    )
    frame = frame.with_columns(time=pl.when(pl.col("problem").is_null()).then("time"))
    _refuse_mostly_unread(table, column, frame["problem"])
    return Times(frame["time"].alias("time"), frame["problem"], tuple(notes))


def _refuse_mostly_unread(table: RawTable, column: str, problems: pl.Series) -> None:
    unread = problems.len() - problems.null_count()
    if 2 * unread > problems.len():
        index = int(problems.is_not_null().arg_max() or 0)
        value = shown(table.cells[column].slice(index, 1))[0]
        problem = (
            f"{unread:,} of {problems.len():,} rows have no readable time; the first holds {value!r}: {problems[index]}"
        )
        raise DataError(table.place(index, column), problem, _EXAMPLES)


def _no_step(table: RawTable, column: str, cells: pl.Series, numbers: pl.Series) -> DataError:
    index = int((cells.is_not_null() & numbers.is_null()).arg_max() or 0)
    problem = f"is no step number: {cells[index]!r}"
    return DataError(table.place(index, column), problem, "name the column of step numbers with --time-column")
