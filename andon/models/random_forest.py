"""Random forest (Breiman 2001) by scikit-learn; exported to flat arrays and scored without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from andon.errors import ModelError
from andon.frames import Booleans, Floats, Integers, TrainingFrame
from andon.models.classifiers import Watch, WatchedFit, require_columns, require_finite, require_two_classes
from andon.models.filling import fill, medians_of
from andon.models.kernels import add_votes
from andon.models.watching import best_rounds

if TYPE_CHECKING:
    import optuna

FILE = "random_forest.npz"


@dataclass(frozen=True, slots=True)
class FittedRandomForest:
    """All trees laid out flat: of each node its feature (-1: a leaf), threshold, children and probability."""

    medians: Floats
    roots: Integers
    features: Integers
    thresholds: Floats
    left: Integers
    right: Integers
    probabilities: Floats

    def predict(self, values: Floats) -> Floats:
        """Return probabilities, float64 (n_rows,)."""
        require_columns(values, len(self.medians))
        sums = np.zeros(len(values))
        self.add_votes(require_finite(values), sums)
        return sums / len(self.roots)

    def add_votes(self, values: Floats, sums: Floats) -> None:
        """Add the probabilities that each tree gives to ``sums``, float64 (n_rows,), tree by tree."""
        add_votes(
            values,
            self.medians,
            self.roots,
            self.features,
            self.thresholds,
            self.left,
            self.right,
            self.probabilities,
            sums,
        )

    def save(self, folder: Path) -> None:
        """Write the arrays."""
        np.savez(folder / FILE, allow_pickle=False, **{one.name: getattr(self, one.name) for one in fields(self)})


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """Draw a configuration."""
    return {
        "trees": trial.suggest_int("trees", 50, 200, log=True),
        "max_depth": trial.suggest_int("max_depth", 4, 16),
        "min_leaf": trial.suggest_int("min_leaf", 2, 100, log=True),
        "max_features": trial.suggest_float("max_features", 0.05, 0.5, log=True),
        "balanced": trial.suggest_categorical("balanced", [True, False]),
    }


def cheapest() -> dict[str, Any]:
    """Return a small forest."""
    return {"trees": 50, "max_depth": 10, "min_leaf": 10, "max_features": 0.07, "balanced": False}


def final(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration as it was found."""
    return dict(params)


@dataclass(frozen=True, slots=True)
class Filled:
    """Training rows without gaps, float32 (n_rows, n_features) as scikit-learn reads them, and how they became so."""

    medians: Floats
    powers: Integers
    rows: NDArray[np.float32]


def prepare(training: TrainingFrame, *, threads: int = 1) -> Filled:
    """Return features whose missing values are replaced by the median.

    Raises
    ------
    DataError
        If a feature is infinite.
    """
    values = require_finite(training.values)
    medians = medians_of(values)
    filled = fill(values, medians)
    powers, moving = _powers(filled)
    return Filled(medians, powers, np.where(moving, np.ldexp(filled, -powers), 0.0).astype(np.float32))


def fit(
    training: TrainingFrame, params: Mapping[str, Any], *, seed: int, threads: int = 1, prepared: Any = None
) -> FittedRandomForest:
    """Fit a forest.

    Raises
    ------
    ModelError
        If only one class is there.
    """
    forest, known = _begin(training, params, seed, threads, prepared)
    forest.set_params(n_estimators=params["trees"]).fit(known.rows, training.labels)
    return _export(forest.estimators_, known.medians, known.powers)


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
    """Fit a forest of at most ``trees`` trees, as many as rank the validation rows best.

    Raises
    ------
    ModelError
        If only one class is there.
    Pruned
        If ``watch`` says so.
    """
    forest, known = _begin(training, params, seed, threads, prepared)
    values = require_finite(validation.values)
    sums = np.zeros(len(values))
    scores: dict[int, Floats] = {}

    def grow(begin: int, end: int) -> Floats:
        forest.set_params(n_estimators=end).fit(known.rows, training.labels)
        _export(forest.estimators_[begin:end], known.medians, known.powers).add_votes(values, sums)
        scores[end] = sums / end
        return scores[end]

    trees = best_rounds(params["trees"], grow, validation, watch)
    model = _export(forest.estimators_[:trees], known.medians, known.powers)
    return WatchedFit(model, scores[trees], {**params, "trees": trees})


def load(folder: Path) -> FittedRandomForest:
    """Read the arrays; every index that the compiled loop follows is checked.

    Raises
    ------
    ModelError
        If they do not fit each other.
    """
    with np.load(folder / FILE, allow_pickle=False) as arrays:
        model = FittedRandomForest(**{one.name: arrays[one.name] for one in fields(FittedRandomForest)})
    nodes = len(model.features)
    inner = model.features >= 0
    order = np.arange(nodes)
    good = (
        all(len(part) == nodes for part in (model.thresholds, model.left, model.right, model.probabilities))
        and len(model.roots) > 0
        and bool((model.features < len(model.medians)).all())
        and bool(((model.roots >= 0) & (model.roots < nodes)).all())
        and all(bool(((side > order) & (side < nodes))[inner].all()) for side in (model.left, model.right))
    )
    if not good:
        raise ModelError(str(folder / FILE), "holds trees that point outside themselves", "train the model again")
    return model


def _begin(
    training: TrainingFrame, params: Mapping[str, Any], seed: int, threads: int, prepared: Any
) -> tuple[Any, Filled]:
    from sklearn.ensemble import RandomForestClassifier

    require_two_classes(training)
    share = float(training.labels.mean())
    weights = {0: 0.5 / (1 - share), 1: 0.5 / share} if params["balanced"] else None
    forest = RandomForestClassifier(
        max_depth=params["max_depth"],
        min_samples_leaf=params["min_leaf"],
        max_features=params["max_features"],
        max_samples=0.5,
        class_weight=weights,
        random_state=seed % (2**31),
        n_jobs=threads,
        warm_start=True,
    )
    return forest, prepare(training, threads=threads) if prepared is None else prepared


def _powers(filled: Floats) -> tuple[Integers, Booleans]:
    """Return of each feature the power of two nearest its spread, int64, and whether it has one, bool (n_features,).

    scikit-learn takes values closer than 1e-7 for equal, so that a slope per second of a slow drift would be lost.
    Powers of two scale exactly: nothing else changes.
    """
    with np.errstate(over="ignore"):
        spread = filled.std(axis=0)
    moving = np.isfinite(spread) & (spread > 1e-9 * np.abs(filled).max(axis=0))
    return np.asarray(np.where(moving, np.frexp(spread)[1], 0), dtype=np.int64), moving


def _export(estimators: Sequence[Any], medians: Floats, powers: Integers) -> FittedRandomForest:
    roots, parts, offset = [], [], 0
    for estimator in estimators:
        tree = estimator.tree_
        leaf = tree.children_left < 0
        votes = tree.value[:, 0, :]
        parts.append(
            (
                np.where(leaf, -1, tree.feature),
                np.where(leaf, 0.0, np.ldexp(tree.threshold, powers[tree.feature])),
                np.where(leaf, -1, tree.children_left + offset),
                np.where(leaf, -1, tree.children_right + offset),
                votes[:, 1] / votes.sum(axis=1),
            )
        )
        roots.append(offset)
        offset += tree.node_count
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    features, left, right = (np.asarray(columns[index], dtype=np.int64) for index in (0, 2, 3))
    return FittedRandomForest(
        medians, np.array(roots, dtype=np.int64), features, columns[1], left, right, np.asarray(columns[4], np.float64)
    )
