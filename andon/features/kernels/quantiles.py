"""Compiled quantiles of numbers, exact over each window.

Readings are ranked once; a window is a Fenwick tree (1994) over the ranks, moved along reading by reading, in which the
k-th smallest is found in as many steps as the number of readings has binary digits. What comes out depends on the
readings in the window alone, so it has the same bits wherever the window started.
"""

from __future__ import annotations

import numba
import numpy as np

from andon.frames import Floats, Integers


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _add(tree: Integers, rank: int, by: int) -> None:
    place = rank + 1
    while place < len(tree):
        tree[place] += by
        place += place & -place


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _find(tree: Integers, count: int) -> int:
    """Return the rank below which ``count`` readings of the window lie, and which lies in it too."""
    place, step = 0, (len(tree) - 1) // 2
    # The tree has a power of two ranks, all of which together hold more than count.
    while step:
        if tree[place + step] <= count:
            place += step
            count -= tree[place]
        step //= 2
    return place


@numba.njit(cache=True, nogil=True, error_model="numpy")
def aggregate_quantiles(
    times: Integers,
    values: Floats,
    rows: Integers,
    stride: int,
    lengths: Integers,
    levels: Floats,
    columns: Integers,
    offsets: Integers,
    out: Floats,
) -> None:
    """Write quantiles of numbers into ``out``, interpolated linearly (Hyndman and Fan 1996, definition 7).

    Parameters
    ----------
    times
        Microseconds, strictly rising, int64 (n,).
    values
        Readings, float64 (v, n), NaN where nothing was read.
    rows
        Rows to compute, rising, int64 (r,).
    stride
        Microseconds.
    lengths
        Window lengths in blocks, ascending, int64 (w,).
    levels
        Which quantiles, 0 to 1, float64 (q,).
    columns
        Of each window and quantile: its place among the features of a variable, -1 for none, int64 (w, q).
    offsets
        Column of each variable's first feature, int64 (v,).
    out
        float64 (r, n_features).
    """
    size = 1
    while size < len(times):
        size *= 2
    tree, ranks = np.empty(size + 1, np.int64), np.empty(len(times), np.int64)
    for v in range(len(offsets)):
        readings = values[v]
        order = np.argsort(readings)
        for rank in range(len(order)):
            ranks[order[rank]] = rank
        for w in range(len(lengths)):
            tree[:] = 0
            head, following, n = 0, 0, 0
            for wanted in range(len(rows)):
                row = rows[wanted]
                start = (-((-times[row]) // stride) - lengths[w]) * stride
                while head <= row and times[head] <= start:
                    if head < following and not np.isnan(readings[head]):
                        _add(tree, ranks[head], -1)
                        n -= 1
                    head += 1
                following = max(following, head)
                while following <= row:
                    if not np.isnan(readings[following]):
                        _add(tree, ranks[following], 1)
                        n += 1
                    following += 1
                for q in range(len(levels)):
                    if columns[w, q] < 0:
                        continue
                    quantile = np.nan
                    if n:
                        place = (n - 1) * levels[q]
                        below = int(place)
                        low = readings[order[_find(tree, below)]]
                        high = readings[order[_find(tree, min(below + 1, n - 1))]]
                        # Equal readings rank by chance, and 0.0 equals -0.0: adding 0.0 makes them one.
                        quantile = low + (high - low) * (place - below) + 0.0
                        if not np.isfinite(quantile):
                            quantile = np.nan
                    out[wanted, offsets[v] + columns[w, q]] = quantile
