"""Which past events were of the kind that is coming, and how far that kind had come at any other time.

A line fails in more than one way, and what helps against one does nothing for another. Events whose symptoms point
where those of the alert point are taken for its kind; their mean is the kind's pattern. How far it had come at a row is
the least-squares size of that pattern in the row's symptoms, given how all symptoms vary together (Fisher's linear
discriminant 1936; as a matched filter: Turin 1960): what else is wrong at times is part of that, and is looked past.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from andon.explain.states import rolling
from andon.frames import Booleans, Floats, Integers

BEFORE = 5
"""Rows whose mean is what symptoms an event, or an alert, shows."""
ALIKE = 0.3
"""Part of the most alike event's cosine from which events begin to be of one kind."""
LEAST_EVENTS = 8
"""Events that make up a kind of which anything is told."""
_OTHER, _SAME = 0.2, 0.5
"""Sizes of the pattern up to which an event is of another kind, and from which it is of this one."""
_RIDGE = 0.05
"""Variance that each symptom has at least beside all others, of its own."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to fail."""

    pattern: Floats
    """Departures just before such an event, float64 (2 p,)."""
    weights: Floats
    """Of departures, whose sum is how far it has come: 0 not at all, 1 as before an event; float64 (2 p,)."""
    same: Floats
    """How surely each event was of it, 0 to 1, float64 (n,)."""

    def explained(self, departures: Floats) -> Floats:
        """Return what of departures (2 p,) is of this kind, float64 (2 p,): no more than there is, nor than fits.

        Examples
        --------
        >>> kind = Kind(np.array([2.0, 1.0, -3.0]), np.array([0.5, 0.0, 0.0]), np.ones(1))
        >>> kind.explained(np.array([1.0, 2.0, 0.3]))
        array([1. , 0.5, 0. ])
        """
        whole = self.pattern * max(0.0, float(self.weights @ departures))
        low, high = np.minimum(departures, 0.0), np.maximum(departures, 0.0)
        found: Floats = np.clip(whole, low, high) + 0.0
        return found


@dataclass(frozen=True, slots=True)
class Kinds:
    """Symptoms of the events that came (n of them), and how symptoms vary."""

    patterns: Floats
    """Departures just before each, float64 (n, 2 p)."""
    clear: Booleans
    """Before which the line had run for a while, bool (n,): symptoms after a start-up are none."""
    precision: Floats
    """Inverse covariance of departures over all rows, float64 (2 p, 2 p)."""

    def of(self, departures: Floats) -> Kind | None:
        """Return the kind of an alert with departures (2 p,); None where too few events were like it."""
        turned = self.patterns @ self.precision
        sizes = np.sqrt(np.maximum((turned * self.patterns).sum(axis=1), 1e-12))
        cosines = np.where(self.clear, turned @ departures / sizes, 0.0)
        most = float(cosines.max(initial=0.0))
        if most <= 0.0:
            return None
        # As many as count at least are looked for farther off.
        enough = float(np.sort(cosines)[-min(LEAST_EVENTS + 1, len(cosines))])
        begin = max(0.0, min(ALIKE * most, enough))
        alike = np.clip((cosines - begin) / max(most - begin, 1e-9), 0.0, 1.0) ** 2
        if np.count_nonzero(alike) < LEAST_EVENTS:
            return None
        pattern = alike @ self.patterns / alike.sum()
        weights = self.precision @ pattern
        weights /= weights @ pattern
        same = np.clip((self.patterns @ weights - _OTHER) / (_SAME - _OTHER), 0.0, 1.0)
        return Kind(pattern, weights, same)


def fit_kinds(departures: Floats, known: Booleans, onsets: Integers) -> Kinds:
    """Collect the events.

    Parameters
    ----------
    departures, known
        Departures (2 p, n) on a regular grid of rows, and at which rows they tell anything.
    onsets
        Rows at which the event came, rising, int64.
    """
    before = np.maximum(onsets - 1, 0)
    number = rolling(known[None].astype(np.float64), BEFORE)[0, before]
    told = rolling(np.where(known, departures, 0.0), BEFORE)[:, before] / np.maximum(number, 1.0)
    spread = np.cov(departures[:, known]) + _RIDGE * np.eye(len(departures))
    return Kinds(told.T, number == BEFORE, np.asarray(np.linalg.inv(spread), dtype=np.float64))
