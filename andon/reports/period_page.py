"""The report of a period as one HTML page that fetches nothing: what the workbook says, for reading."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from andon.reports.anomalies import DIRECTIONS, WHOLE_LINE, blamed, summary_facts
from andon.reports.pages import render_page, write_page
from andon.reports.period_charts import hours_chart, trace_chart, variables_chart
from andon.reports.period_figures import PeriodReport, by_hour, by_line, by_shift, by_variable

LISTED = 300
"""Rows of a table on the page; the workbook has all."""
_TOP = 20


def write_period_page(report: PeriodReport, path: Path, at: datetime) -> None:
    """Write the page, or nothing; ``at`` is when it is made.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    write_page(period_page(report, at), path)


def period_page(report: PeriodReport, at: datetime) -> str:
    """Return the page as HTML. Names and notes are shown as they are, never run."""
    variables, hours = by_variable(report.anomalies), by_hour(report)
    anomalies = sorted(report.anomalies, key=lambda one: -(one.score / one.threshold if one.threshold else 0.0))
    return render_page(
        "period.html.j2",
        report=report,
        at=_clock(at, report.zone),
        facts=[(name, _shown(value, report.zone)) for name, value in summary_facts(report).items()],
        lines=by_line(report),
        shifts=[one for one in by_shift(report) if one.alerts or one.anomalies or one.variables][:LISTED],
        variables=variables[:LISTED],
        alerts=[_alert(one, report) for one in _newest(report.alerts)],
        anomalies=[
            {
                "time": _clock(one.time, report.zone),
                "line": one.line,
                "variable": one.variable or WHOLE_LINE,
                "severity": one.severity,
                "direction": DIRECTIONS[one.direction],
                "actual": one.actual,
                "expected": one.expected,
                "times": one.score / one.threshold if one.threshold else None,
                "blamed": ", ".join(one.blamed[:5]),
            }
            for one in anomalies[:LISTED]
        ],
        skips=[(_clock(one.time, report.zone), one.line, one.definition, one.reason) for one in report.skips[:LISTED]],
        undelivered=report.undelivered[:LISTED],
        listed=LISTED,
        clock=lambda time: _clock(time, report.zone),
        pictures={
            "hours": None if report.quiet else _picture(hours_chart(hours, report.zone)),
            "variables": _picture(variables_chart(variables[:_TOP])) if variables else None,
            "traces": [_picture(trace_chart(one, report.zone)) for one in report.traces if len(one.times)],
        },
    )


def _alert(one: Any, report: PeriodReport) -> dict[str, Any]:
    return {
        "opened": _clock(one.opened_at, report.zone),
        "lasted": None if one.resolved_at is None else (one.resolved_at - one.opened_at).total_seconds(),
        "line": one.line,
        "alert": one.definition,
        "severity": one.severity,
        "state": str(one.state),
        "verdict": report.verdicts.get(one.id, ""),
        "score": one.score,
        "threshold": one.threshold,
        "blamed": ", ".join(blamed(one)),
        "advice": report.advice.get(one.id, ""),
    }


def _newest(alerts: Sequence[Any]) -> Sequence[Any]:
    return sorted(alerts, key=lambda one: one.opened_at, reverse=True)[:LISTED]


def _clock(time: datetime, zone: str) -> str:
    return f"{time.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}"


def _shown(value: Any, zone: str) -> str:
    return _clock(value, zone) if isinstance(value, datetime) else str(value)


def _picture(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
