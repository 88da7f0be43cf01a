"""Whether the event came where a fault had come some way, and people held a setting higher or lower from then on.

A logistic regression of the event within a horizon on where the settings were held until it or to the horizon's end,
given how far the fault had come and how it grew (g-formula for a setting that is held: Hernán and Robins, *Causal
Inference*, 2020, ch. 13). How far it had come is corrected for how it shows (`andon.explain.display`), or a faster line
would only seem to be further gone; the error of that correction is part of the result's.
"""

from __future__ import annotations

import numpy as np

from andon.explain.course import Course
from andon.explain.display import Display, fit_display
from andon.explain.growth import FROM, LEAST_GROUPS, TO
from andon.explain.kinds import Kind
from andon.explain.regressions import Effects, logistic
from andon.frames import Floats, Integers

BEFORE = 2
"""Stretches over which it grew before."""
PASSED_ON = 1.5
"""Part of the error of how a fault shows that is passed on to what a setting does, through how far it had come."""


def outcomes(course: Course, kind: Kind, extent: Floats, groups: Integers) -> Effects | None:
    """Return what a setting that is held one span higher adds to the log-odds of the kind's event within a horizon.

    Parameters
    ----------
    extent
        How far the fault had come in each stretch as it shows, float64 (n,).
    groups
        Which stretches tell of the same hours, rising, int64 (n,).

    None where history is too short.
    """
    places = course.sums.shape[1]
    display = fit_display(course, extent, groups)
    if display is None:
        return None
    size = display.corrected(course, extent)
    rows = np.flatnonzero((size > FROM) & (size < TO) & (course.runs > BEFORE) & (course.until > 0))
    rows = rows[rows < len(size) - course.horizon]
    if len(np.unique(groups[rows])) < LEAST_GROUPS + places:
        return None
    held = course.settings(rows + 1, rows + 1 + np.minimum(course.until[rows], course.horizon))
    came = (course.until[rows] <= course.horizon) * kind.same[course.coming[rows]]
    columns = [np.ones(len(rows)), size[rows], size[rows] ** 2, size[rows] - size[rows - BEFORE], held]
    return _with_display(logistic(np.column_stack(columns), came, groups[rows], places), display, size[rows])


def _with_display(found: Effects, display: Display, size: Floats) -> Effects:
    """Return effects whose errors hold that of the display too; the log-odds rise with the size, float64 (n,)."""
    middle = float(size.mean())
    steep = (found.others[1] + 2.0 * found.others[2] * middle) * middle
    return Effects(found.weights, np.hypot(found.errors, PASSED_ON * steep * display.errors), found.others)
