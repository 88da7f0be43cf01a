"""How a setting makes what is wrong show more or less, and how far it had come apart from that.

A sensor shows the same fault the larger the faster a line runs, so that a faster line seems to be further gone than it
is. Faults come and go slowly, and settings are moved at once: what changes in proportion to the fault in the minutes
after a move is how it shows (an event study around moves: MacKinlay 1997).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from andon.explain.course import Course
from andon.explain.growth import BEFORE, FASTEST, LEAST_GROUPS, clipped
from andon.explain.regressions import least_squares
from andon.frames import Floats, Integers

SHOWN_AFTER = 6
"""Stretches after a move in which all of it shows."""
FROM, TO = 0.2, 1.3
"""How far a fault must have come for a move to make it show differently, and no farther."""
_LEAST, _MOST = 0.5, 2.0


@dataclass(frozen=True, slots=True)
class Display:
    """By which part more a fault shows for each span that a setting stands higher, float64 (k,), and errors."""

    parts: Floats
    errors: Floats

    def corrected(self, course: Course, extent: Floats) -> Floats:
        """Return how far the fault had come in each stretch, had it shown as at the recipe's settings, float64 (n,).

        What is no larger than its own error is taken for chance (James and Stein 1961, positive part).
        """
        sure = np.maximum(1.0 - (self.errors / np.maximum(np.abs(self.parts), 1e-9)) ** 2, 0.0)
        shown = 1.0 + np.diff(course.sums, axis=0) @ (self.parts * sure)
        found: Floats = extent / np.clip(shown, _LEAST, _MOST)
        return found


def fit_display(course: Course, extent: Floats, groups: Integers) -> Display | None:
    """Learn it from the moves that people made while something was wrong; None where history is too short.

    Parameters
    ----------
    extent
        How far a fault had come in each stretch as it shows, float64 (n,).
    groups
        Which stretches tell of the same hours, rising, int64 (n,).
    """
    count, places = len(extent), course.sums.shape[1]
    rows = np.flatnonzero((extent[: count - SHOWN_AFTER] > FROM) & (extent[: count - SHOWN_AFTER] < TO))
    rows = rows[rows >= BEFORE]
    rows = rows[(course.runs[rows + SHOWN_AFTER] > SHOWN_AFTER + 2) & (course.until[rows] > SHOWN_AFTER)]
    if len(np.unique(groups[rows])) < LEAST_GROUPS + places:
        return None
    size = extent[rows][:, None]
    before = np.clip(extent[rows] - extent[rows - BEFORE], -FASTEST, FASTEST)
    at, moved, later = (course.settings(one, one + 1) for one in (rows, rows + 1, rows + SHOWN_AFTER))
    columns = [np.ones(len(rows)), size, before, (later - moved) * size, (moved - at) * size]
    changes = clipped(extent[rows + SHOWN_AFTER] - extent[rows])
    found = least_squares(np.column_stack(columns), changes, groups[rows], places)
    return Display(found.weights, found.errors)
