"""The gate for monitors: whether a challenger forecasts better and alarms no more often, on the same newer rows."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from andon.evaluation.promotion import FEWEST_BLOCKS, LEVEL, Verdict
from andon.evaluation.resampling import Interval, block_numbers, block_total_interval, sign_flip_p
from andon.frames import MICROSECOND, Booleans, Floats, Integers

LEAST_GAIN = 0.01
"""Share of the champion's mean squared error that a challenger must save: two fits of one kind differ by less."""
FURTHEST = 10.0
"""Errors count up to so many usual changes of a variable: a spike that nobody could foresee decides nothing."""
_DAY = timedelta(days=1) // MICROSECOND


@dataclass(frozen=True, slots=True)
class AlarmComparison:
    """Shares of the same rows that each model flags; ``low`` and ``high`` end the difference's 95 % interval."""

    budget: float
    """Share of normal rows that the definition allows to be flagged."""
    champion: float
    challenger: float
    low: float | None
    high: float | None
    worse: bool
    """Whether the challenger is above the budget and above the champion, both beyond noise."""


@dataclass(frozen=True, slots=True)
class ErrorComparison:
    """The gate's answer. Errors are in usual changes of each variable; differences challenger less champion."""

    verdict: Verdict
    reason: str
    champion_rmse: float | None
    challenger_rmse: float | None
    days: int
    blocks: int
    rows: int
    difference: float | None
    """Of the mean squared errors; ``low`` and ``high`` are the ends of its two-sided 95 % interval."""
    low: float | None
    high: float | None
    p_value: float
    """Of the challenger saving no more than `LEAST_GAIN`."""
    alarms: AlarmComparison | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the evidence as JSON values."""
        return asdict(self)


def compare_errors(
    times: Integers,
    champion: Floats,
    challenger: Floats,
    *,
    seed: int,
    flags: tuple[Booleans, Booleans] | None = None,
    budget: float = 0.0,
) -> ErrorComparison:
    """Decide whether the challenger's errors are smaller than the champion's by more than noise.

    A test of equal predictive accuracy on paired losses (Diebold and Mariano, "Comparing Predictive Accuracy", 1995),
    of blocks of days in place of an estimated long-run variance: days are resampled as `promotion.compare` resamples
    them, and the same interval and test must agree that the challenger saves more than `LEAST_GAIN`. It must flag no
    more rows than the champion either: over the ``budget`` and above the champion beyond noise, it is not promoted.

    Parameters
    ----------
    times
        int64 microseconds (n_rows,), rising.
    champion, challenger
        float64 (n_rows,), as of `row_errors`; rows where either is NaN are left out.
    flags
        Of champion and challenger, bool (n_rows,) each: rows at which they flag the line.
    budget
        The definition's ``rate``.
    """
    known = ~(np.isnan(champion) | np.isnan(challenger))
    day, where = np.unique(times[known] // _DAY, return_inverse=True)
    rows = int(known.sum())
    # Above 0 where the challenger saves less than it must.
    gain: Floats = np.bincount(where, weights=(challenger - (1 - LEAST_GAIN) * champion)[known]).astype(np.float64)
    numbers = block_numbers(np.zeros(len(day), dtype=np.int64), day, gain)
    blocks = _totals(numbers, gain)
    if len(blocks) < FEWEST_BLOCKS:
        reason = (
            f"not enough evidence: {len(day)} days ({len(blocks)} blocks) that neither model has read; needed are "
            f"{FEWEST_BLOCKS} blocks"
        )
        return ErrorComparison("kept", reason, None, None, len(day), len(blocks), rows, None, None, None, 1.0)
    rng = np.random.default_rng(seed)
    enough, p_value = block_total_interval(blocks, LEVEL, rng), sign_flip_p(blocks, rng)
    differences = np.bincount(where, weights=(challenger - champion)[known]).astype(np.float64)
    interval = block_total_interval(_totals(numbers, differences), LEVEL, rng)
    errors = [math.sqrt(float(np.mean(one[known]))) for one in (champion, challenger)]
    alarms = None if flags is None else _compare_alarms(flags, known, where, numbers, budget, rng)
    better = enough.high < 0 and p_value <= LEVEL
    worse = alarms is not None and alarms.worse
    return ErrorComparison(
        verdict="promoted" if better and not worse else "kept",
        reason=_reason(better, errors, interval, p_value, rows, len(day), alarms),
        champion_rmse=errors[0],
        challenger_rmse=errors[1],
        days=len(day),
        blocks=len(blocks),
        rows=rows,
        difference=interval.middle / rows,
        low=interval.low / rows,
        high=interval.high / rows,
        p_value=p_value,
        alarms=alarms,
    )


def row_errors(actual: Floats, champion: Floats, challenger: Floats) -> tuple[Floats, Floats]:
    """Return the mean over variables of each model's squared error at each row, float64 (n_rows,) twice.

    Errors are in units of the variable's usual change from one reading to the next on these rows, as in the scaled
    error of Hyndman and Koehler ("Another Look at Measures of Forecast Accuracy", 2006), so that each variable counts
    alike; they count up to `FURTHEST`. Only what both models forecast counts, or the one that says less would err less;
    NaN where that is nothing.

    Parameters
    ----------
    actual, champion, challenger
        Readings and what was expected, float64 (n_rows, v); NaN where there is none.
    """
    scales = np.array([usual_change(column) for column in actual.T])
    with np.errstate(over="ignore"):
        squares = [
            np.clip((actual - expected) / scales, -FURTHEST, FURTHEST) ** 2 for expected in (champion, challenger)
        ]
    known = ~(np.isnan(squares[0]) | np.isnan(squares[1]))
    count = known.sum(axis=1)
    found = [
        np.where(count > 0, np.where(known, square, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)
        for square in squares
    ]
    return found[0], found[1]


def usual_change(values: Floats) -> float:
    """Return 1.4826 times the median absolute change between readings (n,), or if that is 0 their root mean square.

    1 where nothing changes.

    Examples
    --------
    >>> usual_change(np.array([0.0, 1.0, np.nan, 2.0, 1e9])), usual_change(np.array([5.0, 5.0]))
    (1.4826, 1.0)
    """
    known = values[~np.isnan(values)]
    with np.errstate(over="ignore"):
        changes = np.abs(np.diff(known))
        if not len(changes):
            return 1.0
        usual = 1.4826 * float(np.median(changes))
        return usual or float(np.sqrt(np.mean(np.square(changes)))) or 1.0


def _compare_alarms(
    flags: tuple[Booleans, Booleans],
    known: Booleans,
    where: Integers,
    numbers: Integers,
    budget: float,
    rng: np.random.Generator,
) -> AlarmComparison:
    champion, challenger = (one[known].astype(np.float64) for one in flags)

    def interval_of(rows: Floats) -> Interval:
        daily = np.bincount(where, weights=rows).astype(np.float64)
        return block_total_interval(_totals(numbers, daily), LEVEL, rng)

    apart, over = interval_of(challenger - champion), interval_of(challenger - budget)
    return AlarmComparison(
        budget=budget,
        champion=float(champion.mean()),
        challenger=float(challenger.mean()),
        low=apart.low / len(champion),
        high=apart.high / len(champion),
        worse=apart.low > 0 and over.low > 0,
    )


def _reason(
    better: bool,
    errors: list[float],
    interval: Interval,
    p_value: float,
    rows: int,
    days: int,
    alarms: AlarmComparison | None,
) -> str:
    ratio = f"{errors[1] / errors[0]:.3f} of the champion's" if errors[0] else "against no error at all"
    seen = (
        f"forecasts' RMSE is {ratio} over {days} days; difference of the mean squared error "
        f"{interval.middle / rows:+.4f}, 95 % interval {interval.low / rows:+.4f} to {interval.high / rows:+.4f}, "
        f"p {p_value:.3f}"
    )
    if alarms is not None:
        seen += f"; flags {alarms.challenger:.2%} of the rows, the champion {alarms.champion:.2%}"
        if better and alarms.worse:
            return f"better, but alarms more often: {seen}, {alarms.budget:.2%} are allowed"
    return f"{'better' if better else f'no better by {LEAST_GAIN:.0%} beyond noise'}: {seen}"


def _totals(numbers: Integers, daily: Floats) -> Floats:
    totals: Floats = np.bincount(numbers, weights=daily).astype(np.float64)
    return totals
