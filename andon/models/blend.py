"""A mean of classifiers by log-odds: learners of different kinds err apart, and what they agree on is surer."""

from __future__ import annotations

import json
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


@dataclass(frozen=True, slots=True)
class FittedBlend:
    """Members of different learners; each counts alike."""

    members: tuple[Member, ...]

    def predict(self, values: Floats) -> Floats:
        """Return probabilities, float64 (n_rows,)."""
        return mean_odds([one.calibration.apply(one.model.predict(values)) for one in self.members])

    def save(self, folder: Path) -> None:
        """Write every member's own files, which have different names, and what belongs to them."""
        for one in self.members:
            one.model.save(folder)
        about = [{"learner": one.learner, "calibration": one.calibration.to_json()} for one in self.members]
        (folder / FILE).write_text(json.dumps(about), encoding="utf-8")


def mean_odds(scores: list[Floats]) -> Floats:
    """Return the logistic of the mean of log-odds, float64 (n_rows,); row by row, so rows do not touch each other.

    Examples
    --------
    >>> import numpy as np
    >>> mean_odds([np.array([0.5]), np.array([0.9])]).round(2)
    array([0.75])
    """
    total = log_odds_rows(scores[0])
    for more in scores[1:]:
        total = total + log_odds_rows(more)
    mean: Floats = logistic_rows(total / len(scores))
    return mean


def load(folder: Path) -> FittedBlend:
    """Read what `FittedBlend.save` wrote.

    Raises
    ------
    ModelError
        If it has no members, or two of one learner.
    """
    about = json.loads((folder / FILE).read_text(encoding="utf-8"))
    learners = [str(one["learner"]) for one in about]
    if not learners or len(set(learners)) < len(learners):
        raise ModelError(str(folder / FILE), f"blends {learners}", "train the model again")
    return FittedBlend(
        tuple(
            Member(learner, classifier(learner).load(folder), Calibration.from_json(one["calibration"]))
            for learner, one in zip(learners, about, strict=True)
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
