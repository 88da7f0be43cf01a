"""How well alerts really did, as one HTML page that fetches nothing."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from andon.evaluation.intervals import Estimate
from andon.evaluation.performance_report import Figures, PerformanceReport
from andon.frames import Floats
from andon.reports.canvas import figure, legend, png, shortened
from andon.reports.pages import render_page, write_page
from andon.reports.performance import NAMES, performance_facts

LISTED = 300
_SHOWN = 25
_BLUE, _AMBER, _RED = "#1f5fa8", "#d97706", "#b91c1c"


def write_performance_page(report: PerformanceReport, path: Path, at: datetime, zone: str = "UTC") -> None:
    """Write the page, or nothing; ``at`` is when it is made.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    write_page(performance_page(report, at, zone), path)


def performance_page(report: PerformanceReport, at: datetime, zone: str = "UTC") -> str:
    """Return the page as HTML. Names and notes are shown as they are, never run."""
    wholes = report.part("alert")
    weeks = report.part("week")
    return render_page(
        "performance.html.j2",
        report=report,
        clock=lambda time: f"{time.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}",
        at=at,
        zone=zone,
        facts=list(performance_facts(report, zone).items())[2:],
        parts=[(NAMES[part], part, report.part(part)[:LISTED]) for part in NAMES],
        occurrences=list(reversed(report.occurrences))[:LISTED],
        listed=LISTED,
        shares=None if not wholes else _picture(shares_chart(wholes[:_SHOWN])),
        weekly=None if len({one.value for one in weeks}) < 2 else _picture(weeks_chart(weeks)),
        interval=_interval,
    )


def shares_chart(wholes: Sequence[Figures]) -> bytes:
    """Return precision and recall of each alert with their intervals, and its false alarms a day, as PNG."""
    drawn, axes = figure(11, 1.0 + 0.42 * len(wholes), columns=2, widths=(2, 1))
    names = [shortened(one.alert) for one in wholes]
    places = np.arange(len(wholes), dtype=np.float64)
    shares, false = axes
    for offset, colour, label, values in (
        (-0.12, _BLUE, "precision (verdicts, else data)", [one.performance.precision_seen for one in wholes]),
        (0.12, _AMBER, "recall", [one.performance.recall for one in wholes]),
    ):
        _marks(shares, values, places + offset, colour, label)
    shares.xaxis.set_major_formatter("{x:.0%}")
    shares.xaxis.set_major_locator(_steps())
    shares.set_xlim(-0.02, 1.02)
    _marks(false, [one.performance.false_alarms_a_day for one in wholes], places, _RED, "false alarms a day")
    false.set_xlim(left=0)
    for axis in axes:
        axis.set_ylim(len(wholes) - 0.5, -0.5)
        axis.set_yticks(places, names if axis is shares else [""] * len(names))
        axis.grid(axis="x", color="#e2e8f0")
        legend(axis)
    return png(drawn)


def weeks_chart(weeks: Sequence[Figures]) -> bytes:
    """Return false alarms a day and line of each alert, week by week, as PNG."""
    drawn, axis = figure(11, 2.6)
    order = sorted({one.value for one in weeks})
    for alert in sorted({one.alert for one in weeks})[:8]:
        found = {one.value: one.performance.false_alarms_a_day.value for one in weeks if one.alert == alert}
        values = [found.get(week) for week in order]
        axis.plot(order, [np.nan if v is None else v for v in values], marker="o", lw=1, ms=3, label=shortened(alert))
    axis.set_ylabel("false alarms a day")
    axis.set_ylim(bottom=0)
    legend(axis)
    return png(drawn)


def _marks(axis: Any, estimates: Sequence[Estimate], places: Floats, colour: str, label: str) -> None:
    known = [(one, place) for one, place in zip(estimates, places, strict=True) if one.value is not None]
    for one, place in known:
        if one.low is not None:
            axis.plot([one.low, one.high], [place, place], color=colour, linewidth=1.2, alpha=0.6)
    axis.plot([one.value for one, _ in known], [place for _, place in known], "o", color=colour, ms=4, label=label)


def _steps() -> Any:
    from matplotlib.ticker import MultipleLocator

    return MultipleLocator(0.25)


def _interval(estimate: Estimate, percent: bool = False) -> str:
    """Return a figure with its interval.

    Examples
    --------
    >>> _interval(Estimate(0.9, 0.596, 0.982), percent=True)
    '90 % (60 to 98)'
    >>> _interval(Estimate(None, None, None))
    '-'
    """
    if estimate.value is None:
        return "-"

    def shown(value: float) -> str:
        return f"{100 * value:.0f}" if percent else f"{value:.3g}"

    ends = (
        "" if estimate.low is None or estimate.high is None else f" ({shown(estimate.low)} to {shown(estimate.high)})"
    )
    return f"{shown(estimate.value)}{' %' if percent else ''}{ends}"


def _picture(image: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(image).decode()}"
