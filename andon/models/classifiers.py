"""What a classifier is, and where each is found."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from andon.errors import DataError, ModelError
from andon.frames import Floats, TrainingFrame
from andon.models.watching import Pruned, Watch, WatchedFit

if TYPE_CHECKING:
    import optuna

__all__ = [
    "CLASSIFIERS",
    "ClassifierLearner",
    "FittedClassifier",
    "Pruned",
    "Watch",
    "WatchedFit",
    "classifier",
    "require_columns",
    "require_finite",
    "require_two_classes",
]

CLASSIFIERS = ("lightgbm", "xgboost", "random_forest", "logistic_regression")


class FittedClassifier(Protocol):
    """A classifier that scores without the library that fitted it, or with its native reader."""

    def predict(self, values: Floats) -> Floats:
        """Return probabilities, float64 (n_rows,), of float64 (n_rows, n_features); rows do not touch each other."""
        ...

    def save(self, folder: Path) -> None:
        """Write native files into ``folder``; never a pickle."""
        ...


class ClassifierLearner(Protocol):
    """A module that learns a classifier."""

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """Draw a configuration, JSON values only."""
        ...

    def cheapest(self) -> dict[str, Any]:
        """Return the configuration that every model gets at least."""
        ...

    def final(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the configuration that the model is fitted with once it is chosen; it may take longer to fit."""
        ...

    def prepare(self, training: TrainingFrame, *, threads: int = 1) -> Any:
        """Return what all fits on these rows share, such as binned features; fits never change it.

        Raises
        ------
        DataError
            If a feature is infinite.
        """
        ...

    def fit(
        self,
        training: TrainingFrame,
        params: Mapping[str, Any],
        *,
        seed: int,
        threads: int = 1,
        prepared: Any = None,
    ) -> FittedClassifier:
        """Fit on labelled rows; the same for the same seed. ``prepared`` (of the same rows) only saves time.

        Raises
        ------
        ModelError
            If only one class is there.
        """
        ...

    def fit_watched(
        self,
        training: TrainingFrame,
        validation: TrainingFrame,
        params: Mapping[str, Any],
        *,
        seed: int,
        threads: int = 1,
        prepared: Any = None,
        watch: Watch | None = None,
    ) -> WatchedFit:
        """Fit on labelled rows, looking at validation rows on the way.

        A learner that grows in steps ends where validation gains no more, and asks ``watch`` after each step. One
        without steps never asks. Where validation has no positive row, there is nothing to watch.

        Raises
        ------
        ModelError
            If only one class is there.
        Pruned
            If ``watch`` says that this configuration is not worth finishing.
        """
        ...

    def load(self, folder: Path) -> FittedClassifier:
        """Read what `FittedClassifier.save` wrote."""
        ...


def classifier(name: str) -> ClassifierLearner:
    """Return a learner by name, importing only its own module.

    Raises
    ------
    ModelError
        If there is none of that name.
    """
    if name not in CLASSIFIERS:
        raise ModelError("classifier", f"has no learner {name!r}", f"use one of {', '.join(CLASSIFIERS)}")
    return cast(ClassifierLearner, importlib.import_module(f"andon.models.{name}"))


def require_two_classes(training: TrainingFrame) -> None:
    """Refuse rows from which nothing can be told apart.

    Raises
    ------
    ModelError
        If there are no rows, or only one class.
    """
    positive = int(training.labels.sum())
    if not 0 < positive < len(training):
        raise ModelError(
            "training rows",
            f"hold one class only: {positive} of {len(training)} are positive",
            "give a longer period, or another target",
        )


def require_columns(values: Floats, count: int) -> None:
    """Refuse features of another number than the model's: a compiled loop would read past the end of a row.

    Raises
    ------
    ModelError
        If ``values`` is not (n_rows, count).
    """
    if values.ndim != 2 or values.shape[1] != count:
        raise ModelError("model", f"needs {count} features a row, got shape {values.shape}", "train it again")


def require_finite(values: Floats) -> Floats:
    """Return features if none is infinite (NaN is a missing one).

    Raises
    ------
    DataError
        If one is infinite.
    """
    if np.isinf(values).any():
        row, column = (int(index[0]) for index in np.nonzero(np.isinf(values)))
        raise DataError(f"features, row {row}, column {column}", "is infinite", "mend the reading")
    return np.ascontiguousarray(values, dtype=np.float64)
