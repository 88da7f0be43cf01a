"""LightGBM (Ke et al. 2017): gradient-boosted trees on histograms; saved as its own text model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from andon.frames import Floats, TrainingFrame
from andon.models.boosting import in_smaller_steps
from andon.models.classifiers import Watch, WatchedFit, require_finite, require_two_classes
from andon.models.lightgbm_row import RowScorer
from andon.models.watching import best_rounds

if TYPE_CHECKING:
    import optuna

FILE = "lightgbm.txt"
BINS = {"max_bin": 63, "feature_pre_filter": False, "verbose": -1}
"""How features are binned, for every fit on the same rows; none is dropped for leaves that one fit would not make."""

STEP = 20
"""Rounds between two looks at validation rows; each costs as much as half a round."""
LEAST_FEATURES = 8
"""Features that a tree may use at least, whatever the share."""


@dataclass(frozen=True)
class FittedLightgbm:
    """A booster; missing values are NaN."""

    booster: Any

    @cached_property
    def row(self) -> RowScorer:
        """What scores one row of it, with the same answer to the last bit."""
        return RowScorer(self.booster)

    def predict(self, values: Floats) -> Floats:
        """Return probabilities, float64 (n_rows,)."""
        finite = require_finite(values)
        if len(finite) == 1:
            return self.row.predict(finite)
        return np.asarray(self.booster.predict(finite, num_threads=1), dtype=np.float64)

    def save(self, folder: Path) -> None:
        """Write the text model."""
        (folder / FILE).write_text(self.booster.model_to_string(), encoding="utf-8")


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """Draw a configuration."""
    return {
        "rounds": trial.suggest_int("rounds", 40, 300, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 4, 48, log=True),
        "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 5, 200, log=True),
        "feature_fraction": trial.suggest_float("feature_fraction", 0.1, 1.0, log=True),
        "bagging_fraction": trial.suggest_float("bagging_fraction", 0.5, 1.0),
        "lambda_l2": trial.suggest_float("lambda_l2", 0.01, 100.0, log=True),
        "positive_weight": trial.suggest_float("positive_weight", 1.0, 10.0, log=True),
    }


def cheapest() -> dict[str, Any]:
    """Return a small, regular booster: shallow trees, many of them, in small steps."""
    return {
        "rounds": 200,
        "learning_rate": 0.05,
        "num_leaves": 6,
        "min_data_in_leaf": 20,
        "feature_fraction": 0.3,
        "bagging_fraction": 0.8,
        "lambda_l2": 1.0,
        "positive_weight": 1.0,
    }


def final(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with twice the rounds at half the rate."""
    return in_smaller_steps(params)


def prepare(training: TrainingFrame, *, threads: int = 1) -> Any:
    """Return the features in bins: a constructed Dataset, which no fit can bin anew.

    Raises
    ------
    DataError
        If a feature is infinite.
    """
    import lightgbm

    rows = lightgbm.Dataset(require_finite(training.values), training.labels, params={**BINS, "num_threads": threads})
    return rows.construct()


def fit(
    training: TrainingFrame, params: Mapping[str, Any], *, seed: int, threads: int = 1, prepared: Any = None
) -> FittedLightgbm:
    """Fit a booster.

    Raises
    ------
    ModelError
        If only one class is there.
    """
    booster = _begin(training, params, seed, threads, prepared)
    for _ in range(params["rounds"]):
        booster.update()
    return _finished(booster, booster.current_iteration())


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
    booster = _begin(training, params, seed, threads, prepared)
    values = require_finite(validation.values)
    margins, trees = {0: np.zeros(len(values))}, {0: 0}

    def grow(begin: int, end: int) -> Floats:
        for _ in range(begin, end):
            booster.update()
        # A round whose features allow no split leaves no tree.
        trees[end] = booster.current_iteration()
        # The new trees only; a second prediction by all of them, for the last bit, would cost as much again.
        margins[end] = margins[begin] + _margins(booster, values, trees[begin], trees[end], threads)
        return margins[end]

    rounds = best_rounds(params["rounds"], grow, validation, watch, step=STEP)
    scores = 1.0 / (1.0 + np.exp(-margins[rounds]))
    return WatchedFit(_finished(booster, trees[rounds]), scores, {**params, "rounds": rounds})


def load(folder: Path) -> FittedLightgbm:
    """Read the text model."""
    import lightgbm

    return FittedLightgbm(lightgbm.Booster(model_str=(folder / FILE).read_text(encoding="utf-8")))


def _begin(training: TrainingFrame, params: Mapping[str, Any], seed: int, threads: int, prepared: Any) -> Any:
    import lightgbm

    require_two_classes(training)
    settings = {
        **BINS,
        "objective": "binary",
        "learning_rate": params["learning_rate"],
        "num_leaves": params["num_leaves"],
        "min_data_in_leaf": params["min_data_in_leaf"],
        "feature_fraction": max(params["feature_fraction"], min(1.0, LEAST_FEATURES / training.values.shape[1])),
        "bagging_fraction": params["bagging_fraction"],
        "bagging_freq": 1,
        "lambda_l2": params["lambda_l2"],
        "scale_pos_weight": params["positive_weight"],
        "num_threads": threads,
        "deterministic": True,
        "force_row_wise": True,
        "seed": seed,
    }
    return lightgbm.Booster(settings, prepare(training, threads=threads) if prepared is None else prepared)


def _margins(booster: Any, values: Floats, begin: int, end: int, threads: int) -> Floats:
    """Return the log-odds that some trees add, float64 (n_rows,); LightGBM refuses no rows, and takes none for all."""
    if not len(values) or begin == end:
        return np.zeros(len(values))
    margins = booster.predict(
        values, raw_score=True, start_iteration=begin, num_iteration=end - begin, num_threads=threads
    )
    return np.asarray(margins, dtype=np.float64)


def _finished(booster: Any, trees: int) -> FittedLightgbm:
    """Keep the first trees, and let go of the training rows."""
    booster.model_from_string(booster.model_to_string(num_iteration=trees)).free_dataset()
    return FittedLightgbm(booster)
