"""Resampling of paired differences by block: an interval by the bootstrap, and an exact test by flipping signs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from andon.frames import Floats, Integers

RESAMPLES = 4000
_VALUES_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A total over all blocks, and the ends of its interval."""

    middle: float
    low: float
    high: float


def block_numbers(groups: Integers, days: Integers, differences: Floats) -> Integers:
    """Return the block of each line-day, int64 (n_days,): runs of consecutive days of one line.

    A block is one day where days do not resemble those before them. Otherwise its length is that of Carlstein (1986)
    for an autoregression of the first order, by the autocorrelation of neighbouring days; never so long that fewer
    than ten blocks would be left.

    Parameters
    ----------
    groups, days, differences
        int64, int64, float64 (n_days,), by group and then day.
    """
    if not len(days):
        return np.zeros(0, dtype=np.int64)
    length = _block_length(groups, days, differences)
    new = np.ones(len(days), dtype=np.bool_)
    new[1:] = groups[1:] != groups[:-1]
    first = days[new][np.cumsum(new) - 1]
    number = (days - first) // length
    new[1:] |= number[1:] != number[:-1]
    blocks: Integers = np.cumsum(new) - 1
    return blocks


def _block_length(groups: Integers, days: Integers, differences: Floats) -> int:
    centred = differences - differences.mean()
    neighbours = (groups[1:] == groups[:-1]) & (np.diff(days) == 1)
    variance = float(centred @ centred)
    pairs = int(neighbours.sum())
    if not variance or pairs < 10:
        return 1
    correlation = float(centred[1:][neighbours] @ centred[:-1][neighbours]) / pairs / (variance / len(days))
    if correlation <= 2 / math.sqrt(pairs):
        return 1
    correlation = min(correlation, 0.9)
    length = math.pow(math.sqrt(6) * correlation / (1 - correlation**2), 2 / 3) * math.pow(len(days), 1 / 3)
    return max(1, min(math.ceil(length), len(days) // 10))


def block_total_interval(blocks: Floats, level: float, rng: np.random.Generator) -> Interval:
    """Return the total of ``blocks`` and its two-sided interval with ``level`` outside of each end.

    Blocks are drawn with replacement, as many as there are. Percentiles are expanded for few blocks (Hesterberg 2015:
    plain ones are too narrow by the square root of n / (n - 1), and as if the spread were known).

    Parameters
    ----------
    blocks
        float64 (n_blocks,), two or more.

    Examples
    --------
    >>> found = block_total_interval(np.array([-1.0, -2.0, -3.0] * 10), 0.025, np.random.default_rng(0))
    >>> found.middle, found.low < -60 < found.high < 0
    (-60.0, True)
    """
    from scipy.special import ndtr, stdtrit

    count = len(blocks)
    outside = float(ndtr(math.sqrt(count / (count - 1)) * stdtrit(count - 1, level)))
    totals = np.concatenate(
        [blocks[rng.integers(0, count, size=(size, count))].sum(axis=1) for size in _batches(count)]
    )
    low, high = np.quantile(totals, [outside, 1 - outside])
    return Interval(float(blocks.sum()), float(low), float(high))


def sign_flip_p(blocks: Floats, rng: np.random.Generator) -> float:
    """Return the one-sided p value of the total being below 0, were the sign of every block as likely as its opposite.

    Exact for two models that are equally good (Fisher 1935; Phipson & Smyth 2010 for drawn flips).

    Parameters
    ----------
    blocks
        float64 (n_blocks,).

    Examples
    --------
    >>> sign_flip_p(np.array([-1.0, -1.0, 0.0]), np.random.default_rng(0)) > 0.2
    True
    """
    telling = blocks[blocks != 0]
    if not len(telling):
        return 1.0
    total = telling.sum() + 1e-9 * np.abs(telling).sum()
    reached = 0
    for size in _batches(len(telling)):
        signs = rng.integers(0, 2, size=(size, len(telling)), dtype=np.int8)
        reached += int(np.sum((2.0 * signs - 1.0) @ telling <= total))
    return (1 + reached) / (1 + RESAMPLES)


def _batches(width: int) -> list[int]:
    size = max(1, min(RESAMPLES, _VALUES_AT_ONCE // max(1, width)))
    return [size] * (RESAMPLES // size) + ([RESAMPLES % size] if RESAMPLES % size else [])
