"""A line's charts: what each of them sees, how far drift is allowed for, and the rule of m of n."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from andon.models.monitors.bundle import MonitorBundle
from andon.models.monitors.chart_kernels import chart_rows, persistent_rows
from andon.models.monitors.drift import walk_age, walk_variance
from andon.models.monitors.training import fit_monitor
from andon.records import ModelKey
from andon.scoring.monitors import score_monitor
from configs.definitions import Monitor
from configs.periods import Period
from tests.unit.andon.models.monitors.lines import START, framed, settled


def trained(values: np.ndarray, rows: int) -> MonitorBundle:
    period = Period(start=START, end=START + timedelta(seconds=rows))
    definition = Monitor(name="m", lines={"names": ["plant"]}, train=period, learners=("linear",))
    return fit_monitor(ModelKey("m", "plant"), definition, 1, framed(values))


def flagged(bundle: MonitorBundle, values: np.ndarray, rows: slice) -> float:
    return float(score_monitor(bundle, framed(values)).line_flag[rows].mean())


def test_a_shift_that_stays_is_seen_as_long_as_it_stays() -> None:
    values = settled(1, 4_500)
    bundle = trained(values, 2_000)
    values[4_000:4_400, 2] += 1.5
    assert flagged(bundle, values, slice(2_000, 4_000)) <= 0.03
    assert flagged(bundle, values, slice(4_020, 4_400)) >= 0.9
    assert flagged(bundle, values, slice(4_430, None)) <= 0.05


def test_readings_that_grow_unsettled_are_seen_though_their_mean_stays() -> None:
    values = settled(2, 1_500)
    bundle = trained(values, 800)
    values[1_000:1_400] += np.random.default_rng(9).normal(size=(400, 4)) * 1.5
    assert flagged(bundle, values, slice(1_030, 1_400)) >= 0.7


@pytest.mark.parametrize("seed", range(3))
def test_a_line_that_wandered_in_training_may_wander_on(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = settled(seed, 4_000)
    values[:, 1] += rng.normal(size=4_000).cumsum() * 0.1
    assert flagged(trained(values, 2_000), values, slice(2_000, None)) <= 0.04


def test_m_of_n_rows_must_agree() -> None:
    scores = np.array([0.0, 0.0, 5.0, 1.0, 4.0, 0.0, 0.0])
    np.testing.assert_array_equal(persistent_rows(scores, 1, 2, 3), [np.nan, 0.0, 0.0, 1.0, 4.0, 1.0, 0.0])
    np.testing.assert_array_equal(persistent_rows(scores, 3, 2, 2), [np.nan] * 3 + [0.0, 1.0, 0.0, 0.0])


def test_a_chart_is_the_mahalanobis_distance_of_the_mean_of_held_readings() -> None:
    rng = np.random.default_rng(3)
    values, square = rng.normal(size=(20, 2, 3)), rng.normal(size=(3, 3))
    values[4, 1, 0], values[7, 1, 2] = np.nan, 99.0
    precision = square @ square.T
    distances, shares = np.zeros((20, 1)), np.zeros((20, 1, 3))
    chart_rows(values, 5, np.array([1]), np.array([4]), np.full((1, 3), 2.0), precision[None], distances, shares)
    held = np.clip(np.nan_to_num(values[:, 1]), -2, 2)
    means = np.array([held[row - 3 : row + 1].sum(axis=0) / 4 for row in range(5, 20)])
    np.testing.assert_allclose(distances[5:, 0] ** 2, np.einsum("ij,jk,ik->i", means, precision, means))
    np.testing.assert_allclose(shares[5:, 0].sum(axis=1), distances[5:, 0] ** 2)
    assert not distances[:5].any()


def test_drift_is_measured_between_pieces_and_grows_with_age() -> None:
    rng = np.random.default_rng(4)
    steps = [rng.normal(size=2_000).cumsum() * 0.05 + rng.normal(size=2_000) for _ in range(60)]
    found = walk_variance(np.array_split(np.column_stack(steps), 10), 30)
    assert found.mean() == pytest.approx(0.05**2, rel=0.35)
    walks = rng.normal(size=(4_000, 300)).cumsum(axis=1)
    away = (walks - walks[:, :200].mean(axis=1, keepdims=True)) ** 2
    for position in (0, 99, 199, 299):
        assert away[:, position].mean() == pytest.approx(walk_age(position + 0.5, 200.0), rel=0.1)


def test_gaps_are_no_evidence() -> None:
    values = settled(5, 1_200)
    bundle = trained(values, 800)
    values[900:1_000, :3] = np.nan
    assert flagged(bundle, values, slice(900, 1_000)) <= 0.05


def test_a_frame_of_one_variable_has_a_line_score() -> None:
    values = settled(6, 900)[:, :1]
    bundle = trained(values, 600)
    assert np.isfinite(score_monitor(bundle, framed(values)).line_score[30:]).all()
