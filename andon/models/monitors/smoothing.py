"""Exponential smoothing of each variable, with a damped trend or none; fitted by statsmodels.

Over a window that begins at its oldest reading the recursion is a weighted sum of the readings, so a fitted one is
exported as those weights: what is said online is what the recursion says.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from andon.frames import Floats, Integers
from andon.models.monitors.linear import lag_count
from andon.models.monitors.networks import Network, constant_network

if TYPE_CHECKING:
    import optuna

NAME = "smoothing"
MOST_ROWS = 3_000
"""Newest rows that the parameters are fitted on: three numbers need no more."""


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """Draw a configuration."""
    return {
        "trend": trial.suggest_categorical("trend", ["none", "damped"]),
        "lags": trial.suggest_categorical("lags", [1.0, 0.5]),
    }


def cheapest() -> dict[str, Any]:
    """Return the configuration that every model gets at least."""
    return {"trend": "damped", "lags": 1.0}


def fit(
    series: Floats, rows: Integers, window: int, params: Mapping[str, Any], *, seed: int, threads: int = 1
) -> tuple[Network, ...]:
    """Fit level, trend and damping of each variable by least squares of its one-step errors.

    Gardner and McKenzie, "Forecasting Trends in Time Series" (1985).

    Parameters
    ----------
    series
        Standardised readings, float64 (n_rows, v), NaN where nothing was read.
    rows
        Rows to learn from, int64, in order of time; of these the newest 3,000.
    params
        ``trend`` (none or damped), ``lags`` (share of the window that the recursion runs over).
    seed, threads
        Not needed here: nothing is drawn, and one core does it.

    Returns
    -------
    tuple of Network
        In the order of the columns; a column whose readings in ``rows`` never change expects its mean.
    """
    lags = lag_count(params, window)
    networks = []
    for column in range(series.shape[1]):
        read = series[rows[-MOST_ROWS:], column]
        read = read[~np.isnan(read)]
        if len(read) < 10 or read.min() == read.max():
            networks.append(constant_network())
            continue
        weights = recursion_weights(lags, *_fitted(read, params["trend"] == "damped"))
        networks.append(Network(lags, 0, False, "linear", (weights[:, None],), (np.zeros(1),)))
    return tuple(networks)


def recursion_weights(lags: int, level: float, trend: float, damping: float) -> Floats:
    """Return what each reading counts for in the next value that smoothing expects, oldest first, float64 (lags,).

    ``level``, ``trend`` and ``damping`` lie in 0 to 1. The level begins at the oldest reading, the trend at 0.

    Examples
    --------
    >>> recursion_weights(3, 0.5, 0.0, 1.0).tolist()
    [0.25, 0.25, 0.5]
    """
    readings = np.eye(lags)
    height, slope = readings[0], np.zeros(lags)
    for reading in readings:
        before = height
        height = level * reading + (1 - level) * (before + damping * slope)
        slope = trend * (height - before) + (1 - trend) * damping * slope
    weights: Floats = height + damping * slope
    return weights


def _fitted(read: Floats, damped: bool) -> tuple[float, float, float]:
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    with warnings.catch_warnings():
        # A line that hardly moves leaves the optimiser without a slope; what it has reached by then is as good.
        warnings.simplefilter("ignore")
        if damped:
            model = ExponentialSmoothing(
                read, trend="add", damped_trend=True, initialization_method="known", initial_level=read[0],
                initial_trend=0.0,
            )  # fmt: skip
        else:
            model = ExponentialSmoothing(read, initialization_method="known", initial_level=read[0])
        found = model.fit().params
    level = float(found["smoothing_level"])
    return (level, float(found["smoothing_trend"]), float(found["damping_trend"])) if damped else (level, 0.0, 1.0)
