"""Long short-term memory, one small network a variable, trained by Keras as one batched model."""

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

NAME = "lstm"
MOST_ROWS = 4_000
"""A step of an LSTM costs several dense layers."""


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """Draw a configuration: ``units`` that remember, over the lags in parts of ``part`` readings, and a dense layer."""
    return {
        "units": trial.suggest_categorical("units", [4, 8, 16]),
        "head": trial.suggest_categorical("head", [0, 8]),
        "part": trial.suggest_categorical("part", [3, 5]),
        "activation": trial.suggest_categorical("activation", ["relu", "tanh", "elu"]),
        "dropout": trial.suggest_categorical("dropout", [0.0, 0.1, 0.25]),
        "rate": trial.suggest_float("rate", 1e-3, 2e-2, log=True),
        "epochs": trial.suggest_categorical("epochs", [12, 24]),
        "base": trial.suggest_categorical("base", ["linear", "last"]),
        "others": trial.suggest_categorical("others", [0, 1]),
        "lags": trial.suggest_categorical("lags", [1.0, 0.5]),
    }


def cheapest() -> dict[str, Any]:
    """Return the configuration that every model gets at least."""
    return {
        "units": 8,
        "head": 0,
        "part": 5,
        "activation": "tanh",
        "dropout": 0.0,
        "rate": 1e-2,
        "epochs": 12,
        "base": "linear",
        "others": 1,
        "lags": 1.0,
    }


def parts_of(lags: int, part: int) -> tuple[int, int]:
    """Return how many lags are seen, and in how many steps: whole parts, and at least one step.

    Examples
    --------
    >>> parts_of(32, 5), parts_of(3, 5)
    ((30, 6), (3, 1))
    """
    steps = max(1, lags // part)
    return (steps * part if lags >= part else lags), steps


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
    lags, steps = parts_of(lag_count(params, window), params["part"])
    head = (Layer("dense", params["head"]),) if params["head"] else ()
    layers = (Layer("lstm", params["units"]), *head, Layer("dense", 1))
    sight = Sight(lags, int(params["others"]), steps)
    return fit_networks(
        series, rows, window, params, sight, layers, most_rows=MOST_ROWS, seed=seed, threads=threads, watch=watch
    )
