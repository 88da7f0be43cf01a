"""Compiled aggregation of numbers: time is cut into blocks of one stride, anchored at the epoch; windows merge blocks.

A block is right-closed: a row at time t belongs to block ceil(t / stride). The readings of a block are reduced to one
partial aggregate (Welford 1962), and neighbouring partials are merged, the older always on the left (Chan, Golub and
LeVeque 1983; Pebay 2008 for the covariance). What a window holds beyond the next shorter one is taken in runs of 2^k
blocks, oldest and longest first; then come the shorter windows, and last the readings of the row's own block up to the
row. Runs of every length are made once, so windows of hundreds of blocks cost a few merges a row.

Which merges make a window depends on the readings inside it alone: runs count blocks with a reading from a window's
first, and times are exact integers until they are taken relative to a block. So what comes out is the same, to the
last bit, whatever rows come before the window or after the row. ``fastmath`` stays off: the order of operations is the
promise. It is no hindrance to speed: a partial is one column of an array with a row a field, and where neighbouring
rows take the same merges (their windows hold as many blocks with a reading), one vector instruction does several.

All that this kernel calls stands in this file, because a compiled function is kept until its own file changes.
"""

from __future__ import annotations

import numba
import numpy as np

from andon.frames import Floats, Integers

MEAN, STD, MIN, MAX, SLOPE = range(5)
"""Codes of the functions."""

# Fields of a partial: readings; their mean and sum of squares about it; the mean time in minutes after the start of
# the partial's first block, and its sum of squares; the sum of products of both; least and greatest reading.
_N, _AVERAGE, _M2, _TIME, _TIME_M2, _PRODUCTS, _LOW, _HIGH = range(8)
_FIELDS = 8
_MINUTES = 1 / 60_000_000
_GREATEST = np.finfo(np.float64).max
_SHORT = 8
"""Fewer blocks than this in a row are not worth a loop over arrays."""
_TOGETHER = 2048
"""Readings of a chunk of blocks, at most."""


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _merge_one(a: Floats, o: int, b: Floats, p: int, gap: float, into: Floats, q: int) -> None:
    """Write older partial ``a[:, o]`` and newer ``b[:, p]``, whose block starts ``gap`` minutes later, together."""
    n = a[_N, o] + b[_N, p]
    part = b[_N, p] / n
    weight = a[_N, o] * part
    dx = b[_AVERAGE, p] - a[_AVERAGE, o]
    dt = b[_TIME, p] + gap - a[_TIME, o]
    into[_N, q] = n
    into[_AVERAGE, q] = a[_AVERAGE, o] + dx * part
    into[_M2, q] = a[_M2, o] + b[_M2, p] + dx * dx * weight
    into[_TIME, q] = a[_TIME, o] + dt * part
    into[_TIME_M2, q] = a[_TIME_M2, o] + b[_TIME_M2, p] + dt * dt * weight
    into[_PRODUCTS, q] = a[_PRODUCTS, o] + b[_PRODUCTS, p] + dx * dt * weight
    into[_LOW, q] = b[_LOW, p] if b[_LOW, p] < a[_LOW, o] else a[_LOW, o]
    into[_HIGH, q] = b[_HIGH, p] if b[_HIGH, p] > a[_HIGH, o] else a[_HIGH, o]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _merge(
    a: Floats, o: int, b: Floats, p: int, gaps: Floats, into: Floats, q: int, count: int, timed: bool, ranged: bool
) -> None:
    """Merge ``count`` neighbours, each as `_merge_one` would, but only the fields that are asked for."""
    if count < _SHORT:
        for i in range(count):
            _merge_one(a, o + i, b, p + i, gaps[i], into, q + i)
        return
    older, newer = slice(o, o + count), slice(p, p + count)
    whole = slice(q, q + count)
    n_a, n_b, n = a[_N, older], b[_N, newer], into[_N, whole]
    x_a, x_b, x = a[_AVERAGE, older], b[_AVERAGE, newer], into[_AVERAGE, whole]
    xx_a, xx_b, xx = a[_M2, older], b[_M2, newer], into[_M2, whole]
    for i in range(count):
        together = n_a[i] + n_b[i]
        part = n_b[i] / together
        weight = n_a[i] * part
        dx = x_b[i] - x_a[i]
        n[i] = together
        x[i] = x_a[i] + dx * part
        xx[i] = xx_a[i] + xx_b[i] + dx * dx * weight
    if timed:
        t_a, t_b, t = a[_TIME, older], b[_TIME, newer], into[_TIME, whole]
        tt_a, tt_b, tt = a[_TIME_M2, older], b[_TIME_M2, newer], into[_TIME_M2, whole]
        xt_a, xt_b, xt = a[_PRODUCTS, older], b[_PRODUCTS, newer], into[_PRODUCTS, whole]
        for i in range(count):
            part = n_b[i] / (n_a[i] + n_b[i])
            weight = n_a[i] * part
            dx = x_b[i] - x_a[i]
            dt = t_b[i] + gaps[i] - t_a[i]
            t[i] = t_a[i] + dt * part
            tt[i] = tt_a[i] + tt_b[i] + dt * dt * weight
            xt[i] = xt_a[i] + xt_b[i] + dx * dt * weight
    if ranged:
        low_a, low_b, low = a[_LOW, older], b[_LOW, newer], into[_LOW, whole]
        high_a, high_b, high = a[_HIGH, older], b[_HIGH, newer], into[_HIGH, whole]
        for i in range(count):
            low[i] = low_b[i] if low_b[i] < low_a[i] else low_a[i]
        for i in range(count):
            high[i] = high_b[i] if high_b[i] > high_a[i] else high_a[i]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _copy(source: Floats, o: int, into: Floats, q: int, count: int) -> None:
    for field in range(_FIELDS):
        if count < _SHORT:
            for i in range(count):
                into[field, q + i] = source[field, o + i]
        else:
            of, to = source[field, o : o + count], into[field, q : q + count]
            for i in range(count):
                to[i] = of[i]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _reduce_one(
    values: Floats, minutes: Floats, begin: int, end: int, row_of: Integers, here: Floats, into: Floats, q: int
) -> None:
    """Reduce readings ``begin`` to ``end`` to a partial; those up to a row that ``row_of`` names go to ``here``."""
    n, average, m2, time, time_m2, products, low, high = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(begin, end):
        value = values[i]
        if not np.isnan(value):
            n += 1.0
            if n == 1.0:
                average, time, low, high = value, minutes[i], value, value
            else:
                weight = 1.0 / n
                dx = value - average
                dt = minutes[i] - time
                rest = dt * (1.0 - weight)
                average += dx * weight
                time += dt * weight
                m2 += dx * dx * (1.0 - weight)
                time_m2 += dt * rest
                products += dx * rest
                low = value if value < low else low
                high = value if value > high else high
        row = row_of[i]
        if row >= 0:
            here[_N, row], here[_AVERAGE, row], here[_M2, row] = n, average, m2
            here[_TIME, row], here[_TIME_M2, row], here[_PRODUCTS, row] = time, time_m2, products
            here[_LOW, row], here[_HIGH, row] = low, high
    into[_N, q], into[_AVERAGE, q], into[_M2, q] = n, average, m2
    into[_TIME, q], into[_TIME_M2, q], into[_PRODUCTS, q] = time, time_m2, products
    into[_LOW, q], into[_HIGH, q] = low, high


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _reduce_alike(
    values: Floats,
    minutes: Floats,
    size: int,
    row_of: Integers,
    here: Floats,
    into: Floats,
    q: int,
    timed: bool,
    ranged: bool,
) -> None:
    """Reduce blocks of ``size`` readings each, side by side; readings stand by place in the block, then by block."""
    count = len(values) // size
    whole = slice(q, q + count)
    n, x, xx = into[_N, whole], into[_AVERAGE, whole], into[_M2, whole]
    t, tt, xt = into[_TIME, whole], into[_TIME_M2, whole], into[_PRODUCTS, whole]
    low, high = into[_LOW, whole], into[_HIGH, whole]
    for place in range(size):
        value, minute = values[place * count : (place + 1) * count], minutes[place * count : (place + 1) * count]
        if place == 0:
            for i in range(count):
                x[i] = value[i]
            for i in range(count):
                t[i] = minute[i]
            for i in range(count):
                low[i] = value[i]
            for i in range(count):
                high[i] = value[i]
            xx[:] = 0.0
            tt[:] = 0.0
            xt[:] = 0.0
        else:
            weight = 1.0 / (place + 1.0)
            left = 1.0 - weight
            if timed:
                for i in range(count):
                    dx = value[i] - x[i]
                    dt = minute[i] - t[i]
                    rest = dt * left
                    t[i] += dt * weight
                    tt[i] += dt * rest
                    xt[i] += dx * rest
            for i in range(count):
                dx = value[i] - x[i]
                x[i] += dx * weight
                xx[i] += dx * dx * left
            if ranged:
                for i in range(count):
                    low[i] = value[i] if value[i] < low[i] else low[i]
                for i in range(count):
                    high[i] = value[i] if value[i] > high[i] else high[i]
        n[:] = place + 1.0
        for i in range(count):
            row = row_of[place * count + i]
            if row >= 0:
                _copy(into, q + i, here, row, 1)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _find_chunks(firsts: Integers, groups: int, chunks: Integers) -> int:
    """Split blocks into neighbours of equally many readings, and return how many chunks that makes.

    A chunk is the first of its blocks, how many, and how many readings each has (0 where they differ).
    """
    found, group = 0, 0
    while group < groups:
        size = firsts[group + 1] - firsts[group]
        most = max(1, _TOGETHER // size)
        stop = group + 1
        while stop < groups and stop - group < most and firsts[stop + 1] - firsts[stop] == size:
            stop += 1
        if stop - group >= _SHORT:
            chunks[found, 0], chunks[found, 1], chunks[found, 2] = group, stop - group, size
            found += 1
        elif found and chunks[found - 1, 2] == 0:
            chunks[found - 1, 1] += stop - group
        else:
            chunks[found, 0], chunks[found, 1], chunks[found, 2] = group, stop - group, 0
            found += 1
        group = stop
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _reduce(
    values: Floats,
    minutes: Floats,
    turned: Floats,
    firsts: Integers,
    numbers: Integers,
    chunks: Integers,
    row_of: Integers,
    turned_row_of: Integers,
    runs: Floats,
    blocks: Integers,
    places: Integers,
    here: Floats,
    timed: bool,
    ranged: bool,
) -> int:
    """Reduce each block's readings to a partial; return how many blocks have a reading."""
    found = 0
    scratch = np.empty(_TOGETHER)
    for chunk in range(len(chunks)):
        group, count, size = chunks[chunk]
        if size:
            begin, holes = firsts[group], 0
            mine = values[begin : begin + count * size]
            for place in range(size):
                for i in range(count):
                    scratch[place * count + i] = mine[i * size + place]
            for i in range(count * size):
                holes += np.isnan(scratch[i])
            if not holes:
                end = begin + count * size
                _reduce_alike(
                    scratch[: count * size],
                    turned[begin:end],
                    size,
                    turned_row_of[begin:end],
                    here,
                    runs,
                    found,
                    timed,
                    ranged,
                )
                for i in range(count):
                    blocks[found + i] = numbers[group + i]
                    places[group + i] = found + i
                found += count
                continue
        for each in range(group, group + count):
            _reduce_one(values, minutes, firsts[each], firsts[each + 1], row_of, here, runs, found)
            places[each] = found
            if runs[_N, found] > 0.0:
                blocks[found] = numbers[each]
                found += 1
            else:
                places[each] = -1
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _find_edges(blocks: Integers, asked: Integers, lengths: Integers, edges: Integers) -> int:
    """Write how many blocks lie before the row's own, and before each window; return the most that one adds."""
    most = 0
    for w in range(len(lengths) + 1):
        back = lengths[w - 1] if w else 1
        edge = 0
        for q in range(len(asked)):
            while edge < len(blocks) and blocks[edge] <= asked[q] - back:
                edge += 1
            edges[w, q] = edge
            if w:
                most = max(most, edges[w - 1, q] - edge)
    return most


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _take_one(runs: Floats, blocks: Integers, begin: int, left: int, minutes: float, into: Floats, q: int) -> None:
    """Write what ``left`` blocks from ``begin`` on hold together."""
    n, x, xx, t, tt, xt, low, high = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    at, level = begin, 0
    while left >> level:
        level += 1
    for k in range(level - 1, -1, -1):
        if not (left >> k) & 1:
            continue
        run = runs[k]
        if at == begin:
            n, x, xx = run[_N, at], run[_AVERAGE, at], run[_M2, at]
            t, tt, xt = run[_TIME, at], run[_TIME_M2, at], run[_PRODUCTS, at]
            low, high = run[_LOW, at], run[_HIGH, at]
        else:
            more = run[_N, at]
            part = more / (n + more)
            weight = n * part
            dx = run[_AVERAGE, at] - x
            dt = run[_TIME, at] + (blocks[at] - blocks[begin]) * minutes - t
            n += more
            x += dx * part
            xx = xx + run[_M2, at] + dx * dx * weight
            t += dt * part
            tt = tt + run[_TIME_M2, at] + dt * dt * weight
            xt = xt + run[_PRODUCTS, at] + dx * dt * weight
            low = run[_LOW, at] if run[_LOW, at] < low else low
            high = run[_HIGH, at] if run[_HIGH, at] > high else high
        at += 1 << k
    into[_N, q], into[_AVERAGE, q], into[_M2, q] = n, x, xx
    into[_TIME, q], into[_TIME_M2, q], into[_PRODUCTS, q] = t, tt, xt
    into[_LOW, q], into[_HIGH, q] = low, high


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _fold(single: Floats, blocks: Integers, at: int, level: int, minutes: float, scratch: Floats) -> None:
    """Write the run of 2^level blocks from ``at`` on into ``scratch[:, 0]``, from the blocks alone."""
    if level == 0:
        _copy(single, at, scratch, 0, 1)
    for k in range(1, level + 1):
        half = 1 << (k - 1)
        for i in range(1 << (level - k)):
            left = at + 2 * half * i
            gap = (blocks[left + half] - blocks[left]) * minutes
            if k == 1:
                _merge_one(single, left, single, left + 1, gap, scratch, i)
            else:
                _merge_one(scratch, 2 * i, scratch, 2 * i + 1, gap, scratch, i)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _take_few(
    single: Floats, blocks: Integers, begins: Integers, ends: Integers, minutes: float, scratch: Floats, into: Floats
) -> None:
    """Do what `_take_runs` does, where runs are wanted too rarely to make all of them."""
    for q in range(len(begins)):
        begin, left = begins[q], ends[q] - begins[q]
        into[_N, q] = 0.0
        at = begin
        for level in range(62, -1, -1):
            if not (left >> level) & 1:
                continue
            _fold(single, blocks, at, level, minutes, scratch)
            if at == begin:
                _copy(scratch, 0, into, q, 1)
            else:
                _merge_one(into, q, scratch, 0, (blocks[at] - blocks[begin]) * minutes, into, q)
            at += 1 << level


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _take_runs(
    runs: Floats,
    blocks: Integers,
    begins: Integers,
    ends: Integers,
    minutes: float,
    sides: Floats,
    gaps: Floats,
    timed: bool,
    ranged: bool,
) -> None:
    """Write into ``sides[0]`` what blocks ``begins[q]`` to ``ends[q]`` hold together, for each q."""
    q = 0
    while q < len(begins):
        first, left = begins[q], ends[q] - begins[q]
        stop = q + 1
        while stop < len(begins) and begins[stop] - first == stop - q and ends[stop] - begins[stop] == left:
            stop += 1
        count = stop - q
        if count < _SHORT or left == 0:
            for i in range(q, stop):
                _take_one(runs, blocks, begins[i], left, minutes, sides[0], i)
            q = stop
            continue
        taken, level = 0, 0
        while left >> level:
            taken += (left >> level) & 1
            level += 1
        if taken == 1:
            _copy(runs[level - 1], first, sides[0], q, count)
            q = stop
            continue
        # Merges go from one side to the other, and the last must end on the first side.
        older, o, side, at = runs[level - 1], first, taken & 1, first + (1 << (level - 1))
        origin = blocks[first : first + count]
        for k in range(level - 2, -1, -1):
            if not (left >> k) & 1:
                continue
            begin = blocks[at : at + count]
            for i in range(count):
                gaps[i] = (begin[i] - origin[i]) * minutes
            _merge(older, o, runs[k], at, gaps, sides[side], q, count, timed, ranged)
            older, o, side = sides[side], q, 1 - side
            at += 1 << k
        q = stop


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _merge_some(
    older: Floats,
    newer: Floats,
    edges: Integers,
    block_of: Integers,
    blocks: Integers,
    begins: Integers,
    minutes: float,
    into: Floats,
) -> int:
    """Merge row by row where some partials are empty; return how many still are."""
    empty = 0
    for r in range(len(block_of)):
        edge = edges[1, block_of[r]]
        if edge == edges[0, block_of[r]]:
            _copy(newer, r, into, r, 1)
        else:
            gap = (begins[r] - blocks[edge]) * minutes
            begins[r] = blocks[edge]
            if newer[_N, r] == 0.0:
                _copy(older, r, into, r, 1)
            else:
                _merge_one(older, r, newer, r, gap, into, r)
        empty += into[_N, r] == 0.0
    return empty


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _finite(value: float) -> float:
    return value if abs(value) <= _GREATEST else np.nan


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _write(whole: Floats, places: Integers, table: Floats) -> None:
    """Write the functions of one window, each into its row of ``table``."""
    count = whole.shape[1]
    n = whole[_N]
    if places[MEAN] >= 0:
        average, into = whole[_AVERAGE], table[places[MEAN]]
        for r in range(count):
            into[r] = _finite(average[r]) if n[r] > 0.0 else np.nan
    if places[STD] >= 0:
        m2, into = whole[_M2], table[places[STD]]
        for r in range(count):
            into[r] = _finite(np.sqrt(m2[r] / (n[r] - 1.0))) if n[r] > 1.0 else np.nan
    if places[MIN] >= 0:
        low, into = whole[_LOW], table[places[MIN]]
        for r in range(count):
            into[r] = low[r] if n[r] > 0.0 else np.nan
    if places[MAX] >= 0:
        high, into = whole[_HIGH], table[places[MAX]]
        for r in range(count):
            into[r] = high[r] if n[r] > 0.0 else np.nan
    if places[SLOPE] >= 0:
        products, time_m2, into = whole[_PRODUCTS], whole[_TIME_M2], table[places[SLOPE]]
        for r in range(count):
            into[r] = _finite(products[r] / time_m2[r]) if n[r] > 1.0 else np.nan


@numba.njit(cache=True, nogil=True, error_model="numpy")
def aggregate_numbers(
    times: Integers,
    values: Floats,
    rows: Integers,
    stride: int,
    lengths: Integers,
    columns: Integers,
    offsets: Integers,
    out: Floats,
) -> None:
    """Write the means, deviations, extremes and slopes of numbers into ``out``.

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
    columns
        Of each window and function: its place among the features of a variable, -1 for none, int64 (w, 5).
    offsets
        Column of each variable's first feature, int64 (v,).
    out
        float64 (r, n_features).
    """
    n_rows, n_windows = len(rows), len(lengths)
    minutes = stride * _MINUTES
    # Blocks with a row, whatever was read in it.
    firsts = np.empty(len(times) + 1, np.int64)
    numbers = np.empty(len(times), np.int64)
    after = np.empty(len(times))
    groups, end = 0, 0
    for i in range(len(times)):
        if groups == 0 or times[i] > end:
            current = -((-times[i]) // stride)
            end = current * stride
            firsts[groups] = i
            numbers[groups] = current
            groups += 1
        after[i] = (times[i] - end + stride) * _MINUTES
    firsts[groups] = len(times)
    numbers = numbers[:groups]
    # Blocks that hold a wanted row, and which of them each row lies in.
    asked, block_of = np.empty(n_rows, np.int64), np.empty(n_rows, np.int64)
    row_of, last_of = np.full(len(times), -1, np.int64), np.empty(n_rows, np.int64)
    wanted, group = 0, 0
    for r in range(n_rows):
        while firsts[group + 1] <= rows[r]:
            group += 1
        if wanted == 0 or asked[wanted - 1] != numbers[group]:
            asked[wanted] = numbers[group]
            wanted += 1
        block_of[r] = wanted - 1
        if rows[r] < firsts[group + 1] - 1:
            row_of[rows[r]] = r
        last_of[r] = group if rows[r] == firsts[group + 1] - 1 else -1
    asked = asked[:wanted]
    chunks = np.empty((groups, 3), np.int64)
    chunks = chunks[: _find_chunks(firsts, groups, chunks)]
    turned, turned_row_of = np.empty(len(times)), np.empty(len(times), np.int64)
    for chunk in range(len(chunks)):
        first, count, size = chunks[chunk]
        begin = firsts[first]
        for i in range(count * size):
            at = begin + i % count * size + i // count
            turned[begin + i] = after[at]
            turned_row_of[begin + i] = row_of[at]
    timed, ranged = columns[:, SLOPE].max() >= 0, max(columns[:, MIN].max(), columns[:, MAX].max()) >= 0
    places = np.empty(columns.size, np.int64)
    n_places = 0
    for place in columns.flat:
        if place >= 0:
            places[n_places] = place
            n_places += 1
    widest = lengths[0]
    for w in range(1, n_windows):
        widest = max(widest, lengths[w] - lengths[w - 1])
    levels = 1
    while (1 << levels) <= min(groups, widest):
        levels += 1
    few = wanted == 1 or 8 * wanted <= levels
    runs = np.empty((1 if few else levels, _FIELDS, groups + 1))
    scratch = np.empty((_FIELDS, 1 << (levels - 1) if few else 0))
    blocks, edges = np.empty(groups, np.int64), np.empty((n_windows + 1, wanted), np.int64)
    sides, wholes = np.empty((2, _FIELDS, wanted)), np.empty((2, _FIELDS, n_rows))
    spread = np.empty((_FIELDS, n_rows if wanted < n_rows else 0))
    begins, gaps = np.empty(n_rows, np.int64), np.empty(max(groups, n_rows))
    table = np.empty((columns.max() + 1, n_rows))
    positions = np.empty(groups, np.int64)
    most, full = 0, False
    for v in range(len(offsets)):
        found = _reduce(
            values[v],
            after,
            turned,
            firsts,
            numbers,
            chunks,
            row_of,
            turned_row_of,
            runs[0],
            blocks,
            positions,
            wholes[0],
            timed,
            ranged,
        )
        for r in range(n_rows):
            if last_of[r] >= 0:
                at = positions[last_of[r]]
                if at >= 0:
                    _copy(runs[0], at, wholes[0], r, 1)
                else:
                    wholes[0, _N, r] = 0.0
        # Variables that are read in every block share their edges.
        if found < groups or not full:
            most = _find_edges(blocks[:found], asked, lengths, edges)
            full = found == groups
        for k in range(1, 1 if few else levels):
            half = 1 << (k - 1)
            count = found - 2 * half + 1
            if count <= 0 or 2 * half > most:
                break
            for i in range(count):
                gaps[i] = (blocks[half + i] - blocks[i]) * minutes
            _merge(runs[k - 1], 0, runs[k - 1], half, gaps, runs[k], 0, count, timed, ranged)
        side, empty = 0, 0
        for r in range(n_rows):
            begins[r] = asked[block_of[r]]
            empty += wholes[0, _N, r] == 0.0
        for w in range(n_windows):
            lacking = 0
            for q in range(wanted):
                lacking += edges[w + 1, q] == edges[w, q]
            if lacking < wanted:
                if few:
                    _take_few(runs[0], blocks, edges[w + 1], edges[w], minutes, scratch, sides[0])
                else:
                    _take_runs(runs, blocks, edges[w + 1], edges[w], minutes, sides, gaps, timed, ranged)
                older, newer, into = sides[0], wholes[side], wholes[1 - side]
                if wanted < n_rows:
                    for field in range(_FIELDS):
                        for r in range(n_rows):
                            spread[field, r] = older[field, block_of[r]]
                    older = spread
                if lacking == 0 and empty == 0:
                    for r in range(n_rows):
                        begin = blocks[edges[w + 1, block_of[r]]]
                        gaps[r] = (begins[r] - begin) * minutes
                        begins[r] = begin
                    _merge(older, 0, newer, 0, gaps, into, 0, n_rows, timed, ranged)
                else:
                    empty = _merge_some(older, newer, edges[w : w + 2], block_of, blocks, begins, minutes, into)
                side = 1 - side
            _write(wholes[side], columns[w], table)
        for r in range(n_rows):
            for p in range(n_places):
                out[r, offsets[v] + places[p]] = table[places[p], r]
