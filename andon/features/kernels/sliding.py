"""Compiled aggregation of what slides without error: readings that are counted, and the newest, oldest and changed.

Counts are integers and readings are handed on as they are, so windows are moved along reading by reading and still give
the same bits wherever they started. Windows begin at whole blocks of one stride, as everywhere (`kernels.numbers`).
"""

from __future__ import annotations

import numba
import numpy as np

from andon.frames import Floats, Integers

LAST, SINCE_CHANGE, DELTA, COUNT, SHARE, OUT_OF_BOUNDS = range(6)
"""Codes of the functions."""

_SECOND = 1_000_000.0
_NONE = -(2**62)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _since_change(time: int, last: int, changed: int, before_change: int, start: int, longest: int) -> float:
    """Seconds since the change at ``changed``, if the reading before it lies in the window too; else ``longest``."""
    if last <= start:
        return np.nan
    return (time - changed if before_change > start else longest) / _SECOND


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _write_last(
    times: Integers, values: Floats, rows: Integers, stride: int, longest: int, out: Floats, column: int
) -> None:
    """Write each row's newest reading in the longest window, looking back no further than the row before."""
    newest, before = -1, -1
    for r in range(len(rows)):
        for i in range(rows[r], before, -1):
            if not np.isnan(values[i]):
                newest = i
                break
        before = rows[r]
        start = -((-times[before]) // stride) * stride - longest
        out[r, column] = values[newest] if newest >= 0 and times[newest] > start else np.nan


@numba.njit(cache=True, nogil=True, error_model="numpy")
def aggregate_readings(
    times: Integers,
    values: Floats,
    bounds: Floats,
    rows: Integers,
    stride: int,
    sampling: int,
    lengths: Integers,
    columns: Integers,
    offsets: Integers,
    out: Floats,
) -> None:
    """Write what is counted of numbers, and their newest, oldest and changed readings, into ``out``.

    Parameters
    ----------
    times
        Microseconds, strictly rising, int64 (n,).
    values
        Readings, float64 (v, n), NaN where nothing was read.
    bounds
        Least and greatest reading that is within a variable's bounds, float64 (v, 2).
    rows
        Rows to compute, rising, int64 (r,).
    stride, sampling
        Microseconds.
    lengths
        Window lengths in blocks, ascending, int64 (w,).
    columns
        Of each window and function: its place among the features of a variable, -1 for none, int64 (w, 6).
    offsets
        Column of each variable's first feature, int64 (v,).
    out
        float64 (r, n_features).
    """
    n_windows = len(lengths)
    bounded = columns[:, OUT_OF_BOUNDS].max() >= 0
    counting = bounded or columns[:, COUNT].max() >= 0
    heading = counting or columns[:, DELTA].max() >= 0
    since, longest = columns[-1, SINCE_CHANGE], lengths[-1] * stride
    heads = np.empty(n_windows, np.int64)
    totals, outside = np.empty(n_windows, np.int64), np.empty(n_windows, np.int64)
    for v in range(len(offsets)):
        readings, offset = values[v], offsets[v]
        low, high = bounds[v]
        if columns[-1, LAST] >= 0:
            _write_last(times, readings, rows, stride, longest, out, offset + columns[-1, LAST])
        if not heading and since < 0:
            continue
        heads[:], totals[:], outside[:] = 0, 0, 0
        newest, read, changed, before_change = np.nan, _NONE, 0, _NONE
        following = 0
        for wanted in range(len(rows)):
            row = rows[wanted]
            for i in range(following, row + 1):
                value = readings[i]
                if np.isnan(value):
                    continue
                # The first reading differs from NaN too, but there is none before it.
                if value != newest:
                    changed, before_change = times[i], read
                newest, read = value, times[i]
                if counting:
                    beyond = bounded and (value < low or value > high)
                    for w in range(n_windows):
                        totals[w] += 1
                        outside[w] += beyond
            following = row + 1
            time = times[row]
            block = -((-time) // stride)
            if since >= 0:
                start = block * stride - longest
                out[wanted, offset + since] = _since_change(time, read, changed, before_change, start, longest)
            if not heading:
                continue
            for w in range(n_windows):
                start, head = (block - lengths[w]) * stride, heads[w]
                # The head stops at the oldest reading in the window.
                while head <= row and (times[head] <= start or np.isnan(readings[head])):
                    if counting and not np.isnan(readings[head]):
                        totals[w] -= 1
                        outside[w] -= bounded and (readings[head] < low or readings[head] > high)
                    head += 1
                heads[w] = head
                if columns[w, DELTA] >= 0:
                    change = newest - readings[head] if read > start else np.nan
                    out[wanted, offset + columns[w, DELTA]] = change if np.isfinite(change) else np.nan
                if columns[w, COUNT] >= 0:
                    out[wanted, offset + columns[w, COUNT]] = totals[w] / max(1.0, (time - start) / sampling)
                if columns[w, OUT_OF_BOUNDS] >= 0:
                    share = outside[w] / totals[w] if totals[w] else np.nan
                    out[wanted, offset + columns[w, OUT_OF_BOUNDS]] = share


@numba.njit(cache=True, nogil=True, error_model="numpy")
def aggregate_states(
    times: Integers,
    states: Integers,
    shares: Integers,
    n_counters: int,
    rows: Integers,
    stride: int,
    sampling: int,
    lengths: Integers,
    functions: Integers,
    windows: Integers,
    counted: Integers,
    out: Floats,
) -> None:
    """Write the features of one boolean or category into ``out``; counts are integers, so they slide without error.

    Parameters
    ----------
    times, rows, stride, sampling, lengths, functions, windows
        As of `aggregate_readings`; code and window of each feature, int64 (f,).
    states
        What was read, from 0, int64 (n,); -1 where nothing was.
    shares
        Counter of each state, below ``n_counters``, int64 (n_states,).
    counted
        Of each feature that is a share: its counter, below ``n_counters``, int64 (f,).
    out
        float64 (r, f).
    """
    n_windows = len(lengths)
    counts = np.zeros((n_windows, n_counters), np.int64)
    totals = np.zeros(n_windows, np.int64)
    heads = np.zeros(n_windows, np.int64)
    changed, before_change = 0, _NONE
    wanted, last = 0, -1
    for i in range(len(times)):
        if wanted == len(rows):
            break
        time = times[i]
        state = states[i]
        if state >= 0:
            for w in range(n_windows):
                counts[w, shares[state]] += 1
                totals[w] += 1
            if last >= 0 and state != states[last]:
                changed, before_change = time, times[last]
            last = i
        if i != rows[wanted]:
            continue
        block = -((-time) // stride)
        for w in range(n_windows):
            while times[heads[w]] <= (block - lengths[w]) * stride:
                gone = states[heads[w]]
                if gone >= 0:
                    counts[w, shares[gone]] -= 1
                    totals[w] -= 1
                heads[w] += 1
        for f in range(len(functions)):
            w = windows[f]
            start = (block - lengths[w]) * stride
            if functions[f] == COUNT:
                out[wanted, f] = totals[w] / max(1.0, (time - start) / sampling)
            elif totals[w] == 0:
                out[wanted, f] = np.nan
            elif functions[f] == SHARE:
                out[wanted, f] = counts[w, counted[f]] / totals[w]
            elif functions[f] == LAST:
                out[wanted, f] = states[last]
            else:
                out[wanted, f] = _since_change(time, times[last], changed, before_change, start, lengths[w] * stride)
        wanted += 1
