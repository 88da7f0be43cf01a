"""How well alerts did: measured, and written as Excel and HTML."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from andon.evaluation.performance_report import PerformanceReport
from andon.ports import Documents, Models, Signals
from configs.periods import format_time
from pipelines.reports.periods import Extent, common_zone


def report_performance(
    start: datetime,
    end: datetime,
    documents: Documents,
    signals: Signals,
    models: Models,
    *,
    alert: str | None,
    lines: tuple[str, ...],
    outs: Sequence[Path],
    at: datetime,
) -> dict[str, Any]:
    """Measure alerts in a period, write the files, and note them in the report log.

    Raises
    ------
    ConfigError
        If the alert is not known, or the period is empty.
    StoreError
        If a store fails, or a file cannot be written.
    """
    from andon.services.performance import measure_alerts

    extent = Extent(start, end, lines)
    alerts = () if alert is None else (alert,)
    report = measure_alerts(extent.start, extent.end, documents, signals, models, alerts=alerts, lines=lines)
    for path in outs:
        write_performance(report, path, common_zone(lines or [*report.lines], report.lines), at)
        documents.log_report("performance", start, end, str(path.absolute()), at)
    return {
        "start": format_time(start),
        "end": format_time(end),
        "alerts": len(report.occurrences),
        "figures": [
            {"alert": one.alert, "part": one.part, "value": one.value, **one.performance.to_json()}
            for one in report.figures
        ],
        "advice": [one.to_json() for one in report.advice],
        "notes": list(report.notes),
    }


def write_performance(report: PerformanceReport, path: Path, zone: str, at: datetime) -> None:
    """Write a report as a page (``.html``) or a workbook (anything else), or nothing.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    from andon.reports.performance import write_performance_workbook
    from andon.reports.performance_page import write_performance_page

    if path.suffix == ".html":
        write_performance_page(report, path, at, zone)
    else:
        write_performance_workbook(report, path, zone)
