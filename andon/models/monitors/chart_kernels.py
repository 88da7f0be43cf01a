"""Compiled loops of a line's control charts; every row is worked out alone, as in `kernels`."""

from __future__ import annotations

import numpy as np

from andon.frames import Floats, Integers
from andon.models.monitors.kernels import compiled


@compiled
def chart_rows(
    values: Floats,
    first: int,
    sources: Integers,
    spans: Integers,
    limits: Floats,
    precisions: Floats,
    distances: Floats,
    shares: Floats,
) -> None:
    """Fill ``distances`` (n, charts) and ``shares`` (n, charts, m) for rows from ``first`` on.

    A chart is the Mahalanobis distance of the mean of ``values[:, source]`` (n, m) over its span of rows (Hotelling's T
    squared under a moving average). ``values`` (n, sources, m) are in units of their usual size, NaN where nothing was
    read; a gap counts as 0, no evidence. Each value is held within ``limits`` (charts, m) first.
    """
    n_members = values.shape[2]
    mean, weighted = np.empty(n_members), np.empty(n_members)
    for row in range(first, values.shape[0]):
        for chart in range(len(spans)):
            span, source = spans[chart], sources[chart]
            for member in range(n_members):
                limit = limits[chart, member]
                total = 0.0
                for at in range(max(0, row - span + 1), row + 1):
                    value = values[at, source, member]
                    if not np.isnan(value):
                        total += min(max(value, -limit), limit)
                mean[member] = total / span
            # A covariance's inverse is symmetric: its rows serve as columns, and members lie side by side.
            weighted[:] = 0.0
            for other in range(n_members):
                for member in range(n_members):
                    weighted[member] += precisions[chart, other, member] * mean[other]
            square = 0.0
            for member in range(n_members):
                shares[row, chart, member] = mean[member] * weighted[member]
                square += mean[member] * weighted[member]
            distances[row, chart] = np.sqrt(max(square, 0.0))


@compiled
def persistent_rows(scores: Floats, first: int, needed: int, among: int) -> Floats:
    """Return the ``needed``-th largest of the newest ``among`` scores at each row from ``first`` on, NaN before, (n,).

    It reaches a threshold exactly where at least ``needed`` of ``among`` rows do. Rows before ``first`` count as 0.
    """
    result = np.full(len(scores), np.nan)
    newest = np.empty(among)
    for row in range(first, len(scores)):
        for back in range(among):
            newest[back] = scores[row - back] if row - back >= first else 0.0
        result[row] = np.sort(newest)[among - needed]
    return result
