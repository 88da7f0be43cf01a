"""Compiled aggregation: time is cut into blocks of one stride, anchored at the Unix epoch; windows merge blocks.

A block is right-closed: a row at time t belongs to block ceil(t / stride). The readings of a block are reduced to one
partial aggregate (Welford 1962), and neighbouring partials are merged, the older always on the left (Chan, Golub and
LeVeque 1983; Pebay 2008 for the covariance). A window takes the blocks that it covers, oldest first, in runs of
2^k blocks, the longest run first, and then the readings of the row's own block up to the row. A run is merged once and
shared by every window that holds it, so a window of n blocks costs about log2(n) merges.

Which merges make a window depends on the readings inside it alone: runs count blocks with a reading from the window's
first, and times are exact integers until they are taken relative to a block. So what comes out is the same, to the
last bit, whatever rows come before the window or after the row. ``fastmath`` stays off: the order of operations is the
promise.
"""

from __future__ import annotations

import numba
import numpy as np

from andon.frames import Floats, Integers

MEAN, STD, MIN, MAX, LAST, SLOPE, DELTA, COUNT, SINCE_CHANGE, SHARE = range(10)
"""Codes of the functions."""

_N, _MEAN, _M2, _TIME, _TIME_M2, _COV, _MIN, _MAX, _ORIGIN = range(9)
_WIDTH = 9
_MINUTE = 60_000_000.0
_SECOND = 1_000_000.0
_NO_BLOCK = -(2**62)


@numba.njit(cache=True, nogil=True)
def _add(part: Floats, value: float, minutes: float) -> None:
    """Add a reading at ``minutes`` after its block's start to the partial ``part[0]``."""
    n = part[0, _N] + 1.0
    part[0, _N] = n
    if n == 1.0:
        part[0, _MEAN] = value
        part[0, _MIN] = value
        part[0, _MAX] = value
        part[0, _TIME] = minutes
        part[0, _M2] = 0.0
        part[0, _TIME_M2] = 0.0
        part[0, _COV] = 0.0
        return
    dx = value - part[0, _MEAN]
    dt = minutes - part[0, _TIME]
    mean = part[0, _MEAN] + dx / n
    time = part[0, _TIME] + dt / n
    part[0, _MEAN] = mean
    part[0, _TIME] = time
    part[0, _M2] += dx * (value - mean)
    part[0, _TIME_M2] += dt * (minutes - time)
    part[0, _COV] += dx * (minutes - time)
    if value < part[0, _MIN]:
        part[0, _MIN] = value
    if value > part[0, _MAX]:
        part[0, _MAX] = value


@numba.njit(cache=True, nogil=True)
def _merge(older: Floats, i: int, newer: Floats, j: int, into: Floats, k: int, stride_minutes: float) -> None:
    """Write the partial of ``older[i]`` and then ``newer[j]`` into ``into[k]``, its times relative to the older."""
    na = older[i, _N]
    nb = newer[j, _N]
    if na == 0.0 or nb == 0.0:
        for field in range(_WIDTH):
            into[k, field] = older[i, field] if nb == 0.0 else newer[j, field]
        return
    n = na + nb
    part = nb / n
    weight = na * part
    mean = older[i, _MEAN]
    time = older[i, _TIME]
    dx = newer[j, _MEAN] - mean
    dt = newer[j, _TIME] + (newer[j, _ORIGIN] - older[i, _ORIGIN]) * stride_minutes - time
    into[k, _N] = n
    into[k, _MEAN] = mean + dx * part
    into[k, _TIME] = time + dt * part
    into[k, _M2] = older[i, _M2] + newer[j, _M2] + dx * dx * weight
    into[k, _TIME_M2] = older[i, _TIME_M2] + newer[j, _TIME_M2] + dt * dt * weight
    into[k, _COV] = older[i, _COV] + newer[j, _COV] + dx * dt * weight
    into[k, _MIN] = min(older[i, _MIN], newer[j, _MIN])
    into[k, _MAX] = max(older[i, _MAX], newer[j, _MAX])
    into[k, _ORIGIN] = older[i, _ORIGIN]


@numba.njit(cache=True, nogil=True)
def _run(runs: Floats, starts: Integers, ring: int, level: int, start: int, stack: Integers, minutes: float) -> int:
    """Return where the run of 2^level blocks from number ``start`` is kept, merging what is not yet there."""
    top = 0
    stack[0, 0], stack[0, 1] = level, start
    while top >= 0:
        k, first = stack[top, 0], stack[top, 1]
        here = k * ring + (first & (ring - 1))
        if starts[here] == first:
            top -= 1
            continue
        half = first + (1 << (k - 1))
        left = (k - 1) * ring + (first & (ring - 1))
        right = (k - 1) * ring + (half & (ring - 1))
        if starts[left] != first:
            top += 1
            stack[top, 0], stack[top, 1] = k - 1, first
        elif starts[right] != half:
            top += 1
            stack[top, 0], stack[top, 1] = k - 1, half
        else:
            _merge(runs, left, runs, right, runs, here, minutes)
            starts[here] = first
            top -= 1
    return level * ring + (start & (ring - 1))


@numba.njit(cache=True, nogil=True)
def _aggregate(function: int, part: Floats, expected: float) -> float:
    """Return what ``function`` makes of the partial ``part[0]``; NaN where it is not defined or overflows."""
    n = part[0, _N]
    found = np.nan
    if function == COUNT:
        found = n / expected
    elif n == 0.0:
        found = np.nan
    elif function == MEAN:
        found = part[0, _MEAN]
    elif function == STD:
        found = np.sqrt(part[0, _M2] / (n - 1.0)) if n > 1.0 else np.nan
    elif function == MIN:
        found = part[0, _MIN]
    elif function == MAX:
        found = part[0, _MAX]
    elif function == SLOPE:
        found = part[0, _COV] / part[0, _TIME_M2] if part[0, _TIME_M2] > 0.0 else np.nan
    return found if np.isfinite(found) else np.nan


@numba.njit(cache=True, nogil=True)
def aggregate_numbers(
    times: Integers,
    values: Floats,
    rows: Integers,
    stride: int,
    sampling: int,
    lengths: Integers,
    functions: Integers,
    windows: Integers,
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
    functions, windows
        Of each feature of a variable: code, and index into ``lengths``, rising, int64 (f,).
    offsets
        Column of each variable's first feature, int64 (v,).
    out
        float64 (r, at least max(offsets) + f).
    """
    n_windows = len(lengths)
    ring, levels = 1, 1
    while ring < lengths[-1]:
        ring *= 2
        levels += 1
    stride_minutes = stride / _MINUTE
    runs = np.empty((levels * ring, _WIDTH))
    starts = np.empty(levels * ring, np.int64)
    ids = np.empty(ring, np.int64)
    stack = np.empty((2 * levels + 2, 2), np.int64)
    older = np.empty((n_windows, _WIDTH))
    here = np.zeros((1, _WIDTH))
    whole = np.empty((1, _WIDTH))
    begins = np.empty(n_windows, np.int64)
    heads = np.empty(n_windows, np.int64)
    for v in range(len(offsets)):
        starts[:] = -1
        begins[:] = 0
        heads[:] = 0
        here[0, _N] = 0.0
        closed, wanted, last, ready = 0, 0, -1, False
        current = _NO_BLOCK
        changed, before_change = 0, np.int64(_NO_BLOCK)
        for i in range(len(times)):
            if wanted == len(rows):
                break
            time = times[i]
            block = -((-time) // stride)
            if block != current:
                if here[0, _N] > 0.0:
                    slot = closed & (ring - 1)
                    for field in range(_WIDTH):
                        runs[slot, field] = here[0, field]
                    starts[slot] = closed
                    ids[slot] = current
                    closed += 1
                current = block
                here[0, _N] = 0.0
                here[0, _ORIGIN] = float(block)
                ready = False
                for w in range(n_windows):
                    while begins[w] < closed and ids[begins[w] & (ring - 1)] <= block - lengths[w]:
                        begins[w] += 1
            value = values[v, i]
            if not np.isnan(value):
                _add(here, value, (time - (block - 1) * stride) / _MINUTE)
                if last >= 0 and value != values[v, last]:
                    changed, before_change = time, times[last]
                last = i
            if i != rows[wanted]:
                continue
            if not ready:
                ready = True
                for w in range(n_windows):
                    older[w, _N] = 0.0
                    first = begins[w]
                    left = closed - first
                    for level in range(levels - 1, -1, -1):
                        if left & (1 << level):
                            found = _run(runs, starts, ring, level, first, stack, stride_minutes)
                            _merge(older, w, runs, found, older, w, stride_minutes)
                            first += 1 << level
            made = -1
            for f in range(len(functions)):
                w = windows[f]
                function = functions[f]
                start = (block - lengths[w]) * stride
                column = offsets[v] + f
                if function == LAST:
                    out[wanted, column] = values[v, last] if last >= 0 and times[last] > start else np.nan
                elif function == SINCE_CHANGE:
                    out[wanted, column] = _since_change(
                        time,
                        times[last] if last >= 0 else _NO_BLOCK,
                        changed,
                        before_change,
                        start,
                        lengths[w] * stride,
                    )
                elif function == DELTA:
                    head = heads[w]
                    while head < i and (times[head] <= start or np.isnan(values[v, head])):
                        head += 1
                    heads[w] = head
                    delta = values[v, last] - values[v, head] if last >= head else np.nan
                    out[wanted, column] = delta if np.isfinite(delta) else np.nan
                else:
                    if w != made:
                        _merge(older, w, here, 0, whole, 0, stride_minutes)
                        made = w
                    out[wanted, column] = _aggregate(function, whole, max(1.0, (time - start) / sampling))
            wanted += 1


@numba.njit(cache=True, nogil=True)
def _since_change(time: int, last: int, changed: int, before_change: int, start: int, longest: int) -> float:
    """Seconds since the change at ``changed``, if the reading before it lies in the window too; else ``longest``."""
    if last <= start:
        return np.nan
    return (time - changed if before_change > start else longest) / _SECOND


@numba.njit(cache=True, nogil=True)
def aggregate_states(
    times: Integers,
    states: Integers,
    shares: Integers,
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
        Counter of each state, int64 (n_states,).
    counted
        Of each feature that is a share: its counter, int64 (f,).
    out
        float64 (r, f).
    """
    n_windows = len(lengths)
    counts = np.zeros((n_windows, shares.max() + 1 if len(shares) else 1), np.int64)
    totals = np.zeros(n_windows, np.int64)
    heads = np.zeros(n_windows, np.int64)
    changed, before_change = 0, np.int64(_NO_BLOCK)
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
