"""Logistic regression with an L2 penalty on standardised features; saved as arrays."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from andon.errors import ModelError
from andon.frames import Booleans, Floats, TrainingFrame
from andon.models.classifiers import Watch, WatchedFit, require_columns, require_finite, require_two_classes
from andon.models.filling import fill, medians_of
from andon.models.kernels import linear_rows

if TYPE_CHECKING:
    import optuna

FILE = "logistic_regression.npz"
MOST_FEATURES = 100
"""Features up to which Newton's method fits."""


@dataclass(frozen=True, slots=True)
class FittedLogisticRegression:
    """Weights on raw features, float64 (n_features,); the scaling is folded into them."""

    medians: Floats
    weights: Floats
    intercept: float

    def predict(self, values: Floats) -> Floats:
        """Return probabilities, float64 (n_rows,)."""
        require_columns(values, len(self.weights))
        scores: Floats = linear_rows(require_finite(values), self.medians, self.weights, self.intercept)
        return scores

    def save(self, folder: Path) -> None:
        """Write the arrays."""
        np.savez(folder / FILE, medians=self.medians, weights=self.weights, intercept=np.float64(self.intercept))


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """Draw a configuration."""
    return {
        "inverse_penalty": trial.suggest_float("inverse_penalty", 1e-4, 10.0, log=True),
        "positive_weight": trial.suggest_float("positive_weight", 1.0, 10.0, log=True),
    }


def cheapest() -> dict[str, Any]:
    """Return a well-penalised configuration."""
    return {"inverse_penalty": 0.01, "positive_weight": 1.0}


def final(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration as it was found."""
    return dict(params)


@dataclass(frozen=True, slots=True)
class Standardised:
    """Training rows with mean 0 and deviation 1, float64 (n_rows, n_features), and how they became so."""

    medians: Floats
    means: Floats
    scales: Floats
    moving: Booleans
    """Whether a feature tells anything, bool (n_features,)."""
    rows: Floats


def prepare(training: TrainingFrame, *, threads: int = 1) -> Standardised:
    """Return standardised features; missing values are replaced by the median.

    Raises
    ------
    DataError
        If a feature is infinite.
    """
    values = require_finite(training.values)
    medians = medians_of(values)
    filled = fill(values, medians)
    means, scales = filled.mean(axis=0), filled.std(axis=0)
    # Relative to the mean only: a leakage current in amperes moves by 1e-10, and that may be all that tells.
    moving = scales > 1e-9 * np.abs(means)
    scales = np.where(moving, scales, 1.0)
    return Standardised(medians, means, scales, moving, np.where(moving, (filled - means) / scales, 0.0))


def fit(
    training: TrainingFrame, params: Mapping[str, Any], *, seed: int, threads: int = 1, prepared: Any = None
) -> FittedLogisticRegression:
    """Fit by Newton's method, whose steps do not grow in number where features go together, as rolling ones do.

    Beyond `MOST_FEATURES`, where its square of second derivatives costs more than that saves, by L-BFGS.

    Raises
    ------
    ModelError
        If only one class is there.
    """
    from sklearn.linear_model import LogisticRegression

    require_two_classes(training)
    known: Standardised = prepare(training, threads=threads) if prepared is None else prepared
    newton = known.rows.shape[1] <= MOST_FEATURES
    model = LogisticRegression(
        C=params["inverse_penalty"],
        solver="newton-cholesky" if newton else "lbfgs",
        tol=1e-8 if newton else 1e-4,
        max_iter=100 if newton else 1000,
        class_weight={0: 1.0, 1: params["positive_weight"]},
    )
    with _blas().limit(limits=threads, user_api="blas"):
        model.fit(known.rows, training.labels)
    weights = np.where(known.moving, model.coef_[0] / known.scales, 0.0)
    intercept = float(model.intercept_[0] - np.sum(weights * known.means))
    return FittedLogisticRegression(known.medians, weights, intercept)


def fit_watched(
    training: TrainingFrame,
    validation: TrainingFrame,
    params: Mapping[str, Any],
    *,
    seed: int,
    threads: int = 1,
    prepared: Any = None,
    watch: Watch | None = None,
) -> WatchedFit:
    """Fit, and score the validation rows; there are no steps to watch.

    Raises
    ------
    ModelError
        If only one class is there.
    """
    model = fit(training, params, seed=seed, threads=threads, prepared=prepared)
    return WatchedFit(model, model.predict(validation.values), dict(params))


def load(folder: Path) -> FittedLogisticRegression:
    """Read the arrays.

    Raises
    ------
    ModelError
        If they do not fit each other.
    """
    with np.load(folder / FILE, allow_pickle=False) as arrays:
        model = FittedLogisticRegression(arrays["medians"], arrays["weights"], float(arrays["intercept"]))
    if model.weights.ndim != 1 or model.weights.shape != model.medians.shape or model.weights.dtype != np.float64:
        raise ModelError(str(folder / FILE), "holds arrays that do not fit each other", "train the model again")
    return model


@functools.cache
def _blas() -> Any:
    """Return what sets the threads of this process's BLAS; finding its libraries takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
