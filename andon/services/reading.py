"""Reading a stretch of a line together with what its models look back on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from andon.frames import SignalFrame, to_microseconds
from andon.ports import Signals
from configs.definitions import Line


def read_with_context(
    signals: Signals,
    line: str,
    start: datetime | None,
    end: datetime | None,
    *,
    span: timedelta = timedelta(0),
    rows: int = 0,
    declared: Line | None = None,
) -> SignalFrame:
    """Return the readings of ``[start, end)``, and before ``start`` what models need, as far as history goes.

    Before ``start`` there are at least ``rows`` reading times, and one at or before ``start - span``: whether a window
    is full then never depends on where reading began.

    Raises
    ------
    DataError
        If the line has no readings at all.
    """
    stored = signals.describe_line(line)
    reach = max(span, timedelta(seconds=1))
    while True:
        begin = None if start is None else start - reach
        frame = signals.read_signals(line, None, begin, end)
        if start is None or begin is None or stored is None or begin <= stored.first:
            break
        times = frame.times
        before = int((times < to_microseconds(start)).sum())
        if before >= max(rows, 1) and times[0] <= to_microseconds(start - span):
            break
        reach *= 2
    if declared is not None and declared.sampling is not None:
        return replace(frame, sampling=declared.sampling)
    return frame
