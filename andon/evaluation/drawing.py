"""Pictures of how well a classifier does on the rows that validated it, as PNG files; one a question."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from andon.evaluation.curves import brier, precision_recall_curve, reliability
from andon.evaluation.events import EventMetrics, judge_events
from andon.evaluation.metrics import average_precision
from andon.records import Evaluation

_BLUE, _ORANGE, _RED, _GREY, _PALE = "#1f5fa8", "#d97706", "#b91c1c", "#6b7280", "#dbe7f5"
_FEATURES = 15
"""Features that are drawn, the largest share first."""
_POINTS = 5_000
_BINS = 20
_UNITS = ((86_400.0, "days"), (3_600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))


def draw_evaluation(evaluation: Evaluation, title: str, folder: Path) -> list[Path]:
    """Draw precision against recall, calibration, lead times and feature importance into ``folder``.

    What cannot be drawn is left out: without an event there is no recall and no lead time. Return the files.
    """
    events = judge_events(
        evaluation.labels,
        evaluation.scores,
        evaluation.threshold,
        evaluation.times,
        evaluation.groups,
        evaluation.horizon,
    )
    parts: dict[str, Callable[[Any], None]] = {}
    if (evaluation.labels == 1).any():
        parts["precision_recall"] = lambda axis: _precision_recall(axis, evaluation)
    if len(evaluation.labels):
        parts["calibration"] = lambda axis: _calibration(axis, evaluation)
    if events.events:
        parts["lead_time"] = lambda axis: _lead_time(axis, evaluation, events)
    if evaluation.importance:
        parts["importance"] = lambda axis: _importance(axis, evaluation)
    files = []
    if parts:
        folder.mkdir(parents=True, exist_ok=True)
    for name, draw in parts.items():
        files.append(folder / f"{name}.png")
        _draw(draw, title, files[-1])
    return files


def _precision_recall(axis: Any, evaluation: Evaluation) -> None:
    labels, scores = evaluation.labels, evaluation.scores
    curve = precision_recall_curve(labels, scores, _POINTS)
    flags, base = scores >= evaluation.threshold, float(labels.mean())
    axis.fill_between(curve.recall, curve.precision, step="pre", color=_PALE, linewidth=0)
    axis.step(curve.recall, curve.precision, where="pre", color=_BLUE, linewidth=1.4)
    axis.axhline(base, color=_GREY, linewidth=1, linestyle="--", label=f"by chance: {base:.3f}")
    if flags.any():
        recall, precision = float(labels[flags].sum() / labels.sum()), float(labels[flags].mean())
        where = f"threshold {evaluation.threshold:.3g}: precision {precision:.2f}, recall {recall:.2f}"
        axis.plot([recall], [precision], "o", color=_RED, markersize=7, clip_on=False, zorder=3, label=where)
    axis.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall of rows", ylabel="precision of rows")
    axis.set_title(f"Precision and recall, average precision {average_precision(labels, scores):.3f}", **_TITLE)
    axis.legend(**_LEGEND)


def _calibration(axis: Any, evaluation: Evaluation) -> None:
    labels, scores = evaluation.labels, evaluation.scores
    # Ten positive rows a bin, in the mean, tell its share to about a third.
    found = reliability(labels, scores, int(np.clip(labels.sum() // 10, 5, _BINS)))
    top = 1.05 * max(float(found.predicted.max()), float(found.observed.max()), evaluation.threshold, 1e-3)
    # What chance alone leaves between the two: two standard errors of a share.
    spread = 2 * np.sqrt(found.observed * (1 - found.observed) / found.rows)
    axis.plot([0, top], [0, top], color=_GREY, linewidth=1, linestyle="--", label="as it should be")
    axis.axvline(evaluation.threshold, color=_ORANGE, linewidth=1, label=f"threshold {evaluation.threshold:.3g}")
    below, above = np.minimum(spread, found.observed), np.minimum(spread, 1 - found.observed)
    axis.errorbar(
        found.predicted, found.observed, [below, above], fmt="o-", color=_BLUE, ecolor=_BLUE, elinewidth=0.8,
        linewidth=1.2, markersize=5, capsize=2, label="rows by probability, ± 2 standard errors",
    )  # fmt: skip
    axis.set(xlim=(0, top), ylim=(0, top), xlabel="mean probability", ylabel="share that happened")
    error = f"mean distance {found.error:.3f}, Brier score {brier(labels, scores):.3f}"
    axis.set_title(f"Calibration, {error}", **_TITLE)
    axis.legend(**_LEGEND)


def _lead_time(axis: Any, evaluation: Evaluation, events: EventMetrics) -> None:
    leads = np.sort(events.leads)[::-1]
    longest = max(evaluation.horizon.total_seconds(), float(leads[0]) if len(leads) else 0.0)
    unit, name = next((one for one in _UNITS if longest >= 2 * one[0]), _UNITS[-1])
    # From the moment at which all that will ever be foreseen is, back to the earliest warning.
    before = np.concatenate([[0.0], leads[::-1], [longest]]) / unit
    foreseen = np.concatenate([[len(leads)], np.arange(len(leads), 0, -1) - 1, [0]]) / events.events
    axis.fill_between(before, foreseen, step="post", color=_PALE, linewidth=0)
    axis.step(before, foreseen, where="post", color=_BLUE, linewidth=1.4)
    if len(leads):
        median = float(np.median(leads)) / unit
        axis.axvline(median, color=_ORANGE, linewidth=1, label=f"median of those foreseen: {median:.3g} {name}")
        axis.legend(**_LEGEND)
    axis.set(xlim=(longest / unit, 0), ylim=(0, 1.02), xlabel=f"{name} before the event", ylabel="share already warned")
    found = f"{events.foreseen} of {events.events} events foreseen"
    alarms = events.false_alarms_a_day
    rate = "" if alarms is None else f", {alarms:.2g} false alarms a day"
    axis.set_title(f"Lead time, {found}{rate}", **_TITLE)


def _importance(axis: Any, evaluation: Evaluation) -> None:
    shares = sorted(evaluation.importance.items(), key=lambda one: (-one[1], one[0]))
    shown = shares[:_FEATURES][::-1]
    bars = axis.barh([_shortened(name) for name, _ in shown], [share for _, share in shown], color=_BLUE, height=0.7)
    axis.bar_label(bars, fmt="{:.1%}", padding=3, fontsize=8, color=_GREY)
    axis.tick_params(axis="y", length=0)
    axis.set(xlabel="share of what the model goes by")
    axis.xaxis.set_major_formatter("{x:.0%}")
    axis.margins(x=0.1)
    rest = sum(share for _, share in shares[_FEATURES:])
    more = f"; the other {len(shares) - _FEATURES} have {rest:.0%}" if len(shares) > _FEATURES else ""
    axis.set_title(f"Features by importance{more}", **_TITLE)


def _shortened(name: str, longest: int = 40) -> str:
    text = name if len(name) <= longest else f"{name[: longest - 1]}…"
    return text.replace("$", r"\$")  # which begins mathematics


def _draw(draw: Callable[[Any], None], title: str, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 5))
    FigureCanvasAgg(figure)
    figure.suptitle(_shortened(title, 90), fontsize=12, x=0.015, y=0.975, ha="left")
    axis = figure.subplots()
    draw(axis)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)
    # Matplotlib's own layouts take as long as all the rest.
    longest = max(len(label.get_text()) for label in axis.get_yticklabels())
    figure.subplots_adjust(left=0.06 + 0.0085 * max(longest, 3), right=0.97, bottom=0.1, top=0.88)
    figure.savefig(path, dpi=110, format="png", pil_kwargs={"compress_level": 3})


_TITLE: dict[str, Any] = {"fontsize": 10, "loc": "left", "color": _GREY}
_LEGEND: dict[str, Any] = {"fontsize": 8, "frameon": False, "loc": "best"}
