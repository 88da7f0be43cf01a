"""Compiled aggregation: time is cut into blocks of one stride, anchored at the Unix epoch; windows merge blocks.

A block is right-closed: a row at time t belongs to block ceil(t / stride). Each block is reduced to partial aggregates
(Welford 1962); a window at a row merges the blocks it covers, oldest first (Chan, Golub and LeVeque 1983; Pebay 2008
for the covariance), and then the rows of the row's own block up to it. What comes out depends on the rows of the window
only, to the last bit. No fast-math: the order of operations is the promise.
"""

from __future__ import annotations

import numba
import numpy as np

from andon.frames import Booleans, Floats, Integers

MEAN, STD, MIN, MAX, LAST, SLOPE, DELTA, COUNT, SINCE_CHANGE = range(9)
"""Codes of the functions."""

_N, _MEAN, _M2, _TIME, _TIME_M2, _COV, _MIN, _MAX, _FIRST, _LAST, _WIDTH = range(11)
_NEVER = -(2**62)
_MINUTE = 60_000_000.0


@numba.njit(cache=True, nogil=True, inline="always")
def _clear(part, moments):  # type: ignore[no-untyped-def]
    part[:] = 0.0
    moments[:] = _NEVER


@numba.njit(cache=True, nogil=True)
def _add(part, moments, value, time, minutes):  # type: ignore[no-untyped-def]
    """Add one reading at ``minutes`` after its block's start to a partial aggregate."""
    if part[_N] == 0.0:
        part[_N] = 1.0
        part[_MEAN] = part[_MIN] = part[_MAX] = part[_FIRST] = part[_LAST] = value
        part[_TIME] = minutes
        moments[0] = time
        return
    part[_N] += 1.0
    n = part[_N]
    dx = value - part[_MEAN]
    dt = minutes - part[_TIME]
    part[_MEAN] += dx / n
    part[_TIME] += dt / n
    part[_M2] += dx * (value - part[_MEAN])
    part[_TIME_M2] += dt * (minutes - part[_TIME])
    part[_COV] += dx * (minutes - part[_TIME])
    part[_MIN] = min(part[_MIN], value)
    part[_MAX] = max(part[_MAX], value)
    if value != part[_LAST]:
        moments[1] = time
    part[_LAST] = value


@numba.njit(cache=True, nogil=True)
def _merge(part, moments, later, later_moments, shift):  # type: ignore[no-untyped-def]
    """Merge a later partial, whose minutes begin ``shift`` after those of ``part``, into ``part``."""
    nb = later[_N]
    if nb == 0.0:
        return
    if part[_N] == 0.0:
        part[:] = later
        part[_TIME] = later[_TIME] + shift
        moments[:] = later_moments
        return
    na = part[_N]
    n = na + nb
    dx = later[_MEAN] - part[_MEAN]
    dt = (later[_TIME] + shift) - part[_TIME]
    weight = na * nb / n
    part[_N] = n
    part[_MEAN] += dx * nb / n
    part[_TIME] += dt * nb / n
    part[_M2] += later[_M2] + dx * dx * weight
    part[_TIME_M2] += later[_TIME_M2] + dt * dt * weight
    part[_COV] += later[_COV] + dx * dt * weight
    part[_MIN] = min(part[_MIN], later[_MIN])
    part[_MAX] = max(part[_MAX], later[_MAX])
    if later_moments[1] != _NEVER:
        moments[1] = later_moments[1]
    elif later[_FIRST] != part[_LAST]:
        moments[1] = later_moments[0]
    part[_LAST] = later[_LAST]


@numba.njit(cache=True, nogil=True)
def _value(code, part, moments, time, longest, expected):  # type: ignore[no-untyped-def]
    n = part[_N]
    if code == COUNT:
        return n / expected
    if n == 0.0:
        return np.nan
    if code == MEAN:
        return part[_MEAN]
    if code == STD:
        return np.sqrt(part[_M2] / (n - 1.0)) if n > 1.0 else np.nan
    if code == MIN:
        return part[_MIN]
    if code == MAX:
        return part[_MAX]
    if code == LAST:
        return part[_LAST]
    if code == SLOPE:
        return part[_COV] / part[_TIME_M2] if part[_TIME_M2] > 0.0 else np.nan
    if code == DELTA:
        return part[_LAST] - part[_FIRST]
    if moments[1] == _NEVER:
        return longest / _MINUTE
    return (time - moments[1]) / _MINUTE


@numba.njit(cache=True, nogil=True)
def aggregate(  # type: ignore[no-untyped-def]
    times: Integers,
    values: Floats,
    stride: int,
    blocks: Integers,
    windows: Integers,
    codes: Integers,
    sampling: int,
    wanted: Booleans,
    out: Floats,
) -> None:
    """Write features of one variable into ``out``.

    Parameters
    ----------
    times
        Microseconds, rising, int64 (n,).
    values
        Readings, float64 (n,), NaN where nothing was read.
    stride, sampling
        Microseconds.
    blocks
        Distinct window lengths in blocks, ascending, int64 (w,).
    windows, codes
        Of each column: index into ``blocks``, and code of the function, int64 (f,).
    wanted
        Rows to compute, bool (n,).
    out
        float64 (wanted.sum(), f).
    """
    n = len(times)
    longest = float(blocks[-1] * stride)
    stride_minutes = stride / _MINUTE
    ids = np.empty(n, np.int64)
    parts = np.zeros((n, _WIDTH))
    moments = np.full((n, 2), _NEVER, np.int64)
    older = np.zeros((len(blocks), _WIDTH))
    older_moments = np.full((len(blocks), 2), _NEVER, np.int64)
    begins = np.zeros(len(blocks), np.int64)
    here = np.zeros(_WIDTH)
    here_moments = np.full(2, _NEVER, np.int64)
    whole = np.zeros(_WIDTH)
    whole_moments = np.full(2, _NEVER, np.int64)
    done = 0
    count = 0
    row = 0
    while row < n:
        block = -((-times[row]) // stride)
        end = row
        any_wanted = False
        while end < n and -((-times[end]) // stride) == block:
            any_wanted = any_wanted or wanted[end]
            end += 1
        if any_wanted:
            for w in range(len(blocks)):
                _clear(older[w], older_moments[w])
                first = block - blocks[w] + 1
                begin = begins[w]
                while begin < done and ids[begin] < first:
                    begin += 1
                begins[w] = begin
                for k in range(begin, done):
                    _merge(older[w], older_moments[w], parts[k], moments[k], (ids[k] - first) * stride_minutes)
        _clear(here, here_moments)
        for i in range(row, end):
            if not np.isnan(values[i]):
                _add(here, here_moments, values[i], times[i], (times[i] - (block - 1) * stride) / _MINUTE)
            if wanted[i]:
                made = -1
                for f in range(len(codes)):
                    w = windows[f]
                    if w != made:
                        whole[:] = older[w]
                        whole_moments[:] = older_moments[w]
                        _merge(whole, whole_moments, here, here_moments, (blocks[w] - 1) * stride_minutes)
                        made = w
                    expected = max(1.0, blocks[w] * stride / sampling)
                    out[count, f] = _value(codes[f], whole, whole_moments, times[i], longest, expected)
                count += 1
        ids[done] = block
        parts[done] = here
        moments[done] = here_moments
        done += 1
        row = end
