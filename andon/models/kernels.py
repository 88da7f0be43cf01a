"""Compiled scoring of exported models; each row by itself, always in the same order of operations."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from andon.frames import Floats, Integers


@numba.njit(cache=True, nogil=True)
def linear_rows(values: Floats, medians: Floats, weights: Floats, intercept: float) -> Floats:
    """Return the logistic of a weighted sum, float64 (n_rows,); missing values are replaced by ``medians``."""
    out = np.empty(len(values))
    for row in range(len(values)):
        total = intercept
        for column in range(len(weights)):
            value = values[row, column]
            total += weights[column] * (medians[column] if np.isnan(value) else value)
        out[row] = 1.0 / (1.0 + np.exp(-total)) if total >= 0.0 else np.exp(total) / (1.0 + np.exp(total))
    return out


@numba.njit(cache=True, nogil=True)
def add_votes(
    values: Floats,
    medians: Floats,
    roots: Integers,
    features: Integers,
    thresholds: Floats,
    left: Integers,
    right: Integers,
    probabilities: Floats,
    sums: Floats,
) -> None:
    """Add the probabilities of trees laid out flat to ``sums``, float64 (n_rows,); a leaf has feature -1.

    A value goes left if, as float32, it is at most the threshold (as scikit-learn compares).
    """
    for row in range(len(values)):
        total = sums[row]
        for tree in range(len(roots)):
            node = roots[tree]
            while features[node] >= 0:
                value = values[row, features[node]]
                if np.isnan(value):
                    value = medians[features[node]]
                node = left[node] if np.float64(np.float32(value)) <= thresholds[node] else right[node]
            total += probabilities[node]
        sums[row] = total


@numba.njit(cache=True, nogil=True)
def log_odds_rows(scores: Floats) -> Floats:
    """Return log-odds, float64 (n_rows,), of scores drawn in by a millionth, so that 0 and 1 have some too."""
    out = np.empty(len(scores))
    for row in range(len(scores)):
        score = 1e-6 + (1.0 - 2e-6) * scores[row]
        out[row] = np.log(score) - np.log1p(-score)
    return out


@numba.njit(cache=True, nogil=True)
def calibrated_rows(scores: Floats, slope: float, intercept: float) -> Floats:
    """Return the logistic of ``slope * log_odds + intercept``, float64 (n_rows,)."""
    out: Floats = log_odds_rows(scores)
    for row in range(len(out)):
        total = slope * out[row] + intercept
        out[row] = 1.0 / (1.0 + np.exp(-total)) if total >= 0.0 else np.exp(total) / (1.0 + np.exp(total))
    return out


@numba.njit(cache=True, nogil=True)
def logistic_rows(odds: Floats) -> Floats:
    """Return the logistic of log-odds, float64 (n_rows,); each row by itself, whatever stands beside it."""
    out = np.empty(len(odds))
    for row in range(len(odds)):
        total = odds[row]
        out[row] = 1.0 / (1.0 + np.exp(-total)) if total >= 0.0 else np.exp(total) / (1.0 + np.exp(total))
    return out


@numba.njit(cache=True, nogil=True)
def tree_margins(
    rows: Floats,
    base: np.float32,
    roots: NDArray[np.int32],
    features: NDArray[np.int32],
    values: NDArray[np.float32],
    left: NDArray[np.int32],
    right: NDArray[np.int32],
    missing_left: NDArray[np.bool_],
) -> Floats:
    """Return the margins of boosted trees laid out flat, float64 (n_rows,), added up in single precision.

    A value goes left if, as float32, it is less than the threshold (as XGBoost compares).
    """
    out = np.empty(len(rows))
    for row in range(len(rows)):
        total = base
        for tree in range(len(roots)):
            node = roots[tree]
            while features[node] >= 0:
                value = np.float32(rows[row, features[node]])
                goes_left = missing_left[node] if np.isnan(value) else value < values[node]
                node = left[node] if goes_left else right[node]
            total = np.float32(total + values[node])
        out[row] = total
    return out
