"""The compiled loops answer as Keras does, to 1e-5: as the model that is trained, and as Keras's own layers."""

from __future__ import annotations

import numpy as np
import pytest

from andon.models.monitors import autoencoder
from andon.models.monitors.architectures import Architecture, Layer
from andon.models.monitors.batched_keras import batched_trainer
from andon.models.monitors.networks import Network, pack

WINDOW, COUNT = 12, 3
STACKS = {
    "dense": (1, (Layer("dense", 6), Layer("dense", 3), Layer("dense", 1))),
    "conv": (12, (Layer("conv", 4, 4, 2), Layer("conv", 3, 3, 1), Layer("dense", 5), Layer("dense", 1))),
    "lstm": (4, (Layer("lstm", 5), Layer("dense", 4), Layer("dense", 1))),
}


def drawn(kind: str, activation: str, others: int = 0) -> tuple[Architecture, list[np.ndarray], list[Network]]:
    """Networks of three variables with weights drawn at random."""
    steps, layers = STACKS[kind]
    architecture = Architecture(COUNT, steps, WINDOW // steps + others * COUNT, layers, activation, 0.3)
    rng = np.random.default_rng(3)
    weights = [rng.normal(size=part.shape).astype(np.float32) * 0.6 for part in architecture.first_weights(rng)]
    networks = [
        Network(
            WINDOW, others, False, activation,  # type: ignore[arg-type]
            tuple(part[column].astype(float) for part in weights[::2]),
            tuple(part[column].astype(float) for part in weights[1::2]),
            layers=layers, steps=steps,
        )
        for column in range(COUNT)
    ]  # fmt: skip
    return architecture, weights, networks


def windows(series: np.ndarray, steps: int, others: int) -> np.ndarray:
    """What the networks see at each row from the first full window on, (n, v, steps, channels)."""
    part = WINDOW // steps
    seen = []
    for row in range(WINDOW, len(series)):
        lags = series[row - WINDOW : row].T.reshape(COUNT, steps, part)
        last = series[row - WINDOW : row].reshape(steps, part, COUNT)[:, part - others :].reshape(1, steps, -1)
        seen.append(np.concatenate([lags, np.repeat(last, COUNT, axis=0)], axis=2))
    return np.array(seen)


@pytest.mark.parametrize("others", [0, 1])
@pytest.mark.parametrize("activation", ["relu", "tanh", "elu", "linear"])
@pytest.mark.parametrize("kind", STACKS)
def test_as_the_model_that_was_trained(kind: str, activation: str, others: int) -> None:
    architecture, weights, networks = drawn(kind, activation, others)
    trainer = batched_trainer(architecture, 1)
    trainer.reset(weights, seed=0)
    series = np.random.default_rng(1).normal(size=(WINDOW + 40, COUNT))
    inputs = windows(series, architecture.steps, others)
    answered = np.asarray(trainer.model(inputs.astype(np.float32), training=False))[:, :, 0]
    ours = pack(networks).predict(series, WINDOW, WINDOW, len(series))
    np.testing.assert_allclose(ours, answered, rtol=1e-5, atol=1e-5)
    assert np.std(ours) > 0.1
    np.testing.assert_allclose(trainer.answers(weights, inputs.astype(np.float32))[:, :, 0], answered, atol=1e-6)


@pytest.mark.parametrize("kind", STACKS)
def test_as_the_layers_that_keras_brings(kind: str) -> None:
    import keras

    architecture, weights, networks = drawn(kind, "tanh")
    series = np.random.default_rng(1).normal(size=(WINDOW + 40, COUNT))
    inputs = windows(series, architecture.steps, 0).astype(np.float32)
    ours = pack(networks).predict(series, WINDOW, WINDOW, len(series))
    for column in range(COUNT):
        stack, given = [keras.Input((architecture.steps, architecture.channels))], []
        for layer, weight, bias in zip(architecture.layers, weights[::2], weights[1::2], strict=True):
            last = layer is architecture.layers[-1]
            matrix = weight[column]
            if layer.kind == "lstm":
                stack.append(keras.layers.LSTM(layer.units))
                given += [matrix[: -layer.units], matrix[-layer.units :], bias[column]]
            elif layer.kind == "conv":
                stack.append(keras.layers.Conv1D(layer.units, layer.width, layer.stride, activation="tanh"))
                given += [matrix.reshape(layer.width, -1, layer.units), bias[column]]
            else:
                stack += [keras.layers.Flatten(), keras.layers.Dense(layer.units, None if last else "tanh")]
                given += [matrix, bias[column]]
        model = keras.Sequential(stack)
        model.set_weights(given)
        answered = np.asarray(model(inputs[:, column]))[:, 0]
        np.testing.assert_allclose(ours[:, column], answered, rtol=1e-5, atol=1e-5)


def test_an_autoencoder_writes_the_newest_row_as_keras_does() -> None:
    import keras

    rng = np.random.default_rng(4)
    series = rng.normal(size=(200, COUNT)).cumsum(axis=0) * 0.1
    params = autoencoder.cheapest() | {"epochs": 4, "lags": 0.5}
    fitted = autoencoder.fit(series, np.arange(WINDOW, 180), WINDOW, params, seed=1)
    shapes = list(zip(fitted.sizes[:-1], fitted.sizes[1:], strict=True))
    model = keras.Sequential(
        [keras.Input((int(fitted.sizes[0]),))]
        + [keras.layers.Dense(int(width), "elu") for width in fitted.sizes[1:-1]]
        + [keras.layers.Dense(COUNT)]
    )
    given, at = [], 0
    for n_in, n_out in shapes:
        given += [fitted.weights[at : at + n_in * n_out].reshape(n_in, n_out)]
        given += [fitted.weights[at + n_in * n_out : at + (n_in + 1) * n_out]]
        at += (n_in + 1) * n_out
    model.set_weights(given)
    lags = fitted.lags
    inputs = np.array([series[row - lags + 1 : row + 1].ravel() for row in range(WINDOW, 200)], np.float32)
    rebuilt = series[WINDOW:] - fitted.errors(series, WINDOW, WINDOW, 200)
    np.testing.assert_allclose(rebuilt, np.asarray(model(inputs)), rtol=1e-5, atol=1e-5)
    assert np.std(rebuilt) > 0.1
