"""Probabilities that mean what they say: a rising map from a learner's scores, fitted on validation rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from andon.frames import Floats
from andon.models.kernels import calibrated_rows, log_odds_rows

LEAST_ROWS = 20
"""Validation rows of either class below which scores stay as they are: fewer are an event or two."""
FLATTEST = 0.05
"""The least slope: the order of scores is never lost, even where they tell nothing on validation rows."""
_ITERATIONS = 100


@dataclass(frozen=True, slots=True)
class Calibration:
    """A strictly rising map of log-odds, ``slope * log_odds + intercept``; as it comes, nothing changes."""

    slope: float = 1.0
    intercept: float = 0.0

    def apply(self, scores: Floats) -> Floats:
        """Return calibrated probabilities, float64 (n_rows,); rows do not touch each other.

        Examples
        --------
        >>> Calibration(1.0, -2.0).apply(np.array([0.2, 0.5])).round(3)
        array([0.033, 0.119])
        """
        if self == IDENTITY:
            return scores
        calibrated: Floats = calibrated_rows(scores, self.slope, self.intercept)
        return calibrated

    def to_json(self) -> dict[str, float]:
        """JSON form, for the bundle."""
        return {"slope": self.slope, "intercept": self.intercept}

    @classmethod
    def from_json(cls, body: Mapping[str, Any] | None) -> Calibration:
        """Read what `to_json` wrote; a bundle from before there was any has none.

        Raises
        ------
        ValueError
            If it is not a rising map.
        """
        if body is None:
            return IDENTITY
        read = cls(float(body["slope"]), float(body["intercept"]))
        if not (math.isfinite(read.slope) and math.isfinite(read.intercept) and read.slope > 0):
            raise ValueError(f"the calibration {body} does not rise")
        return read


IDENTITY = Calibration()


def calibrate(labels: Floats, scores: Floats) -> Calibration:
    """Fit a calibration on validation rows: Platt's sigmoid on the log-odds of the scores.

    Targets are smoothed as he does (Platt, "Probabilistic Outputs for Support Vector Machines", 1999), so that scores
    which tell the classes apart without an error stay short of 0 and 1; the sigmoid is fitted by Newton's method with
    halved steps (Lin, Lin and Weng, "A note on Platt's probabilistic outputs", 2007). On log-odds it holds the
    identity, and with it every weighting of classes (it is beta calibration with equal shapes: Kull, Silva Filho and
    Flach 2017). With fewer than `LEAST_ROWS` rows of either class scores stay as they are.

    Parameters
    ----------
    labels, scores
        float64 (n_rows,) of rows that the model has not seen; labels are 0 or 1, scores in [0, 1].

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.random(5000)
    >>> found = calibrate((rng.random(5000) < truth).astype(float), 4 * truth / (1 + 3 * truth))  # odds times 4
    >>> 0.9 < found.slope < 1.1, -1.6 < found.intercept < -1.2
    (True, True)
    """
    positives = float(labels.sum())
    negatives = len(labels) - positives
    if min(positives, negatives) < LEAST_ROWS:
        return IDENTITY
    targets = np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    odds = log_odds_rows(scores)
    centre, spread = float(odds.mean()), float(odds.std())
    if spread < 1e-9:
        return Calibration(1.0, _log_odds(float(targets.mean())) - centre)
    slope, intercept = _fit((odds - centre) / spread, targets, rising=FLATTEST * spread)
    return Calibration(slope / spread, intercept - slope * centre / spread)


def _fit(inputs: Floats, targets: Floats, rising: float) -> tuple[float, float]:
    """Return slope and intercept of the least logistic loss among slopes of at least ``rising``."""
    slope, intercept = _newton(inputs, targets, 1.0, free=True)
    return (slope, intercept) if slope >= rising else _newton(inputs, targets, rising, free=False)


def _newton(inputs: Floats, targets: Floats, slope: float, *, free: bool) -> tuple[float, float]:
    """Fit slope, if ``free``, and intercept."""
    ones, begin = np.ones(len(inputs)), _log_odds(float(targets.mean()))
    if free:
        columns, offset, at = np.column_stack([inputs, ones]), 0.0 * inputs, np.array([slope, begin])
    else:
        columns, offset, at = ones[:, None], slope * inputs, np.array([begin])

    def loss(parameters: Floats) -> float:
        margins = columns @ parameters + offset
        return float(np.mean(np.logaddexp(0.0, margins) - targets * margins))

    now = loss(at)
    for _ in range(_ITERATIONS):
        expected = 1.0 / (1.0 + np.exp(-(columns @ at + offset)))
        gradient = columns.T @ (expected - targets) / len(targets)
        if np.abs(gradient).max() < 1e-9:
            break
        curvature = (columns * (expected * (1 - expected))[:, None]).T @ columns / len(targets)
        direction = np.linalg.solve(curvature + 1e-12 * np.eye(len(at)), gradient)
        step, moved = 1.0, at - direction
        reached = loss(moved)
        while step > 1e-10 and reached > now - 1e-4 * step * float(gradient @ direction):
            step /= 2
            moved = at - step * direction
            reached = loss(moved)
        if step <= 1e-10:
            break
        at, now = moved, reached
    return (float(at[0]), float(at[1])) if free else (slope, float(at[0]))


def _log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))
