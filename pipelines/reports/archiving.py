"""Reports of periods into the archive, and to people: once for each period, however often it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from andon.errors import ConfigError
from andon.notify.relay import read_directory
from andon.notify.routing import addresses
from andon.outbox import Message
from andon.ports import Documents, Models, Signals
from andon.records import make_id
from configs.definitions import Alert, Monitor, Route
from configs.expressions import did_you_mean
from pipelines.reports.performance import write_performance
from pipelines.reports.periods import Extent, common_zone, gather_period, write_period

ReportKind = Literal["anomalies", "performance"]
_ROWS = 200
"""Rows that a message carries; the files have all."""


@dataclass(frozen=True, slots=True)
class ReportOrder:
    """One report of ``[start, end)``: what on, and by which routes it goes.

    ``name`` and ``group`` tell it from others of the same period: the definition whose schedule asks for it, and, where
    its lines do not share one report, which of them.
    """

    kind: ReportKind
    name: str
    start: datetime
    end: datetime
    lines: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    group: str = ""

    @property
    def label(self) -> str:
        """What the report log calls it."""
        return " ".join(part for part in (self.kind, self.name, self.group) if part)


def order_of(
    definition: Alert | Monitor, lines: tuple[str, ...], start: datetime, end: datetime, group: str = ""
) -> ReportOrder:
    """Return the report that a definition's ``report`` schedule asks for.

    A monitor's is that of anomalies and alerts on its lines, an alert's that of how well it did.
    """
    kind: ReportKind = "anomalies" if isinstance(definition, Monitor) else "performance"
    return ReportOrder(kind, definition.name, start, end, lines, definition.routes, group)


def deliver_report(
    order: ReportOrder,
    documents: Documents,
    signals: Signals,
    models: Models,
    archive: Path,
    at: datetime,
) -> dict[str, Any]:
    """Write a report into the archive, also where nothing happened, and put it into the outbox of its routes.

    Doing it twice, or again after a kill, writes and tells nothing twice.

    Parameters
    ----------
    archive
        Folder of all reports; every process that delivers messages must see it.
    at
        Time by the clock, in UTC.

    Raises
    ------
    ConfigError
        If a route is not defined.
    StoreError
        If a store fails, or the archive cannot be written.
    """
    known = read_directory(documents).routes
    routes = [_route(name, known) for name in order.routes]
    files = [_file(order, archive, suffix) for suffix in (".xlsx", ".html")]
    done = any(
        one["name"] == order.label and (one["period_start"], one["period_end"]) == (order.start, order.end)
        for one in documents.list_reports()
    )
    body = _anomalies(order, documents, signals, files, at) if order.kind == "anomalies" else None
    if body is None:
        body = _performance(order, documents, signals, models, files, at)
    if not done:
        documents.log_report(order.label, order.start, order.end, str(files[0]), at)
    added = documents.add_messages(
        Message(
            key=make_id("report", order.label, order.start, order.end, channel, address),
            route=route.name,
            channel=channel,
            address=address,
            kind="report",
            severity="low",
            time=order.end,
            created_at=at,
            body=body,
            thread=make_id("report", order.label),
            due_at=at,
        )
        for route in routes
        for channel, address in addresses(route)
    )
    return {**body, "messages": added}


def _anomalies(
    order: ReportOrder, documents: Documents, signals: Signals, files: list[Path], at: datetime
) -> dict[str, Any]:
    from andon.reports.anomalies import summary_facts
    from andon.reports.period_figures import by_line

    report = gather_period(Extent(order.start, order.end, order.lines), documents, signals, _title(order))
    for path in files:
        if not path.exists():
            write_period(report, path, at)
    rows = [[one.line, one.alerts, one.open, one.anomalies, one.variables] for one in by_line(report)]
    verdict = (
        "Nothing abnormal." if report.quiet else f"{len(report.alerts)} alerts, {len(report.anomalies)} anomalies."
    )
    columns = ["line", "alerts", "still open", "anomalies", "of variables"]
    return _body(order, report.zone, verdict, summary_facts(report), columns, rows, files)


def _performance(
    order: ReportOrder, documents: Documents, signals: Signals, models: Models, files: list[Path], at: datetime
) -> dict[str, Any]:
    from andon.reports.performance import performance_facts
    from andon.services.performance import measure_alerts

    alerts = (order.name,) if order.name else ()
    report = measure_alerts(order.start, order.end, documents, signals, models, alerts=alerts, lines=order.lines)
    zone = common_zone(order.lines or [*report.lines], report.lines)
    for path in files:
        if not path.exists():
            write_performance(report, path, zone, at)
    facts = performance_facts(report, zone)
    rows = [
        [one.alert, one.performance.alerts, one.performance.reviewed, _percent(one.performance.precision_seen.value),
         _percent(one.performance.recall.value)]
        for one in report.part("alert")
    ]  # fmt: skip
    verdict = f"{facts['alerts opened']} alerts, {facts['unreviewed']} of them without a verdict."
    return _body(order, zone, verdict, facts, ["alert", "alerts", "reviewed", "precision", "recall"], rows, files)


def _body(
    order: ReportOrder,
    zone: str,
    verdict: str,
    facts: dict[str, Any],
    columns: list[str],
    rows: list[list[Any]],
    files: list[Path],
) -> dict[str, Any]:
    start, end = (f"{time.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" for time in (order.start, order.end))
    return {
        "report": order.kind,
        "name": order.name,
        "title": _title(order),
        "start": order.start.isoformat(),
        "end": order.end.isoformat(),
        "period": f"{start} to {end} ({zone})",
        "verdict": verdict,
        "facts": [[name, str(value)] for name, value in facts.items() if not isinstance(value, datetime | str)],
        "columns": columns,
        "rows": rows[:_ROWS],
        "files": [str(path) for path in files],
    }


def _title(order: ReportOrder) -> str:
    head = "Anomalies and alerts" if order.kind == "anomalies" else "How well alerts did"
    return ": ".join(part for part in (head, " ".join(part for part in (order.name, order.group) if part)) if part)


def _file(order: ReportOrder, archive: Path, suffix: str) -> Path:
    start, end = (f"{time.astimezone(UTC):%Y%m%dT%H%M%SZ}" for time in (order.start, order.end))
    group = "".join(c if c.isalnum() else "-" for c in order.group)
    name = "_".join(part for part in (start, end, group) if part)
    return archive / order.kind / (order.name or "all") / f"{name}{suffix}"


def _route(name: str, known: dict[str, Route]) -> Route:
    if name not in known:
        raise ConfigError(f"route {name}", "is not defined", did_you_mean(name, known) if known else "apply a Route")
    return known[name]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.0f} %"
