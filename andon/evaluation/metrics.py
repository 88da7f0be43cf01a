"""Metrics of the field: ranking, verdicts, events and errors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from andon.frames import MICROSECOND, Booleans, Floats, Integers
from andon.models.ranking import average_precision

__all__ = ["Verdicts", "average_precision", "count_episodes", "mae", "rmse", "verdicts"]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Counts of flags against the truth, and what follows from them."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        whole = 2 * self.true_positives + self.false_positives + self.false_negatives
        return 2 * self.true_positives / whole if whole else 0.0

    @property
    def false_alarm_rate(self) -> float:
        """Share of normal rows that are flagged (FAR)."""
        normal = self.false_positives + self.true_negatives
        return self.false_positives / normal if normal else 0.0

    @property
    def missed_alarm_rate(self) -> float:
        """Share of abnormal rows that are not flagged (MAR)."""
        abnormal = self.true_positives + self.false_negatives
        return self.false_negatives / abnormal if abnormal else 0.0


def verdicts(truth: Booleans, flags: Booleans) -> Verdicts:
    """Count flags against the truth; bool (n_rows,) both, pooled over lines by concatenation."""
    return Verdicts(
        int(np.sum(truth & flags)),
        int(np.sum(~truth & flags)),
        int(np.sum(truth & ~flags)),
        int(np.sum(~truth & ~flags)),
    )


def count_episodes(times: Integers, flags: Booleans, apart: timedelta) -> int:
    """Count runs of flagged rows; runs less than ``apart`` from each other are one."""
    flagged = times[flags]
    return int(np.sum(np.diff(flagged) >= apart // MICROSECOND) + 1) if len(flagged) else 0


def rmse(actual: Floats, expected: Floats) -> float:
    """Return the root of the mean squared error over rows where both are known; NaN without any."""
    known = ~(np.isnan(actual) | np.isnan(expected))
    return float(np.sqrt(np.mean((actual[known] - expected[known]) ** 2))) if known.any() else float("nan")


def mae(actual: Floats, expected: Floats) -> float:
    """Return the mean absolute error over rows where both are known; NaN without any."""
    known = ~(np.isnan(actual) | np.isnan(expected))
    return float(np.mean(np.abs(actual[known] - expected[known]))) if known.any() else float("nan")
