"""Whether the best configurations of several learners say more together than the best of them alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from andon.evaluation.metrics import average_precision
from andon.frames import Floats
from andon.models.blend import mean_odds
from andon.models.calibration import IDENTITY, Calibration, calibrate
from tune_jobs.sampling import Configuration

LEAST_GAIN = 0.02
"""A member has to bring this share of what is missing to a perfect average precision."""
SHARES = (0.2, 0.35, 0.5, 0.65, 0.8)
"""What a newcomer may count for: not so little that it is of no use, nor so much that the others are."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A learner's best configuration, what it said of the validation rows, and its calibration on them."""

    configuration: Configuration
    scores: Floats
    calibration: Calibration
    levelled: Floats
    """Probabilities calibrated fold by fold: what is compared of several fits, float64 (n_rows,)."""
    weight: float = 1.0
    """What it counts for in a blend."""

    @property
    def calibrated(self) -> Floats:
        """Probabilities on the scale of the other candidates', float64 (n_rows,)."""
        return self.calibration.apply(self.scores)


def candidate(configuration: Configuration, labels: Floats, scores: Floats, folds: Sequence[int] = ()) -> Candidate:
    """Return a candidate; labels and scores float64 (n_rows,) of validation rows, fold after fold.

    ``folds`` are the rows of each; one fold where it is empty.
    """
    calibration = calibrate(labels, scores)
    return Candidate(configuration, scores, calibration, _levelled(labels, scores, calibration, folds))


def _levelled(labels: Floats, scores: Floats, calibration: Calibration, folds: Sequence[int]) -> Floats:
    """Return scores calibrated fold by fold; a fold with too few events goes by the calibration of all.

    Each fold was scored by a fit of its own, and what a score of one means, that of another need not: boosters stopped
    after 40 rounds say less than after 150. Ranked together as they come, they do worse than each by itself, and worse
    than the one model that is fitted in the end (Forman and Scholz, "Apples-to-apples in cross-validation studies",
    2010).
    """
    cuts = np.cumsum(folds)[:-1]
    parts = []
    for truth, said in zip(np.split(labels, cuts), np.split(scores, cuts), strict=True):
        own = calibrate(truth, said)
        parts.append((calibration if own == IDENTITY else own).apply(said))
    return np.concatenate(parts)


def blended(members: Sequence[Candidate]) -> Floats:
    """Return what a blend says of the validation rows, float64 (n_rows,)."""
    return mean_odds([one.calibrated for one in members], [one.weight for one in members])


def choose_members(labels: Floats, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the first candidate, and those that its mean by log-odds gains from, one after another.

    Forward selection on validation rows (Caruana et al. 2004), each learner once, folds on one level; whoever joins has
    to bring `LEAST_GAIN`, so that noise brings nobody in. What a newcomer counts for is stacked (Wolpert 1992): the one
    of `SHARES` with the least logistic loss, the blend calibrated. So a learner that is clearly the best leads.
    """
    chosen = list(candidates[:1])
    if not labels.any() or labels.all():
        return chosen
    reached = average_precision(labels, chosen[0].levelled)
    left = list(candidates[1:])
    while left:
        tried = [_joined(labels, chosen, another) for another in left]
        gained = [average_precision(labels, _together(members)) for members in tried]
        best = max(range(len(left)), key=lambda place: (gained[place], -place))
        if gained[best] - reached < LEAST_GAIN * (1.0 - reached):
            break
        reached, chosen = gained[best], tried[best]
        left.pop(best)
    return chosen


def towards_equal(members: Sequence[Candidate]) -> list[Candidate]:
    """Return members whose weights, which sum to 1, have gone half the way to equal ones.

    For models that serve other lines than they learnt from: what the lines that were measured on say of a weight is
    little, however many rows they have, and a mean that knows nothing of it often does as well or better on new ones
    (Timmermann, "Forecast combinations", 2006).
    """
    return [replace(one, weight=(one.weight + 1.0 / len(members)) / 2.0) for one in members]


def _joined(labels: Floats, chosen: Sequence[Candidate], another: Candidate) -> list[Candidate]:
    """Return the members and a newcomer; weights sum to 1."""
    before = sum(one.weight for one in chosen)

    def members(share: float) -> list[Candidate]:
        kept = [replace(one, weight=one.weight / before * (1 - share)) for one in chosen]
        return [*kept, replace(another, weight=share)]

    return members(min(SHARES, key=lambda share: _loss(labels, _together(members(share)))))


def _together(members: Sequence[Candidate]) -> Floats:
    """Return what a blend says of the validation rows, fold by fold on one level, float64 (n_rows,)."""
    return mean_odds([one.levelled for one in members], [one.weight for one in members])


def _loss(labels: Floats, scores: Floats) -> float:
    """Return the mean logistic loss of calibrated scores."""
    told = np.clip(calibrate(labels, scores).apply(scores), 1e-12, 1 - 1e-12)
    return float(-np.mean(np.where(labels == 1, np.log(told), np.log1p(-told))))
