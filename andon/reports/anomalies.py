"""The anomaly report: what was not normal in a period, as an Excel workbook with charts; also when nothing was."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from andon.errors import StoreError
from andon.frames import Floats
from andon.records import AlertRecord, Anomaly, Skip
from andon.reports.workbook import add_facts, add_table, write_cell

if TYPE_CHECKING:
    from openpyxl import Workbook


@dataclass(frozen=True, slots=True)
class Trace:
    """Readings of a variable beside what was expected, for a chart: three sequences of equal length."""

    line: str
    variable: str
    times: Sequence[datetime]
    actual: Floats
    expected: Floats


@dataclass(frozen=True, slots=True)
class AnomalyReport:
    """What the workbook is made of; ``start`` included, ``end`` excluded."""

    start: datetime
    end: datetime
    anomalies: Sequence[Anomaly]
    alerts: Sequence[AlertRecord] = ()
    skips: Sequence[Skip] = ()
    traces: Sequence[Trace] = ()


def hourly_counts(anomalies: Sequence[Anomaly], start: datetime, end: datetime) -> list[tuple[datetime, int]]:
    """Count anomalies an hour, hours without one included; at most 1,000 hours, then wider steps of whole hours."""
    first = start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    hours = max(1, -(-(end - first) // timedelta(hours=1)))
    step = timedelta(hours=-(-hours // 1000))
    counts: Counter[int] = Counter((one.time - first) // step for one in anomalies)
    return [(first + index * step, counts[index]) for index in range(-(-(end - first) // step))]


def write_anomaly_workbook(report: AnomalyReport, path: Path) -> None:
    """Write the workbook, or nothing.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    lines = [one for one in report.anomalies if one.variable is None]
    add_facts(
        book,
        "Summary",
        {
            "from (UTC)": report.start,
            "to (UTC)": report.end,
            "anomalies of lines": len(lines),
            "anomalies of variables": len(report.anomalies) - len(lines),
            "alerts opened": len(report.alerts),
            "not evaluated": len(report.skips),
            "verdict": "nothing abnormal" if not report.anomalies and not report.alerts else "see the sheets",
        },
    )
    _hours(book, report)
    _variables(book, report)
    add_table(
        book,
        "Anomalies",
        [
            *("time (UTC)", "line", "monitor", "variable", "severity", "direction", "actual", "expected", "score"),
            *("threshold", "times threshold", "blamed", "model version"),
        ],
        [
            (
                one.time,
                one.line,
                one.monitor,
                one.variable or "(whole line)",
                one.severity,
                {"high": "too high", "low": "too low", None: ""}[one.direction],
                one.actual,
                one.expected,
                one.score,
                one.threshold,
                one.score / one.threshold if one.threshold else None,
                ", ".join(one.blamed),
                one.version,
            )
            for one in report.anomalies
        ],
        severity="severity",
    )
    add_table(
        book,
        "Alerts",
        ["opened (UTC)", "resolved (UTC)", "line", "alert", "state", "severity", "score", "threshold", "model version"],
        [
            (
                one.opened_at,
                one.resolved_at,
                one.line,
                one.definition,
                str(one.state),
                one.severity,
                one.score,
                one.threshold,
                one.version,
            )
            for one in report.alerts
        ],
        severity="severity",
    )
    add_table(
        book,
        "Not evaluated",
        ["time (UTC)", "line", "definition", "reason"],
        [(one.time, one.line, one.definition, one.reason) for one in report.skips],
    )
    for number, trace in enumerate(report.traces, 1):
        _trace(book, trace, f"Chart {number}")
    _save(book, path)


def _hours(book: Workbook, report: AnomalyReport) -> None:
    from openpyxl.chart import BarChart, Reference

    counts = hourly_counts([one for one in report.anomalies if one.variable is None], report.start, report.end)
    sheet = add_table(
        book, "By hour", ["hour (UTC)", "anomalies of lines"], [(f"{h:%m-%d %H:%M}", n) for h, n in counts]
    )
    chart = BarChart()
    chart.title, chart.legend = "Anomalies of lines by hour (UTC)", None
    chart.add_data(Reference(sheet, min_col=2, min_row=1, max_row=len(counts) + 1), titles_from_data=True)
    chart.set_categories(Reference(sheet, min_col=1, min_row=2, max_row=len(counts) + 1))
    chart.width, chart.height = 26, 10
    chart.x_axis.delete = chart.y_axis.delete = False
    sheet.add_chart(chart, "D2")


def _variables(book: Workbook, report: AnomalyReport) -> None:
    from openpyxl.chart import BarChart, Reference

    counts = Counter((one.line, one.variable) for one in report.anomalies if one.variable is not None)
    rows = [(line, variable, count) for (line, variable), count in counts.most_common()]
    sheet = add_table(book, "By variable", ["line", "variable", "anomalies"], rows)
    if not rows:
        return
    shown = min(len(rows), 20)
    chart = BarChart()
    chart.type, chart.title, chart.legend = "bar", "Most anomalous variables", None
    chart.add_data(Reference(sheet, min_col=3, min_row=1, max_row=shown + 1), titles_from_data=True)
    chart.set_categories(Reference(sheet, min_col=1, max_col=2, min_row=2, max_row=shown + 1))
    chart.width, chart.height = 22, max(6, shown * 0.8)
    chart.x_axis.delete = chart.y_axis.delete = False
    sheet.add_chart(chart, "E2")


def _trace(book: Workbook, trace: Trace, title: str) -> None:
    from openpyxl.chart import LineChart, Reference

    sheet = book.create_sheet(title)
    for number, name in enumerate(("time (UTC)", "reading", "expected"), 1):
        write_cell(sheet, 1, number, name)
    for index, (time, actual, expected) in enumerate(zip(trace.times, trace.actual, trace.expected, strict=True), 2):
        write_cell(sheet, index, 1, time)
        for number, value in ((2, actual), (3, expected)):
            if value == value:
                write_cell(sheet, index, number, float(value))
    sheet.column_dimensions["A"].width = 20
    sheet.freeze_panes = "A2"
    chart = LineChart()
    chart.title = f"{trace.line}: {trace.variable}, reading and forecast"
    chart.add_data(
        Reference(sheet, min_col=2, max_col=3, min_row=1, max_row=len(trace.times) + 1), titles_from_data=True
    )
    chart.set_categories(Reference(sheet, min_col=1, min_row=2, max_row=len(trace.times) + 1))
    chart.width, chart.height = 28, 12
    chart.x_axis.number_format, chart.x_axis.delete, chart.y_axis.delete = "hh:mm", False, False
    for series in chart.series:
        series.smooth = False
        series.graphicalProperties.line.width = 15_000
    sheet.add_chart(chart, "E2")


def _save(book: Workbook, path: Path) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        book.save(temporary)
        temporary.replace(path)
    except OSError as error:
        raise StoreError(str(path), f"cannot be written: {error.strerror}", "choose another place") from None
    finally:
        temporary.unlink(missing_ok=True)
