"""Charts of a monitor's page, as PNG: they stand in the page and beside it, and say the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from andon.evaluation.volumes import runs
from andon.frames import MICROSECOND, Booleans, Floats, Integers
from andon.reports import canvas
from andon.reports.monitor_figures import MonitorPage, learners, shown_rows, tried

_BLUE, _ORANGE, _RED, _GREY, _FAINT = "#1f5fa8", "#d97706", "#b91c1c", "#6b7280", "#e2e8f0"
_DARK = "#1e293b"
_COLOURS = (_BLUE, _ORANGE, "#0f766e", "#7c3aed", "#4d7c0f", "#be185d", "#475569", _RED)
_MOST_ROWS = 1_600
_STRIPES = 12
"""Variables in the picture of shares; the others are added up."""
_STRETCHES = 600
"""Columns of the picture of shares."""
_GAP = 5
"""Samplings without a row after which a curve is broken."""


def overview(page: MonitorPage) -> bytes:
    """Draw the line's score against its threshold, what was labelled, and which variables it was made of."""
    scores = page.scores
    relative = scores.line_score / scores.line_threshold
    names, shares = _stripes(page)
    figure, (axis, below) = canvas.figure(11.5, 3.2 + 0.24 * len(names), 2, ratios=(3.0, 0.6 + 0.24 * len(names)))
    rows = shown_rows(relative, np.zeros(len(relative), np.bool_), _MOST_ROWS)
    moments = _moments(page)
    drawn = np.clip(relative, 1e-2, None)
    axis.plot(*_broken(page, rows, drawn), color=_GREY, linewidth=0.8, label="score / threshold")
    flagged = _flagged(scores.line_flag, relative)
    axis.plot(moments[flagged], drawn[flagged], ".", color=_RED, markersize=4, label="flagged")
    axis.axhline(1.0, color=_ORANGE, linewidth=1.1, linestyle="--", label="threshold")
    finite = drawn[np.isfinite(drawn)]
    top = float(finite.max()) if len(finite) else 1.0
    if top > 8:
        canvas.logarithmic(axis)
    axis.set_ylim((0.05 if top > 8 else 0.0), max(1.3, top * 1.15))
    _shade(axis, page, moments)
    axis.set_ylabel("line score")
    canvas.legend(axis)
    if len(moments) > 1:
        edges, heat = _heat(page, relative, shares)
        mesh = below.pcolormesh(edges, np.arange(len(names) + 1), heat, cmap="Reds", vmin=0, vmax=1, rasterized=True)
        bar = figure.colorbar(mesh, ax=below, pad=0.01, fraction=0.02, aspect=12)
        bar.ax.tick_params(labelsize=7)
        bar.outline.set_visible(False)
    below.set_yticks(np.arange(len(names)) + 0.5, [canvas.shortened(name) for name in names])
    below.invert_yaxis()
    below.set_ylabel("made of")
    return canvas.png(figure)


def variable(page: MonitorPage, column: int) -> bytes:
    """Draw a variable's readings, forecasts, bounds and anomalies, and beside them how its residuals lie."""
    scores = page.scores
    actual, expected, reach = scores.actual[:, column], scores.expected[:, column], float(page.reach[column])
    flags = scores.flags[:, column]
    figure, (axis, right) = canvas.figure(11.5, 2.5, 1, columns=2, widths=(3.4, 1.0), fixed=True)
    flagged = _flagged(flags, scores.score[:, column])
    marked = np.zeros(len(flags), np.bool_)
    marked[flagged] = True
    rows = shown_rows(actual, marked, _MOST_ROWS)
    moments = _moments(page)
    when, low = _broken(page, rows, expected - reach)
    _, high = _broken(page, rows, expected + reach)
    axis.fill_between(when, low, high, color=_BLUE, alpha=0.13, linewidth=0, label="normal")
    axis.plot(*_broken(page, rows, expected), color=_BLUE, linewidth=1.6, alpha=0.55, label="forecast")
    axis.plot(*_broken(page, rows, actual), color=_DARK, linewidth=0.7, label="reading")
    axis.plot(moments[_alone(actual)], actual[_alone(actual)], ".", color=_DARK, markersize=2)
    limits = _limits(actual, expected)
    inside = np.clip(actual[flagged], *limits) if limits else actual[flagged]
    axis.plot(moments[flagged], inside, ".", color=_RED, markersize=5, label="anomaly", clip_on=False)
    axis.set_ylim(limits)
    _shade(axis, page, moments)
    axis.set_ylabel(page.units.get(scores.variables[column], "") or "reading")
    canvas.legend(axis)
    _histogram(right, actual - expected, reach, flags)
    return canvas.png(figure)


def comparison(page: MonitorPage) -> bytes:
    """Draw each learner's error on validation rows against that of persistence, a row a variable."""
    names, rows = learners(page.card)
    others = [name for name in names if name != "persistence"]
    shown = [row for row in rows if row.get("persistence_rmse")]
    if not shown or not others:
        return b""
    figure, axis = canvas.figure(8.2, 0.9 + 0.26 * len(shown))
    axis.axvline(1.0, color=_GREY, linewidth=1, linestyle="--")
    for number, name in enumerate(others):
        colour = _COLOURS[number % len(_COLOURS)]
        ratios = np.array([_ratio(row, name) for row in shown])
        chosen = np.array([row["chosen"] == name for row in shown])
        places = np.arange(len(shown))
        axis.plot(ratios[~chosen], places[~chosen], "o", color=colour, markerfacecolor="none", markersize=5)
        axis.plot(ratios[chosen], places[chosen], "o", color=colour, markersize=6)
        axis.plot([], [], "o", color=colour, markersize=6, label=name)
    for place, row in enumerate(shown):
        axis.axhline(place, color=_FAINT, linewidth=0.7, zorder=0)
        if row["chosen"] == "persistence":
            axis.plot([1.0], [place], "D", color=_GREY, markersize=5)
    axis.set_yticks(range(len(shown)), [canvas.shortened(str(row["variable"])) for row in shown])
    axis.set_ylim(len(shown) - 0.4, -0.6)
    axis.margins(x=0.04)
    low, high = axis.get_xlim()
    axis.set_xlim(max(0.0, min(low, 0.9)), min(max(high, 1.1), 2.5))
    axis.set_xlabel("RMSE on validation rows / that of persistence; filled: chosen")
    axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False)
    return canvas.png(figure)


def progress(page: MonitorPage) -> bytes:
    """Draw the error of each configuration that was tried, and the best so far of each learner."""
    ran = [one for one in tried(page.card) if one["metric"] is not None and np.isfinite(one["metric"])]
    names = list(dict.fromkeys(str(one["learner"]) for one in ran))
    if not ran:
        return b""
    figure, axis = canvas.figure(8.2, 2.8)
    for number, name in enumerate(names):
        colour = _COLOURS[number % len(_COLOURS)]
        places = [place for place, one in enumerate(ran, 1) if one["learner"] == name]
        metrics = [ran[place - 1]["metric"] for place in places]
        label = f"{name} (reconstruction)" if name == "autoencoder" else name
        axis.plot(places, metrics, "o", color=colour, alpha=0.5, markersize=4, label=label)
        axis.step(
            [*places, len(ran)],
            [*np.minimum.accumulate(metrics), min(metrics)],
            where="post",
            color=colour,
            linewidth=1.2,
        )
    axis.set_xlabel("configurations tried")
    axis.set_ylabel("mean RMSE, standardised")
    axis.xaxis.get_major_locator().set_params(integer=True)
    low, high = axis.get_ylim()
    room = max(0.0, 0.02 * high - (high - low)) / 2
    axis.set_ylim(low - room, high + room)
    axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False)
    return canvas.png(figure)


def _histogram(axis: Any, residuals: Floats, reach: float, flags: Booleans) -> None:
    """Draw residuals in the variable's unit on a log scale, with the threshold; the outermost bars hold all beyond."""
    known = residuals[~np.isnan(residuals)]
    axis.set_xlabel("reading less forecast")
    axis.set_ylabel("rows")
    if not len(known):
        axis.set_yticks([])
        return
    usual = max(reach, 1.1 * float(np.quantile(np.abs(known), 0.995)), 1e-300)
    span = min(usual, 4 * reach) if reach > 0 else usual
    bins = np.linspace(-span, span, 61)
    held = np.clip(residuals, -span, span)
    axis.hist(held[~np.isnan(held) & ~flags], bins, color=_GREY)
    axis.hist(held[~np.isnan(held) & flags], bins, color=_RED)
    canvas.logarithmic(axis)
    axis.set_ylim(0.7, None)
    for side in (-reach, reach):
        axis.axvline(side, color=_ORANGE, linewidth=1.1, linestyle="--")
    axis.margins(x=0.02)


def _stripes(page: MonitorPage) -> tuple[list[str], list[Floats]]:
    """Return the variables with the largest shares over flagged rows (over all where none is), and their shares."""
    scores = page.scores
    rows = scores.line_flag if scores.line_flag.any() else ~np.isnan(scores.line_score)
    total = scores.shares[rows].sum(axis=0) if rows.any() else np.zeros(len(scores.variables))
    order = np.argsort(-total, kind="stable")
    names = [scores.variables[column] for column in order[:_STRIPES]]
    parts = [scores.shares[:, column] for column in order[:_STRIPES]]
    if len(order) > _STRIPES:
        names.append(f"{len(order) - _STRIPES} others")
        parts.append(scores.shares[:, order[_STRIPES:]].sum(axis=1))
    return names, parts


def _heat(page: MonitorPage, relative: Floats, shares: list[Floats]) -> tuple[Any, Floats]:
    """Return the edges of stretches of rows and what each variable adds in them (variables, stretches), NaN in gaps."""
    times, sampling = page.scores.times, page.bundle.sampling // MICROSECOND
    edges: list[int] = []
    columns: list[list[float]] = []
    for part in np.array_split(np.arange(len(times)), min(len(times), _STRETCHES)):
        if edges and times[part[0]] - edges[-1] > _GAP * sampling:
            columns.append([np.nan] * len(shares))
            edges.append(int(times[part[0]]))
        edges = edges or [int(times[part[0]])]
        columns.append([_strongest(one[part], relative[part]) for one in shares])
        edges.append(int(times[part[-1]]) + sampling)
    return np.array(edges).astype("datetime64[us]"), np.array(columns).T


def _strongest(shares: Floats, relative: Floats) -> float:
    """Return what a variable adds at the row with the highest score, of a threshold; NaN where none is known."""
    known = np.flatnonzero(~np.isnan(relative))
    if not len(known):
        return np.nan
    row = known[np.argmax(relative[known])]
    return float(shares[row] * min(relative[row], 1.0))


def _ratio(row: dict[str, Any], name: str) -> float:
    error = row.get(f"{name}_rmse")
    return np.nan if error is None else float(error) / float(row["persistence_rmse"])


def _flagged(flags: Booleans, scores: Floats) -> Integers:
    """Return the flagged rows, at most 2,000: the highest of them."""
    rows = np.flatnonzero(flags)
    return rows if len(rows) <= 2_000 else np.sort(rows[np.argsort(-scores[rows], kind="stable")[:2_000]])


def _alone(values: Floats) -> Booleans:
    """Return readings between two gaps: a curve does not show them. None where all cannot be told apart anyway."""
    known = np.concatenate([[False], ~np.isnan(values), [False]])
    alone: Booleans = known[1:-1] & ~known[:-2] & ~known[2:]
    return alone if len(values) <= 4 * _MOST_ROWS else np.zeros(len(values), np.bool_)


def _moments(page: MonitorPage) -> Any:
    return page.scores.times.astype("datetime64[us]")


def _broken(page: MonitorPage, rows: Integers, values: Floats) -> tuple[Any, Floats]:
    """Return times and values of ``rows``, with a gap where the line had none."""
    times, sampling = page.scores.times, page.bundle.sampling // MICROSECOND
    lost = np.flatnonzero(np.diff(times) > _GAP * sampling)
    # Rows between two that are drawn may be left out: only where the line itself has none is there a gap.
    places = np.searchsorted(rows, lost, side="right")
    moments = np.insert(times[rows], places, times[lost] + 1).astype("datetime64[us]")
    return moments, np.insert(values[rows], places, np.nan)


def _limits(actual: Floats, expected: Floats) -> tuple[float, float] | None:
    """Return the ends of the axis, so that one absurd reading does not flatten all others; None without readings."""
    known = np.concatenate([actual[~np.isnan(actual)], expected[~np.isnan(expected)]])
    if np.isnan(actual).all():
        return None
    usual_low, usual_high = np.quantile(known, (0.01, 0.99))
    beyond = 2.0 * (usual_high - usual_low)
    low, high = float(known.min()), float(known.max())
    if beyond > 0:
        low, high = max(low, usual_low - beyond), min(high, usual_high + beyond)
    room = 0.08 * (high - low) or max(abs(high), 1.0) * 0.05
    return (low - room, high + room) if np.isfinite(room) else None


def _shade(axis: Any, page: MonitorPage, moments: Any) -> None:
    """Shade what people labelled, and say where the rows begin that the monitor has not read."""
    if page.labels is not None:
        for number, (begin, end) in enumerate(zip(*runs(page.labels == 1), strict=True)):
            label = "labelled" if number == 0 else None
            axis.axvspan(
                moments[begin], moments[min(end, len(moments) - 1)], color=_RED, alpha=0.1, linewidth=0, label=label
            )
    if 0 < page.known < len(moments):
        axis.axvline(moments[page.known], color=_GREY, linewidth=1, linestyle=":", label="trained until")
