"""Charts of a search as SVG in data addresses: they are part of the page, and nothing is fetched."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from andon.reports.search_figures import LineRow, best_metric, best_so_far
from andon.reports.search_importance import Importance
from andon.searches import StudyRecord

_COLOURS = ("#1f5fa8", "#d97706", "#0f766e", "#b91c1c", "#7c3aed", "#4d7c0f", "#be185d", "#475569")
_FAINT = "#cbd5e1"
_NAMED = 8
"""Curves that have a colour and a name of their own; where there are more, all are faint but their median."""
_BARS = 40


def curves(studies: Sequence[StudyRecord]) -> str:
    """Draw the best so far of the studies of one definition, and how far it still was from the search's best."""
    lines = [(study.where, best_so_far(study), len(study.configurations)) for study in studies]
    lines = [line for line in lines if line[1]]
    if not lines:
        return ""
    figure, (axis, right) = _figure(10.6, 3.0, 2)
    few = len(lines) <= _NAMED
    longest = max(tried for _, _, tried in lines)
    distance = np.full((len(lines), longest), np.nan)
    for number, (where, curve, tried) in enumerate(lines):
        first = tried - len(curve)
        distance[number, first:tried] = np.abs(np.asarray(curve) - curve[-1])
        distance[number, tried:] = 0.0
        style = {"color": _COLOURS[number], "linewidth": 1.5, "label": where} if few else {"color": _FAINT}
        axis.step(range(first + 1, tried + 1), curve, where="post", **{"linewidth": 0.8, **style})
        axis.plot([tried], curve[-1:], ".", color=style["color"], markersize=5)
    known = (~np.isnan(distance)).all(axis=0)
    places = np.arange(1, longest + 1)[known]
    low, middle, high = np.quantile(distance[:, known], (0.25, 0.5, 0.75), axis=0)
    right.fill_between(places, low, high, step="post", color=_COLOURS[0], alpha=0.15, linewidth=0, label="middle half")
    right.step(places, middle, where="post", color=_COLOURS[0], linewidth=1.2, linestyle="--", label="median")
    right.step(places, distance[:, known].mean(axis=0), where="post", color=_COLOURS[1], linewidth=1.8, label="mean")
    axis.set_ylabel(f"best {studies[0].metric_name}")
    right.set_ylabel("distance to the line's best")
    right.legend(loc="upper right", fontsize=8, frameon=False)
    for one in (axis, right):
        one.set_xlabel("configurations tried")
        one.set_xlim(0.5, longest + 0.5)
    if few:
        figure.legend(*axis.get_legend_handles_labels(), loc="outside right upper", fontsize=8, frameon=False)
    return _address(figure)


def learners(studies: Sequence[StudyRecord]) -> str:
    """Draw each learner's best metric on every line of one definition: points, and a bar at their median."""
    names = sorted({one.learner for study in studies for one in study.configurations})
    rows: list[tuple[str, list[float]]] = []
    for name in names:
        bests = [
            best_metric([c for c in study.configurations if c.learner == name], study.maximize) for study in studies
        ]
        known = [best for best in bests if best is not None]
        if known:
            rows.append((name, known))
    if not rows:
        return ""
    figure, axis = _figure(7.2, 0.8 + 0.42 * len(rows))
    spread = np.random.default_rng(0)
    for height, (_, known) in enumerate(reversed(rows)):
        jitter = spread.uniform(-0.16, 0.16, len(known)) if len(known) > 1 else [0.0]
        axis.plot(known, height + np.asarray(jitter), "o", color=_COLOURS[0], alpha=0.45, markersize=4, linewidth=0)
        axis.plot([float(np.median(known))] * 2, [height - 0.3, height + 0.3], color=_COLOURS[1], linewidth=2.5)
    axis.set_yticks(range(len(rows)), [name for name, _ in reversed(rows)])
    axis.set_ylim(-0.6, len(rows) - 0.4)
    axis.set_xlabel(f"best {studies[0].metric_name} of a line")
    return _address(figure)


def importance(one: Importance) -> str:
    """Draw the shares of a learner's parameters; faint where the forest has learnt nothing."""
    shares = list(reversed(one.shares[:10]))
    figure, axis = _figure(3.5, 0.7 + 0.26 * len(shares))
    colour = _COLOURS[0] if one.told > 0.05 else _FAINT
    axis.barh([name for name, _ in shares], [share for _, share in shares], color=colour, height=0.62)
    for height, (_, share) in enumerate(shares):
        axis.text(share + 0.01, height, f"{share:.0%}", va="center", fontsize=7.5)
    axis.set_xlim(0, min(1.15, max(share for _, share in shares) * 1.25))
    axis.set_xticks([])
    axis.spines["bottom"].set_visible(False)
    return _address(figure)


def line_costs(rows: Sequence[LineRow]) -> str:
    """Draw what the dearest lines cost, by learner."""
    shown = list(reversed(rows[:_BARS]))
    if not shown or not any(row.seconds for row in shown):
        return ""
    names = sorted({name for row in shown for name in row.by_learner})
    figure, axis = _figure(7.2, 0.9 + 0.24 * len(shown))
    left = np.zeros(len(shown))
    for number, name in enumerate(names):
        widths = np.array([row.by_learner.get(name, 0.0) for row in shown])
        colour = _COLOURS[number % len(_COLOURS)]
        axis.barh([row.where for row in shown], widths, left=left, color=colour, height=0.66, label=name)
        left += widths
    axis.set_xlabel("core seconds")
    axis.set_ylim(-0.6, len(shown) - 0.4)
    axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False)
    return _address(figure)


def _figure(width: float, height: float, columns: int = 1) -> tuple[Any, Any]:
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, max(1.0, height)), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
        axis.xaxis.label.set_fontsize(8.5)
        axis.yaxis.label.set_fontsize(8.5)
    return figure, axes[0] if columns == 1 else axes


def _address(figure: Any) -> str:
    import matplotlib

    written = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "andon", "svg.fonttype": "path"}):
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(written.getvalue().encode()).decode()
