"""From readings to standardised series and the lag windows that forecasters learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from andon.frames import Booleans, Floats, Integers, SignalFrame
from andon.models.monitors import kernels

FURTHEST = 1e6
"""So many standard deviations are absurd enough: more would overflow all forecasts that look back on the reading."""
_TINY, LARGEST = float(np.finfo(np.float64).tiny), float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True)
class Scaling:
    """Mean and scale of each variable over its training readings, both float64 (v,), in the variable's own unit."""

    means: Floats
    scales: Floats

    def standardise(self, values: Floats) -> Floats:
        """Return ``(values - mean) / scale``, at most a million either way; NaN stays."""
        with np.errstate(over="ignore"):
            return np.clip((values - self.means) / self.scales, -FURTHEST, FURTHEST)

    def restore(self, values: Floats) -> Floats:
        """Inverse of `standardise`, within what a float can hold."""
        with np.errstate(over="ignore"):
            return np.clip(self.means + self.scales * values, -LARGEST, LARGEST)

    def restore_sizes(self, sizes: Floats) -> Floats:
        """Return sizes (v,) of standardised differences in the variables' own units, never 0."""
        with np.errstate(over="ignore"):
            return np.clip(self.scales * sizes, _TINY, LARGEST)


def read_values(frame: SignalFrame, variables: Sequence[str]) -> Floats:
    """Return readings, float64 (n_rows, v), NaN where nothing was read or the frame has no such variable."""
    values = np.full((len(frame), len(variables)), np.nan)
    for column, name in enumerate(variables):
        if frame.types.get(name) in ("number", "boolean"):
            # A column alone is at hand here; a whole table would be handed to other threads, which a tick waits for.
            values[:, column] = frame.data.get_column(name).to_numpy()
    return values


def fit_scaling(values: Floats, rows: Booleans) -> Scaling:
    """Measure mean and standard deviation over training ``rows`` (n_rows,).

    A variable that never changes keeps its exact value as the mean and a scale of 1, one without readings 0 and 1.

    Examples
    --------
    >>> scaling = fit_scaling(np.array([[1.0, 5.0], [3.0, 5.0], [99.0, np.nan]]), np.array([True, True, False]))
    >>> scaling.means.tolist(), scaling.scales.tolist()
    ([2.0, 5.0], [1.0, 1.0])
    """
    means, scales = np.zeros(values.shape[1]), np.ones(values.shape[1])
    for column in range(values.shape[1]):
        read = values[rows, column]
        read = read[~np.isnan(read)]
        if not len(read):
            continue
        if read.min() == read.max():
            means[column] = read[0]
            continue
        # Dividing first keeps readings near the ends of the floating range from overflowing or vanishing.
        size = float(np.abs(read).max())
        means[column] = float(np.mean(read / size)) * size
        away = read / size - means[column] / size
        spread = float(np.abs(away).max())
        scales[column] = max(spread * float(np.sqrt(np.mean((away / spread) ** 2))) * size, _TINY)
    return Scaling(means, scales)


def target_rows(member: Booleans, window: int, context: Booleans | None = None) -> Integers:
    """Return the rows of ``member`` (n_rows,) that have ``window`` rows of ``context`` before them.

    ``context`` is ``member`` itself where it is None.

    Examples
    --------
    >>> target_rows(np.array([True, True, False, True, True, True]), 2).tolist()
    [5]
    """
    known = member if context is None else context
    seen = np.concatenate([[0], np.cumsum(known)])
    rows: Integers = np.flatnonzero(member)
    rows = rows[rows >= window]
    full: Booleans = seen[rows] - seen[rows - window] == window
    return rows[full]


def design(
    series: Floats, rows: Integers, column: int, window: int, lags: int, others: int, anchored: bool
) -> tuple[Floats, Floats]:
    """Return inputs (n, lags + others * v) and targets (n,) for the rows of ``rows`` where ``column`` was read.

    ``series`` is standardised (n_rows, v). Targets are readings, or with ``anchored`` their change since the last one.
    """
    rows = rows[~np.isnan(series[rows, column])]
    inputs = kernels.lag_matrix(series, rows, column, window, lags, others)
    targets = series[rows, column]
    if anchored:
        targets = targets - kernels.lag_matrix(series, rows, column, window, 1, 0)[:, 0]
    return inputs, targets
