"""Compiled scoring of exported models; each row by itself, always in the same order of operations."""

from __future__ import annotations

import numba
import numpy as np

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
