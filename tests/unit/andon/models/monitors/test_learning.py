"""What the learners learn, and that a fit leaves nothing behind; only training imports TensorFlow."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from andon.models.monitors import autoencoder, conv, dense, linear, lstm, smoothing
from andon.models.monitors.networks import Network, pack


def errors(networks: tuple[Network, ...], series: np.ndarray, window: int, first: int) -> np.ndarray:
    left = series[first:] - pack(networks).predict(series, window, first, len(series))
    return np.sqrt(np.mean(left**2, axis=0))


@pytest.fixture(scope="module")
def bent() -> np.ndarray:
    """A variable that no line foretells (a tent map), and one that only a line does; standardised."""
    rng = np.random.default_rng(0)
    series = np.zeros((3_000, 2))
    for row in range(1, len(series)):
        series[row, 0] = 1.0 - 1.6 * abs(series[row - 1, 0]) + rng.normal() * 0.1
        series[row, 1] = 0.5 * series[row - 1, 1] + rng.normal()
    return (series - series.mean(axis=0)) / series.std(axis=0)


@pytest.mark.parametrize(("learner", "epochs", "reached"), [(dense, 20, 0.3), (lstm, 12, 0.45), (conv, 24, 0.5)])
def test_a_network_learns_what_no_line_can(bent: np.ndarray, learner: object, epochs: int, reached: float) -> None:
    rows = np.arange(4, 2_500)
    params = {"lags": 1.0, "width": 2, "part": 1, "activation": "relu", "rate": 1e-2, "epochs": epochs}
    default = learner.cheapest()  # type: ignore[attr-defined]
    params = default | {name: value for name, value in params.items() if name in default}
    found = errors(learner.fit(bent, rows, 4, params, seed=0), bent, 4, 2_500)  # type: ignore[attr-defined]
    line = errors(linear.fit(bent, rows, 4, linear.cheapest(), seed=0), bent, 4, 2_500)
    assert found[0] < reached < 0.7 < line[0]
    assert found[1] < 1.01 * line[1]


def test_linear_uses_readings_of_others_before_their_last_where_asked() -> None:
    rng = np.random.default_rng(1)
    series = rng.normal(size=(1_500, 3))
    series[2:, 0] = 0.8 * series[:-2, 2] + 0.3 * series[2:, 0]
    rows = np.arange(6, 1_000)
    alone, last, newest = (
        errors(linear.fit(series, rows, 6, linear.cheapest() | {"others": others}, seed=0), series, 6, 1_000)[0]
        for others in (0, 1, 3)
    )
    assert newest < 0.4 < 0.7 < min(alone, last)


@pytest.mark.parametrize("trend", ["none", "damped"])
def test_smoothing_says_what_statsmodels_says(trend: str) -> None:
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    rng = np.random.default_rng(2)
    series = (rng.normal(size=400).cumsum() * 0.3 + rng.normal(size=400))[:, None]
    network = smoothing.fit(series, np.arange(20, 300), 20, {"trend": trend, "lags": 1.0}, seed=0)
    ours = pack(network).predict(series, 20, 350, 351)[0, 0]
    damped = {"trend": "add", "damped_trend": True, "initial_trend": 0.0} if trend == "damped" else {}
    known = {"initialization_method": "known"}
    fitted = ExponentialSmoothing(series[20:300, 0], **known, initial_level=series[20, 0], **damped).fit()
    names = ("smoothing_level", "smoothing_trend", "damping_trend")[: 3 if damped else 1]
    window = ExponentialSmoothing(series[330:350, 0], **known, initial_level=series[330, 0], **damped)
    theirs = window.fit(optimized=False, **{name: fitted.params[name] for name in names}).forecast(1)[0]
    assert ours == pytest.approx(theirs, rel=1e-9)
    assert errors(network, series, 20, 300)[0] < 1.02 * np.std(np.diff(series[300:, 0]))


def test_a_fit_leaves_nothing_behind_for_the_next_of_its_architecture() -> None:
    series = np.random.default_rng(0).normal(size=(400, 2))
    params = dense.cheapest() | {"epochs": 4, "dropout": 0.25}
    one, _, again = (
        dense.fit(series[:end], np.arange(6, end), 6, params, seed=seed) for end, seed in ((400, 1), (200, 2), (400, 1))
    )
    for network, other in zip(one, again, strict=True):
        for part, same in zip(network.weights + network.biases, other.weights + other.biases, strict=True):
            np.testing.assert_array_equal(part, same)


def test_an_autoencoder_finds_a_row_that_breaks_with_the_others() -> None:
    rng = np.random.default_rng(5)
    hidden = rng.normal(size=(1_500, 1))
    for row in range(1, len(hidden)):
        hidden[row] = 0.95 * hidden[row - 1] + 0.31 * hidden[row]
    series = np.repeat(hidden, 4, axis=1) + rng.normal(size=(1_500, 4)) * 0.05
    fitted = autoencoder.fit(series, np.arange(10, 1_000), 10, autoencoder.cheapest(), seed=0)
    usual = fitted.errors(series, 10, 1_000, 1_500)
    assert np.sqrt(np.mean(usual**2)) < 0.25
    broken = series.copy()
    broken[1_200, 2] += 1.5  # well within what the variable has shown, but not with the others
    found = fitted.errors(broken, 10, 1_200, 1_201)[0]
    assert np.argmax(np.abs(found)) == 2 and abs(found[2]) > 3 * np.sqrt(np.mean(usual[:, 2] ** 2))


def test_scoring_imports_neither_tensorflow_nor_keras() -> None:
    code = (
        "import sys, andon.scoring.monitors, andon.models.monitors.training, andon.models.monitors.bundle;"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'statsmodels', 'optuna', 'ray', 'mlflow'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_beyond_what_training_showed_only_the_regression_goes_on() -> None:
    rng = np.random.default_rng(6)
    series = rng.normal(size=(600, 2))
    networks = dense.fit(series, np.arange(5, 500), 5, dense.cheapest() | {"epochs": 3, "rate": 1e-2}, seed=0)
    assert [network.reach for network in networks] == [np.abs(series[5:500, column]).max() for column in range(2)]
    series[550, 0] = networks[0].reach + 0.1
    skip = networks[0].skip
    assert skip is not None
    alone = np.concatenate([series[546:551, 0], series[550]]) @ skip[:-1] + skip[-1]
    assert pack(networks).predict(series, 5, 551, 552)[0, 0] == pytest.approx(alone, rel=1e-12)
    series[550, 0] = networks[0].reach - 0.1
    within = np.concatenate([series[546:551, 0], series[550]]) @ skip[:-1] + skip[-1]
    assert pack(networks).predict(series, 5, 551, 552)[0, 0] != pytest.approx(within, rel=1e-6)
