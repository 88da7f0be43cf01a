"""Series out of InfluxDB as tables: which variables a line has, and their readings by InfluxQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import polars as pl

from andon.frames import TIME, from_microseconds
from andon.stores.influx_http import Found, InfluxHttp
from andon.stores.influx_names import KINDS, WHOLE, Column, InfluxNames, identifier, moment, name_in

OLDEST = -9_223_372_036_854_775
"""Microseconds: InfluxDB keeps nanoseconds in 64 bits."""
NEWEST = 9_223_372_036_854_774
STATEMENTS = 100
"""Statements that one request holds."""
_DTYPES: dict[str, type[pl.DataType]] = {"number": pl.Float64, "boolean": pl.Float64, "category": pl.String}


class InfluxTables:
    """Reads what a layout says. Remembers nothing."""

    def __init__(self, http: InfluxHttp, names: InfluxNames) -> None:
        self.http = http
        self.names = names

    def lines(self) -> list[str]:
        """Return the lines that have readings, in name order."""
        tag = self.names.layout.tag_of("line")
        where = self.names.where(None)
        if tag is None:
            found = self.http.query(f"SHOW MEASUREMENTS{where}")
            names = {self.names.line_of(row[0]) for one in found for row in one.rows}
        else:
            found = self.http.query(f"SHOW TAG VALUES{self._source()} WITH KEY = {identifier(tag)}{where}")
            names = {
                self.names.line_in_tag(row[1]) for one in found if self.names.is_reading(one.name) for row in one.rows
            }
        return sorted(name for name in names if name is not None)

    def columns(self, line: str) -> dict[str, Column]:
        """Return where each variable of a line lies, by name; empty where the line has no readings."""
        layout = self.names.layout
        measurements = self._measurements(line)
        if not measurements:
            return {}
        typed = self.field_types(measurements)
        if self.names.by_field:
            known = {
                name: Column(measurement, key, KINDS[kind], kind in WHOLE)
                for (measurement, key), kind in typed.items()
                if (name := name_in(key, layout.field, "variable")) is not None
            }
            if layout.tag_of("line") is None:
                return dict(sorted(known.items()))
            present = {
                name for one in self._last(line, measurements, [c.key for c in known.values()]) for name in one[2]
            }
            return {name: column for name, column in sorted(known.items()) if column.key in present}
        # A field of one name has, in one statement, the type that it has in one of the measurements.
        alike: dict[tuple[str, str], list[str]] = defaultdict(list)
        for (measurement, key), kind in typed.items():
            if key in (layout.field, layout.text, layout.flag):
                alike[key, kind].append(measurement)
        columns = {}
        for (key, kind), some in alike.items():
            for name, tags, present in self._last(line, some, [key]):
                variable = self.names.variable_of(name, tags)
                if variable is not None and key in present:
                    columns[variable] = Column(name, key, KINDS[kind], kind in WHOLE)
        return dict(sorted(columns.items()))

    def field_types(self, measurements: Iterable[str]) -> dict[tuple[str, str], str]:
        """Return InfluxDB's types of fields, by measurement and field; of lines that share a measurement, of all."""
        source = ", ".join(map(identifier, measurements))
        found = self.http.query(f"SHOW FIELD KEYS FROM {source}")
        return {(one.name, row[0]): row[1] for one in found for row in one.rows if row[1] in KINDS}

    def read(
        self,
        line: str,
        columns: Mapping[str, Column],
        low: int | None = None,
        high: int | None = None,
        *,
        newest: int | None = None,
        oldest: int | None = None,
    ) -> pl.DataFrame:
        """Return readings of ``[low, high]``, microseconds: ``time`` and a column for each variable, in time order.

        ``newest`` or ``oldest`` is how many points of each series suffice, from that end.
        """
        parts: list[pl.DataFrame] = []
        end = " ORDER BY time DESC" if newest is not None else ""
        if (limit := newest if newest is not None else oldest) is not None:
            end += f" LIMIT {limit}"
        if columns and not is_nothing(low, high):
            for keys, variables in self._groups(columns):
                source = ", ".join(map(identifier, dict.fromkeys(columns[one].measurement for one in variables)))
                where = self.names.where(line, variables, span(low, high))
                fields = ", ".join(map(identifier, keys))
                statement = f"SELECT {fields} FROM {source}{where}{self.names.grouping()}{end}"
                taken = self.http.select(statement, lambda found: self._table(found, columns))
                parts.extend(one for one in taken if one.height)
        types = {name: _DTYPES[column.kind] for name, column in sorted(columns.items())}
        return _merged(parts, types)

    def newest(self, after: Mapping[str, int], columns: Mapping[str, Mapping[str, Column]]) -> dict[str, int]:
        """Return the newest reading time, microseconds, of those of many lines that have one after a time of theirs."""
        statements, asked = [], []
        for line, low in after.items():
            for keys, variables in self._groups(columns[line]):
                source = ", ".join(map(identifier, dict.fromkeys(columns[line][one].measurement for one in variables)))
                where = self.names.where(line, variables, span(low + 1, None))
                fields = ", ".join(map(identifier, keys))
                grouping = self.names.grouping()
                statements.append(f"SELECT {fields} FROM {source}{where}{grouping} ORDER BY time DESC LIMIT 1")
                asked.append(line)
        newest: dict[str, int] = {}
        for begin in range(0, len(statements), STATEMENTS):
            text = "; ".join(statements[begin : begin + STATEMENTS])
            for number, time in self.http.select(text, lambda found: (found.statement, int(found.rows[0][0]))):
                line = asked[begin + number]
                newest[line] = max(newest.get(line, time), time)
        return newest

    def _table(self, found: Found, columns: Mapping[str, Column]) -> pl.DataFrame:
        values = list(zip(*found.rows, strict=True))
        data: dict[str, pl.Series] = {"time": pl.Series(np.array(values[0], np.int64)).cast(TIME)}
        if self.names.by_field:
            keys = {column.key: name for name, column in columns.items()}
            wanted = [(keys[key], place) for place, key in enumerate(found.columns) if key in keys]
        else:
            variable = self.names.variable_of(found.name, found.tags)
            asked = variable is not None and variable in columns and columns[variable].key == found.columns[1]
            wanted = [(variable, 1)] if variable is not None and asked else []
        for name, place in wanted:
            data[name] = _series(values[place], columns[name])
        return pl.DataFrame(data) if wanted else pl.DataFrame()

    def _groups(self, columns: Mapping[str, Column]) -> Iterable[tuple[list[str], list[str]]]:
        """Yield fields and variables that one statement asks for."""
        if self.names.by_field:
            yield [columns[name].key for name in columns], list(columns)
            return
        alike: dict[tuple[str, str], list[str]] = defaultdict(list)
        for name, column in columns.items():
            alike[column.key, column.kind].append(name)
        for (key, _), variables in alike.items():
            yield [key], variables

    def _measurements(self, line: str) -> list[str]:
        if self.names.layout.place_of("variable") == "measurement":
            found = self.http.query(f"SHOW MEASUREMENTS{self.names.where(line)}")
            return [row[0] for one in found for row in one.rows if self.names.is_reading(row[0])]
        name = self.names.measurement(line, "")
        return [name] if self.names.is_reading(name) else []

    def _last(
        self, line: str, measurements: Iterable[str], keys: Sequence[str]
    ) -> Iterable[tuple[str, Mapping[str, str], set[str]]]:
        """Yield, of each series of a line, its measurement, tags, and which of the fields have a value."""
        if not keys:
            return
        chosen = ", ".join(f"last({identifier(key)}) AS {identifier(key)}" for key in keys)
        source = ", ".join(map(identifier, measurements))
        statement = f"SELECT {chosen} FROM {source}{self.names.where(line)}{self.names.grouping()}"
        for one in self.http.query(statement):
            found = (pair for row in one.rows for pair in zip(one.columns, row, strict=True))
            yield one.name, one.tags, {key for key, value in found if value is not None} - {"time"}

    def _source(self) -> str:
        measurement = self.names.layout.measurement
        return "" if "{" in measurement else f" FROM {identifier(measurement)}"


def _series(values: Sequence[object], column: Column) -> pl.Series:
    if column.kind == "category":
        return pl.Series(values, dtype=pl.String)
    if column.kind == "boolean":
        return pl.Series(values, dtype=pl.Boolean).cast(pl.Float64)
    return pl.Series(values, dtype=pl.Float64, strict=False)


def _merged(parts: list[pl.DataFrame], types: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    """Return one table: a row for each time, in order; where a time has a value twice, the last counts."""
    empty = pl.DataFrame(schema={"time": TIME, **types})
    table = pl.concat([empty, *parts], how="diagonal").select("time", *types)
    steps = np.diff(table["time"].to_physical().to_numpy())
    if len(steps) and (steps < 0).all():
        table = table.reverse()
    elif not (steps > 0).all():
        table = table.group_by("time").agg(pl.all().drop_nulls().last()).sort("time")
    return table.filter(pl.any_horizontal(pl.col(list(types)).is_not_null())) if types else table.clear()


def is_nothing(low: int | None, high: int | None) -> bool:
    """Return whether no reading can lie in ``[low, high]``, microseconds."""
    return (
        (low is not None and low > NEWEST)
        or (high is not None and high < OLDEST)
        or (low is not None and high is not None and high < low)
    )


def span(low: int | None, high: int | None) -> list[str]:
    """Return the conditions of InfluxQL that a time lies in ``[low, high]``, microseconds."""
    terms = []
    if low is not None and low > OLDEST:
        terms.append(f"time >= {moment(from_microseconds(low))}")
    if high is not None and high < NEWEST:
        terms.append(f"time <= {moment(from_microseconds(high))}")
    return terms
