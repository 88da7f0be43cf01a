"""Ridge regression of each variable on its own lags and, where asked, on the newest readings of the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from andon.frames import Floats, Integers
from andon.models.monitors.networks import Network, constant_network
from andon.models.monitors.windows import design

if TYPE_CHECKING:
    import optuna

NAME = "linear"
_ALPHAS: Floats = np.geomspace(1e-6, 1e2, 33)


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """Draw a configuration; how much to shrink is found by `fit` for each variable, in closed form."""
    return {
        "relative": trial.suggest_categorical("relative", [True, False]),
        "others": trial.suggest_categorical("others", [0, 1, 3]),
        "lags": trial.suggest_categorical("lags", [1.0, 0.5, 0.2]),
    }


def cheapest() -> dict[str, Any]:
    """Return the configuration that every search begins with."""
    return {"relative": True, "others": 0, "lags": 1.0}


def fit(
    series: Floats, rows: Integers, window: int, params: Mapping[str, Any], *, seed: int, threads: int = 1
) -> tuple[Network, ...]:
    """Fit one regression a variable.

    Parameters
    ----------
    series
        Standardised readings, float64 (n_rows, v), NaN where nothing was read.
    rows
        Rows to learn from, int64; each has ``window`` rows before it.
    params
        ``lags`` (share of the window used), ``others`` (newest rows of which all variables are used), ``relative``
        (see `regress`).
    seed, threads
        Not needed here: the answer is in closed form.

    Returns
    -------
    tuple of Network
        In the order of the columns; a column without readings in ``rows`` expects its mean.
    """
    lags, others = lag_count(params, window), min(int(params["others"]), window)
    networks = []
    for column in range(series.shape[1]):
        found = regress(series, rows, column, window, lags, others, params["relative"])
        if found is None:
            networks.append(constant_network())
            continue
        weights, intercept = found
        networks.append(Network(lags, others, False, "linear", (weights[:, None],), (np.array([intercept]),)))
    return tuple(networks)


def regress(
    series: Floats, rows: Integers, column: int, window: int, lags: int, others: int, relative: bool
) -> tuple[Floats, float] | None:
    """Return weights (lags + others * v,) and intercept of one variable's `ridge`; None where it has no readings.

    ``relative`` takes its own lags as differences from the last reading, and foretells the change: then its own weights
    sum to 1, the forecast moves with the level, and a line that has drifted away from training is told as well as
    before. Without others to lean on there is no intercept either, which would be a trend without end.
    """
    inputs, targets = design(series, rows, column, window, lags, others, anchored=relative)
    if not len(targets):
        return None
    if not relative:
        return ridge(inputs, targets)
    inputs[:, :lags] -= inputs[:, lags - 1 : lags].copy()
    weights, intercept = ridge(inputs, targets)
    weights[lags - 1] = 1.0 - float(weights[: lags - 1].sum())
    return weights, intercept if others else 0.0


def lag_count(params: Mapping[str, Any], window: int) -> int:
    """Return how many lags a share of the window is, at least one.

    Examples
    --------
    >>> lag_count({"lags": 0.2}, 30)
    6
    """
    return max(1, min(window, round(float(params["lags"]) * window)))


def ridge(inputs: Floats, targets: Floats) -> tuple[Floats, float]:
    """Solve ridge regression, its penalty chosen by generalised cross-validation.

    Golub, Heath and Wahba, "Generalized Cross-Validation as a Method for Choosing a Good Ridge Parameter",
    Technometrics 21 (1979). ``inputs`` (n, p), ``targets`` (n,). Returns weights (p,) and intercept.
    """
    n_rows = len(targets)
    centre, middle = inputs.mean(axis=0), float(targets.mean())
    gram = (inputs - centre).T @ (inputs - centre) / n_rows
    moment = (inputs - centre).T @ (targets - middle) / n_rows
    power = float(np.mean((targets - middle) ** 2))
    values, vectors = np.linalg.eigh(gram)
    values = np.maximum(values, 0.0)
    along = vectors.T @ moment
    shrunk = values + _ALPHAS[:, None]
    errors = power - 2 * np.sum(along**2 / shrunk, axis=1) + np.sum(along**2 * values / shrunk**2, axis=1)
    freedom = 1 - (1 + np.sum(values / shrunk, axis=1)) / n_rows
    scores = np.where(freedom > 0, np.maximum(errors, 0.0) / np.maximum(freedom, 1e-9) ** 2, np.inf)
    alpha = _ALPHAS[int(np.argmin(scores))]
    weights = vectors @ (along / (values + alpha))
    return weights, middle - float(centre @ weights)
