"""A mean of classifiers by log-odds: learners of different kinds err apart, and what they agree on is surer."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from andon.errors import ModelError
from andon.frames import Floats
from andon.models.calibration import Calibration
from andon.models.classifiers import FittedClassifier, classifier
from andon.models.kernels import log_odds_rows, logistic_rows

NAME = "blend"
FILE = "blend.json"


@dataclass(frozen=True, slots=True)
class Member:
    """A classifier, and the calibration that puts its answers on the scale of the others."""

    learner: str
    model: FittedClassifier
    calibration: Calibration
    weight: float = 1.0
    """What its log-odds count for beside the others'."""


@dataclass(frozen=True, slots=True)
class FittedBlend:
    """Members of different learners, by weight."""

    members: tuple[Member, ...]

    def predict(self, values: Floats) -> Floats:
        """Return probabilities, float64 (n_rows,)."""
        scores = [one.calibration.apply(one.model.predict(values)) for one in self.members]
        return mean_odds(scores, [one.weight for one in self.members])

    def save(self, folder: Path) -> None:
        """Write every member's own files, which have different names, and what belongs to them."""
        for one in self.members:
            one.model.save(folder)
        about = [
            {"learner": one.learner, "calibration": one.calibration.to_json(), "weight": one.weight}
            for one in self.members
        ]
        (folder / FILE).write_text(json.dumps(about), encoding="utf-8")


def mean_odds(scores: Sequence[Floats], weights: Sequence[float]) -> Floats:
    """Return the logistic of the weighted mean of log-odds, float64 (n_rows,); rows do not touch each other.

    Examples
    --------
    >>> import numpy as np
    >>> mean_odds([np.array([0.5]), np.array([0.9])], [1.0, 1.0]).round(2)
    array([0.75])
    """
    total = weights[0] * log_odds_rows(scores[0])
    for more, weight in zip(scores[1:], weights[1:], strict=True):
        total = total + weight * log_odds_rows(more)
    mean: Floats = logistic_rows(total / math.fsum(weights))
    return mean


def load(folder: Path) -> FittedBlend:
    """Read what `FittedBlend.save` wrote.

    Raises
    ------
    ModelError
        If it has no members, two of one learner, or a weight that is none.
    """
    about = json.loads((folder / FILE).read_text(encoding="utf-8"))
    learners = [str(one["learner"]) for one in about]
    # A blend from before there were weights counts its members alike.
    weights = [float(one.get("weight", 1.0)) for one in about]
    if not all(math.isfinite(weight) and weight > 0 for weight in weights):
        raise ModelError(str(folder / FILE), f"has the weights {weights}", "train the model again")
    if not learners or len(set(learners)) < len(learners):
        raise ModelError(str(folder / FILE), f"blends {learners}", "train the model again")
    return FittedBlend(
        tuple(
            Member(learner, classifier(learner).load(folder), Calibration.from_json(one["calibration"]), weight)
            for learner, one, weight in zip(learners, about, weights, strict=True)
        )
    )


def load_classifier(learner: str, folder: Path) -> FittedClassifier:
    """Read a classifier of any learner, or a blend of some.

    Raises
    ------
    ModelError
        If the learner is not known, or its files are damaged.
    """
    return load(folder) if learner == NAME else classifier(learner).load(folder)
