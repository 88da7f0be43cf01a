"""Missing features, for learners that know none: the median of the training rows stands in."""

from __future__ import annotations

import numpy as np

from andon.frames import Floats


def medians_of(values: Floats) -> Floats:
    """Return the median of what is known of each column, float64 (n_columns,); 0 where nothing is.

    Examples
    --------
    >>> medians_of(np.array([[1.0, np.nan], [np.nan, np.nan], [4.0, np.nan]]))
    array([2.5, 0. ])
    """
    known = ~np.isnan(values).all(axis=0)
    medians = np.zeros(values.shape[1])
    medians[known] = np.nanmedian(values[:, known], axis=0)
    return medians


def fill(values: Floats, medians: Floats) -> Floats:
    """Return values with the median where one is missing, float64 (n_rows, n_columns).

    Examples
    --------
    >>> fill(np.array([[1.0, np.nan]]), np.array([5.0, 7.0]))
    array([[1., 7.]])
    """
    return np.where(np.isnan(values), medians, values)
