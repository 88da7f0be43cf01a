"""What is drawn of a classifier: precision against recall, and whether its probabilities mean what they say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from andon.frames import Floats, Integers


@dataclass(frozen=True, slots=True)
class PrecisionRecall:
    """Of each threshold, in falling order, the precision and recall of rows at or above it; float64 (n_points,)."""

    thresholds: Floats
    precision: Floats
    recall: Floats


def precision_recall_curve(labels: Floats, scores: Floats, points: int = 500) -> PrecisionRecall:
    """Return the curve at every different score, or at ``points`` of them with the highest and lowest among them.

    Parameters
    ----------
    labels, scores
        float64 (n_rows,); labels are 0 or 1. Recall is 0 where there is no positive row.

    Examples
    --------
    >>> curve = precision_recall_curve(np.array([0.0, 1.0, 1.0]), np.array([0.2, 0.1, 0.9]))
    >>> curve.thresholds.tolist(), curve.precision.round(2).tolist(), curve.recall.tolist()
    ([0.9, 0.2, 0.1], [1.0, 0.5, 0.67], [0.5, 0.5, 1.0])
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(labels[order])
    last_of_tie = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) if len(ranked) else np.empty(0, np.int64)
    if len(last_of_tie) > points:
        last_of_tie = last_of_tie[np.unique(np.linspace(0, len(last_of_tie) - 1, points).round().astype(np.int64))]
    found = hits[last_of_tie]
    total = float(labels.sum())
    recall = found / total if total else np.zeros(len(found))
    return PrecisionRecall(ranked[last_of_tie], found / (last_of_tie + 1), recall)


@dataclass(frozen=True, slots=True)
class Reliability:
    """Of each bin of rows that has any: the mean probability, the share of positive rows, and the rows; (n_bins,)."""

    predicted: Floats
    observed: Floats
    rows: Integers

    @property
    def error(self) -> float:
        """Expected calibration error: the mean distance of the two, by rows (Naeini, Cooper and Hauskrecht 2015)."""
        total = self.rows.sum()
        return float(np.sum(self.rows * np.abs(self.predicted - self.observed)) / total) if total else 0.0


def reliability(labels: Floats, probabilities: Floats, bins: int = 10) -> Reliability:
    """Group rows by probability, as many in each bin, equal ones together, and compare it with what came.

    Parameters
    ----------
    labels, probabilities
        float64 (n_rows,); labels are 0 or 1.

    Examples
    --------
    >>> found = reliability(np.array([0.0, 0.0, 0.0, 1.0]), np.array([0.1, 0.1, 0.6, 0.6]), bins=2)
    >>> found.predicted.tolist(), found.observed.tolist(), found.rows.tolist()
    ([0.1, 0.6], [0.0, 0.5], [2, 2])
    >>> round(found.error, 3)
    0.1
    """
    if not len(labels):
        return Reliability(np.empty(0), np.empty(0), np.empty(0, dtype=np.int64))
    inner = np.quantile(probabilities, np.arange(1, bins) / bins)
    member = np.searchsorted(inner, probabilities, side="right")
    rows = np.bincount(member, minlength=bins)
    some = rows > 0
    predicted = np.bincount(member, weights=probabilities, minlength=bins)[some] / rows[some]
    observed = np.bincount(member, weights=labels, minlength=bins)[some] / rows[some]
    return Reliability(predicted, observed, rows[some].astype(np.int64))


def brier(labels: Floats, probabilities: Floats) -> float:
    """Return the mean squared error of probabilities (Brier 1950).

    Examples
    --------
    >>> brier(np.array([0.0, 1.0]), np.array([0.5, 0.5]))
    0.25
    """
    return float(np.mean(np.square(probabilities - labels)))
