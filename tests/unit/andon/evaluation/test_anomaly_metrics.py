"""Field metrics of detected anomalies: counted by hand, against scikit-learn, and against the published VUS-PR."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from andon.evaluation.anomalies import measure_detection
from andon.evaluation.volumes import range_weights, volume_under_pr

SECOND = 1_000_000


def labelled() -> tuple[np.ndarray, np.ndarray]:
    truth = np.zeros(60, bool)
    truth[10:15] = truth[30:32] = truth[55:60] = True
    late = np.concatenate([[0.0, 0.0], truth[:-2] * 0.6])
    return truth, np.abs(np.sin(np.arange(60) * 1.7)) + late


# Values of aeon 1.6.0; `tests/benchmarks/bench_vus.py` compares on many more.
@pytest.mark.parametrize(
    ("buffer", "value"),
    [(0, 0.39714885060602295), (4, 0.4213926423271294), (11, 0.557620231190669), (40, 0.8204640342585771)],
)
def test_vus_pr_is_the_published_one(buffer: int, value: float) -> None:
    assert volume_under_pr(*labelled(), buffer) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    ("buffer", "value"), [(0, 0.3878837635715052), (4, 0.41721107143575703), (11, 0.5646042536085041)]
)
def test_vus_pr_with_ties(buffer: int, value: float) -> None:
    truth, scores = labelled()
    assert volume_under_pr(truth, np.round(scores, 1), buffer) == pytest.approx(value, abs=1e-12)


def test_vus_pr_rewards_near_misses_and_orders_only() -> None:
    truth, _ = labelled()
    near, far = (np.roll(truth, shift).astype(float) for shift in (2, 18))
    assert volume_under_pr(truth, near, 10) > volume_under_pr(truth, far, 10)
    _, scores = labelled()
    assert volume_under_pr(truth, np.exp(3 * scores), 10) == volume_under_pr(truth, scores, 10)


def test_slopes_stay_within_the_series_and_below_one() -> None:
    truth = np.array([1, 0, 0, 1, 0, 1, 0], bool)
    weights = range_weights(truth, 6)
    assert (weights[truth] == 1).all() and weights.max() == 1 and weights.min() > 0


def test_rows_are_counted_as_scikit_learn_counts() -> None:
    rng = np.random.default_rng(3)
    truth, scores = rng.random(500) < 0.2, rng.normal(size=500)
    flags = scores + truth > 1.0
    found = measure_detection(np.arange(500) * SECOND, truth.astype(float), scores, flags)
    assert found.precision == pytest.approx(precision_score(truth, flags))
    assert found.recall == pytest.approx(recall_score(truth, flags))
    assert found.f1 == pytest.approx(f1_score(truth, flags))
    assert found.missed_alarm_rate == pytest.approx(1 - recall_score(truth, flags))
    assert found.false_alarm_rate == pytest.approx(flags[~truth].mean())


def test_events_and_delays() -> None:
    labels = np.array([0, 1, 1, 1, 0, 0, 1, 1, 0, 1], float)
    flags = np.array([1, 0, 0, 1, 0, 0, 1, 0, 0, 0], bool)
    times = np.cumsum([0, 5, 5, 7, 5, 5, 5, 5, 5, 5]) * SECOND
    found = measure_detection(times, labels, flags.astype(float), flags)
    assert (found.events, found.event_recall, found.delay_seconds) == (3, 2 / 3, 6.0)
    assert (found.rows, found.anomalous, found.buffer) == (10, 6, 2)


def test_rows_without_a_label_or_a_score_are_left_out() -> None:
    labels, scores = np.array([0, 1, np.nan, 1, 0.0]), np.array([np.nan, 3.0, 9.0, 1.0, 2.0])
    found = measure_detection(np.arange(5) * SECOND, labels, scores, scores >= 2)
    assert (found.rows, found.anomalous, found.precision, found.recall) == (3, 2, 0.5, 0.5)


@pytest.mark.parametrize("label", [0.0, 1.0, np.nan])
def test_what_has_no_value_is_none(label: float) -> None:
    labels, flags = np.full(4, label), np.zeros(4, bool)
    found = measure_detection(np.arange(4) * SECOND, labels, np.zeros(4), flags).to_json()
    empty = {key for key, value in found.items() if value is None}
    always = {"precision", "vus_pr", "delay_seconds"}
    never = {"recall", "missed_alarm_rate", "event_recall", "f1"}
    assert empty == always | {0.0: never, 1.0: {"false_alarm_rate"}}.get(label, never | {"false_alarm_rate"})
