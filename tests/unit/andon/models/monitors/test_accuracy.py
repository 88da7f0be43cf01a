"""Accuracy of forecasts, against scikit-learn and by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_pinball_loss, r2_score, root_mean_squared_error

from andon.models.monitors.accuracy import (
    beside_persistence,
    hindsight_reach,
    last_readings,
    measure_accuracy,
    pinball_loss,
)
from andon.models.monitors.periods import split_periods
from andon.scoring import score_monitor
from tests.watched_line import NORMAL, history, normal_bundle

RNG = np.random.default_rng(5)
ACTUAL = RNG.normal(size=300).cumsum()
EXPECTED = ACTUAL + 0.3 * RNG.normal(size=300)


def test_it_is_what_scikit_learn_measures() -> None:
    found = measure_accuracy(ACTUAL, EXPECTED, 0.5, 0.1)
    assert found.rmse == pytest.approx(root_mean_squared_error(ACTUAL, EXPECTED))
    assert found.mae == pytest.approx(mean_absolute_error(ACTUAL, EXPECTED))
    assert found.r2 == pytest.approx(r2_score(ACTUAL, EXPECTED))
    losses = [
        mean_pinball_loss(ACTUAL, EXPECTED + move, alpha=level)
        for move, level in ((-0.5, 0.05), (0.0, 0.5), (0.5, 0.95))
    ]
    assert found.pinball == pytest.approx(np.mean(losses))
    assert found.coverage == np.mean(np.abs(ACTUAL - EXPECTED) <= 0.5)


def test_the_pinball_loss_is_least_at_its_quantile() -> None:
    draws = RNG.normal(size=4000)
    losses = [pinball_loss(draws, np.full(4000, place), 0.9) for place in (0.9, 1.2816, 1.6)]
    assert losses[1] < min(losses[0], losses[2])


def test_gaps_constants_and_the_absurd_have_no_wrong_number() -> None:
    none = measure_accuracy(np.full(3, np.nan), np.zeros(3), 1.0, 0.01)
    assert (none.rows, none.rmse, none.coverage) == (0, None, None)
    same = measure_accuracy(np.full(3, 2.0), np.full(3, 2.0), 0.0, 0.01)
    assert (same.rmse, same.r2, same.coverage) == (0.0, None, 1.0)
    huge = measure_accuracy(np.array([1e308, -1e308]), np.array([-1e308, 1e308]), 1.0, 0.01)
    assert huge.rmse is None and huge.coverage == 0.0


def test_persistence_is_the_last_reading_before() -> None:
    actual = np.array([[np.nan, 1.0], [2.0, np.nan], [np.nan, np.nan], [5.0, 4.0]])
    np.testing.assert_array_equal(last_readings(actual), [[np.nan, np.nan], [np.nan, 1], [2, 1], [2, 1]])
    assert last_readings(np.zeros((0, 2))).shape == (0, 2)


def test_hindsight_leaves_the_stated_share_outside() -> None:
    errors = RNG.normal(size=1000)
    assert (np.abs(errors) > hindsight_reach(errors, 0.05)).sum() == 50
    assert hindsight_reach(np.array([np.nan]), 0.05) == 0.0


def test_both_are_measured_on_the_same_rows() -> None:
    expected, before = EXPECTED.copy(), last_readings(ACTUAL[:, None])[:, 0]
    expected[:30] = np.nan
    found = beside_persistence(ACTUAL, expected, 0.6, 0.05, before)
    assert found["forecast"]["rows"] == found["persistence"]["rows"] == 270
    assert found["forecast"]["rmse"] < found["persistence"]["rmse"]
    assert found["persistence"]["coverage"] == pytest.approx(0.95, abs=0.01)


def test_the_card_tells_how_the_validation_rows_were_forecast() -> None:
    bundle, frame = normal_bundle(), history()
    told = {one["variable"]: one["validation"] for one in bundle.card.comparison if one.get("chosen")}
    assert list(told) == list(bundle.variables)
    _, validation = split_periods(frame, NORMAL.train, NORMAL.validation)
    scores = score_monitor(bundle, frame)
    for column, name in enumerate(bundle.variables):
        actual, expected = scores.actual[validation, column], scores.expected[validation, column]
        reach = float(bundle.thresholds[column] * bundle.residual_scales[column])
        known = measure_accuracy(actual, expected, reach, 0.01)
        forecast, before = told[name]["forecast"], told[name]["persistence"]
        assert forecast["rows"] == before["rows"] == known.rows
        # Where few rows validate, the network that serves has learnt from them too: it errs a little less.
        assert forecast["rmse"] == pytest.approx(known.rmse, rel=0.05)
        assert forecast["rmse"] < before["rmse"] and forecast["pinball"] < before["pinball"]
        assert forecast["coverage"] > 0.95
    ratios = [one["forecast"]["mae"] / one["persistence"]["mae"] for one in told.values()]
    assert bundle.card.metrics["mae_to_persistence"] == pytest.approx(np.mean(ratios))
    json.dumps(told, allow_nan=False)
