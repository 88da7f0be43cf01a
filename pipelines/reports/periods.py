"""The report of a period: gather what the stores hold, and write it as Excel and HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from andon.errors import ConfigError
from andon.notify.relay import read_directory
from andon.ports import Documents, Signals
from andon.records import AlertRecord, Anomaly
from andon.reports.period_figures import PeriodReport, Trace
from andon.shifts import shift_span
from configs.definitions import Line
from configs.periods import format_time

TRACES = 4
"""Charts of reading and forecast in one report: the most anomalous variables."""
_ROWS = 1_500
"""Readings in one of them."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What a report is about: a period, half-open, and lines (none given: all) and a monitor (None: any)."""

    start: datetime
    end: datetime
    lines: tuple[str, ...] = ()
    monitor: str | None = None

    def __post_init__(self) -> None:
        if self.start >= self.end:
            problem = f"{format_time(self.start)} is not before {format_time(self.end)}"
            raise ConfigError("--start, --end", problem, "give a later end")


def report_anomalies(
    documents: Documents,
    signals: Signals,
    *,
    line: str | None,
    monitor: str | None,
    start: datetime | None,
    end: datetime | None,
    out: Path | Sequence[Path],
    at: datetime,
) -> dict[str, Any]:
    """Write what was not normal in a period, and note it in the report log.

    The default period is the newest 24 hours of the data. A file whose name ends in ``.html`` is written as a page, any
    other as a workbook.

    Raises
    ------
    ConfigError
        If there is no data to tell the period from.
    """
    first, last = period_of(start, end, line, signals, timedelta(days=1))
    extent = Extent(first, last, () if line is None else (line,), monitor)
    report = gather_period(extent, documents, signals)
    outs = [out] if isinstance(out, Path) else [*out]
    for path in outs:
        write_period(report, path, at)
        documents.log_report("anomalies", extent.start, extent.end, str(path.absolute()), at)
    return {
        "out": str(outs[0]),
        "start": format_time(extent.start),
        "end": format_time(extent.end),
        "anomalies": len(report.anomalies),
        "alerts": len(report.alerts),
        "not_evaluated": len(report.skips),
    }


def write_period(report: PeriodReport, path: Path, at: datetime) -> None:
    """Write a report as a page (``.html``) or a workbook (anything else), or nothing.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    from andon.reports.anomalies import write_anomaly_workbook
    from andon.reports.period_page import write_period_page

    if path.suffix == ".html":
        write_period_page(report, path, at)
    else:
        write_anomaly_workbook(report, path)


def period_of(
    start: datetime | None, end: datetime | None, line: str | None, signals: Signals, length: timedelta
) -> tuple[datetime, datetime]:
    """Return a period as it was asked for: by default it ends with the newest reading, and is of a length.

    Raises
    ------
    ConfigError
        If there is no data to tell it from.
    """
    if end is None:
        end = newest_reading(signals, [] if line is None else [line]) + timedelta(microseconds=1)
    return start or end - length, end


def newest_reading(signals: Signals, lines: Sequence[str]) -> datetime:
    """Return the newest reading time of lines, or, where none is given, of all.

    Raises
    ------
    ConfigError
        If there is none.
    """
    newest = signals.newest_readings(lines or signals.list_lines())
    if not newest:
        raise ConfigError("--end", "cannot be told from the data, as there is none", "import some, or give --end")
    return max(newest.values())


def last_shift(line: str, documents: Documents, signals: Signals) -> tuple[datetime, datetime]:
    """Return the newest shift of a line that its data have passed the end of; a line without shifts has days.

    Raises
    ------
    ConfigError
        If the line has no readings.
    """
    declared = read_directory(documents).lines.get(line)
    begun = shift_span(newest_reading(signals, [line]), declared)[0]
    return shift_span(begun - timedelta(microseconds=1), declared)


def gather_period(extent: Extent, documents: Documents, signals: Signals, title: str = "") -> PeriodReport:
    """Return what the stores hold of a period."""
    start, end, wanted = extent.start, extent.end, frozenset(extent.lines)
    one = extent.lines[0] if len(extent.lines) == 1 else None
    anomalies = documents.list_anomalies(line=one, monitor=extent.monitor, start=start, end=end)
    alerts = documents.list_alerts(line=one, start=start, end=end)
    skips = documents.list_skips(line=one, start=start, end=end)
    if wanted:
        anomalies = [found for found in anomalies if found.line in wanted]
        alerts = [found for found in alerts if found.line in wanted]
        skips = [found for found in skips if found.line in wanted]
    lines = read_directory(documents).lines
    names = tuple(extent.lines) or tuple(signals.list_lines())
    undelivered = documents.list_messages(state="dead", settled_since=start)
    return PeriodReport(
        start=start,
        end=end,
        anomalies=anomalies,
        alerts=alerts,
        skips=skips,
        traces=_traces(anomalies, signals, lines, start, end),
        names=names,
        lines=lines,
        advice=_advice(alerts, documents, lines),
        verdicts={given.alert_id: given.verdict for given in documents.list_feedback()},
        undelivered=[dead for dead in undelivered if dead.settled_at is not None and dead.settled_at < end],
        zone=common_zone(names, lines),
        title=title or "Anomalies and alerts",
    )


def _advice(alerts: list[AlertRecord], documents: Documents, lines: Mapping[str, Line]) -> dict[str, str]:
    """Return what would have avoided alerts, as far as somebody has looked."""
    from andon.reports.alert_words import say_changes
    from andon.services.recommended import from_state, state_key

    found = documents.get_states([state_key(one.id) for one in alerts])
    said = {}
    for one in alerts:
        body = found.get(state_key(one.id))
        if body is not None:
            declared = lines.get(one.line)
            units = {} if declared is None else {v.name: v.unit for v in declared.variables if v.unit}
            recommendation = from_state(body)
            said[one.id] = "; ".join(say_changes(recommendation, units)) or recommendation.reason
    return said


def common_zone(names: Sequence[str], lines: Mapping[str, Line]) -> str:
    """Return the time zone that lines share; UTC where they do not."""
    zones = {lines[name].timezone if name in lines else "UTC" for name in names}
    return zones.pop() if len(zones) == 1 else "UTC"


def _traces(
    anomalies: list[Anomaly], signals: Signals, lines: Mapping[str, Line], start: datetime, end: datetime
) -> list[Trace]:
    most = Counter((one.line, one.monitor, one.variable) for one in anomalies if one.variable).most_common(TRACES)
    traces = []
    for (line, monitor, variable), _ in most:
        stored = signals.describe_line(line)
        if stored is None or str(variable) not in stored.types:
            continue
        frame = signals.read_signals(line, [str(variable)], start, end)
        forecasts = signals.read_forecasts(line, monitor, start, end).filter(pl.col("variable") == variable)
        joined = frame.data.tail(_ROWS).join(forecasts.select("time", "expected"), on="time", how="left")
        declared = lines.get(line)
        units = {} if declared is None else {found.name: found.unit or "" for found in declared.variables}
        traces.append(
            Trace(
                line,
                str(variable),
                [moment.astimezone(UTC) for moment in joined["time"].to_list()],
                joined[str(variable)].cast(pl.Float64).fill_null(np.nan).to_numpy(),
                joined["expected"].fill_null(np.nan).to_numpy(),
                units.get(str(variable), ""),
            )
        )
    return traces
