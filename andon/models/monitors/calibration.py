"""What is normal: sizes of residuals, thresholds at a false-alarm rate, and one score that fuses a line's variables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from andon.frames import Floats, Integers
from andon.models.monitors import kernels
from configs.definitions import Severity

_SEVERITIES: tuple[tuple[float, Severity], ...] = ((4.0, "critical"), (2.5, "high"), (1.5, "medium"), (1.0, "low"))


def resolution(values: Floats) -> float:
    """Return the smallest step between different readings, a bound of the sensor's resolution; 0 where none is seen.

    Examples
    --------
    >>> resolution(np.array([32.0, 32.5, 31.0, np.nan, 32.0]))
    0.5
    """
    with np.errstate(over="ignore"):
        steps = np.diff(np.unique(values[~np.isnan(values)]))
    return float(steps.min()) if len(steps) else 0.0


def smallest_scale(values: Floats) -> float:
    """Return the least size of a residual that can mean anything: quantisation noise, and rounding at least.

    A step of q leaves an error of q / sqrt(12) (Bennett, "Spectra of Quantized Signals", 1948).
    """
    read = values[~np.isnan(values)]
    largest = float(np.abs(read).max()) if len(read) else 0.0
    return max(min(resolution(values), largest) / math.sqrt(12), 1e-9 * largest, 1e-300)


def robust_scale(residuals: Floats, least: float) -> float:
    """Return the usual size of residuals: 1.4826 times the median of their absolute values, never below ``least``.

    Where more than half are exactly as expected, the root of their mean square.

    Examples
    --------
    >>> round(robust_scale(np.array([-1.0, 1.0, 2.0, -2.0, 1.0, 100.0]), 0.0), 4)
    2.2239
    """
    known = residuals[~np.isnan(residuals)]
    if not len(known):
        return max(least, 1e-12)
    size = 1.4826 * float(np.median(np.abs(known)))
    if size <= least:
        size = float(np.sqrt(np.mean(np.square(known))))
    return max(size, least)


def conformal_threshold(scores: Floats, rate: float) -> float:
    """Return the threshold that a new normal score reaches with a probability of at most ``rate``.

    Split conformal: the ceil((n + 1)(1 - rate))-th smallest of n held-out scores (Papadopoulos et al., "Inductive
    Confidence Machines for Regression", 2002; Laxhammar, "Conformal Anomaly Detection", 2014). Fewer than 1 / rate - 1
    scores have no such quantile: then the largest is extended by the exponential tail of the highest tenth (Pickands
    1975, shape 0). A score equal to that quantile stays below the threshold.

    Examples
    --------
    >>> round(conformal_threshold(np.arange(1.0, 100.0), 0.05), 6)
    95.0
    """
    known = np.sort(scores[~np.isnan(scores)])
    if not len(known):
        return 1.0
    rank = math.ceil((len(known) + 1) * (1 - rate) - 1e-9)
    if rank <= len(known):
        quantile = float(known[rank - 1])
    else:
        tail = known[-max(2, len(known) // 10) :]
        quantile = float(known[-1]) + float(np.mean(tail - tail[0])) * math.log(1 / (rate * (len(known) + 1)))
    return float(np.nextafter(max(quantile, 1e-9), np.inf))


def severity_of(score: float, threshold: float) -> Severity:
    """Return how far beyond the threshold: from 1 time on low, 1.5 medium, 2.5 high, 4 critical.

    Examples
    --------
    >>> severity_of(6.0, 3.0)
    'medium'
    """
    return next((severity for least, severity in _SEVERITIES if score >= least * threshold), "low")


@dataclass(frozen=True, slots=True)
class LineScore:
    """Fuses the residuals of a line's variables (m members) into one score, under several charts.

    Each chart is Hotelling's T squared of the mean residual over the last ``spans`` rows: over one row it sees a jump,
    over several a small shift that stays (Lowry et al., "A Multivariate EWMA Control Chart", 1992, with a finite window
    in place of an infinite one). The score is the largest distance of a chart in units of that chart's own threshold.
    """

    members: Integers
    """Columns of the monitor's variables that take part, int64 (m,)."""
    spans: Integers
    """Rows a chart looks back on, its own included, int64 (charts,)."""
    limits: Floats
    """What one residual may count for in a chart of several rows, in units of its usual size, float64 (m,)."""
    precisions: Floats
    """Inverse covariances of the charts' means, float64 (charts, m, m)."""
    reaches: Floats
    """Threshold of each chart alone, float64 (charts,)."""
    threshold: float
    """Threshold of the score."""

    @property
    def reach(self) -> int:
        """How many rows before its own a score looks back on."""
        return int(self.spans.max()) - 1 if len(self.spans) else 0

    def charts(self, residuals: Floats, first: int) -> tuple[Floats, Floats]:
        """Return each chart's distance (n, charts) and what each member adds to its square (n, charts, m)."""
        distances = np.zeros((len(residuals), len(self.spans)))
        shares = np.zeros((*distances.shape, residuals.shape[1]))
        residuals = np.ascontiguousarray(residuals)
        kernels.chart_rows(residuals, first, self.spans, self.limits, self.precisions, distances, shares)
        return distances, shares

    def score(self, residuals: Floats, first: int) -> tuple[Floats, Floats]:
        """Return the scores (n,) and the members' shares of them (n, m), from row ``first`` on, NaN and 0 before.

        ``residuals`` (n, m) stand in units of their usual size, NaN where nothing was read.
        """
        distances, shares = self.charts(residuals, first)
        relative = distances / self.reaches
        chosen = np.argmax(relative, axis=1)
        rows = np.arange(len(residuals))
        scores = relative[rows, chosen]
        scores[:first] = np.nan
        blame = np.maximum(shares[rows, chosen], 0.0)
        total = blame.sum(axis=1, keepdims=True)
        return scores, np.divide(blame, total, out=np.zeros_like(blame), where=total > 0)


def chart_spans(window: int) -> Integers:
    """Return the spans of a line's charts: one row, and a sixth of the forecasters' window.

    Examples
    --------
    >>> chart_spans(30).tolist()
    [1, 5]
    """
    return np.array(sorted({1, max(1, window // 6)}), np.int64)


def fit_line_score(
    sequences: Sequence[Floats], members: Integers, limits: Floats, window: int, rate: float
) -> LineScore:
    """Calibrate a line score on held-out residuals in units of their usual size.

    Each of ``sequences`` (n, m) stands in order of time. The covariance of each chart's means is measured on those
    means, so that residuals which follow each other are not taken for independent ones, and shrunk (Ledoit and Wolf, "A
    Well-Conditioned Estimator for Large-Dimensional Covariance Matrices", 2004), about 0. ``limits`` (m,) hold single
    residuals while it is measured.
    """
    spans = chart_spans(window)
    held = [np.clip(np.nan_to_num(sequence), -limits, limits) for sequence in sequences]
    precisions = np.stack(
        [_precision(np.concatenate([_moving_mean(sequence, int(span)) for sequence in held])) for span in spans]
    )
    apart = LineScore(members, spans, limits, precisions, np.ones(len(spans)), 1.0)
    distances = np.concatenate([apart.charts(sequence, 0)[0] for sequence in sequences])
    reaches = np.array([conformal_threshold(distances[:, chart], rate) for chart in range(len(spans))])
    scores = np.max(distances / reaches, axis=1)
    return replace(apart, reaches=reaches, threshold=conformal_threshold(scores, rate))


def _moving_mean(values: Floats, span: int) -> Floats:
    """Return means (n - span + 1, m) over ``span`` rows; all rows in one where there are fewer."""
    span = min(span, len(values))
    sums = np.cumsum(np.concatenate([np.zeros((1, values.shape[1])), values]), axis=0)
    means: Floats = (sums[span:] - sums[:-span]) / span
    return means


def _precision(values: Floats) -> Floats:
    """Return the inverse (m, m) of the covariance of ``values`` (n, m) about 0, its correlations shrunk."""
    from sklearn.covariance import ledoit_wolf

    sizes: Floats = np.sqrt(np.mean(np.square(values), axis=0))
    sizes = np.maximum(sizes, max(float(sizes.max()) * 1e-6, 1e-12))
    correlation = np.asarray(ledoit_wolf(values / sizes, assume_centered=True)[0], np.float64)
    inverse: Floats = np.linalg.inv(correlation + 1e-9 * np.eye(len(sizes))) / np.outer(sizes, sizes)
    return inverse
