"""XGBoost (Chen and Guestrin 2016): gradient-boosted trees on histograms; saved as its own JSON model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from andon.frames import Floats, TrainingFrame
from andon.models.boosted_trees import BoostedTrees, flatten
from andon.models.boosting import in_smaller_steps
from andon.models.classifiers import Watch, WatchedFit, require_finite, require_two_classes
from andon.models.kernels import logistic_rows
from andon.models.watching import best_rounds

if TYPE_CHECKING:
    import optuna

FILE = "xgboost.json"
BINS = {"max_bin": 64}
"""How features are binned, for every fit on the same rows."""
STEP = 20
"""Rounds between two looks at validation rows; each costs XGBoost half a millisecond, whatever the rows."""
LEAST_FEATURES = 8
"""Features that a tree may use at least, whatever the share."""


FEW = 16
"""Rows up to which trees laid out flat are faster than a call of XGBoost."""


@dataclass(frozen=True)
class FittedXgboost:
    """A booster; missing values are NaN."""

    booster: Any

    @cached_property
    def trees(self) -> BoostedTrees:
        """The same trees laid out flat."""
        return flatten(self.booster)

    def predict(self, values: Floats) -> Floats:
        """Return probabilities, float64 (n_rows,)."""
        finite = require_finite(values)
        if len(finite) <= FEW:
            margins = self.trees.margins(finite)
        else:
            margins = self.booster.inplace_predict(finite, predict_type="margin").astype(np.float64)
        probabilities: Floats = logistic_rows(margins)
        return probabilities

    def save(self, folder: Path) -> None:
        """Write the JSON model."""
        self.booster.save_model(folder / FILE)


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """Draw a configuration."""
    return {
        "rounds": trial.suggest_int("rounds", 40, 300, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
        "max_depth": trial.suggest_int("max_depth", 2, 7),
        "min_child_weight": trial.suggest_float("min_child_weight", 0.5, 50.0, log=True),
        "colsample": trial.suggest_float("colsample", 0.1, 1.0, log=True),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "lambda": trial.suggest_float("lambda", 0.01, 100.0, log=True),
        "positive_weight": trial.suggest_float("positive_weight", 1.0, 10.0, log=True),
    }


def cheapest() -> dict[str, Any]:
    """Return a small, regular booster: shallow trees, many of them, in small steps."""
    return {
        "rounds": 200,
        "learning_rate": 0.05,
        "max_depth": 3,
        "min_child_weight": 2.0,
        "colsample": 0.3,
        "subsample": 0.8,
        "lambda": 1.0,
        "positive_weight": 1.0,
    }


def final(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with twice the rounds at half the rate."""
    return in_smaller_steps(params)


def prepare(training: TrainingFrame, *, threads: int = 1) -> Any:
    """Return the features in bins, a QuantileDMatrix.

    Raises
    ------
    DataError
        If a feature is infinite.
    """
    import xgboost

    return xgboost.QuantileDMatrix(
        require_finite(training.values), training.labels, nthread=threads, max_bin=BINS["max_bin"]
    )


def fit(
    training: TrainingFrame, params: Mapping[str, Any], *, seed: int, threads: int = 1, prepared: Any = None
) -> FittedXgboost:
    """Fit a booster.

    Raises
    ------
    ModelError
        If only one class is there.
    """
    booster, rows = _begin(training, params, seed, threads, prepared)
    for round_number in range(params["rounds"]):
        booster.update(rows, round_number)
    return FittedXgboost(_single_threaded(booster.reset()))


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
    """Fit a booster of at most ``rounds`` rounds, as many as rank the validation rows best.

    Raises
    ------
    ModelError
        If only one class is there.
    Pruned
        If ``watch`` says so.
    """
    import xgboost

    booster, rows = _begin(training, params, seed, threads, prepared)
    watched = xgboost.DMatrix(require_finite(validation.values), nthread=threads)
    margins: dict[int, Floats] = {}

    def grow(begin: int, end: int) -> Floats:
        for round_number in range(begin, end):
            booster.update(rows, round_number)
        # XGBoost keeps the margins of a matrix that it has scored, and adds the new trees only.
        margins[end] = np.zeros(0)
        if len(validation):
            margins[end] = booster.predict(watched, output_margin=True).astype(np.float64)
        return margins[end]

    rounds = best_rounds(params["rounds"], grow, validation, watch, step=STEP)
    kept = booster if rounds == booster.num_boosted_rounds() else booster[:rounds]
    scores: Floats = logistic_rows(margins[rounds])
    return WatchedFit(FittedXgboost(_single_threaded(kept.reset())), scores, {**params, "rounds": rounds})


def load(folder: Path) -> FittedXgboost:
    """Read the JSON model."""
    import xgboost

    return FittedXgboost(_single_threaded(xgboost.Booster(model_file=folder / FILE)))


def from_bytes(model: bytes) -> FittedXgboost:
    """Read XGBoost's binary or text JSON; the columns' names in it, if any, are those of files and not kept."""
    import xgboost

    booster = xgboost.Booster(model_file=bytearray(model))
    booster.feature_names = None
    booster.feature_types = None
    return FittedXgboost(_single_threaded(booster))


def booster_settings(params: Mapping[str, Any], *, seed: int, threads: int, features: int = 0) -> dict[str, Any]:
    """Return a configuration in XGBoost's own words; its rounds stand outside of them.

    Of ``features``, where their number is given, a tree may use `LEAST_FEATURES` at least.
    """
    share = min(1.0, LEAST_FEATURES / features) if features else 0.0
    return {
        **BINS,
        "objective": "binary:logistic",
        "tree_method": "hist",
        "eta": params["learning_rate"],
        "max_depth": params["max_depth"],
        "min_child_weight": params["min_child_weight"],
        "colsample_bytree": max(params["colsample"], share),
        "subsample": params["subsample"],
        "lambda": params["lambda"],
        "scale_pos_weight": params["positive_weight"],
        "nthread": threads,
        "seed": seed % (2**31),
        "verbosity": 0,
    }


def _single_threaded(booster: Any) -> Any:
    booster.set_param({"nthread": 1})
    return booster


def _begin(
    training: TrainingFrame, params: Mapping[str, Any], seed: int, threads: int, prepared: Any
) -> tuple[Any, Any]:
    import xgboost

    require_two_classes(training)
    rows = prepare(training, threads=threads) if prepared is None else prepared
    settings = booster_settings(params, seed=seed, threads=threads, features=training.values.shape[1])
    return xgboost.Booster(settings, [rows]), rows
