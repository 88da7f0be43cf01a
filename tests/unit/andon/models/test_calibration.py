"""Calibrated probabilities: what they promise, on scores that are wrong in a known way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from andon.models.calibration import FLATTEST, IDENTITY, LEAST_ROWS, Calibration, calibrate


def log_odds(scores):
    return np.log(scores / (1 - scores))


def drawn(rows: int = 20_000, seed: int = 0):
    rng = np.random.default_rng(seed)
    truth = 1 / (1 + np.exp(-rng.normal(-2.5, 1.5, rows)))
    return truth, (rng.random(rows) < truth).astype(float)


@pytest.mark.parametrize(("slope", "shift"), [(1.0, 2.0), (3.0, -1.0), (0.4, 0.5)])
def test_distorted_log_odds_are_put_right(slope, shift):
    truth, labels = drawn()
    scores = 1 / (1 + np.exp(-(slope * log_odds(truth) + shift)))
    half = len(labels) // 2
    found = calibrate(labels[:half], scores[:half]).apply(scores[half:])
    assert np.abs(found - truth[half:]).mean() < 0.01 < np.abs(scores[half:] - truth[half:]).mean()


def test_it_is_the_least_logistic_loss_on_platts_targets():
    truth, labels = drawn(2000)
    scores = truth**1.5
    # Smoothed targets as a weighted problem: each row once as either class.
    high, low = (labels.sum() + 1) / (labels.sum() + 2), 1 / (len(labels) - labels.sum() + 2)
    targets = np.where(labels == 1, high, low)
    drawn_in = 1e-6 + (1 - 2e-6) * scores
    theirs = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1000).fit(
        np.tile(log_odds(drawn_in), 2)[:, None], np.repeat([1, 0], 2000), sample_weight=np.append(targets, 1 - targets)
    )
    ours = calibrate(labels, scores)
    assert (ours.slope, ours.intercept) == pytest.approx((theirs.coef_[0, 0], theirs.intercept_[0]), abs=1e-4)


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(2, 400), st.floats(0.0, 1.0))
def test_the_order_of_scores_stays(seed, rows, share):
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < share).astype(float)
    found = calibrate(labels, rng.choice([0.0, 1e-9, 0.3, 0.5, 1.0], rows))
    calibrated = found.apply(np.linspace(0, 1, 101))
    assert (np.diff(calibrated) > 0).all()
    assert ((calibrated >= 0) & (calibrated <= 1)).all()


def test_scores_that_rank_backwards_end_near_the_base_rate():
    truth, labels = drawn()
    found = calibrate(labels, 1 - truth)
    assert found.slope == pytest.approx(FLATTEST)
    assert found.apply(1 - truth).mean() == pytest.approx(labels.mean(), abs=0.01)


def test_equal_scores_become_the_base_rate():
    _, labels = drawn()
    assert calibrate(labels, np.full(len(labels), 0.9)).apply(np.array([0.9])) == pytest.approx(labels.mean(), abs=1e-4)


def test_classes_told_apart_without_an_error_stay_short_of_certainty():
    labels = np.repeat([0.0, 1.0], 200)
    found = calibrate(labels, labels)
    assert found.apply(labels)[[0, -1]] == pytest.approx([1 / 202, 201 / 202], abs=1e-6)


@pytest.mark.parametrize(("positives", "negatives"), [(0, 500), (LEAST_ROWS - 1, 500), (500, LEAST_ROWS - 1), (0, 0)])
def test_too_few_rows_change_nothing(positives, negatives):
    labels = np.repeat([1.0, 0.0], [positives, negatives])
    scores = np.linspace(0, 1, len(labels))
    assert calibrate(labels, scores) == IDENTITY
    assert IDENTITY.apply(scores).tobytes() == scores.tobytes()


def test_a_row_alone_is_calibrated_as_among_others():
    scores = np.random.default_rng(3).random(1000)
    found = Calibration(1.3, -0.7)
    alone = np.concatenate([found.apply(scores[row : row + 1]) for row in range(1000)])
    assert alone.tobytes() == found.apply(scores).tobytes()


@pytest.mark.parametrize("body", [{"slope": 0.0, "intercept": 1.0}, {"slope": float("nan"), "intercept": 0.0}])
def test_a_map_that_does_not_rise_is_refused(body):
    with pytest.raises(ValueError, match="does not rise"):
        Calibration.from_json(body)
