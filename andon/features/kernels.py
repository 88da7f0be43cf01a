"""Compiled aggregation: time is cut into blocks of one stride, anchored at the Unix epoch; windows merge blocks.

A block is right-closed: a row at time t belongs to block ceil(t / stride). The readings of a block are reduced to one
partial aggregate (Welford 1962), and neighbouring partials are merged, the older always on the left (Chan, Golub and
LeVeque 1983; Pebay 2008 for the covariance). What a window holds beyond the next shorter one is taken in runs of 2^k
blocks, oldest and longest first; then come the shorter windows, and last the readings of the row's own block up to the
row. Runs are kept, so windows of hundreds of blocks cost a few merges a block.

Which merges make a window depends on the readings inside it alone: runs count blocks with a reading from a window's
first, and times are exact integers until they are taken relative to a block. So what comes out is the same, to the
last bit, whatever rows come before the window or after the row. ``fastmath`` stays off: the order of operations is the
promise.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from andon.frames import Floats, Integers

MEAN, STD, MIN, MAX, SLOPE, COUNT, LAST, DELTA, SINCE_CHANGE, SHARE = range(10)
"""Codes of the functions."""

_PARTIAL = np.dtype(
    [
        ("block", np.int64),
        ("n", np.float64),
        ("mean", np.float64),
        ("m2", np.float64),
        ("time", np.float64),
        ("time_m2", np.float64),
        ("covariance", np.float64),
        ("low", np.float64),
        ("high", np.float64),
    ]
)
"""``time`` is the mean time in minutes after the start of ``block``; ``m2`` and ``covariance`` are sums."""
_MINUTES = 1 / 60_000_000
_SECOND = 1_000_000.0
_NONE = -(2**62)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _add(part: Any, value: float, minutes: float) -> None:
    """Add a reading at ``minutes`` after its block's start to a partial."""
    n = part.n + 1.0
    part.n = n
    if n == 1.0:
        part.mean = value
        part.low = value
        part.high = value
        part.time = minutes
        part.m2 = 0.0
        part.time_m2 = 0.0
        part.covariance = 0.0
        return
    weight = 1.0 / n
    dx = value - part.mean
    dt = minutes - part.time
    rest = dt * (1.0 - weight)
    part.mean += dx * weight
    part.time += dt * weight
    part.m2 += dx * dx * (1.0 - weight)
    part.time_m2 += dt * rest
    part.covariance += dx * rest
    part.low = value if value < part.low else part.low
    part.high = value if value > part.high else part.high


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _copy(source: Any, into: Any) -> None:
    into.block = source.block
    into.n = source.n
    into.mean = source.mean
    into.m2 = source.m2
    into.time = source.time
    into.time_m2 = source.time_m2
    into.covariance = source.covariance
    into.low = source.low
    into.high = source.high


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _merge(older: Any, newer: Any, into: Any, stride: float) -> None:
    """Write the partial of ``older`` and then ``newer`` into ``into``, which may be one of them; stride in minutes."""
    if newer.n == 0.0:
        _copy(older, into)
        return
    if older.n == 0.0:
        _copy(newer, into)
        return
    n = older.n + newer.n
    part = newer.n / n
    weight = older.n * part
    dx = newer.mean - older.mean
    dt = newer.time + (newer.block - older.block) * stride - older.time
    low = newer.low if newer.low < older.low else older.low
    high = newer.high if newer.high > older.high else older.high
    into.m2 = older.m2 + newer.m2 + dx * dx * weight
    into.time_m2 = older.time_m2 + newer.time_m2 + dt * dt * weight
    into.covariance = older.covariance + newer.covariance + dx * dt * weight
    into.mean = older.mean + dx * part
    into.time = older.time + dt * part
    into.low = low
    into.high = high
    into.n = n
    into.block = older.block


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _complete_run(
    runs: Any, starts: Integers, ring: int, level: int, start: int, todo: Integers, stride: float
) -> None:
    """Merge the run of 2^level blocks from number ``start``, and what is missing of the runs that make it."""
    top = 0
    todo[0, 0], todo[0, 1] = level, start
    while top >= 0:
        k, left = todo[top, 0], todo[top, 1]
        right = left + (1 << (k - 1))
        below = (k - 1) * ring
        if starts[below + (left & (ring - 1))] != left:
            top += 1
            todo[top, 0], todo[top, 1] = k - 1, left
        elif starts[below + (right & (ring - 1))] != right:
            top += 1
            todo[top, 0], todo[top, 1] = k - 1, right
        else:
            here = k * ring + (left & (ring - 1))
            _merge(runs[below + (left & (ring - 1))], runs[below + (right & (ring - 1))], runs[here], stride)
            starts[here] = left
            top -= 1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _finite(value: float) -> float:
    return value if np.isfinite(value) else np.nan


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _since_change(time: int, last: int, changed: int, before_change: int, start: int, longest: int) -> float:
    """Seconds since the change at ``changed``, if the reading before it lies in the window too; else ``longest``."""
    if last <= start:
        return np.nan
    return (time - changed if before_change > start else longest) / _SECOND


@numba.njit(cache=True, nogil=True, error_model="numpy")
def aggregate_numbers(
    times: Integers,
    values: Floats,
    rows: Integers,
    stride: int,
    sampling: int,
    lengths: Integers,
    columns: Integers,
    offsets: Integers,
    out: Floats,
) -> None:
    """Write the features of numbers into ``out``.

    Parameters
    ----------
    times
        Microseconds, strictly rising, int64 (n,).
    values
        Readings, float64 (v, n), NaN where nothing was read.
    rows
        Rows to compute, rising, int64 (r,).
    stride, sampling
        Microseconds.
    lengths
        Window lengths in blocks, ascending, int64 (w,).
    columns
        Of each window and function: its place among the features of a variable, -1 for none, int64 (w, 9).
    offsets
        Column of each variable's first feature, int64 (v,).
    out
        float64 (r, n_features).
    """
    n_windows = len(lengths)
    ring = 1
    while ring < lengths[-1]:
        ring *= 2
    widest = lengths[0]
    for w in range(1, n_windows):
        widest = max(widest, lengths[w] - lengths[w - 1])
    levels = 1
    while (1 << levels) <= widest:
        levels += 1
    # Where most blocks are wanted, runs are merged as blocks close; for a few rows only those that are needed.
    blocks = min(len(times), (times[-1] - times[0]) // stride + 1)
    dense = 4 * len(rows) > blocks
    minutes = stride * _MINUTES
    runs = np.empty(levels * ring, _PARTIAL)
    starts = np.empty(levels * ring, np.int64)
    todo = np.empty((levels + 1, 2), np.int64)
    # What each window holds of closed blocks beyond the next shorter window, and the levels of the runs it takes.
    beyond = np.empty(n_windows, _PARTIAL)
    begins = np.empty(n_windows, np.int64)
    taken = np.empty((n_windows, levels), np.int64)
    n_taken = np.empty(n_windows, np.int64)
    lefts = np.full(n_windows, -1, np.int64)
    heads = np.empty(n_windows, np.int64)
    parts = np.empty(2, _PARTIAL)
    here, whole = parts[0], parts[1]
    for v in range(len(offsets)):
        starts[:] = -1
        begins[:] = 0
        heads[:] = 0
        here.n = 0.0
        closed, wanted, last, ready = 0, 0, -1, False
        current = -((-times[0]) // stride) - 1
        end = current * stride
        changed, before_change = 0, _NONE
        for i in range(len(times)):
            if wanted == len(rows):
                break
            time = times[i]
            if time > end:
                if here.n > 0.0:
                    slot = closed & (ring - 1)
                    _copy(here, runs[slot])
                    starts[slot] = closed
                    level, first, half = 1, closed - 1, closed
                    while dense and level < levels and first >= 0:
                        below = (level - 1) * ring
                        slot = level * ring + (first & (ring - 1))
                        _merge(
                            runs[below + (first & (ring - 1))], runs[below + (half & (ring - 1))], runs[slot], minutes
                        )
                        starts[slot] = first
                        half = first
                        first -= 1 << level
                        level += 1
                    closed += 1
                # Most rows fall into the same block as the one before, or the next: a division would cost more.
                current += 1
                end += stride
                if time > end:
                    current = -((-time) // stride)
                    end = current * stride
                here.n = 0.0
                here.block = current
                ready = False
                for w in range(n_windows):
                    while begins[w] < closed and runs[begins[w] & (ring - 1)].block <= current - lengths[w]:
                        begins[w] += 1
            value = values[v, i]
            if not np.isnan(value):
                _add(here, value, (time - end + stride) * _MINUTES)
                if last >= 0 and value != values[v, last]:
                    changed, before_change = time, times[last]
                last = i
            if i != rows[wanted]:
                continue
            if not ready:
                ready = True
                following = closed
                for w in range(n_windows):
                    first = begins[w]
                    left = following - first
                    following = first
                    if left != lefts[w]:
                        lefts[w] = left
                        n_taken[w] = 0
                        for level in range(levels - 1, -1, -1):
                            if left & (1 << level):
                                taken[w, n_taken[w]] = level
                                n_taken[w] += 1
                    beyond[w].n = 0.0
                    for step in range(n_taken[w]):
                        level = taken[w, step]
                        slot = level * ring + (first & (ring - 1))
                        if starts[slot] != first:
                            _complete_run(runs, starts, ring, level, first, todo, minutes)
                        _merge(beyond[w], runs[slot], beyond[w], minutes)
                        first += 1 << level
            _copy(here, whole)
            for w in range(n_windows):
                if beyond[w].n > 0.0:
                    _merge(beyond[w], whole, whole, minutes)
                n = whole.n
                start = (current - lengths[w]) * stride
                if columns[w, MEAN] >= 0:
                    out[wanted, offsets[v] + columns[w, MEAN]] = _finite(whole.mean) if n > 0.0 else np.nan
                if columns[w, STD] >= 0:
                    out[wanted, offsets[v] + columns[w, STD]] = (
                        _finite(np.sqrt(whole.m2 / (n - 1.0))) if n > 1.0 else np.nan
                    )
                if columns[w, MIN] >= 0:
                    out[wanted, offsets[v] + columns[w, MIN]] = whole.low if n > 0.0 else np.nan
                if columns[w, MAX] >= 0:
                    out[wanted, offsets[v] + columns[w, MAX]] = whole.high if n > 0.0 else np.nan
                if columns[w, SLOPE] >= 0:
                    out[wanted, offsets[v] + columns[w, SLOPE]] = (
                        _finite(whole.covariance / whole.time_m2) if n > 1.0 else np.nan
                    )
                if columns[w, COUNT] >= 0:
                    out[wanted, offsets[v] + columns[w, COUNT]] = n / max(1.0, (time - start) / sampling)
                if columns[w, LAST] >= 0:
                    out[wanted, offsets[v] + columns[w, LAST]] = values[v, last] if n > 0.0 else np.nan
                if columns[w, DELTA] >= 0:
                    head = heads[w]
                    while head < i and (times[head] <= start or np.isnan(values[v, head])):
                        head += 1
                    heads[w] = head
                    out[wanted, offsets[v] + columns[w, DELTA]] = (
                        _finite(values[v, last] - values[v, head]) if n > 0.0 else np.nan
                    )
                if columns[w, SINCE_CHANGE] >= 0:
                    read = times[last] if last >= 0 else _NONE
                    longest = lengths[w] * stride
                    out[wanted, offsets[v] + columns[w, SINCE_CHANGE]] = _since_change(
                        time, read, changed, before_change, start, longest
                    )
            wanted += 1


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
        As of `aggregate_numbers`.
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
