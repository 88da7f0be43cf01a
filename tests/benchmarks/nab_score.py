"""The score of the Numenta Anomaly Benchmark, after its paper, for detections at a given threshold.

Lavin and Ahmad, "Evaluating Real-Time Anomaly Detection Algorithms - the Numenta Anomaly Benchmark", 2015: within a
window of an anomaly the earliest detection counts by how early it is, a window without one costs, and so does every
detection outside, less the sooner it follows a window. 100 is a detection at the start of every window and nothing
else, 0 is no detection at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from andon.frames import Booleans, Integers

FALSE_POSITIVE, MISSED = 0.11, 1.0
"""Weights of the standard profile; a true positive weighs 1, and a miss as much as the best detection is worth."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One file: ``detected`` bool (n,) of its rows, windows as first and last row, both included, and probation."""

    detected: Booleans
    windows: tuple[tuple[int, int], ...]
    probation: int
    """First rows, which are not scored."""


def nab_score(files: Sequence[Judged]) -> float:
    """Return the score of all files together: 0 for no detection, 100 for the best.

    Examples
    --------
    >>> windows = ((50, 59), (80, 89))
    >>> nothing, best = np.zeros(100, bool), np.zeros(100, bool)
    >>> best[[50, 80]] = True
    >>> nab_score([Judged(nothing, windows, 15)]), round(nab_score([Judged(best, windows, 15)]), 6)
    (0.0, 100.0)
    """
    count = sum(len(file.windows) for file in files)
    raw = sum(_raw(file) for file in files)
    null = -MISSED * count
    return 100 * (raw - null) / (count - null)


def _raw(file: Judged) -> float:
    total = 0.0
    rows: Integers = np.flatnonzero(file.detected)
    rows = rows[rows >= file.probation]
    inside = np.zeros(len(rows), np.bool_)
    for first, last in file.windows:
        within = (rows >= first) & (rows <= last)
        inside |= within
        if within.any():
            # -1 at the first row of the window, just below 0 at its last.
            position = -(last - int(rows[within][0]) + 1) / (last - first + 1)
            total += _sigmoid(position) / _sigmoid(-1.0)
        else:
            total -= MISSED
    for row in rows[~inside].tolist():
        before = [window for window in file.windows if window[1] < row]
        if not before:
            total -= FALSE_POSITIVE
            continue
        first, last = before[-1]
        position = (row - last) / max(last - first, 1)
        total += FALSE_POSITIVE * (_sigmoid(position) if position <= 3 else -1.0)
    return total


def _sigmoid(position: float) -> float:
    """Return how much a detection is worth at a position relative to a window: 1 well before its end, -1 long after."""
    return float(2 / (1 + np.exp(5 * position)) - 1)
