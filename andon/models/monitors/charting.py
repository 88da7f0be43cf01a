"""Calibrates a line's charts on held-out rows: covariances that know noise and drift, thresholds at the stated rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from andon.frames import Floats, Integers
from andon.models.monitors.calibration import conformal_threshold, robust_scale
from andon.models.monitors.drift import moving_mean, walk_variance
from andon.models.monitors.line_score import LEVEL, RECONSTRUCTION, RESIDUAL, SIZE, LineScore

_RARER = 30
"""All but levels must be so many times rarer than the stated rate: tails of jumps and of unsettled residuals are heavy
and grow where a line wears, and an autoencoder errs without bound outside of what it has learnt. Levels, of which drift
is known, may use up the rate."""
_FURTHEST_LEVEL = 8.0
"""Usual sizes that one reading may count for in a level: enough for a shift, too little for a spike."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows that follow each other, judged by models that have not learnt from them."""

    sources: tuple[Floats, ...]
    """As `line_score` numbers them, float64 (n, v), NaN where not known; reconstruction errors where there is an
    autoencoder. Residuals and their sizes are in usual sizes, levels, from the mean of what was learnt, and errors
    standardised."""
    age: float
    """Steps of a random walk by which the line may have wandered from what was learnt; see `drift.walk_age`."""


def fit_line_score(
    pieces: Sequence[Piece],
    members: Integers,
    limits: Floats,
    least: Floats,
    means: Floats,
    window: int,
    rate: float,
    far: float,
    apart: float,
) -> LineScore:
    """Calibrate a line score on held-out pieces.

    The covariance of a chart's means is that of noise, measured within pieces, plus that of drift, which is measured
    between them and grows with age: correlations are shrunk (Ledoit and Wolf, "A Well-Conditioned Estimator for
    Large-Dimensional Covariance Matrices", 2004). Thresholds are conformal quantiles over pieces, each
    judged at its own age; new rows are judged at the age ``far``. So a variable that wandered in training has to wander
    as far again, for as long as it may, before it counts.

    Parameters
    ----------
    members
        Columns that take part, int64 (m,).
    limits
        What one residual may count for in a chart of several rows, in units of its usual size, float64 (m,).
    least
        Smallest meaningful difference of a member, standardised, float64 (m,).
    means
        What a member's readings to come are compared with, standardised, float64 (m,).
    apart
        How many times as far apart pieces seem as they are.
    """
    count = len(pieces[0].sources)
    zero, one = np.zeros(len(members)), np.ones(len(members))
    charts = chart_plan(window, min(len(piece.sources[RESIDUAL]) for piece in pieces), count > RECONSTRUCTION)
    everything = [np.concatenate([piece.sources[source][:, members] for piece in pieces]) for source in range(count)]
    scales = [one] * count
    for source in {LEVEL, RECONSTRUCTION} & set(range(count)):
        pairs = zip(everything[source].T, least, strict=True)
        scales[source] = np.array([robust_scale(column, floor) for column, floor in pairs])
    centres = [zero] * count
    centres[SIZE] = np.nan_to_num(np.nanmean(everything[SIZE], axis=0))
    score = LineScore(
        members=members,
        centres=np.stack(centres),
        scales=np.stack(scales),
        sources=np.array([source for source, _ in charts], np.int64),
        spans=np.array([span for _, span in charts], np.int64),
        limits=np.stack([_limits(source, span, limits) for source, span in charts]),
        precisions=np.zeros((len(charts), len(members), len(members))),
        reaches=np.ones(len(charts)),
        persistence=persistence_rule(window),
        threshold=1.0,
    )
    values = [score.scaled(*piece.sources) for piece in pieces]
    noises, walks = zip(
        *(_noise_and_walk(values, score, chart, window, apart) for chart in range(len(charts))), strict=True
    )
    distances = []
    for piece, part in zip(pieces, values, strict=True):
        aged = replace(score, precisions=_precisions(noises, walks, piece.age, score.sources))
        found = aged.charts(part, 0)[0]
        for chart, (source, span) in enumerate(charts):
            # Only a mean over a full span of what was known.
            found[: span - 1, chart] = np.nan
            found[np.isnan(part[:, source]).all(axis=1), chart] = np.nan
        distances.append(found)
    reaches = np.array(
        [
            conformal_threshold(column, rate if source == LEVEL else rate / _RARER)
            for (source, _), column in zip(charts, np.concatenate(distances).T, strict=True)
        ]
    )
    score = replace(score, precisions=_precisions(noises, walks, far, score.sources), reaches=reaches)
    scores = [score.fused(np.nan_to_num(found / reaches), 0) for found in distances]
    centres[LEVEL] = means
    return replace(score, centres=np.stack(centres), threshold=conformal_threshold(np.concatenate(scores), rate))


def chart_plan(window: int, shortest: int, reconstruction: bool) -> tuple[tuple[int, int], ...]:
    """Return source and span of each chart, by the forecasters' window and the shortest held-out piece.

    Examples
    --------
    >>> chart_plan(30, 80, False)
    ((0, 1), (1, 5), (1, 15), (2, 15))
    >>> chart_plan(30, 12, False)
    ((0, 1), (1, 5), (1, 6), (2, 6))
    """
    short, long = (max(1, min(span, shortest // 2)) for span in (window // 6, window // 2))
    plan = [(RESIDUAL, 1), (LEVEL, short), (LEVEL, long), (SIZE, long)]
    if reconstruction:
        plan.append((RECONSTRUCTION, short))
    return tuple(dict.fromkeys(plan))


def persistence_rule(window: int) -> Integers:
    """Return how many of how many newest rows must be abnormal: half of a third of the forecasters' window.

    Examples
    --------
    >>> persistence_rule(30).tolist()
    [5, 10]
    """
    among = max(1, window // 3)
    return np.array([(among + 1) // 2, among], np.int64)


def _limits(source: int, span: int, limits: Floats) -> Floats:
    if source in (RESIDUAL, SIZE):
        return limits if span > 1 else np.full(len(limits), np.inf)
    return np.full(len(limits), _FURTHEST_LEVEL)


def _noise_and_walk(
    values: Sequence[Floats], score: LineScore, chart: int, window: int, apart: float
) -> tuple[Floats, Floats]:
    """Return the covariance (m, m) of a chart's means within pieces, and the variance (m,) that drift adds a row."""
    limits, span = score.limits[chart], int(score.spans[chart])
    limits = np.minimum(limits, _FURTHEST_LEVEL)
    known = [part[:, score.sources[chart]] for part in values]
    held = [np.clip(np.nan_to_num(part), -limits, limits) for part in known if not np.isnan(part).all()]
    if not held:
        return np.eye(len(limits)), np.zeros(len(limits))
    centred = [part - part.mean(axis=0) for part in held]
    means = np.concatenate([moving_mean(part, span) for part in centred])
    if score.sources[chart] == SIZE:
        # All sizes together as one: what unsettles a line unsettles many variables, and the sum is one-dimensional.
        count, together = len(limits), [part.mean(axis=1, keepdims=True) for part in held]
        noise = max(float(np.mean(means.mean(axis=1) ** 2)), 1e-12)
        return np.full((count, count), noise), np.full(count, walk_variance(together, window, apart)[0])
    sizes = np.sqrt(np.mean(means**2, axis=0))
    sizes = np.maximum(sizes, max(float(sizes.max()) * 1e-6, 1e-12))
    return _correlation(np.concatenate(centred)) * np.outer(sizes, sizes), walk_variance(held, window, apart)


def _correlation(values: Floats) -> Floats:
    """Return the shrunk correlation (m, m) of ``values`` (n, m) about 0."""
    from sklearn.covariance import ledoit_wolf

    sizes: Floats = np.sqrt(np.mean(np.square(values), axis=0))
    sizes = np.maximum(sizes, max(float(sizes.max()) * 1e-6, 1e-12))
    shrunk = np.array(ledoit_wolf(values / sizes, assume_centered=True)[0], np.float64)
    # Exactly 1 but for members that never moved within a piece.
    np.fill_diagonal(shrunk, 1.0)
    return shrunk


def _precisions(noises: Sequence[Floats], walks: Sequence[Floats], age: float, sources: Integers) -> Floats:
    """Return the inverse covariances (charts, m, m) at an age."""
    inverses = []
    for noise, walk, source in zip(noises, walks, sources.tolist(), strict=True):
        if source == SIZE:
            inverses.append(np.full(noise.shape, 1 / ((noise[0, 0] + walk[0] * age) * noise.size)))
            continue
        covariance = noise + np.diag(walk * age)
        sizes = np.sqrt(np.diag(covariance))
        relative = covariance / np.outer(sizes, sizes) + 1e-9 * np.eye(len(sizes))
        inverses.append(np.linalg.inv(relative) / np.outer(sizes, sizes))
    return np.stack(inverses)
