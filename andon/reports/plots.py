"""Plots as PNG files: an alert's score over time beside the events, and a monitor's forecasts beside the readings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from andon.frames import Booleans, Floats

_BLUE, _ORANGE, _RED, _GREY = "#1f5fa8", "#d97706", "#b91c1c", "#6b7280"


def plot_alert(
    path: Path,
    title: str,
    times: Sequence[datetime],
    score: Floats,
    threshold: float,
    events: Sequence[tuple[datetime, datetime]],
    alerts: Sequence[datetime],
) -> None:
    """Write an alert's score, its threshold, the events (shaded) and the alerts raised (marks)."""
    figure, axes = _figure(1, title)
    axis = axes[0]
    axis.plot(times, score, color=_BLUE, linewidth=0.9, label="score")
    axis.axhline(threshold, color=_ORANGE, linewidth=1, linestyle="--", label="threshold")
    for index, (start, end) in enumerate(events):
        axis.axvspan(start, end, color=_RED, alpha=0.3, linewidth=0, label="event" if index == 0 else None)
    if alerts:
        axis.plot(alerts, [1.02] * len(alerts), "v", color=_RED, markersize=5, label="alert raised", clip_on=False)
    axis.set_ylim(0, 1.05)
    axis.set_ylabel("probability")
    axis.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False, ncols=4)
    _save(figure, path)


def plot_monitor(
    path: Path,
    title: str,
    times: Sequence[datetime],
    variables: Sequence[tuple[str, Floats, Floats, Booleans]],
) -> None:
    """Write reading, forecast and anomalies of some variables: ``(name, actual, expected, flags)`` each."""
    figure, axes = _figure(max(1, len(variables)), title)
    moments = np.array(times, dtype=object)
    for axis, (name, actual, expected, flags) in zip(axes, variables, strict=False):
        axis.plot(moments, actual, color=_GREY, linewidth=0.9, label="reading")
        axis.plot(moments, expected, color=_BLUE, linewidth=0.9, label="forecast")
        axis.plot(moments[flags], actual[flags], ".", color=_RED, markersize=5, label="anomaly")
        axis.set_ylabel(name, fontsize=8)
    axes[0].legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False, ncols=3)
    _save(figure, path)


def _figure(rows: int, title: str) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 1.6 + 1.8 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    axes[0].set_title(title, fontsize=11, loc="left")
    for axis in axes:
        locator = AutoDateLocator()
        axis.xaxis.set_major_locator(locator)
        axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
    return figure, axes


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    figure.savefig(temporary, dpi=110, format="png")
    temporary.replace(path)
