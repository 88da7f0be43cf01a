"""How fast what is wrong grows or fades while a setting stands higher or lower, wherever it had come some way.

Over a short while after each stretch, the change is regressed on where the settings stood meanwhile (a local
projection: Jordà 2005), given how far it had come and how it had grown just before. What comes in bursts is slowed only
while it comes, so the product of settings and that growth is in as well. So is how the settings were moved meanwhile:
what only shows in a sensor goes with the move, and what builds up goes with the standing.
"""

from __future__ import annotations

import numpy as np

from andon.explain.course import Course
from andon.explain.regressions import Effects, least_squares
from andon.frames import Floats, Integers

WHILE, BEFORE = 2, 5
"""Stretches over which a change is looked at, and over which it grew before."""
FROM, TO = 0.25, 1.1
"""How far it must have come, and no farther: where nothing is wrong nothing is cured, and beyond it is too late."""
LEAST_GROUPS = 12
"""Groups of hours, beside one for each setting, that must be compared."""
_CUT = 0.01
"""Share of the changes at either end that is cut back."""
FASTEST = 0.3
"""Growth before, beyond which nothing is extrapolated."""


def growth(course: Course, extent: Floats, groups: Integers) -> Effects | None:
    """Return by how much a higher setting makes it grow; None where history is too short.

    Parameters
    ----------
    extent
        How far it had come in each stretch, float64 (n,).
    groups
        Which stretches tell of the same hours, rising, int64 (n,).
    """
    count = len(extent)
    rows = np.flatnonzero((extent[: count - WHILE] > FROM) & (extent[: count - WHILE] < TO))
    rows = rows[(rows >= BEFORE) & (course.runs[rows + WHILE] > 2 * WHILE) & (course.until[rows] > WHILE)]
    places = course.sums.shape[1]
    if len(np.unique(groups[rows])) < LEAST_GROUPS + places:
        return None
    changes = clipped(extent[rows + WHILE] - extent[rows])
    before = np.clip(extent[rows] - extent[rows - BEFORE], -FASTEST, FASTEST)
    moved = course.settings(rows + WHILE, rows + WHILE + 1) - course.settings(rows, rows + 1)
    held = course.settings(rows + 1, rows + 1 + WHILE)
    # Growth is taken from its median, so that the weights of settings are those at an ordinary row.
    products = held * (before - np.median(before))[:, None]
    columns = [np.ones(len(rows)), extent[rows], before, moved, products, held]
    return least_squares(np.column_stack(columns), changes, groups[rows], places)


def clipped(changes: Floats) -> Floats:
    """Return changes (n,) with the largest at either end cut back: cleaning takes all symptoms away at once."""
    found: Floats = np.clip(changes, *np.quantile(changes, [_CUT, 1.0 - _CUT]))
    return found
