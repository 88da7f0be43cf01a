"""Dense networks: the compiled loop answers as Keras does, and only training imports TensorFlow."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from andon.models.monitors import dense
from andon.models.monitors.batched_keras import batched_trainer
from andon.models.monitors.networks import Network, pack


@pytest.mark.parametrize("activation", ["relu", "tanh", "elu", "linear"])
def test_the_exported_networks_answer_as_keras_does(activation: str) -> None:
    rng = np.random.default_rng(3)
    window, count = 8, 3
    sizes = [window + count, 6, 3, 1]
    weights = []
    for n_in, n_out in pairwise(sizes):
        weights.append(rng.normal(size=(count, n_in, n_out)).astype(np.float32))
        weights.append(rng.normal(size=(count, n_out)).astype(np.float32))
    trainer = batched_trainer(tuple(weight.shape for weight in weights[::2]), activation, 0.3, 1)
    trainer.reset(weights, seed=0)
    series = rng.normal(size=(window + 50, count))
    inputs = np.stack(
        [
            np.concatenate([series[row - window : row].T, np.tile(series[row - 1], (count, 1))], axis=1)
            for row in range(window, len(series))
        ]
    )
    answered = np.asarray(trainer.model(inputs.astype(np.float32), training=False))
    networks = [
        Network(
            window,
            True,
            False,
            activation,  # type: ignore[arg-type]
            tuple(weights[layer][column].astype(float) for layer in (0, 2, 4)),
            tuple(weights[layer][column].astype(float) for layer in (1, 3, 5)),
        )
        for column in range(count)
    ]
    ours = pack(networks).predict(series, window, window, len(series))
    np.testing.assert_allclose(ours, answered, rtol=1e-5, atol=1e-5)
    assert np.std(ours) > 0.1


def test_a_network_learns_what_no_line_can() -> None:
    rng = np.random.default_rng(0)
    series = np.zeros((3_000, 2))
    for row in range(1, len(series)):
        series[row, 0] = 1.0 - 1.6 * abs(series[row - 1, 0]) + rng.normal() * 0.1
        series[row, 1] = 0.5 * series[row - 1, 1] + rng.normal()
    series = (series - series.mean(axis=0)) / series.std(axis=0)
    params = dense.cheapest() | {"anchored": False, "activation": "relu", "lags": 0.5}
    networks = dense.fit(series, np.arange(4, 2_500), 4, params, seed=0)
    errors = series[2_500:] - pack(networks).predict(series, 4, 2_500, 3_000)
    assert np.sqrt(np.mean(errors[:, 0] ** 2)) < 0.35  # the best line leaves above 0.9
    assert np.sqrt(np.mean(errors[:, 1] ** 2)) < 0.95


def test_a_fit_leaves_nothing_behind_for_the_next_of_its_architecture() -> None:
    series = np.random.default_rng(0).normal(size=(400, 2))
    params = dense.cheapest() | {"epochs": 4, "dropout": 0.25}
    one, _, again = (
        dense.fit(series[:end], np.arange(6, end), 6, params, seed=seed) for end, seed in ((400, 1), (200, 2), (400, 1))
    )
    for network, other in zip(one, again, strict=True):
        for part, same in zip(network.weights + network.biases, other.weights + other.biases, strict=True):
            np.testing.assert_array_equal(part, same)


def test_scoring_imports_neither_tensorflow_nor_keras() -> None:
    code = (
        "import sys, andon.scoring.monitors, andon.models.monitors.training, andon.models.monitors.bundle;"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'optuna', 'ray', 'mlflow'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
