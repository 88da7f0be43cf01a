"""Labels: whether the onset of the target will be seen within the horizon."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import numpy as np

from andon.expressions import evaluate
from andon.frames import MICROSECOND, Booleans, Floats, Integers, SignalFrame
from configs.expressions import Expression

Reviewed = tuple[int, int, float]
"""First and last time of a span, microseconds, and the label that people's verdict gives to its rows: 1 or 0."""
LONGEST_HOLE = 3
"""Samplings without a known target after which a stretch of time counts as not seen."""
_NEVER = np.iinfo(np.int64).max


def onsets(frame: SignalFrame, target: Expression) -> Integers:
    """Return the time of each onset of the target, microseconds, int64 (n_onsets,).

    An onset is a step from known false to known true, at the time of the true one, with nothing but rows at which the
    target is unknown between the two. The first known row being true is none: nobody saw it begin.

    Raises
    ------
    ConfigError
        If the line lacks a variable of the target, or one has the wrong type.
    """
    return _onsets(*_known(frame, target))


def label_rows(frame: SignalFrame, target: Expression, horizon: timedelta, reviewed: Sequence[Reviewed] = ()) -> Floats:
    """Return the label of every row, float64 (n_rows,): 1, 0, or NaN where there is none.

    At time t it is

    - NaN where the target holds, or was never known yet; a row at which it is unknown takes its last known state;
    - else 1 if an onset is seen in (t, t + horizon], even where the horizon passes the end of the data;
    - else 0 if all of (t, t + horizon] was seen: the target is known at some row at or after t + horizon, and within
      the horizon there is no stretch of more than `LONGEST_HOLE` samplings between known rows (or from the last one
      to t + horizon);
    - else NaN.

    So a label takes its value from rows up to t + horizon; of later ones it matters only whether there are any.
    What people said counts beside what was seen: see `labels_at`.

    Raises
    ------
    ConfigError
        If the line lacks a variable of the target, or one has the wrong type.
    """
    return labels_at(frame, target, horizon, reviewed)(frame.times)


def labels_at(
    frame: SignalFrame, target: Expression, horizon: timedelta, reviewed: Sequence[Reviewed] = ()
) -> Callable[[Integers], Floats]:
    """Return what gives the labels of any times: microseconds, int64 (n,) -> float64 (n,), as of `label_rows`.

    ``frame`` needs the target's variables only. ``reviewed`` are spans of alerts with a verdict: their rows are
    positive where people confirmed the alert, or avoided what it foretold; where they rejected it, rows that nothing
    else tells of are negative, and an onset that was seen stays one. A row at which the target holds has no label,
    whoever says what.

    Raises
    ------
    ConfigError
        If the line lacks a variable of the target, or one has the wrong type.
    """
    known, holds = _known(frame, target)
    moments = _onsets(known, holds)
    hole = LONGEST_HOLE * (frame.sampling // MICROSECOND)
    wide = np.flatnonzero(np.diff(known) > hole)

    def labels_of(times: Integers) -> Floats:
        labels = np.full(len(times), np.nan)
        if not len(known):
            return labels
        ends = times + horizon // MICROSECOND
        state = np.searchsorted(known, times, side="right") - 1
        free = (state >= 0) & ~holds[np.maximum(state, 0)]
        positive = _first_after(times, moments) <= ends
        # Of the holes that end after t, the first begins earliest, so it hides the most of the horizon.
        following = np.searchsorted(known[wide + 1], times, side="right")
        begins = np.append(known[wide], _NEVER - hole)[following]
        seen = (ends <= known[-1]) & (ends <= begins + hole)
        labels[free & seen] = 0.0
        labels[free & positive] = 1.0
        for begin, end, label in reviewed:
            inside = free & (times >= begin) & (times <= end)
            labels[inside if label == 1.0 else inside & np.isnan(labels)] = label
        return labels

    return labels_of


def _first_after(times: Integers, moments: Integers) -> Integers:
    found: Integers = np.append(moments, _NEVER)[np.searchsorted(moments, times, side="right")]
    return found


def _onsets(known: Integers, holds: Booleans) -> Integers:
    return known[1:][holds[1:] & ~holds[:-1]]


def _known(frame: SignalFrame, target: Expression) -> tuple[Integers, Booleans]:
    """Return when the target is known, int64 (n_known,), and whether it held then, bool (n_known,)."""
    states = evaluate(target, frame)
    known = ~np.isnan(states)
    return frame.times[known], states[known] == 1.0
