"""Curves that are drawn, against scikit-learn and plain recomputation."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve as theirs_of

from andon.evaluation.curves import precision_recall_curve, reliability


def drawn(rows: int = 3000, levels: int | None = None):
    rng = np.random.default_rng(0)
    probabilities = rng.beta(0.5, 4, rows)
    if levels:
        probabilities = np.round(probabilities * levels) / levels
    return (rng.random(rows) < probabilities).astype(float), probabilities


@pytest.mark.parametrize("levels", [None, 20])
def test_precision_and_recall_are_scikit_learns(levels):
    labels, scores = drawn(levels=levels)
    ours = precision_recall_curve(labels, scores, points=len(scores))
    precision, recall, thresholds = theirs_of(labels, scores)
    np.testing.assert_allclose(ours.thresholds[::-1], thresholds)
    np.testing.assert_allclose(ours.precision[::-1], precision[:-1])
    np.testing.assert_allclose(ours.recall[::-1], recall[:-1])


def test_fewer_points_lie_on_the_same_curve():
    labels, scores = drawn()
    whole, some = precision_recall_curve(labels, scores, 10**6), precision_recall_curve(labels, scores, 100)
    assert len(some.thresholds) == 100
    at = np.searchsorted(-whole.thresholds, -some.thresholds)
    assert (whole.precision[at] == some.precision).all()
    assert (some.thresholds[[0, -1]] == whole.thresholds[[0, -1]]).all()


def test_without_a_positive_row_recall_is_0():
    curve = precision_recall_curve(np.zeros(5), np.arange(5.0))
    assert (curve.precision.tolist(), curve.recall.tolist()) == ([0.0] * 5, [0.0] * 5)
    assert len(precision_recall_curve(np.empty(0), np.empty(0)).thresholds) == 0


@pytest.mark.parametrize("levels", [None, 7])
def test_bins_hold_every_row_once(levels):
    labels, probabilities = drawn(levels=levels)
    found = reliability(labels, probabilities)
    assert found.rows.sum() == len(labels)
    assert found.rows @ found.predicted == pytest.approx(probabilities.sum())
    assert found.rows @ found.observed == pytest.approx(labels.sum())
    assert (np.diff(found.predicted) > 0).all()
    assert found.error < 0.02 < reliability(labels, np.sqrt(probabilities)).error
