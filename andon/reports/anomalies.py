"""The report of a period as an Excel workbook: alerts and anomalies with charts; also when nothing happened."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from andon.records import AlertRecord, AlertState, Anomaly
from andon.reports.period_figures import PeriodReport, Trace, by_hour, by_line, by_shift, by_variable
from andon.reports.workbook import (
    SEVERITY_COLOURS,
    Chart,
    Table,
    add_chart,
    add_facts,
    add_table,
    new_book,
    save_book,
    whole_step,
)

if TYPE_CHECKING:
    from openpyxl import Workbook

_TOP = 20
"""Variables in the chart of the most anomalous ones."""
DIRECTIONS = {"high": "too high", "low": "too low", None: ""}
WHOLE_LINE = "(whole line)"


def write_anomaly_workbook(report: PeriodReport, path: Path) -> None:
    """Write the workbook, or nothing: a file that was there stays as it is until the new one is whole.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    book = new_book()
    summary = add_facts(book, "Summary", report.title, summary_facts(report), report.zone)
    time = f"({report.zone})"
    add_table(book, _alerts(report, time), report.zone)
    add_table(book, _anomalies(report, time), report.zone)
    lines, variables, hours = _lines(report), _variables(report, time), _hours(report, time)
    line_sheet, variable_sheet = add_table(book, lines, report.zone), add_table(book, variables, report.zone)
    add_table(book, _shifts(report), report.zone)
    hour_sheet = add_table(book, hours, report.zone)
    counts = [(sum(row[1:5]), row[5]) for row in hours.rows]
    steps = [whole_step(row[number] for row in counts) for number in (0, 1)]
    colours = tuple(SEVERITY_COLOURS.values())
    stacked = f"Anomalies of lines by hour {time}"
    add_chart(summary, Chart("stacked", stacked, 1, (2, 3, 4, 5), "D3", colours=colours, step=steps[0]), hour_sheet,
              len(hours.rows))  # fmt: skip
    opened = Chart("columns", f"Alerts opened by hour {time}", 1, (6,), "D22", size=(26.0, 7.0), step=steps[1])
    add_chart(summary, opened, hour_sheet, len(hours.rows))
    for title, table, sheet, along, column, anchor in (
        ("Alerts by line", lines, line_sheet, 1, 2, "D37"),
        ("Most anomalous variables", variables, variable_sheet, 10, 3, "K37"),
    ):
        if table.rows:
            height = max(6.0, 0.7 * min(len(table.rows), _TOP) + 3)
            step = whole_step(row[column - 1] for row in table.rows)
            chart = Chart("bars", title, along, (column,), anchor, _TOP, (12.8, height), step=step)
            add_chart(summary, chart, sheet, len(table.rows))
    for number, trace in enumerate(report.traces, 1):
        _trace(book, trace, number, report.zone)
    add_table(book, _skips(report, time), report.zone)
    if report.undelivered:
        add_table(book, _undelivered(report, time), report.zone)
    save_book(book, path)


def summary_facts(report: PeriodReport) -> dict[str, Any]:
    """Return what a reader is told first, by name."""
    lines = sum(one.variable is None for one in report.anomalies)
    facts = {
        f"from ({report.zone})": report.start,
        f"to ({report.zone})": report.end,
        "verdict": "nothing abnormal" if report.quiet else "see the sheets",
        "lines": len(report.all_names),
        "alerts opened": len(report.alerts),
        "of them high or critical": sum(one.severity in ("high", "critical") for one in report.alerts),
        "of them still open": sum(one.state is not AlertState.RESOLVED for one in report.alerts),
        "of them without a verdict": sum(one.id not in report.verdicts for one in report.alerts),
        "anomalies of lines": lines,
        "anomalies of variables": len(report.anomalies) - lines,
        "not evaluated": len(report.skips),
    }
    return {**facts, "messages not delivered": len(report.undelivered)} if report.undelivered else facts


def _alerts(report: PeriodReport, time: str) -> Table:
    return Table(
        "Alerts",
        (
            *(f"opened {time}", f"resolved {time}", "minutes", "line", "alert", "severity", "state", "verdict"),
            *("score", "threshold", "blamed", "would have avoided it", "seen by", "model version", "id"),
        ),
        [_alert(one, report) for one in report.alerts],
        severity="severity",
        formats={"minutes": "0.0"},
        note="none was opened",
    )


def _alert(one: AlertRecord, report: PeriodReport) -> tuple[Any, ...]:
    minutes = None if one.resolved_at is None else (one.resolved_at - one.opened_at).total_seconds() / 60
    people = [event.actor for event in one.events if event.state in (AlertState.ACKNOWLEDGED, AlertState.ACTED)]
    return (
        *(one.opened_at, one.resolved_at, minutes, one.line, one.definition, one.severity, str(one.state)),
        *(report.verdicts.get(one.id, ""), one.score, one.threshold, ", ".join(blamed(one))),
        *(report.advice.get(one.id, ""), ", ".join(dict.fromkeys(people)), one.version, one.id),
    )


def blamed(alert: AlertRecord) -> list[str]:
    """Return the variables that the first event of an alert blames, the largest share first."""
    evidence = alert.events[0].evidence if alert.events else {}
    top = evidence.get("top") or evidence.get("blamed") or []
    return [str(one["variable"]) for one in top if isinstance(one, dict) and "variable" in one][:5]


def _anomalies(report: PeriodReport, time: str) -> Table:
    return Table(
        "Anomalies",
        (
            *(f"time {time}", "line", "monitor", "variable", "severity", "direction", "actual", "expected", "score"),
            *("threshold", "times threshold", "blamed", "model version"),
        ),
        [_anomaly(one) for one in report.anomalies],
        severity="severity",
        formats={"times threshold": "0.0"},
        note="none was found",
    )


def _anomaly(one: Anomaly) -> tuple[Any, ...]:
    return (
        *(one.time, one.line, one.monitor, one.variable or WHOLE_LINE, one.severity, DIRECTIONS[one.direction]),
        *(one.actual, one.expected, one.score, one.threshold),
        *(one.score / one.threshold if one.threshold else None, ", ".join(one.blamed), one.version),
    )


def _lines(report: PeriodReport) -> Table:
    return Table(
        "By line",
        ("line", "alerts", "still open", "high or critical", "anomalies", "anomalies of variables", "not evaluated"),
        [
            (one.line, one.alerts, one.open, one.grave, one.anomalies, one.variables, one.skips)
            for one in by_line(report)
        ],
        note="no line is watched",
    )


def _variables(report: PeriodReport, time: str) -> Table:
    return Table(
        "By variable",
        (
            *("line", "variable", "anomalies", "high or critical", "too high", "too low", "worst, times threshold"),
            *(f"first {time}", f"last {time}", "variable on line"),
        ),
        [
            (
                *(one.line, one.variable, one.anomalies, one.grave, one.high, one.low, one.worst, one.first, one.last),
                f"{one.variable} on {one.line}",
            )
            for one in by_variable(report.anomalies)
        ],
        formats={"worst, times threshold": "0.0"},
        note="no variable had one",
    )


def _shifts(report: PeriodReport) -> Table:
    return Table(
        "By shift",
        ("day", "shift", "line", "alerts", "high or critical", "anomalies", "anomalies of variables"),
        [
            (one.day.isoformat(), one.shift, one.line, one.alerts, one.grave, one.anomalies, one.variables)
            for one in by_shift(report)
        ],
        note="no line is watched",
    )


def _hours(report: PeriodReport, time: str) -> Table:
    return Table(
        "By hour",
        (f"hour {time}", *SEVERITY_COLOURS, "alerts opened"),
        [(one.start, *one.by_severity.values(), one.alerts) for one in by_hour(report)],
        formats={f"hour {time}": "mm-dd hh:mm"},
    )


def _trace(book: Workbook, trace: Trace, number: int, zone: str) -> None:
    unit = f" [{trace.unit}]" if trace.unit else ""
    table = Table(
        f"Series {number}",
        (f"time ({zone})", f"reading{unit}", f"expected{unit}"),
        [
            (time, float(actual), float(expected))
            for time, actual, expected in zip(trace.times, trace.actual, trace.expected, strict=True)
        ],
    )
    sheet = add_table(book, table, zone)
    title = f"{trace.line}: {trace.variable}{unit}, reading and forecast"
    short = len(trace.times) > 0 and trace.times[-1] - trace.times[0] <= timedelta(days=2)
    chart = Chart(
        *("lines", title, 1, (2, 3), "E2"),
        size=(28.0, 12.0),
        format="hh:mm" if short else "mm-dd",
        colours=("1F5FA8", "F59E0B"),
    )
    if table.rows:
        add_chart(sheet, chart, sheet, len(table.rows))


def _skips(report: PeriodReport, time: str) -> Table:
    return Table(
        "Not evaluated",
        (f"time {time}", "line", "definition", "reason"),
        [(one.time, one.line, one.definition, one.reason) for one in report.skips],
        note="everything was evaluated",
    )


def _undelivered(report: PeriodReport, time: str) -> Table:
    return Table(
        "Not delivered",
        (f"given up {time}", "about", "route", "by", "severity", "attempts", "why"),
        [
            (one.settled_at, _about(one.body), one.route, one.channel, one.severity, one.attempts, one.error)
            for one in report.undelivered
        ],
        severity="severity",
    )


def _about(body: dict[str, Any]) -> str:
    alert = body.get("alert")
    return f"{alert['line']}: {alert['alert']}" if isinstance(alert, dict) else str(body.get("title", ""))
