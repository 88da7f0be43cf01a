"""Regressions whose rows tell of the same hours: least squares and logistic, with what each group of rows adds.

Errors come from the influence of groups (Liang and Zeger 1986), which also says how far two regressions on the same
hours tell the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from andon.frames import Floats, Integers

_STEPS = 8
_STEEPEST = 30.0


@dataclass(frozen=True, slots=True)
class Effects:
    """Weights of the last ``k`` columns of a regression, and their standard errors, float64 (k,) each."""

    weights: Floats
    errors: Floats
    others: Floats
    """Weights of the columns before them."""

    @property
    def surely(self) -> Floats:
        """Weights in standard errors, float64 (k,)."""
        found: Floats = self.weights / self.errors
        return found


def least_squares(columns: Floats, values: Floats, groups: Integers, places: int, ridge: float = 1e-3) -> Effects:
    """Return what the last ``places`` of columns (n, m) add to values (n,); rows of one group tell of it once.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> columns = np.column_stack([np.ones(500), rng.normal(size=500)])
    >>> found = least_squares(columns, 2.0 * columns[:, 1] + rng.normal(size=500), np.arange(500), 1)
    >>> found.weights.round(1), bool(found.surely[0] > 10.0)
    (array([2.]), True)
    """
    inverse: Floats = np.asarray(
        np.linalg.inv(columns.T @ columns + ridge * np.eye(columns.shape[1])), dtype=np.float64
    )
    found = inverse @ (columns.T @ values)
    return _effects(found, columns * (values - columns @ found)[:, None], groups, inverse, places)


def logistic(columns: Floats, chances: Floats, groups: Integers, places: int, ridge: float = 0.5) -> Effects:
    """Return what the last ``places`` of columns (n, m) add to the log-odds of ``chances`` (n,), 0 to 1.

    Penalised by ``ridge``; by Newton's method.
    """
    found: Floats = np.zeros(columns.shape[1])
    penalty = ridge * np.eye(len(found))
    for turn in range(_STEPS + 1):
        told = 1.0 / (1.0 + np.exp(-np.clip(columns @ found, -_STEEPEST, _STEEPEST)))
        left = chances - told
        information = columns.T @ ((told * (1.0 - told))[:, None] * columns) + penalty
        inverse: Floats = np.asarray(np.linalg.inv(information), dtype=np.float64)
        if turn < _STEPS:
            found = found + inverse @ (columns.T @ left - ridge * found)
    return _effects(found, columns * left[:, None], groups, inverse, places)


def _effects(found: Floats, scores: Floats, groups: Integers, inverse: Floats, places: int) -> Effects:
    """Return the last weights with errors from scores of rows (n, m), added up by group (rising, int64 (n,))."""
    begins = np.flatnonzero(np.diff(groups, prepend=groups[0] - 1))
    first = len(found) - places
    influence = (np.add.reduceat(scores, begins, axis=0) @ inverse)[:, first:]
    errors = np.sqrt(np.maximum((influence**2).sum(axis=0), 1e-24))
    return Effects(np.asarray(found[first:]), np.asarray(errors), np.asarray(found[:first]))
