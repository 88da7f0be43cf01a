"""The tick itself: which rows are due, and what comes of them."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from andon.alerts.line_state import LineState
from andon.assistant.judging import Judging
from andon.assistant.views import FUTURE, LineView, TickResult
from andon.frames import SignalFrame, to_microseconds

AHEAD = timedelta(minutes=5)
"""How far ahead of the clock a row may be dated."""


def tick(view: LineView, state: LineState, now: datetime | None = None) -> TickResult:
    """Judge the rows of a line that came after ``state``, in order of their times.

    The outcome is a function of the rows alone: many in one tick, or one a tick, give the same forecasts, anomalies,
    alerts and skips. A row that comes late (at or before ``state.last``) is not judged; it counts in the windows of
    rows to come. A reason for which a definition cannot be evaluated is told at the first row that has it, and again
    once in every hour of data.

    Parameters
    ----------
    view
        Its frame holds every row after ``state.last``, or the oldest of them, and before them what models look back on.
    now
        The clock, in UTC: rows of more than five minutes ahead are held back, and a line that says nothing for five
        samplings (at least a minute) is without data. None: all rows are judged.
    """
    frame, times = view.frame, view.frame.times
    limit = None if now is None else to_microseconds(now + AHEAD)
    end = len(times) if limit is None else int(np.searchsorted(times, limit, side="right"))
    first = min(int(np.searchsorted(times, state.last, side="right")), end)
    seen = SignalFrame(frame.line, frame.data[:end], frame.types, frame.sampling)
    judging = Judging(view, seen, first, state)
    judging.late()
    for row in range(end - first):
        judging.row(row)
    if end < len(times):
        text = "is dated ahead of the clock; it is held back until its time has come"
        judging.skip(FUTURE, int(times[end]), text)
    return judging.result(now)
