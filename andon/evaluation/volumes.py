"""Volume under the range-based precision-recall surface (VUS-PR): scores judged without a threshold."""

from __future__ import annotations

import numpy as np

from andon.frames import Booleans, Floats, Integers

_THRESHOLDS = 250
"""Quantiles of the scores that a curve is drawn through."""


def volume_under_pr(truth: Booleans, scores: Floats, buffer: int) -> float:
    """Return the mean, over buffers of 0 to ``buffer`` rows, of the area under the range-based precision-recall curve.

    Paparrizos et al., "Volume Under the Surface: A New Accuracy Evaluation Measure for Time-Series Anomaly Detection",
    PVLDB 15(11), 2022: anomalous ranges get a slope of half the buffer on either side, which falls as the root of the
    distance; recall is weighted by the share of ranges that were met at all.

    Parameters
    ----------
    truth, scores
        bool and finite float64 (n_rows,), in order of time; some rows are anomalous.

    Examples
    --------
    >>> truth = np.array([0, 0, 0, 1, 1, 0, 0, 0], dtype=bool)
    >>> volume_under_pr(truth, truth * 1.0, 0)
    1.0
    """
    order = np.argsort(-scores, kind="stable")
    thresholds = scores[order][np.linspace(0, len(scores) - 1, _THRESHOLDS).astype(np.int64)]
    flagged = np.searchsorted(-scores[order], -thresholds, side="right")
    areas = [_area(truth, scores, order, thresholds, flagged, size) for size in range(buffer + 1)]
    return float(np.mean(areas))


def _area(
    truth: Booleans, scores: Floats, order: Integers, thresholds: Floats, flagged: Integers, buffer: int
) -> float:
    weights = range_weights(truth, buffer)
    ranges = np.stack(runs(weights > 0), axis=1).ravel()
    peaks = np.sort(np.maximum.reduceat(np.append(scores, -np.inf), ranges)[::2])
    met = 1 - np.searchsorted(peaks, thresholds, side="left") / len(peaks)
    hits = np.cumsum(weights[order])[flagged - 1]
    positives = (float(truth.sum()) + float(weights.sum())) / 2
    recall = np.concatenate([[0.0], np.minimum(hits / positives, 1.0) * met])
    precision = np.concatenate([[1.0], hits / flagged])
    return float(np.trapezoid(precision, recall))


def range_weights(truth: Booleans, buffer: int) -> Floats:
    """Return how anomalous each row counts, float64 (n_rows,): 1 in a range, less on the slopes beside it, else 0.

    Examples
    --------
    >>> range_weights(np.array([0, 0, 0, 1, 0, 0, 0], dtype=bool), 4).round(3).tolist()
    [0.0, 0.707, 0.866, 1.0, 0.866, 0.0, 0.0]
    """
    weights = truth.astype(np.float64)
    half = buffer // 2
    slope = np.sqrt(1 - np.arange(1, half + 1) / buffer) if half else np.zeros(0)
    for begin, end in zip(*runs(truth), strict=True):
        before = min(half, int(begin))
        weights[begin - before : begin] += slope[:before][::-1]
        # The slope behind a range begins on its last row, which is why it is a row shorter than the one before it.
        after = max(0, min(half - 1, len(truth) - int(end)))
        weights[end : end + after] += slope[:after]
    return np.minimum(weights, 1.0)


def runs(member: Booleans) -> tuple[Integers, Integers]:
    """Return where runs of True begin and end (not included), int64 (n_runs,) each.

    Examples
    --------
    >>> [part.tolist() for part in runs(np.array([True, False, True, True]))]
    [[0, 2], [1, 4]]
    """
    edges = np.diff(np.concatenate([[0], member.astype(np.int64), [0]]))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
