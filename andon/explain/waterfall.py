"""The small picture of an explanation: from the usual risk to that of the alert, one bar a variable."""

from __future__ import annotations

import io
from collections.abc import Sequence

from andon.records import Blame

_UP, _DOWN, _REST = "#c0392b", "#2e86c1", "#7f8c8d"


def waterfall(blame: Sequence[Blame], risk: float, threshold: float) -> bytes:
    r"""Draw how variables raised the risk to ``risk``, as PNG, 480 x 240 pixels or so.

    What is left of the risk, that of nothing in particular and of the variables that are not named, is the first bar.

    Examples
    --------
    >>> waterfall([Blame("oil", 0.4, ""), Blame("speed", 0.1, "")], 0.7, 0.5)[:4]
    b'\x89PNG'
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 0.45 * (len(blame) + 2) + 0.6), dpi=80, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    at = risk - sum(one.share for one in blame)
    axes.barh(0, at, color=_REST, height=0.6)
    labels = ["all else"]
    for place, one in enumerate(sorted(blame, key=lambda one: one.share), start=1):
        axes.barh(place, one.share, left=at, color=_UP if one.share > 0 else _DOWN, height=0.6)
        axes.annotate(f" {one.share:+.2f}", (max(at, at + one.share), place), va="center", fontsize=8)
        at += one.share
        labels.append(one.variable if len(one.variable) <= 28 else one.variable[:27] + "…")
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.axvline(threshold, color="black", linestyle="--", linewidth=1)
    axes.annotate("threshold", (threshold, len(labels) - 0.45), fontsize=7, ha="center")
    axes.set_xlim(min(0.0, at - risk), max(1.0, risk) * 1.02)
    axes.set_ylim(-0.5, len(labels) - 0.1)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_xlabel(f"risk: {risk:.2f}", fontsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    out = io.BytesIO()
    canvas.print_png(out, metadata={"Software": None})
    return out.getvalue()
