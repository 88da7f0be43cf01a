"""A table as readings of lines: typed, sorted, one row for each time, with everything that was odd about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from andon.errors import DataError
from andon.frames import SignalFrame, signal_frame
from configs.definitions import VariableType, check_line_name
from configs.expressions import did_you_mean
from pipelines.tables.cells import Column, find_decimal, read_column
from pipelines.tables.date_and_clock import join_date_and_clock
from pipelines.tables.options import TableOptions
from pipelines.tables.ordering import Order, put_in_order
from pipelines.tables.raw import RawTable, shown
from pipelines.tables.times import Times, find_time_column, read_times

MAX_LINES = 10_000

Types = Mapping[str, VariableType]


@dataclass(frozen=True, slots=True)
class LineTable:
    """Readings of one line from one file, and what was odd about them.

    ``refused`` are cells that were not of their column's type and ``refused_rows`` rows without a readable time, each
    with where it is: columns ``row, column, value`` and ``row, value, reason``.
    """

    path: Path
    frame: SignalFrame
    time_column: str
    rows_read: int
    refused: pl.DataFrame
    refused_rows: pl.DataFrame
    order: Order
    constant: tuple[str, ...]
    empty: tuple[str, ...]
    unit: str
    notes: tuple[str, ...]


def line_tables(
    table: RawTable, options: TableOptions, known: Callable[[str], Types] = lambda line: {}
) -> list[LineTable]:
    """Read a table into lines, in the order in which they first appear.

    Parameters
    ----------
    known
        Types of a line's variables as far as they are declared or stored; they win over what the cells look like.

    Raises
    ------
    DataError
        If the whole table is to be refused: place, value and remedy are named.
    """
    if options.line_column is not None and options.line_column not in table.cells.columns:
        remedy = did_you_mean(options.line_column, table.cells.columns)
        raise DataError(str(table.path), f"has no column {options.line_column!r} for the line", remedy)
    if options.line_column is not None and options.line_column == options.time_column:
        raise DataError(table.place(column=options.line_column), "is both the time and the line", "name two columns")
    table = join_date_and_clock(table, options)
    time_column = find_time_column(table, options)
    variables = [name for name in table.cells.columns if name not in (time_column, options.line_column)]
    if not variables:
        raise DataError(str(table.path), "has no column beside time and line", "export it with its variables")
    if "time" in variables:
        remedy = f"rename it, or leave it out with --exclude time (the time is {time_column!r})"
        raise DataError(table.place(column="time"), "is named as the clock is", remedy)
    lines = _line_names(table, options)
    names = lines.unique(maintain_order=True).to_list()
    wanted = _wanted(table, variables, {line: known(line) for line in names})
    decimal = options.decimal or find_decimal(table, variables)
    columns = [read_column(table, name, wanted.get(name), decimal) for name in variables]
    if all(column.type is None for column in columns):
        raise DataError(str(table.path), "holds no reading in any of its columns", "export it again with its data")
    times = read_times(table, time_column, options)
    notes = [*table.notes, *times.notes, *(column.note for column in columns if column.note)]
    if decimal == ",":
        notes.append("numbers: with decimal commas")
    return _Splitter(table, time_column, lines, times, columns, tuple(notes)).split(names)


def _line_names(table: RawTable, options: TableOptions) -> pl.Series:
    rows = table.cells.height
    if options.line_column is None:
        return pl.repeat(options.line, rows, dtype=pl.String, eager=True).alias("line")
    cells = table.cells[options.line_column]
    if cells.dtype.is_float():
        whole = cells.cast(pl.Int64, strict=False)
        cells = whole if (whole.cast(pl.Float64) == cells).all() else cells
    names = cells.cast(pl.String).str.strip_chars().replace("", None)
    if names.null_count():
        index = int(names.is_null().arg_max() or 0)
        problem = f"is empty in {names.null_count():,} rows"
        remedy = "fill in the name of the line, or remove the rows"
        raise DataError(table.place(index, options.line_column), problem, remedy)
    if options.line_prefix:
        names = names.to_frame("n").select(pl.lit(options.line_prefix) + pl.col("n")).to_series()
    different = names.unique(maintain_order=True)
    if len(different) > MAX_LINES:
        problem = f"names {len(different):,} lines, and {MAX_LINES:,} are the most in a table"
        raise DataError(table.place(column=options.line_column), problem, "choose another column with --line-column")
    for name in different:
        try:
            check_line_name(name)
        except ValueError as error:
            index = int((names == name).arg_max() or 0)
            problem, _, remedy = str(error).rpartition("; ")
            raise DataError(table.place(index, options.line_column), problem, remedy) from None
    return names.alias("line")


def _wanted(table: RawTable, variables: list[str], known: Mapping[str, Types]) -> dict[str, VariableType]:
    wanted: dict[str, tuple[VariableType, str]] = {}
    for line, types in known.items():
        for name in types.keys() & set(variables):
            kind, other = wanted.setdefault(name, (types[name], line))
            if kind != types[name]:
                problem = f"is a {kind} on line {other} and a {types[name]} on line {line}"
                raise DataError(table.place(column=name), problem, "give it one type, or import the lines one by one")
    return {name: kind for name, (kind, _) in wanted.items()}


@dataclass(frozen=True, slots=True)
class _Splitter:
    """Everything that is known of a table's rows, to be parted by line."""

    table: RawTable
    time_column: str
    lines: pl.Series
    times: Times
    columns: list[Column]
    notes: tuple[str, ...]

    def split(self, names: list[str]) -> list[LineTable]:
        rows = self.table.rows.alias("row")
        filled = [column for column in self.columns if column.type is not None]
        types: dict[str, VariableType] = {column.name: column.type for column in filled if column.type is not None}
        # Variables may have any name, so that bookkeeping goes by positions beside them.
        values = pl.DataFrame([column.values.alias(column.name) for column in filled])
        keys = pl.DataFrame([self.lines.alias("line"), self.times.values.alias("time"), rows]).with_row_index("index")
        refused, refused_rows = self._refused(rows), self._refused_rows(rows)
        empty = tuple(column.name for column in self.columns if column.type is None)
        of_line = keys.partition_by("line", as_dict=True, maintain_order=True)
        tables = []
        for name in names:
            mine = of_line[name,]
            good = mine.filter(pl.col("time").is_not_null())
            where = f"{self.table.path}: line {name}"
            if good.is_empty():
                first = refused_rows.filter(pl.col("line") == name).row(0, named=True)
                problem = f"has no row with a readable time; the first holds {first['value']!r}: {first['reason']}"
                raise DataError(
                    f"{self.table.path}: {self.table.unit} {first['row']}",
                    f"line {name} {problem}",
                    "mend or remove its rows",
                )
            ours = values if len(names) == 1 and good.height == values.height else values[good["index"]]
            frame, order = put_in_order(good, ours)
            if (
                frame.width == 1
                or not frame.select(pl.any_horizontal(pl.all().exclude("time").is_not_null()).any()).item()
            ):
                raise DataError(
                    where, "has no reading in any column", "export it again with its data, or remove its rows"
                )
            present = {n: t for n, t in types.items() if frame[n].null_count() < frame.height}
            signal = signal_frame(name, frame.select("time", *present), present)
            tables.append(
                LineTable(
                    path=self.table.path,
                    frame=signal,
                    time_column=self.time_column,
                    rows_read=mine.height,
                    refused=refused.filter(pl.col("line") == name).drop("line"),
                    refused_rows=refused_rows.filter(pl.col("line") == name).drop("line"),
                    constant=_constant(signal),
                    empty=(*empty, *sorted(types.keys() - present.keys())),
                    unit=self.table.unit,
                    notes=self.notes,
                    order=order,
                )
            )
        return tables

    def _refused(self, rows: pl.Series) -> pl.DataFrame:
        parts = [
            pl.DataFrame(
                {
                    "index": column.refused,
                    "row": rows.gather(column.refused),
                    "line": self.lines.gather(column.refused),
                    "column": pl.repeat(column.name, len(column.refused), dtype=pl.String, eager=True),
                    "value": shown(self.table.cells[column.name].gather(column.refused)),
                }
            )
            for column in self.columns
            if len(column.refused)
        ]
        schema = {"index": pl.UInt32, "row": pl.Int64, "line": pl.String, "column": pl.String, "value": pl.String}
        found = pl.concat(parts) if parts else pl.DataFrame(schema=schema)
        return found.sort("index", maintain_order=True).drop("index")

    def _refused_rows(self, rows: pl.Series) -> pl.DataFrame:
        index = self.times.problems.is_not_null().arg_true()
        return pl.DataFrame(
            {
                "row": rows.gather(index),
                "line": self.lines.gather(index),
                "value": shown(self.table.cells[self.time_column].gather(index)),
                "reason": self.times.problems.gather(index),
            }
        )


def _constant(frame: SignalFrame) -> tuple[str, ...]:
    if len(frame) < 2 or not frame.variables:
        return ()
    counts = frame.data.select(pl.all().exclude("time").drop_nulls().n_unique()).row(0, named=True)
    return tuple(name for name, count in counts.items() if count == 1)
