"""What became of a line that stood as it stands now, where people happened to keep a setting higher or lower.

History holds a natural experiment: people move settings for reasons of their own, and now and then something is going
wrong meanwhile. Wherever the alert's kind of fault (`andon.explain.kinds`) had come some way, two things are asked:
did the event come (`andon.explain.outcomes`), and did the fault grow (`andon.explain.growth`).

A symptom is what a sensor shows beyond what is usual *for these settings, this recipe and these ingredients*, so that a
setting which merely shows in a sensor cures nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from andon.explain.course import Course, fit_course
from andon.explain.growth import FROM, LEAST_GROUPS, TO, growth
from andon.explain.kinds import Kinds, fit_kinds
from andon.explain.outcomes import outcomes
from andon.explain.regressions import least_squares
from andon.explain.states import forward_filled, run_lengths, states_of
from andon.explain.symptoms import Symptoms, fit_symptoms
from andon.frames import Booleans, Floats, Integers

SETTLED = 10
"""Rows that a line must have run before symptoms are read."""
GROUP = 2.0
"""Horizons within which trials tell of the same hours."""
GROWTH = 0.7
"""Weight of the z statistic of growth beside that of the event: its errors are told too small, by a fifth or so."""
_SHOWN = 0.5
"""Spreads from which a level or swing is a symptom of the alert."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What trials like one row say of settings (k) that are held higher or lower."""

    against: Floats
    """How surely a higher setting keeps the event away, in standard errors, float64 (k,); negative: a lower one does.

    The z statistics of the event and of growth, added up with weights and set to the spread that they would have
    together were they independent (Stouffer 1949; Mosteller and Bush 1954).
    """
    eases: Floats
    """Log-odds of the event within a horizon that a setting takes away for each unit that it is held higher, less one
    standard error, float64 (k,); negative: for each unit lower."""
    relief: Floats
    """Part by which the symptoms change after one unit of each setting, by lag, float64 (m, k)."""
    guilty: Booleans
    """Which levels and swings are symptoms, bool (2 p,)."""
    excess: Floats
    """How far each level and swing stands from what is usual because of the fault, in its own unit, float64 (2 p,)."""
    episodes: int
    """In how many hours the fault had come some way, those of one `GROUP` taken as one."""


@dataclass(frozen=True, slots=True)
class Trials:
    """All that a line's history tells of its faults and settings (k)."""

    symptoms: Symptoms
    kinds: Kinds
    course: Course
    lags: Integers
    """Rows after which symptoms are followed, int64 (m,)."""

    def evidence(self, departures: Floats) -> Evidence | None:
        """Return what history says of an alert with ``departures`` (2 p,); None where it saw too little like it."""
        kind = self.kinds.of(departures)
        if kind is None:
            return None
        course = self.course
        extent = (course.departures @ kind.weights.astype(np.float32)).astype(np.float64)
        groups = np.arange(len(extent)) // round(GROUP * course.horizon)
        came = outcomes(course, kind, extent, groups)
        if came is None:
            return None
        against = -came.surely
        grows = growth(course, extent, groups)
        if grows is not None:
            against = (against - GROWTH * grows.surely) / np.hypot(1.0, GROWTH)
        explained = kind.explained(departures)
        return Evidence(
            against,
            -np.sign(came.weights) * np.maximum(np.abs(came.weights) - came.errors, 0.0) / self.symptoms.spans,
            self._relief(extent, groups) / self.symptoms.spans,
            np.abs(explained) > _SHOWN,
            explained * self.symptoms.scales,
            len(np.unique(groups[extent > FROM])),
        )

    def _relief(self, extent: Floats, groups: Integers) -> Floats:
        """Return the part by which symptoms change after one span of each setting, by lag, float64 (m, k)."""
        course, places = self.course, self.course.sums.shape[1]
        found = np.zeros((len(self.lags), places))
        rows = np.flatnonzero((extent > FROM) & (extent < TO) & (course.runs > 2))
        for place, lag in enumerate(self.lags):
            long = max(1, round(float(lag) / course.rows))
            own = rows[rows < len(extent) - long]
            own = own[course.runs[own + long] > long]
            if len(np.unique(groups[own])) < LEAST_GROUPS + places:
                continue
            size = extent[own]
            # How a fault shows where the settings stood is in beside how far it had come.
            columns = [np.ones(len(own)), size, size**2, size - extent[own - 2], course.settings(own, own + 1)]
            columns.append(course.settings(own + 1, own + 1 + long))
            effects = least_squares(np.column_stack(columns), extent[own + long] - size, groups[own], places)
            # What is no larger than its own error is taken for chance (James and Stein 1961, positive part).
            kept = np.maximum(1.0 - 1.0 / np.maximum(effects.surely**2, 1e-9), 0.0)
            found[place] = effects.weights * kept / max(float(extent[own + long].mean()), FROM)
        return found


def fit_trials(
    moved: Floats,
    readings: Floats,
    ingredients: tuple[str, ...],
    given: Floats,
    contexts: Integers,
    recipes: Integers,
    usable: Booleans,
    onsets: Integers,
    horizon_rows: int,
    lags: Integers,
) -> Trials | None:
    """Learn what is usual, and collect events and course; None where history is too short for it.

    Parameters
    ----------
    moved, readings, given
        Settings (k, n), followers (p, n) and ingredients (q, n) on a regular grid of rows, NaN where nothing was read.
    contexts, recipes, usable
        As `andon.explain.responses.fit_responses` takes them.
    onsets
        Rows at which the event came, rising, int64.
    lags
        Rows after which symptoms are followed, none beyond the horizon, int64 (m,).
    """
    moved, given = forward_filled(moved), forward_filled(given)
    states = states_of(readings)
    known = usable & (recipes >= 0) & (run_lengths(contexts, usable) > SETTLED)
    known &= ~(np.isnan(states).any(axis=0) | np.isnan(moved).any(axis=0) | np.isnan(given).any(axis=0))
    if not len(moved) or not len(readings) or known.sum() < 50 * SETTLED or not len(onsets):
        return None
    symptoms = fit_symptoms(ingredients, states, moved, recipes, given, known)
    departures = np.nan_to_num(symptoms.departures(states, moved, recipes, given))
    course = fit_course(departures, symptoms.offsets(moved, recipes), known, onsets, horizon_rows)
    return Trials(symptoms, fit_kinds(departures, known, onsets), course, lags)
