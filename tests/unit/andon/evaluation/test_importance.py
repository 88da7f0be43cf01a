"""Shares of what a model goes by."""

from __future__ import annotations

import numpy as np
import pytest

from andon.evaluation.importance import feature_importance

NAMES = ("a", "b", "c")


def logistic(*weights: float):
    return lambda values: 1 / (1 + np.exp(-(values @ np.array(weights))))


def rows(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(400, 3))


def test_shares_follow_the_weights_of_a_linear_model():
    shares = feature_importance(logistic(2.0, 0.0, -1.0), rows(), NAMES, np.random.default_rng(1), rows=400)
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["b"] == 0
    assert shares["a"] / shares["c"] == pytest.approx(2, rel=0.15)


def test_shuffled_columns_give_the_same_shares():
    order = [2, 0, 1]
    weights = np.array([2.0, 0.5, -1.0])
    plain = feature_importance(logistic(*weights), rows(), NAMES, np.random.default_rng(1))
    shuffled = feature_importance(
        logistic(*weights[order]), rows()[:, order], [NAMES[one] for one in order], np.random.default_rng(1)
    )
    assert shuffled == pytest.approx(plain)


def test_missing_values_travel_with_their_rows():
    values = rows()
    values[::2, 1] = np.nan
    shares = feature_importance(
        lambda given: np.where(np.isnan(given[:, 1]), 0.1, 0.9), values, NAMES, np.random.default_rng(1)
    )
    assert shares == {"a": 0.0, "b": 1.0, "c": 0.0}


@pytest.mark.parametrize("given", [rows()[:1], rows()[:0]])
def test_one_row_tells_nothing(given):
    assert feature_importance(logistic(1, 1, 1), given, NAMES, np.random.default_rng(0)) == dict.fromkeys(NAMES, 0.0)


def test_a_model_that_always_says_the_same_goes_by_nothing():
    certain = feature_importance(lambda given: np.ones(len(given)), rows(), NAMES, np.random.default_rng(0))
    assert certain == dict.fromkeys(NAMES, 0.0)
