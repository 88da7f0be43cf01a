"""Charts of a period for its page: anomalies by hour, the most anomalous variables, readings beside forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from andon.reports.canvas import figure, legend, png, shortened
from andon.reports.period_figures import HourCount, Trace, VariableCount
from andon.reports.workbook import SEVERITY_COLOURS

_BLUE, _GREY, _AMBER = "#1f5fa8", "#6b7280", "#f59e0b"


def hours_chart(counts: Sequence[HourCount], zone: str) -> bytes:
    """Return anomalies of lines by hour, stacked by severity, and below them the alerts opened, as PNG."""
    drawn, (upper, lower) = figure(11, 3.4, rows=2, ratios=(2, 1))
    times = _local([one.start for one in counts], zone)
    width = (counts[1].start - counts[0].start) * 0.9 if len(counts) > 1 else 1 / 30
    base = np.zeros(len(counts))
    for severity, colour in SEVERITY_COLOURS.items():
        values = np.array([one.by_severity[severity] for one in counts], dtype=np.float64)
        upper.bar(times, values, width, base, color=f"#{colour}", label=severity, align="edge", edgecolor=_GREY, lw=0.3)
        base += values
    lower.bar(times, [one.alerts for one in counts], width, color=_BLUE, align="edge")
    upper.set_ylabel("anomalies")
    lower.set_ylabel("alerts")
    for axis in (upper, lower):
        axis.yaxis.get_major_locator().set_params(integer=True)
    legend(upper)
    return png(drawn)


def variables_chart(counts: Sequence[VariableCount]) -> bytes:
    """Return the variables given by their number of anomalies, the first on top, as PNG."""
    drawn, axis = figure(11, 0.6 + 0.26 * len(counts))
    names = [shortened(f"{one.variable}, {one.line}") for one in counts]
    places = np.arange(len(counts))
    axis.barh(places, [one.anomalies for one in counts], color="#94a3b8", label="anomalies")
    axis.barh(places, [one.grave for one in counts], color="#f87171", label="high or critical")
    axis.set_yticks(places, names)
    axis.invert_yaxis()
    axis.xaxis.get_major_locator().set_params(integer=True)
    legend(axis)
    return png(drawn)


def trace_chart(trace: Trace, zone: str) -> bytes:
    """Return readings of a variable beside what was expected, as PNG."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    drawn, axis = figure(11, 2.2)
    times = _local(trace.times, zone)
    axis.plot(times, trace.actual, color=_BLUE, linewidth=0.9, label="reading")
    axis.plot(times, trace.expected, color=_AMBER, linewidth=0.9, label="expected")
    locator = AutoDateLocator()
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axis.set_ylabel(trace.unit)
    axis.set_title(shortened(f"{trace.variable}, {trace.line}"), fontsize=9, loc="left")
    legend(axis)
    return png(drawn)


def _local(times: Sequence[datetime], zone: str) -> list[datetime]:
    """Return clock times without a zone: what an axis shows as they are."""
    return [time.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for time in times]
