"""Convolutions over the newest readings, one small network a variable, trained by Keras as one batched model."""

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

NAME = "conv"
MOST_ROWS = 8_000


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """Draw a configuration: ``filters`` of ``width`` readings, one layer or two, and a dense layer of ``units``."""
    return {
        "filters": trial.suggest_categorical("filters", [4, 8]),
        "width": trial.suggest_categorical("width", [3, 5]),
        "layers": trial.suggest_int("layers", 1, 2),
        "units": trial.suggest_categorical("units", [8, 16]),
        "activation": trial.suggest_categorical("activation", ["relu", "tanh", "elu"]),
        "dropout": trial.suggest_categorical("dropout", [0.0, 0.1, 0.25]),
        "rate": trial.suggest_float("rate", 5e-4, 1e-2, log=True),
        "epochs": trial.suggest_categorical("epochs", [12, 24]),
        "base": trial.suggest_categorical("base", ["linear", "last"]),
        "lags": trial.suggest_categorical("lags", [1.0, 0.5]),
    }


def cheapest() -> dict[str, Any]:
    """Return the configuration that every model gets at least."""
    return {
        "filters": 4,
        "width": 5,
        "layers": 2,
        "units": 8,
        "activation": "elu",
        "dropout": 0.0,
        "rate": 3e-3,
        "epochs": 12,
        "base": "linear",
        "lags": 1.0,
    }


def layers_of(params: Mapping[str, Any], lags: int) -> tuple[int, tuple[Layer, ...]]:
    """Return how many of ``lags`` readings are seen, and the layers: as many convolutions, of stride 2, as find room.

    The oldest readings that a stride would not reach are left out, so that the newest one is always seen.

    Examples
    --------
    >>> lags, layers = layers_of({"filters": 4, "width": 5, "layers": 2, "units": 8}, 30)
    >>> lags, [layer.kind for layer in layers]
    (29, ['conv', 'conv', 'dense', 'dense'])
    """
    layers: list[Layer] = []
    left = lags
    for _ in range(params["layers"]):
        width = min(params["width"], left)
        layers.append(Layer("conv", params["filters"], width, stride=2))
        left = (left - width) // 2 + 1
    seen = left
    for layer in reversed(layers):
        seen = (seen - 1) * layer.stride + layer.width
    return seen, (*layers, Layer("dense", params["units"]), Layer("dense", 1))


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
    lags, layers = layers_of(params, lag_count(params, window))
    return fit_networks(
        series,
        rows,
        window,
        params,
        Sight(lags, 0, lags),
        layers,
        most_rows=MOST_ROWS,
        seed=seed,
        threads=threads,
        watch=watch,
    )
