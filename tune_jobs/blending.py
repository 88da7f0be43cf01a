"""Whether the best configurations of several learners say more together than the best of them alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from andon.evaluation.metrics import average_precision
from andon.frames import Floats
from andon.models.blend import mean_odds
from andon.models.calibration import Calibration, calibrate
from tune_jobs.sampling import Configuration

LEAST_GAIN = 0.02
"""A member has to bring this share of what is missing to a perfect average precision."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A learner's best configuration, what it said of the validation rows, and its calibration on them."""

    configuration: Configuration
    scores: Floats
    calibration: Calibration

    @property
    def calibrated(self) -> Floats:
        """Probabilities on the scale of the other candidates', float64 (n_rows,)."""
        return self.calibration.apply(self.scores)


def candidate(configuration: Configuration, labels: Floats, scores: Floats) -> Candidate:
    """Return a candidate; labels and scores float64 (n_rows,) of validation rows."""
    return Candidate(configuration, scores, calibrate(labels, scores))


def choose_members(labels: Floats, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the first candidate, and those that its mean by log-odds gains from, one after another.

    Forward selection on validation rows (Caruana et al. 2004), each learner once and all of equal weight, so that there
    is little to fit; whoever joins has to bring `LEAST_GAIN`, so that noise brings nobody in.
    """
    chosen = list(candidates[:1])
    if not labels.any() or labels.all():
        return chosen
    reached = average_precision(labels, chosen[0].scores)
    left = list(candidates[1:])
    while left:
        tried = [
            average_precision(labels, mean_odds([one.calibrated for one in (*chosen, another)])) for another in left
        ]
        best = max(range(len(left)), key=lambda place: (tried[place], -place))
        if tried[best] - reached < LEAST_GAIN * (1.0 - reached):
            break
        reached = tried[best]
        chosen.append(left.pop(best))
    return chosen
