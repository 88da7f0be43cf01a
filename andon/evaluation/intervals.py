"""Intervals of counts: a share of n, a rate in time, the median of a sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

LEVEL = 0.95
_Z = 1.959963984540054
"""Two-sided quantile of the normal distribution at `LEVEL`."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with the interval that holds the true one in 95 of 100 cases; None where nothing tells."""

    value: float | None
    low: float | None
    high: float | None

    def to_json(self) -> dict[str, float | None]:
        """Return it as JSON values."""
        return asdict(self)


UNKNOWN = Estimate(None, None, None)


def share(count: int, of: int) -> Estimate:
    """Return the share of ``count`` in ``of``, with the score interval (Wilson 1927).

    Examples
    --------
    >>> one = share(9, 10)
    >>> one.value, round(one.low, 3), round(one.high, 3)
    (0.9, 0.596, 0.982)
    >>> share(0, 0).value is None
    True
    """
    if not of:
        return UNKNOWN
    value = count / of
    middle = (count + _Z**2 / 2) / (of + _Z**2)
    reach = _Z / (of + _Z**2) * math.sqrt(count * (of - count) / of + _Z**2 / 4)
    low = 0.0 if count == 0 else middle - reach
    high = 1.0 if count == of else middle + reach
    return Estimate(value, low, high)


def rate(count: int, per: float) -> Estimate:
    """Return ``count`` a unit of ``per``, with the exact interval of a Poisson count (Garwood 1936).

    Examples
    --------
    >>> one = rate(3, 10.0)
    >>> one.value, round(one.low, 3), round(one.high, 3)
    (0.3, 0.062, 0.877)
    """
    if per <= 0:
        return UNKNOWN
    from scipy.stats import chi2

    tail = (1 - LEVEL) / 2
    low = 0.0 if count == 0 else float(chi2.ppf(tail, 2 * count)) / 2
    high = float(chi2.ppf(1 - tail, 2 * count + 2)) / 2
    return Estimate(count / per, low / per, high / per)


def median(values: Sequence[float]) -> Estimate:
    """Return the median, with the interval between order statistics (Hahn & Meeker 1991); from 6 values on.

    Examples
    --------
    >>> median([3.0, 1.0, 2.0])
    Estimate(value=2.0, low=None, high=None)
    >>> median([float(value) for value in range(1, 12)])
    Estimate(value=6.0, low=2.0, high=10.0)
    """
    ordered = sorted(values)
    n = len(ordered)
    if not n:
        return UNKNOWN
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    below, tail = -1, 0.0
    while below + 1 < n // 2:
        more = tail + math.comb(n, below + 1) / 2**n
        if more > (1 - LEVEL) / 2:
            break
        below, tail = below + 1, more
    if below < 0:
        return Estimate(middle, None, None)
    return Estimate(middle, ordered[below], ordered[n - 1 - below])
