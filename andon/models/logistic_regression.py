"""Logistic regression with an L2 penalty on standardised features; saved as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from andon.errors import ModelError
from andon.frames import Floats, TrainingFrame
from andon.models.classifiers import require_columns, require_finite, require_two_classes
from andon.models.kernels import linear_rows

if TYPE_CHECKING:
    import optuna

FILE = "logistic_regression.npz"


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


def fit(training: TrainingFrame, params: Mapping[str, Any], *, seed: int, threads: int = 1) -> FittedLogisticRegression:
    """Fit by L-BFGS; missing values are replaced by the median.

    Raises
    ------
    ModelError
        If only one class is there.
    """
    from sklearn.linear_model import LogisticRegression

    require_two_classes(training)
    values = require_finite(training.values)
    known = ~np.isnan(values).all(axis=0)
    medians = np.zeros(values.shape[1])
    medians[known] = np.nanmedian(values[:, known], axis=0)
    filled = np.where(np.isnan(values), medians, values)
    means, scales = filled.mean(axis=0), filled.std(axis=0)
    # Relative to the mean only: a leakage current in amperes moves by 1e-10, and that may be all that tells.
    moving = scales > 1e-9 * np.abs(means)
    scales = np.where(moving, scales, 1.0)
    standard = np.where(moving, (filled - means) / scales, 0.0)
    model = LogisticRegression(
        C=params["inverse_penalty"],
        max_iter=300,
        random_state=seed,
        class_weight={0: 1.0, 1: params["positive_weight"]},
    )
    model.fit(standard, training.labels)
    weights = np.where(moving, model.coef_[0] / scales, 0.0)
    return FittedLogisticRegression(medians, weights, float(model.intercept_[0] - np.sum(weights * means)))


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
