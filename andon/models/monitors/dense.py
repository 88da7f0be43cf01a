"""Bottleneck dense networks, one a variable, trained by Keras as one batched model with a leading variable axis."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from andon.frames import Floats, Integers
from andon.models.monitors import kernels
from andon.models.monitors.linear import lag_count
from andon.models.monitors.networks import Network, constant_network

if TYPE_CHECKING:
    import optuna

NAME = "dense"
MOST_ROWS = 20_000
"""Rows learnt from at most, drawn at random: more make small networks slower, not better."""
_TAIL = 0.15
_PATIENCE = 6


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """Draw a configuration: ``layers`` of ``units``, each ``shrink`` times as wide as the one before."""
    return {
        "units": trial.suggest_categorical("units", [8, 16, 32, 64]),
        "layers": trial.suggest_int("layers", 1, 3),
        "shrink": trial.suggest_categorical("shrink", [0.35, 0.5, 0.7]),
        "activation": trial.suggest_categorical("activation", ["relu", "tanh", "elu"]),
        "dropout": trial.suggest_categorical("dropout", [0.0, 0.1, 0.25]),
        "rate": trial.suggest_float("rate", 5e-4, 1e-2, log=True),
        "epochs": trial.suggest_categorical("epochs", [20, 40, 80]),
        "anchored": trial.suggest_categorical("anchored", [False, True]),
        "others": trial.suggest_categorical("others", [False, True]),
        "lags": trial.suggest_categorical("lags", [1.0, 0.5]),
    }


def cheapest() -> dict[str, Any]:
    """Return the configuration that every model gets at least."""
    return {
        "units": 16,
        "layers": 2,
        "shrink": 0.5,
        "activation": "elu",
        "dropout": 0.0,
        "rate": 3e-3,
        "epochs": 20,
        "anchored": True,
        "others": False,
        "lags": 1.0,
    }


def widths(params: Mapping[str, Any]) -> list[int]:
    """Return the width of each hidden layer, the bottleneck last, never below 2.

    Examples
    --------
    >>> widths({"units": 16, "layers": 3, "shrink": 0.5})
    [16, 8, 4]
    """
    return [max(2, round(params["units"] * params["shrink"] ** layer)) for layer in range(params["layers"])]


def fit(
    series: Floats, rows: Integers, window: int, params: Mapping[str, Any], *, seed: int, threads: int = 1
) -> tuple[Network, ...]:
    """Fit one network a variable, all in one model; each stops at its own best epoch on the tail of ``rows``.

    Parameters
    ----------
    series
        Standardised readings, float64 (n_rows, v), NaN where nothing was read.
    rows
        Rows to learn from, int64, in order of time; each has ``window`` rows before it. The last 15 % only stop the
        training (the others alone move the weights).
    params
        As `suggest` draws them; ``rate`` is the learning rate of Adam.
    seed
        Fixes first weights, order and dropout. Each variable begins from weights of its own.
    threads
        For TensorFlow, where this process has not run it yet.

    Returns
    -------
    tuple of Network
        In the order of the columns; a column without readings in ``rows`` expects its mean.
    """
    rng = np.random.default_rng(seed)
    cut = len(rows) - max(1, round(len(rows) * _TAIL))
    learn = rows[:cut]
    if len(learn) > MOST_ROWS:
        learn = np.sort(rng.choice(learn, MOST_ROWS, replace=False))
    lags = lag_count(params, window)
    inputs, targets, known = _examples(series, learn, window, lags, params)
    tail_inputs, tail_targets, tail_known = _examples(series, rows[cut:][-MOST_ROWS:], window, lags, params)
    sizes = [inputs.shape[2], *widths(params), 1]
    first = _first_weights(rng, series.shape[1], sizes)
    learnable = known.any(axis=0)
    best = _train(
        (inputs, targets, known), (tail_inputs, tail_targets, tail_known), first, params, seed=seed, threads=threads
    )
    return tuple(
        Network(
            lags,
            params["others"],
            params["anchored"],
            params["activation"],
            tuple(best[layer][column].astype(np.float64) for layer in range(0, len(best), 2)),
            tuple(best[layer][column].astype(np.float64) for layer in range(1, len(best), 2)),
        )
        if learnable[column]
        else constant_network()
        for column in range(series.shape[1])
    )


def _examples(
    series: Floats, rows: Integers, window: int, lags: int, params: Mapping[str, Any]
) -> tuple[Any, Any, Any]:
    """Return inputs (n, v, p), targets (n, v) and whether each target was read (n, v), float32."""
    n_variables = series.shape[1]
    width = lags + (n_variables if params["others"] else 0)
    inputs = np.empty((len(rows), n_variables, width), np.float32)
    targets = series[rows].copy()
    for column in range(n_variables):
        inputs[:, column] = kernels.lag_matrix(series, rows, column, window, lags, params["others"])
        if params["anchored"]:
            targets[:, column] -= kernels.lag_matrix(series, rows, column, window, 1, False)[:, 0]
    known = ~np.isnan(targets)
    return inputs, np.where(known, targets, 0.0).astype(np.float32), known.astype(np.float32)


def _first_weights(rng: np.random.Generator, n_variables: int, sizes: list[int]) -> list[Any]:
    """Draw weights (v, in, out) as Glorot and Bengio (2010) and biases (v, out) of 0; the last layer begins at 0."""
    weights: list[Any] = []
    for layer, (n_in, n_out) in enumerate(pairwise(sizes)):
        bound = 0.0 if layer == len(sizes) - 2 else float(np.sqrt(6 / (n_in + n_out)))
        weights.append(rng.uniform(-bound, bound, (n_variables, n_in, n_out)).astype(np.float32))
        weights.append(np.zeros((n_variables, n_out), np.float32))
    return weights


def _train(
    learn: tuple[Any, Any, Any],
    tail: tuple[Any, Any, Any],
    first: list[Any],
    params: Mapping[str, Any],
    *,
    seed: int,
    threads: int,
) -> list[Any]:
    """Train and return for every layer the weights (v, in, out) and biases (v, out) of each variable's best epoch."""
    from andon.models.monitors.batched_keras import batched_trainer

    trainer = batched_trainer(
        tuple(weight.shape for weight in first[::2]), params["activation"], params["dropout"], threads
    )
    trainer.reset(first, seed)
    batch = 64 if len(learn[0]) < 4_000 else 256
    rng = np.random.default_rng(seed)
    best = [weight.copy() for weight in first]
    lowest = trainer.losses(tail)
    waited = np.zeros(len(lowest), np.int64)
    for _ in range(params["epochs"]):
        losses = trainer.epoch(learn, tail, rng.permutation(len(learn[0])), batch, params["rate"])
        better = losses < lowest
        if better.any():
            for kept, now in zip(best, trainer.weights(), strict=True):
                kept[better] = now[better]
        lowest[better] = losses[better]
        waited = np.where(better, 0, waited + 1)
        if (waited >= _PATIENCE).all():
            break
    return best
