"""The gate for monitors: whether a challenger forecasts better than the champion, on the same newer rows."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from andon.evaluation.promotion import FEWEST_BLOCKS, LEVEL, Verdict
from andon.evaluation.resampling import block_numbers, block_total_interval, sign_flip_p
from andon.frames import MICROSECOND, Floats, Integers

_DAY = timedelta(days=1) // MICROSECOND


@dataclass(frozen=True, slots=True)
class ErrorComparison:
    """The gate's answer. Errors are in standard deviations of each variable; differences challenger less champion."""

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

    def to_json(self) -> dict[str, Any]:
        """Return the evidence as JSON values."""
        return asdict(self)


def compare_errors(times: Integers, champion: Floats, challenger: Floats, *, seed: int) -> ErrorComparison:
    """Decide whether the challenger's squared errors are smaller than the champion's by more than noise.

    Days are resampled as `promotion.compare` resamples them, and the same interval and test must agree.

    Parameters
    ----------
    times
        int64 microseconds (n_rows,), rising.
    champion, challenger
        float64 (n_rows,): the mean over variables of the squared error; rows where either is NaN are left out.
    """
    known = ~(np.isnan(champion) | np.isnan(challenger))
    day, where = np.unique(times[known] // _DAY, return_inverse=True)
    rows = int(known.sum())
    differences: Floats = np.bincount(where, weights=(challenger - champion)[known]).astype(np.float64)
    numbers = block_numbers(np.zeros(len(day), dtype=np.int64), day, differences)
    blocks: Floats = np.bincount(numbers, weights=differences).astype(np.float64)
    if len(blocks) < FEWEST_BLOCKS:
        reason = (
            f"not enough evidence: {len(day)} days ({len(blocks)} blocks) that neither model has read; needed are "
            f"{FEWEST_BLOCKS} blocks"
        )
        return ErrorComparison("kept", reason, None, None, len(day), len(blocks), rows, None, None, None, 1.0)
    rng = np.random.default_rng(seed)
    interval, p_value = block_total_interval(blocks, LEVEL, rng), sign_flip_p(blocks, rng)
    errors = [math.sqrt(float(np.mean(one[known]))) for one in (champion, challenger)]
    better = interval.high < 0 and p_value <= LEVEL
    ratio = f"{errors[1] / errors[0]:.3f} of the champion's" if errors[0] else "against no error at all"
    return ErrorComparison(
        verdict="promoted" if better else "kept",
        reason=(
            f"{'better' if better else 'no better beyond noise'}: forecasts' RMSE is {ratio} over {len(day)} days; "
            f"difference of the mean squared error {interval.middle / rows:+.4f} variances, 95 % interval "
            f"{interval.low / rows:+.4f} to {interval.high / rows:+.4f}, p {p_value:.3f}"
        ),
        champion_rmse=errors[0],
        challenger_rmse=errors[1],
        days=len(day),
        blocks=len(blocks),
        rows=rows,
        difference=interval.middle / rows,
        low=interval.low / rows,
        high=interval.high / rows,
        p_value=p_value,
    )
