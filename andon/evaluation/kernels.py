"""Compiled walk over flagged rows: when an alarm is raised depends on the one before it."""

from __future__ import annotations

import numba
import numpy as np

from andon.frames import Booleans, Floats, Integers


@numba.njit(cache=True, nogil=True)
def raise_alarms(
    scores: Floats, positive: Booleans, times: Integers, groups: Integers, threshold: float, horizon: int, quiet: int
) -> tuple[Integers, Booleans]:
    """Return the row at which each alarm is raised, int64 (n_alarms,), and whether it is true, bool (n_alarms,).

    A row is flagged where its score is at least ``threshold``. An alarm stands over flagged rows of its line that
    follow each other within less than ``quiet``, for less than ``horizon``: what it foretold must have come by then,
    and a row that is flagged still raises another. It is true if any of its rows is positive.
    """
    raised = np.empty(len(scores), dtype=np.int64)
    hits = np.zeros(len(scores), dtype=np.bool_)
    count, last = 0, 0
    for row in range(len(scores)):
        if not scores[row] >= threshold:
            continue
        if count > 0:
            first = raised[count - 1]
            stands = times[row] - times[last] < quiet and times[row] - times[first] < horizon
            if groups[row] == groups[first] and stands:
                hits[count - 1] |= positive[row]
                last = row
                continue
        raised[count], hits[count], last = row, positive[row], row
        count += 1
    return raised[:count].copy(), hits[:count].copy()
