"""What a lane tries next, by what it and similar lines have found: a Gaussian process over configurations and lines.

The covariance of two results is that of their configurations times that of their lines (Bonilla et al. 2007, used for
tuning by Swersky et al. 2013). Optuna's own estimators know one study; with a few configurations a line, most of what
is known lies in others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from andon.frames import Floats, Integers

WIDTHS = (0.35, 0.2, 0.1)
"""Widths that the kernel over configurations may have, root mean square of the distances in ranges of parameters."""
SHARED = 0.8
"""Share of the variance between configurations that all lines have in common; similar lines share the rest."""
OFFSET = 30.0
"""Variance of a line's level, beside 1 between its configurations: nothing is assumed of how high a line gets."""
NOISE = 0.25
"""Variance of a result that says nothing of its configuration: few events make a metric."""
CANDIDATES = 256
"""Configurations that are drawn to choose from, half of them near the best that are known."""
STEP = 0.15
"""Deviation of those near the best, in ranges of parameters."""

MOST = 300
"""Configurations of its own that a line looks back on: the time for a proposal grows with their cube."""

Distributions = Mapping[str, Mapping[str, Any]]
"""Parameter -> its distribution in Optuna's JSON form."""


@dataclass(frozen=True, slots=True)
class Lessons:
    """What the lines of a lane's learner have found.

    ``places`` float64 (n, n_parameters) in [0, 1], parameters in order of name; ``values`` float64 (n,), the metric
    where more is better; ``lines`` int64 (n,), row of ``signatures`` that each belongs to; ``signatures`` float64
    (n_lines, n_features) of length 1, the pupil's own first, which ``values`` says nothing of. ``widths`` are those
    that the kernel may have; the likeliest is used (Rasmussen and Williams 2006, 5.4.1).
    """

    distributions: dict[str, dict[str, Any]] = field(default_factory=dict)
    places: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    values: Floats = field(default_factory=lambda: np.zeros(0))
    lines: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    signatures: Floats = field(default_factory=lambda: np.zeros((1, 0)))
    widths: tuple[float, ...] = WIDTHS

    def __len__(self) -> int:
        """Return how many configurations are known."""
        return len(self.values)

    def settled(self) -> Lessons:
        """Return the same with one width, found once for all proposals of a lane."""
        posteriors = {
            width: _Posterior(self.places, self.lines, self.values, self.signatures, width) for width in self.widths
        }
        return replace(self, widths=(max(self.widths, key=lambda width: posteriors[width].evidence),))


def propose(
    lessons: Lessons, tried: Sequence[tuple[Mapping[str, Any], float | None]], rng: np.random.Generator
) -> dict[str, Any]:
    """Return the parameters with the highest expected improvement (Mockus 1975) over the best of the line itself.

    Parameters
    ----------
    lessons
        What others found, if anything; their parameters in any case.
    tried
        Parameters, by the names of ``lessons.distributions``, and metric of each that this line has tried; those that
        lack a parameter are passed over, those that failed (None) count as the worst, and of more than `MOST` only the
        newest and the best are looked at.
    rng
        Draws the candidates.
    """
    about = lessons.distributions
    worst = min((metric for _, metric in tried if metric is not None), default=0.0)
    own = [(one, worst if metric is None else metric) for one, metric in tried if about.keys() <= one.keys()]
    own = own if len(own) <= MOST else [max(own[:-MOST], key=lambda one: one[1]), *own[-MOST:]]
    mine = np.array([place_of(params, about) for params, _ in own]).reshape(-1, len(about))
    places = np.concatenate([lessons.places.reshape(-1, len(about)), mine])
    lines = np.concatenate([lessons.lines, np.zeros(len(mine), np.int64)])
    values = np.concatenate([lessons.values, [metric for _, metric in own]])
    known = max(
        (_Posterior(places, lines, values, lessons.signatures, width) for width in lessons.widths),
        key=lambda one: one.evidence,
    )
    worth, _ = known.at(places)
    candidates = _candidates(places, worth, rng)
    mean, deviation = known.at(candidates)
    gain = mean
    if len(mine):
        gap = (mean - worth[lines == 0].max()) / deviation
        gain = deviation * (gap * _normal(gap) + np.exp(-0.5 * gap**2) / math.sqrt(2.0 * math.pi))
    chosen = candidates[int(np.argmax(gain))]
    return {name: value_at(place, about[name]) for name, place in zip(sorted(about), chosen, strict=True)}


class _Posterior:
    """What results say of configurations on line 0; ``evidence`` is the logarithm of how likely that makes them."""

    def __init__(self, places: Floats, lines: Integers, values: Floats, signatures: Floats, width: float) -> None:
        self._places, self._width = places, width
        level, scale = _levels(values, lines)
        values = (values - level) / scale
        # The square of a matrix of cosines, element by element, is a covariance too, and takes no side.
        alike = SHARED + (1.0 - SHARED) * (signatures @ signatures.T) ** 2
        np.fill_diagonal(alike, 1.0)
        self._towards = alike[0, lines]
        covariance = self._near(places) * alike[np.ix_(lines, lines)]
        covariance += OFFSET * (lines[:, None] == lines[None])
        covariance[np.diag_indices_from(covariance)] += NOISE
        self._inverse = np.linalg.inv(covariance)
        self._weights = self._inverse @ values
        self._covariance, self._values = covariance, values

    @property
    def evidence(self) -> float:
        return float(-self._values @ self._weights - np.linalg.slogdet(self._covariance)[1]) / 2.0

    def at(self, places: Floats) -> tuple[Floats, Floats]:
        """Return mean and deviation at configurations, the line's level left out, float64 (n,) each."""
        towards = self._near(places) * self._towards
        left = 1.0 - np.einsum("ij,ij->i", towards @ self._inverse, towards)
        return towards @ self._weights, np.sqrt(np.maximum(left, 1e-6))

    def _near(self, places: Floats) -> Floats:
        squares = (places**2).sum(axis=1)[:, None] + (self._places**2).sum(axis=1)[None] - 2.0 * places @ self._places.T
        near: Floats = np.exp(-0.5 * np.maximum(squares, 0.0) / (places.shape[1] * self._width**2))
        return near


def _levels(values: Floats, lines: Integers) -> tuple[Floats, Floats]:
    """Return the level and the scale of each value's line, float64 (n,) each; few results have the scale of all."""
    counts = np.maximum(np.bincount(lines), 1)
    means = np.bincount(lines, values) / counts
    squares = np.bincount(lines, (values - means[lines]) ** 2)
    common = squares.sum() / max(1, len(values) - np.count_nonzero(np.bincount(lines)))
    scales = np.sqrt((squares + 4.0 * common) / (counts + 3.0)) + 1e-9
    return means[lines], scales[lines]


def _candidates(places: Floats, worth: Floats, rng: np.random.Generator) -> Floats:
    best = places[np.argsort(-worth, kind="stable")[:8]]
    near = best[rng.integers(len(best), size=CANDIDATES // 2)]
    near = near + rng.normal(0.0, STEP, size=near.shape) * (rng.random(near.shape) < 0.5)
    return np.concatenate([rng.random((CANDIDATES // 2, places.shape[1])), np.clip(near, 0.0, 1.0)])


@np.vectorize
def _normal(gap: float) -> float:
    return 0.5 * math.erfc(-gap / math.sqrt(2.0))


def place_of(params: Mapping[str, Any], about: Distributions) -> list[float]:
    """Return parameters as numbers in [0, 1] in order of name, on a logarithmic scale where they are drawn on one.

    Examples
    --------
    >>> about = {"rate": {"name": "FloatDistribution", "attributes": {"low": 0.01, "high": 1.0, "log": True}}}
    >>> place_of({"rate": 0.1}, about), round(value_at(0.5, about["rate"]), 9)
    ([0.5], 0.1)
    """
    found = []
    for name in sorted(about):
        value, at = params[name], about[name]["attributes"]
        if "choices" in at:
            found.append(at["choices"].index(value) / max(1, len(at["choices"]) - 1))
            continue
        scale = math.log if at["log"] else float
        found.append((scale(value) - scale(at["low"])) / ((scale(at["high"]) - scale(at["low"])) or 1.0))
    return found


def value_at(place: float, about: Mapping[str, Any]) -> Any:
    """Return the value of a parameter at a place in [0, 1]."""
    at = about["attributes"]
    if "choices" in at:
        return at["choices"][round(place * (len(at["choices"]) - 1))]
    low, high = at["low"], at["high"]
    value = low * (high / low) ** place if at["log"] else low + (high - low) * place
    value = min(max(value, low), high)
    return round(value) if about["name"] == "IntDistribution" else float(value)
