"""What a lane tries next, by what it and similar lines have found: a Gaussian process over configurations and lines.

The covariance of two results is that of their configurations times that of their lines (Bonilla et al. 2007, used for
tuning by Swersky et al. 2013). Optuna's own estimators know one study; with a few configurations a line, most of what
is known lies in others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from andon.frames import Floats, Integers

WIDTHS = (0.35, 0.2, 0.1)
"""Widths that the kernel over configurations may have, root mean square of the distances in ranges of parameters; the
likeliest is used."""
SHARED = 0.8
"""Share of the variance between configurations that all lines have in common; similar lines share the rest."""
OFFSET = 30.0
"""Variance of a line's level, beside 1 between its configurations: nothing is assumed of how high a line gets."""
NOISE = 0.25
"""Variance of a result that says nothing of its configuration: few events make a metric."""
CANDIDATES = 160
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
    (n_lines, n_features) of length 1, the pupil's own first, which ``values`` says nothing of.
    """

    distributions: dict[str, dict[str, Any]] = field(default_factory=dict)
    places: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    values: Floats = field(default_factory=lambda: np.zeros(0))
    lines: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    signatures: Floats = field(default_factory=lambda: np.zeros((1, 0)))

    def __len__(self) -> int:
        """Return how many configurations are known."""
        return len(self.values)


class Proposer:
    """Proposes by lessons, whose part of the work is done once, and by what its own line has tried by then.

    Parameters
    ----------
    lessons
        What others found, if anything; their parameters in any case.
    """

    def __init__(self, lessons: Lessons) -> None:
        self._about = lessons.distributions
        self._places = lessons.places.reshape(-1, len(self._about))
        self._common, self._values = _standardised(lessons.values, lessons.lines)
        # The square of a matrix of cosines, element by element, is a covariance too, and takes no side.
        alike = SHARED + (1.0 - SHARED) * (lessons.signatures @ lessons.signatures.T) ** 2
        np.fill_diagonal(alike, 1.0)
        self._alike = alike[0, lessons.lines]
        among = alike[np.ix_(lessons.lines, lessons.lines)]
        level = OFFSET * (lessons.lines[:, None] == lessons.lines[None])
        squares = _squares(self._places, self._places)
        self._widths = WIDTHS
        if len(lessons):
            evidence = {width: _evidence(_near(squares, width) * among + level, self._values) for width in self._widths}
            self._widths = (max(self._widths, key=lambda width: evidence[width]),)
        near = _near(squares, self._widths[0])
        self._theirs = near * self._alike
        self._inverse = np.linalg.inv(near * among + level + NOISE * np.eye(len(lessons)))

    def propose(
        self, tried: Sequence[tuple[Mapping[str, Any], float | None]], rng: np.random.Generator
    ) -> dict[str, Any]:
        """Return the parameters with the highest expected improvement (Mockus 1975) over the best of the line itself.

        Parameters
        ----------
        tried
            Parameters and metric (more is better) of each that this line has tried; those that lack a parameter are
            passed over, those that failed (None) count as the worst, and of more than `MOST` only the newest and the
            best are looked at.
        rng
            Draws the candidates.
        """
        worst = min((metric for _, metric in tried if metric is not None), default=0.0)
        known = [
            (one, worst if metric is None else metric) for one, metric in tried if self._about.keys() <= one.keys()
        ]
        known = known if len(known) <= MOST else [max(known[:-MOST], key=lambda one: one[1]), *known[-MOST:]]
        own = np.array([place_of(params, self._about) for params, _ in known]).reshape(-1, len(self._about))
        metrics = np.array([metric for _, metric in known])
        _, values = _standardised(metrics, np.zeros(len(own), np.int64), self._common if len(self._values) else None)
        squares = _squares(own, own)
        width = self._widths[0]
        if len(self._widths) > 1:
            width = max(self._widths, key=lambda one: _evidence(_near(squares, one) + OFFSET, values))

        # Both together by blocks: what others found is inverted already.
        across = _near(_squares(own, self._places), width)
        gain = (across * self._alike) @ self._inverse
        rest = np.linalg.inv(
            _near(squares, width) + OFFSET + NOISE * np.eye(len(own)) - gain @ (across * self._alike).T
        )
        own_weights = rest @ (values - gain @ self._values)
        weights = self._inverse @ self._values - gain.T @ own_weights

        def mean(theirs: Floats, ours: Floats) -> Floats:
            found: Floats = theirs @ weights + ours @ own_weights
            return found

        reached = mean(across * self._alike, _near(squares, width))
        worth = np.concatenate([mean(self._theirs, across.T), reached])
        candidates = _candidates(np.concatenate([self._places, own]), worth, rng)
        theirs = _near(_squares(candidates, self._places), width) * self._alike
        ours = _near(_squares(candidates, own), width)
        expected = mean(theirs, ours)
        if len(own):
            left = ours - theirs @ gain.T
            told = np.einsum("ij,ij->i", theirs @ self._inverse, theirs) + np.einsum("ij,ij->i", left @ rest, left)
            deviation = np.sqrt(np.maximum(1.0 - told, 1e-6))
            gap = (expected - reached.max()) / deviation
            expected = deviation * (gap * _normal(gap) + np.exp(-0.5 * gap**2) / math.sqrt(2.0 * math.pi))
        chosen = candidates[int(np.argmax(expected))]
        return {
            name: value_at(place, self._about[name]) for name, place in zip(sorted(self._about), chosen, strict=True)
        }


def _squares(first: Floats, second: Floats) -> Floats:
    """Return mean squares of distances, float64 (n_first, n_second)."""
    sums = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None] - 2.0 * first @ second.T
    return np.maximum(sums, 0.0) / first.shape[1]


def _near(squares: Floats, width: float) -> Floats:
    return np.exp(squares * (-0.5 / width**2))


def _evidence(covariance: Floats, values: Floats) -> float:
    """Return the logarithm of how likely values are, but for a constant (Rasmussen and Williams 2006, 5.4.1)."""
    whole = covariance + NOISE * np.eye(len(values))
    return float(-values @ np.linalg.solve(whole, values) - np.linalg.slogdet(whole)[1]) / 2.0


def _standardised(values: Floats, lines: Integers, common: float | None = None) -> tuple[float, Floats]:
    """Return the variance within lines, and values less the mean of their line by a deviation of it.

    A line with few values has the variance of all, or the ``common`` one.
    """
    if not len(values):
        return 0.0, values
    counts = np.maximum(np.bincount(lines), 1)
    means = np.bincount(lines, values) / counts
    squares = np.bincount(lines, (values - means[lines]) ** 2)
    if common is None:
        common = float(squares.sum() / max(1, len(values) - np.count_nonzero(np.bincount(lines))))
    scales = np.sqrt((squares + 4.0 * common) / (counts + 3.0)) + 1e-9
    return common, (values - means[lines]) / scales[lines]


def _candidates(places: Floats, worth: Floats, rng: np.random.Generator) -> Floats:
    best = places[np.argsort(-worth, kind="stable")[:8]]
    near = best[rng.integers(len(best), size=CANDIDATES // 2)]
    moved = rng.random(near.shape) < 0.5
    moved[np.arange(len(near)), rng.integers(near.shape[1], size=len(near))] = True  # what is known is not tried again
    near = np.abs(near + rng.normal(0.0, STEP, size=near.shape) * moved)
    near = np.clip(1.0 - np.abs(1.0 - near), 0.0, 1.0)
    return np.concatenate([rng.random((CANDIDATES // 2, places.shape[1])), near])


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
