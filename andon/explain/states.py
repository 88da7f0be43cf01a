"""How readings stand at a row: levels and swings of each variable over the rows up to it."""

from __future__ import annotations

import numpy as np

from andon.frames import Booleans, Floats, Integers

LEVEL, SWING = 3, 10
"""Rows that a level is the mean of, and that a swing (log of the standard deviation) is taken over."""


def states_of(readings: Floats) -> Floats:
    """Return levels, then log swings, of each row from those up to it, float64 (2 p, n); NaN with too few readings."""
    known = ~np.isnan(readings)
    filled = np.where(known, readings, 0.0)
    level = rolling(filled, LEVEL) / np.where(rolling(known, LEVEL) > 0, rolling(known, LEVEL), np.nan)
    number = rolling(known, SWING)
    number = np.where(number > 2, number, np.nan)
    centre = np.nanmean(np.where(known, readings, np.nan), axis=1, keepdims=True) if known.any() else 0.0
    shifted = np.where(known, readings - np.nan_to_num(centre), 0.0)
    mean = rolling(shifted, SWING) / number
    variance = np.maximum(rolling(shifted**2, SWING) / number - mean**2, 0.0)
    floor = 1e-3 * np.maximum(np.nanstd(np.where(known, readings, np.nan), axis=1, keepdims=True), 1e-9)
    return np.concatenate([level, np.log(np.sqrt(variance) + np.nan_to_num(floor, nan=1e-9))])


def rolling(values: Floats, rows: int) -> Floats:
    """Return the sum over the ``rows`` columns up to each one, float64 of the same shape."""
    total = np.cumsum(np.asarray(values, dtype=np.float64), axis=1)
    total[:, rows:] = total[:, rows:] - total[:, :-rows]
    return total


def spread(values: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of each row, the latter 1 where nothing varies."""
    if not values.shape[1]:
        return np.zeros(len(values)), np.ones(len(values))
    scales = values.std(axis=1)
    return values.mean(axis=1), np.where(scales > 1e-12, scales, 1.0)


def within(values: Floats, contexts: Integers, known: Booleans) -> Floats:
    """Return values less the mean of their own recipe, 0 where nothing is known."""
    found = np.zeros_like(values)
    for context in np.unique(contexts[known]):
        rows = known & (contexts == context)
        found[:, rows] = values[:, rows] - values[:, rows].mean(axis=1, keepdims=True)
    return found


def run_lengths(contexts: Integers, known: Booleans) -> Integers:
    """Return how many rows up to each one are known and of one context, int64 (n,)."""
    breaks = ~known
    breaks[1:] |= contexts[1:] != contexts[:-1]
    place = np.arange(len(known))
    last = np.maximum.accumulate(np.where(breaks, place, -1))
    # A run begins after a row that is not known, but with one of another context.
    found: Integers = np.where(known, place - last + known[last], 0)
    return found


def forward_filled(values: Floats) -> Floats:
    """Return values (m, n) with each NaN replaced by the last one that was read before it.

    Examples
    --------
    >>> forward_filled(np.array([[np.nan, 1.0, np.nan, 2.0, np.nan]]))
    array([[nan,  1.,  1.,  2.,  2.]])
    """
    places = np.where(np.isnan(values), 0, np.arange(values.shape[1]))
    return np.take_along_axis(values, np.maximum.accumulate(places, axis=1), axis=1)
