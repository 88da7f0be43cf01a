"""Autoencoder over all variables of a line, trained by Keras to reconstruct the newest rows through a bottleneck."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from andon.frames import Booleans, Floats, Integers
from andon.models.monitors import kernels
from andon.models.monitors.architectures import Architecture, Layer
from andon.models.monitors.autoencoders import Autoencoder
from andon.models.monitors.linear import lag_count
from andon.models.monitors.networks import ACTIVATIONS
from andon.models.monitors.neural import LIMIT, TAIL, Examples, train

if TYPE_CHECKING:
    import optuna

NAME = "autoencoder"
MOST_ROWS = 5_000


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """Draw a configuration. The bottleneck stays: a wider one always reconstructs better, and tells faults worse."""
    return {
        "units": trial.suggest_categorical("units", [16, 32, 64]),
        "activation": trial.suggest_categorical("activation", ["tanh", "elu"]),
        "dropout": trial.suggest_categorical("dropout", [0.0, 0.1]),
        "rate": trial.suggest_float("rate", 2e-3, 2e-2, log=True),
        "epochs": trial.suggest_categorical("epochs", [60, 120]),
        "lags": trial.suggest_categorical("lags", [1.0, 0.5, 0.2]),
    }


def cheapest() -> dict[str, Any]:
    """Return the configuration that every model gets at least."""
    return {"units": 32, "activation": "elu", "dropout": 0.0, "rate": 1e-2, "epochs": 60, "lags": 0.2}


def bottleneck(n_variables: int) -> int:
    """Return how many numbers the newest rows of a line are told by: half as many as it has variables, at least one.

    Examples
    --------
    >>> [bottleneck(count) for count in (1, 2, 8, 50)]
    [1, 1, 4, 25]
    """
    return max(1, n_variables // 2)


def fit(
    series: Floats, rows: Integers, window: int, params: Mapping[str, Any], *, seed: int, threads: int = 1
) -> Autoencoder:
    """Fit one autoencoder for all variables.

    Hinton and Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks" (2006); one hidden layer
    on each side of the bottleneck.

    Parameters
    ----------
    series
        Standardised readings, float64 (n_rows, v), NaN where nothing was read.
    rows
        Rows to learn from, int64, in order of time; each has ``window`` rows before it. The last 15 % only stop the
        training.
    params
        As `suggest` draws them; ``lags`` is the share of the window that is reconstructed.
    seed
        Fixes first weights, order and dropout.
    threads
        For TensorFlow, where this process has not run it yet.
    """
    n_variables = series.shape[1]
    lags = lag_count(params, window)
    rng = np.random.default_rng(seed)
    cut = len(rows) - max(1, round(len(rows) * TAIL))
    learn, tail = rows[:cut], rows[cut:][-MOST_ROWS:]
    if len(learn) > MOST_ROWS:
        learn = np.sort(rng.choice(learn, MOST_ROWS, replace=False))
    width = lags * n_variables
    widths = (params["units"], bottleneck(n_variables), params["units"], width)
    architecture = Architecture(
        1, 1, width, tuple(Layer("dense", units) for units in widths), params["activation"], params["dropout"]
    )
    best = train(
        architecture,
        _examples(series, learn, window, lags),
        _examples(series, tail, window, lags),
        params,
        rng=rng,
        seed=seed,
        threads=threads,
    )
    # Only what writes the newest row is kept of the last layer.
    best[-2], best[-1] = best[-2][:, :, -n_variables:], best[-1][:, -n_variables:]
    return Autoencoder(
        lags=lags,
        activation=ACTIVATIONS[params["activation"]],
        limit=LIMIT,
        sizes=np.array([width, *widths[:-1], n_variables], np.int64),
        weights=np.concatenate([part[0].astype(np.float64).ravel() for part in best]),
    )


def _examples(series: Floats, rows: Integers, window: int, lags: int) -> Examples:
    """Return the newest rows up to each of ``rows``, gaps filled, as inputs and targets, and which were read."""
    n_variables = series.shape[1]
    filled = np.empty((window, n_variables))
    inputs = np.empty((len(rows), 1, 1, lags * n_variables), np.float32)
    for position, row in enumerate(rows.tolist()):
        kernels.fill_window(series, row + 1, window, filled)
        inputs[position] = filled[window - lags :].ravel()
    inputs = np.clip(inputs, -LIMIT, LIMIT)
    read: Booleans = ~np.isnan(series)
    known = np.stack([read[rows - lags + 1 + lag] for lag in range(lags)], axis=1).reshape(len(rows), 1, -1)
    return inputs, inputs[:, 0], known.astype(np.float32)
