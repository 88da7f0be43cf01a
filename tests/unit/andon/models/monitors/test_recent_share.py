"""A regression is mixed with the last reading by how both told recent rows."""

from __future__ import annotations

import numpy as np
import pytest

from andon.models.monitors import kernels
from andon.models.monitors.networks import Network, leaning, pack, persistence_network

WINDOW, COUNT = 12, 2


def regression(lags: int, others: int) -> Network:
    weights = np.random.default_rng(lags).normal(size=(lags + others * COUNT, 1)) * 0.4
    return Network(lags, others, False, "linear", (weights,), (np.array([0.1]),))


@pytest.mark.parametrize(("lags", "others"), [(3, 0), (5, 2), (WINDOW, 1)])
def test_the_share_leaves_the_least_squares_of_the_newer_half_window(lags: int, others: int) -> None:
    series = np.random.default_rng(0).normal(size=(40, COUNT))
    network, usual, apart = regression(lags, others), 0.3, 0.05
    leant = leaning(network, usual, apart)
    expected = pack([leant, persistence_network()]).predict(series, WINDOW, WINDOW, len(series))[:, 0]
    alone = pack([network, persistence_network()])
    for row in range(WINDOW, len(series)):
        # Older rows than the window's are its oldest.
        seen = np.concatenate(
            [np.repeat(series[row - WINDOW : row - WINDOW + 1], WINDOW, axis=0), series[row - WINDOW : row]]
        )
        again = alone.predict(seen, WINDOW, WINDOW, len(seen) + 1)[:, 0]
        last = seen[WINDOW - 1 :, 0]
        apart_then, change = (again - last)[-1 - WINDOW // 2 : -1], (seen[WINDOW:, 0] - last[:-1])[-(WINDOW // 2) :]
        prior = kernels.PRIOR * WINDOW * apart
        share = np.clip((prior * usual + apart_then @ change) / (prior + apart_then @ apart_then), 0, 1)
        assert expected[row - WINDOW] == pytest.approx(last[-1] + share * (again[-1] - last[-1]), abs=1e-12)


def test_where_the_line_no_longer_runs_as_it_did_the_last_reading_takes_over() -> None:
    rng = np.random.default_rng(1)
    walk = rng.normal(size=(400, 1)).cumsum(axis=0)
    mean = Network(1, 0, False, "linear", (np.zeros((1, 1)),), (np.zeros(1),))
    fixed, leant = (pack([network]).predict(walk, WINDOW, 100, 400) for network in (mean, leaning(mean, 1.0, 1.0)))
    errors = [np.sqrt(np.mean((walk[100:] - expected) ** 2)) for expected in (fixed, leant, walk[99:-1])]
    assert errors[1] < 0.5 * errors[0]
    assert errors[2] < errors[1]


def test_gaps_are_no_evidence() -> None:
    series = np.random.default_rng(2).normal(size=(WINDOW, 1))
    series[WINDOW // 2 :] = np.nan
    network = leaning(regression(3, 0), 0.3, 0.05)
    alone = pack([regression(3, 0)]).predict(series, WINDOW, WINDOW, WINDOW + 1)[0, 0]
    last = series[WINDOW // 2 - 1, 0]
    told = pack([network]).predict(series, WINDOW, WINDOW, WINDOW + 1)[0, 0]
    assert told == pytest.approx(last + 0.3 * (alone - last), abs=1e-12)


def test_what_is_no_regression_keeps_its_share() -> None:
    network = Network(2, 0, True, "linear", (np.array([[0.2], [0.6]]),), (np.zeros(1),))
    assert leaning(network, 0.5, 1.0).apart == 0.0
    assert leaning(regression(3, 0), 0.5, 0.0).apart == 0.0
