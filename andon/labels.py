"""Labels: whether the onset of the target will be seen within the horizon."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from andon.expressions import evaluate
from andon.frames import MICROSECOND, Floats, Integers, SignalFrame
from configs.expressions import Expression

LONGEST_HOLE = 3
"""Samplings without a known target, after which it counts as not seen."""


def onsets(frame: SignalFrame, target: Expression) -> Integers:
    """Return the time of each onset, microseconds, int64 (n_onsets,).

    An onset is a step from known false to known true; the first known row being true is none.
    """
    times, holds = _known(frame, target)
    began = np.flatnonzero(holds[1:] & ~holds[:-1]) + 1
    return times[began]


def label_rows(frame: SignalFrame, target: Expression, horizon: timedelta) -> Floats:
    """Return the label of every row, float64 (n_rows,): 1, 0, or NaN where there is none.

    1 if an onset of the target is seen in (t, t + horizon], even where the horizon passes the end of the data; 0 only
    if the whole horizon was seen without one; NaN otherwise, and wherever the target already holds or was never known.
    A stretch of more than `LONGEST_HOLE` samplings without a known target was not seen.
    """
    times = frame.times
    labels = np.full(len(times), np.nan)
    known_times, holds = _known(frame, target)
    if not len(known_times):
        return labels
    length = horizon // MICROSECOND
    last_known = np.searchsorted(known_times, times, side="right") - 1
    has_state = last_known >= 0
    free = has_state & ~holds[np.maximum(last_known, 0)]
    began = known_times[1:][holds[1:] & ~holds[:-1]]
    following = np.searchsorted(began, times, side="right")
    soonest = np.append(began, np.iinfo(np.int64).max)[following]
    positive = soonest - times <= length
    hole = LONGEST_HOLE * (frame.sampling // MICROSECOND)
    broken = np.flatnonzero(np.diff(known_times) > hole)
    # The first hole that ends after t hides part of the horizon if it begins before the horizon's end.
    next_hole = np.searchsorted(known_times[broken + 1], times, side="right")
    hole_begins = np.append(known_times[broken], np.iinfo(np.int64).max)[next_hole]
    seen = (times + length <= known_times[-1]) & (hole_begins >= times + length)
    labels[free & positive] = 1.0
    labels[free & ~positive & seen] = 0.0
    return labels


def _known(frame: SignalFrame, target: Expression) -> tuple[Integers, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    states = evaluate(target, frame)
    known = ~np.isnan(states)
    return frame.times[known], states[known] == 1.0
