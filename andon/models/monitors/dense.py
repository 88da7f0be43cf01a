"""Bottleneck dense networks, one a variable, trained by Keras as one batched model with a leading variable axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from andon.frames import Floats, Integers
from andon.models.monitors.architectures import Layer
from andon.models.monitors.linear import lag_count
from andon.models.monitors.networks import Network
from andon.models.monitors.neural import Sight, fit_networks
from andon.models.watching import Watch

if TYPE_CHECKING:
    import optuna

NAME = "dense"
MOST_ROWS = 20_000


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
        "base": trial.suggest_categorical("base", ["linear", "last"]),
        "others": trial.suggest_categorical("others", [0, 1]),
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
        "base": "linear",
        "others": 1,
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
    series: Floats,
    rows: Integers,
    window: int,
    params: Mapping[str, Any],
    *,
    seed: int,
    threads: int = 1,
    watch: Watch | None = None,
) -> tuple[Network, ...]:
    """Fit one network a variable; see `neural.fit_networks`."""
    layers = (*(Layer("dense", units) for units in widths(params)), Layer("dense", 1))
    sight = Sight(lag_count(params, window), int(params["others"]))
    return fit_networks(
        series, rows, window, params, sight, layers, most_rows=MOST_ROWS, seed=seed, threads=threads, watch=watch
    )
