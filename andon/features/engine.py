"""The one engine of features: for training, back-test, serving and explanation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import polars as pl

from andon.errors import DataError
from andon.features.kernels import numbers, quantiles, sliding
from andon.features.plans import Plan, kernel_plan
from andon.features.spec import QUANTILES, FeatureSpec, VariableSpec, window_start
from andon.frames import (
    MICROSECOND,
    Booleans,
    FeatureFrame,
    Floats,
    Integers,
    RowArrays,
    SignalFrame,
    from_microseconds,
    to_microseconds,
)
from configs.durations import format_duration

LEVELS = np.array(list(QUANTILES.values()))
_BLOCKS_TOGETHER, _READINGS_TOGETHER = 1280, 8192
"""Blocks of one stride, and rows, that the kernels take at a time: what a processor's cache holds of them."""
_SHORT = 1024
"""Rows of a column of states that Python tells apart sooner than Polars."""
_MOST_READINGS = 2**17
"""Rows at a time, at most, where long windows make it worth while to take more; unless one window has more."""


def compute_features(
    frame: SignalFrame | RowArrays,
    spec: FeatureSpec,
    start: datetime | None = None,
    *,
    first_reading: datetime | None = None,
    one_per_stride: bool = False,
) -> FeatureFrame:
    """Compute the features of every row, or of those at and after ``start``.

    Over each window: ``mean``; ``std`` (of a sample: n - 1; NaN for one reading); ``min``; ``max``; ``slope`` (least
    squares, per minute; NaN for one reading); ``delta`` (last less first reading); ``share`` (how often a boolean was
    true, or a category was read, of the times that the variable was read); ``count`` (readings, over the number that
    the usual sampling would give in the time from the window's start to the row, so it says how dense the readings are
    and never how many rows there have been); ``q05``, ``q25``, ``q50``, ``q75``, ``q95`` (quantiles, interpolated
    linearly between the two nearest of the sorted readings: Hyndman and Fan 1996, definition 7); ``out_of_bounds``
    (which part of the readings lies below or above the variable's bounds, 0 where it has none). Over the longest
    window: ``last`` (newest reading) and ``since_change`` (seconds since a reading that differs from the one before it
    in the window, else the window's length).

    A window is a length of time, not a number of rows: on an irregular or broken series it holds fewer readings. Every
    reading weighs the same, however long it stood, and nothing is filled in: a window that a gap reaches into is made
    of what is left. One without any reading of a variable gives NaN (``count``: 0), and so does what overflows. Rows
    before the longest window change nothing, to the last bit; `window_start` says where it begins.

    Parameters
    ----------
    frame
        Readings of a line.
    spec
        What to compute.
    start
        Time of the first row to compute; None: all rows.
    first_reading
        When the line was first read, where ``frame`` does not reach back to it (a store's newest rows). A row is
        ``complete`` where the line was first read within one sampling of the start of the row's longest window, or
        before; ``frame`` alone cannot tell a line's beginning from a gap.
    one_per_stride
        Keep the last row of each block of one stride only.

    Raises
    ------
    DataError
        If the line lacks a variable, or has it with another type.
    """
    plan = kernel_plan(spec)
    for variable in spec.variables:
        _check_type(frame, variable)
    times = frame.times
    begin = 0 if start is None else int(np.searchsorted(times, to_microseconds(start)))
    rows = np.arange(begin, len(times), dtype=np.int64)
    if one_per_stride:
        rows = rows[last_of_block(times[begin:], plan.stride)]
    values = np.empty((len(rows), len(plan.names)))
    if not len(rows):
        return FeatureFrame(frame.line, times[rows], values, np.zeros(0, dtype=np.bool_), plan.names)
    starts = _window_starts(times[rows], plan)
    complete = min(_first(times, first_reading), int(times[0])) <= starts + plan.sampling
    for begin, end, oldest in _tiles(times, rows, starts, plan):
        # Readings before the oldest window count for nothing.
        stop = int(rows[end - 1]) + 1
        _compute(frame, oldest, times[oldest:stop].copy(), rows[begin:end] - oldest, plan, values[begin:end])
    return FeatureFrame(frame.line, times[rows], values, complete, plan.names)


def _tiles(times: Integers, rows: Integers, starts: Integers, plan: Plan) -> Iterator[tuple[int, int, int]]:
    """Split rows, so that memory does not grow with them; yield begin and end of each part, and its oldest reading."""
    begin = 0
    while begin < len(rows):
        oldest = int(np.searchsorted(times, starts[begin], side="right"))
        span = int(rows[begin]) + 1 - oldest
        together = min(_READINGS_TOGETHER, _BLOCKS_TOGETHER * max(1, span * plan.stride // plan.longest))
        most = max(span, together, min(4 * span, _MOST_READINGS))
        last = oldest + span + most - 1
        end = len(rows) if rows[-1] <= last else int(np.searchsorted(rows, last, side="right"))
        yield begin, end, oldest
        begin = end


def _compute(
    frame: SignalFrame | RowArrays, oldest: int, times: Integers, rows: Integers, plan: Plan, values: Floats
) -> None:
    """Write the features of ``rows``, counted from row ``oldest``, into ``values``, float64 (n_rows, n_features)."""
    stop = oldest + len(times)
    for some in plan.numbers(len(times)):
        readings = np.empty((len(some.names), len(times)))
        for place, name in enumerate(some.names):
            readings[place] = frame.readings(name, oldest, stop)
        every, stride, lengths, offsets = (times, readings), plan.stride, plan.lengths, some.offsets
        blocks, slid, ranked = plan.tables
        if plan.asked[0]:
            numbers.aggregate_numbers(*every, rows, stride, lengths, blocks, offsets, values)
        if plan.asked[1]:
            sampling, bounds = plan.sampling, some.bounds
            sliding.aggregate_readings(*every, bounds, rows, stride, sampling, lengths, slid, offsets, values)
        if plan.asked[2]:
            quantiles.aggregate_quantiles(*every, rows, stride, lengths, LEVELS, ranked, offsets, values)
    for one in plan.states:
        states, shares = _states(frame, one.variable, oldest, stop)
        found = np.empty((len(rows), len(one.functions)))
        sliding.aggregate_states(
            times,
            states,
            shares,
            max(2, len(one.variable.categories) + 1),
            rows,
            plan.stride,
            plan.sampling,
            plan.lengths,
            one.functions,
            one.windows,
            one.counted,
            found,
        )
        values[:, one.offset : one.offset + found.shape[1]] = found


def require_rows(frame: SignalFrame | RowArrays, spec: FeatureSpec, first_reading: datetime | None = None) -> None:
    """Refuse a frame whose last row has no full window.

    Raises
    ------
    DataError
        Saying how many rows are needed, and how many there are.
    """
    times, needed = frame.times, spec.rows_needed
    start = 0
    if len(frame):
        start = to_microseconds(window_start(spec, from_microseconds(int(times[-1]))))
        if min(_first(times, first_reading), int(times[0])) <= start + spec.sampling // MICROSECOND:
            return
    place, every = f"line {frame.line}", format_duration(spec.sampling)
    remedy = f"give at least {needed} rows, one every {every}"
    if not len(frame):
        raise DataError(place, f"has no rows, and the longest window needs {needed}", remedy)
    found, window = int((times > start).sum()), format_duration(spec.longest)
    problem = f"has {found} rows in the longest window, {window}, which needs {needed}"
    if found >= needed:
        problem += f", and they do not reach back to {from_microseconds(start):%Y-%m-%dT%H:%M:%SZ}"
        remedy = f"give earlier rows too, one every {every}"
    raise DataError(place, problem, remedy)


def last_of_block(times: Integers, stride: int) -> Booleans:
    """Mark the last row of each block of one stride, bool (n,); times and stride in microseconds.

    Examples
    --------
    >>> last_of_block(np.array([1, 5, 6, 10, 11]), 5)
    array([False,  True, False,  True,  True])
    """
    blocks = -((-times) // stride)
    last: Booleans = np.append(blocks[1:] != blocks[:-1], np.ones(min(len(blocks), 1), dtype=np.bool_))
    return last


def _first(times: Integers, first_reading: datetime | None) -> int:
    return int(times[0]) if first_reading is None else to_microseconds(first_reading)


def _window_starts(times: Integers, plan: Plan) -> Integers:
    starts: Integers = -((-times) // plan.stride) * plan.stride - plan.longest
    return starts


def _check_type(frame: SignalFrame | RowArrays, variable: VariableSpec) -> None:
    found = frame.types.get(variable.name)
    if found != variable.type:
        problem = f"is {'a ' + found if found else 'missing'}, the model needs a {variable.type}"
        raise DataError(f"line {frame.line}: {variable.name}", problem, "import it, or train again")


def _states(frame: SignalFrame | RowArrays, variable: VariableSpec, begin: int, end: int) -> tuple[Integers, Integers]:
    """Return the state read at each row of ``[begin, end)`` (-1: none) and what each state counts for, both int64."""
    if variable.type == "boolean":
        values = frame.readings(variable.name, begin, end)
        return np.where(np.isnan(values), -1.0, values).astype(np.int64), np.array([1, 0], dtype=np.int64)
    seen, codes = _coded(frame.states(variable.name, begin, end))
    place = {category: index for index, category in enumerate(variable.categories)}
    return codes, np.array([place.get(category, len(place)) for category in seen], dtype=np.int64)


def _coded(column: pl.Series | list[str | None]) -> tuple[list[str], Integers]:
    """Return the states of a column as they appear, and the place of each row's among them, -1 for none."""
    if isinstance(column, pl.Series) and len(column) > _SHORT:
        seen = column.drop_nulls().unique(maintain_order=True)
        return seen.to_list(), column.cast(pl.Enum(seen)).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
    # Polars plans each step before it takes it, which is most of the time where rows are few.
    read: list[str | None] = column if isinstance(column, list) else column.to_list()
    states = list(dict.fromkeys(state for state in read if state is not None))
    places: dict[str | None, int] = {state: place for place, state in enumerate(states)}
    return states, np.array([-1 if state is None else places[state] for state in read], dtype=np.int64)
