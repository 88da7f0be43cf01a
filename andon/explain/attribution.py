"""Which features a score is due to: SHAP values of every learner and of their blend; they add up to the probability."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from andon.errors import ModelError
from andon.explain.kernels import forest_contributions
from andon.features.spec import FeatureSpec
from andon.frames import Floats, Integers
from andon.models.blend import FittedBlend
from andon.models.bundle import AlertBundle
from andon.models.calibration import Calibration
from andon.models.classifiers import FittedClassifier, require_finite
from andon.models.filling import fill
from andon.models.kernels import log_odds_rows, logistic_rows
from andon.models.lightgbm import FittedLightgbm
from andon.models.logistic_regression import FittedLogisticRegression
from andon.models.random_forest import FittedRandomForest
from andon.models.xgboost import FittedXgboost

_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Contributions:
    """What each feature adds to the score of each row: ``base + values.sum(axis=1)`` is the score.

    ``base`` float64 (n_rows,), the score of nothing in particular; ``values`` float64 (n_rows, n_features); ``score``
    float64 (n_rows,), as the model gives it.
    """

    base: Floats
    values: Floats
    score: Floats


def contributions(bundle: AlertBundle, values: Floats) -> Contributions:
    """Return the SHAP values of an alert's probability, of features float64 (n_rows, n_features).

    Each learner is asked in its own way: LightGBM and XGBoost by their native contributions (path-dependent tree SHAP,
    Lundberg et al. 2020), logistic regression exactly, a forest by interventional tree SHAP against its training
    medians. What lies between their scale and the probability (means of log-odds, calibration, the logistic function)
    rises strictly, and is passed by the rescale rule of DeepLIFT (Shrikumar, Greenside and Kundaje 2017), which keeps
    the sum.
    """
    score = bundle.probabilities(values)
    base, parts = log_odds_contributions(bundle, values)
    low = logistic_rows(base)
    found = _rescaled(parts, base, low, score)
    return Contributions(low, found, score)


def log_odds_contributions(bundle: AlertBundle, values: Floats) -> tuple[Floats, Floats]:
    """Return base (n_rows,) and contributions (n_rows, n_features) on the scale of the calibrated log-odds."""
    return _calibrated(bundle.calibration, *_log_odds(bundle.model, values))


def _log_odds(model: FittedClassifier, values: Floats) -> tuple[Floats, Floats]:
    """Return base (n_rows,) and contributions (n_rows, n_features) on the scale of log-odds."""
    values = require_finite(values)
    if isinstance(model, FittedBlend):
        total = sum(one.weight for one in model.members)
        base, parts = np.zeros(len(values)), np.zeros(values.shape)
        for one in model.members:
            b, p = _calibrated(one.calibration, *_log_odds(one.model, values))
            base += one.weight / total * b
            parts += one.weight / total * p
        return base, parts
    if isinstance(model, FittedLightgbm):
        found = np.asarray(model.booster.predict(values, pred_contrib=True, num_threads=1))
        return found[:, -1].copy(), found[:, :-1]
    if isinstance(model, FittedXgboost):
        import xgboost

        found = model.booster.predict(xgboost.DMatrix(values, nthread=1), pred_contribs=True).astype(np.float64)
        return found[:, -1].copy(), found[:, :-1]
    if isinstance(model, FittedLogisticRegression):
        parts = (fill(values, model.medians) - model.medians) * model.weights
        return np.full(len(values), model.intercept + float(model.medians @ model.weights)), parts
    if isinstance(model, FittedRandomForest):
        return _forest(model, values)
    raise ModelError("model", f"is a {type(model).__name__}, whose scores nobody can explain", "train another learner")


def _forest(model: FittedRandomForest, values: Floats) -> tuple[Floats, Floats]:
    reference = model.medians[None]
    low = model.predict(reference)
    parts = np.zeros(values.shape)
    for row, filled in enumerate(fill(values, model.medians)):
        forest_contributions(
            np.ascontiguousarray(filled), model.medians, model.roots, model.features, model.thresholds, model.left,
            model.right, model.probabilities, parts[row],
        )  # fmt: skip
    parts /= len(model.roots)
    base = np.repeat(low, len(values))
    odds = log_odds_rows(base)
    return odds, _rescaled(parts, base, odds, log_odds_rows(base + parts.sum(axis=1)))


def _calibrated(calibration: Calibration, base: Floats, parts: Floats) -> tuple[Floats, Floats]:
    def passed(odds: Floats) -> Floats:
        through: Floats = log_odds_rows(calibration.apply(logistic_rows(odds)))
        return through

    return passed(base), _rescaled(parts, base, passed(base), passed(base + parts.sum(axis=1)))


def _rescaled(parts: Floats, base: Floats, low: Floats, high: Floats) -> Floats:
    """Return contributions whose sum is ``high - low`` instead of what it was, in the same shares."""
    total = parts.sum(axis=1)
    still = np.abs(total) < _TINY
    rate = np.where(still, 0.0, (high - low) / np.where(still, 1.0, total))
    found: Floats = parts * rate[:, None]
    return found


def by_variable(bundle: AlertBundle, parts: Floats) -> tuple[tuple[str, ...], Floats]:
    """Sum contributions (n_rows, n_features) of features to those of variables, float64 (n_rows, n_variables)."""
    names, firsts = _columns(bundle.features)
    summed: Floats = np.add.reduceat(parts, firsts, axis=1)
    return names, summed


@lru_cache(maxsize=256)
def _columns(spec: FeatureSpec) -> tuple[tuple[str, ...], Integers]:
    """Return the variables that have features, in order, and the column of each one's first."""
    firsts: dict[str, int] = {}
    for column, feature in enumerate(spec.features):
        firsts.setdefault(feature.variable, column)
    return tuple(firsts), np.array(list(firsts.values()), dtype=np.int64)
