"""Forecasts in a measurement of their own: tags ``line``, ``monitor`` and ``variable``; never over the readings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from math import isfinite

import polars as pl

from andon.errors import DataError
from andon.frames import TIME, to_microseconds
from andon.records import Forecast
from andon.stores.forecast_tables import FORECAST_COLUMNS
from andon.stores.influx_http import InfluxHttp
from andon.stores.influx_lines import series
from andon.stores.influx_names import identifier, literal
from andon.stores.influx_tables import NEWEST, OLDEST, is_nothing, span
from configs.influx import InfluxLayout

_POINTS_A_BATCH = 20_000


class InfluxForecasts:
    """Writes forecasts that are new, and reads them."""

    def __init__(self, http: InfluxHttp, layout: InfluxLayout) -> None:
        self._http = http
        self._bucket = layout.forecasts_bucket or http.address.bucket
        self._measurement = layout.forecasts

    def append(self, forecasts: Iterable[Forecast]) -> int:
        """Store those whose line, monitor, variable and time are new; return how many were.

        Raises
        ------
        DataError
            If a time is beyond what InfluxDB keeps.
        """
        wanted: dict[tuple[str, str], dict[tuple[str, int], Forecast]] = defaultdict(dict)
        for one in forecasts:
            if isfinite(one.expected) and isfinite(one.low) and isfinite(one.high):
                time = to_microseconds(one.time)
                if not OLDEST <= time <= NEWEST:
                    place = f"line {one.line}: {one.variable}"
                    raise DataError(place, f"has a forecast of {one.time}", "InfluxDB keeps 1677-09-21 to 2262-04-11")
                wanted[one.line, one.monitor].setdefault((one.variable, time), one)
        lines = []
        for (line, monitor), points in wanted.items():
            times = [time for _, time in points]
            known = self._rows(line, monitor, min(times), max(times))
            stored = {(row[2], row[0]) for row in known}
            lines += [_point(self._measurement, one, key[1]) for key, one in points.items() if key not in stored]
        for begin in range(0, len(lines), _POINTS_A_BATCH):
            self._http.write("\n".join(lines[begin : begin + _POINTS_A_BATCH]).encode(), self._bucket)
        return len(lines)

    def read(self, line: str, monitor: str | None, low: int | None, high: int | None) -> pl.DataFrame:
        """Return what `andon.ports.Signals.read_forecasts` promises, of ``[low, high]``, microseconds."""
        rows = sorted(self._rows(line, monitor, low, high), key=lambda row: row[:3])
        return pl.DataFrame(rows, schema=FORECAST_COLUMNS, orient="row").with_columns(pl.col("time").cast(TIME))

    def forget(self, before: int) -> None:
        """Remove forecasts for times before one, microseconds; 3.x cannot, and drops them by its retention."""
        where = span(None, before - 1)
        if where:
            statement = f"DELETE FROM {identifier(self._measurement)} WHERE {' AND '.join(where)}"
            self._http.query(statement, bucket=self._bucket)

    def lines(self) -> list[str]:
        """Return the lines that have forecasts, in name order."""
        statement = f'SHOW TAG VALUES FROM {identifier(self._measurement)} WITH KEY = "line"'
        return sorted({row[1] for one in self._http.query(statement, bucket=self._bucket) for row in one.rows})

    def _rows(self, line: str, monitor: str | None, low: int | None, high: int | None) -> list[tuple[object, ...]]:
        if is_nothing(low, high):
            return []
        terms = [f'"line" = {literal(line)}', *([f'"monitor" = {literal(monitor)}'] if monitor is not None else [])]
        statement = (
            f'SELECT "expected", "low", "high", "version" FROM {identifier(self._measurement)} '
            f'WHERE {" AND ".join([*terms, *span(low, high)])} GROUP BY "monitor", "variable"'
        )
        found = self._http.query(statement, bucket=self._bucket)
        return [
            (row[0], one.tags["monitor"], one.tags["variable"], *map(float, row[1:4]), int(row[4]))
            for one in found
            for row in one.rows
        ]


def _point(measurement: str, one: Forecast, time: int) -> str:
    tags = {"line": one.line, "monitor": one.monitor, "variable": one.variable}
    fields = f"expected={one.expected!r},low={one.low!r},high={one.high!r},version={one.version}i"
    return f"{series(measurement, tags)} {fields} {time}"
