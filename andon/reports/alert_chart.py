"""A small picture for an e-mail: what some variables read before an alert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from andon.frames import Floats
from andon.reports.canvas import png, shortened

_BLUE, _GREY, _RED = "#1f5fa8", "#94a3b8", "#b91c1c"


@dataclass(frozen=True, slots=True)
class Course:
    """Readings of one variable: ``values`` float64 (n,), NaN where there is none, and a limit where one is known."""

    variable: str
    unit: str
    values: Floats
    limit: float | None = None


def alert_chart(times: Sequence[datetime], courses: Sequence[Course], at: datetime, zone: str) -> bytes:
    """Return a PNG, some 560 pixels wide, of readings up to an alert at a time; a limit is a dashed line.

    Parameters
    ----------
    times
        Reading times, UTC.
    zone
        Time zone of the axis.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.1, 0.5 + 1.05 * len(courses)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(courses), 1, sharex=True, squeeze=False)[:, 0]
    moments = np.array([time.astimezone(ZoneInfo(zone)) for time in times], dtype=object)
    for axis, course in zip(axes, courses, strict=True):
        _draw(axis, moments, course)
        axis.axvline(at.astimezone(ZoneInfo(zone)), color=_RED, linewidth=1)
    locator = AutoDateLocator(tz=ZoneInfo(zone), minticks=3, maxticks=8)
    axes[-1].xaxis.set_major_locator(locator)
    axes[-1].xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=ZoneInfo(zone)))
    axes[-1].xaxis.get_offset_text().set_fontsize(7.5)
    return png(figure)


def _draw(axis: Any, moments: Any, course: Course) -> None:
    axis.plot(moments, course.values, color=_BLUE, linewidth=1.1, solid_joinstyle="round")
    if course.limit is not None:
        axis.axhline(course.limit, color=_GREY, linewidth=1, linestyle="--")
    unit = f" [{course.unit}]" if course.unit else ""
    axis.set_title(f"{shortened(course.variable)}{unit}", fontsize=8.5, loc="left", pad=2)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=7.5)
    axis.margins(x=0.01)
