"""Compiled loops over rows. Each row is worked out alone, in one order, so no result depends on its neighbours.

A matrix product of a numerical library may add up in another order when there are more rows, and then a row scored
online differs in the last bit from the same row of a back-test. These loops cannot; ``fastmath`` stays off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba
import numpy as np

from andon.frames import Floats, Integers

_Function = TypeVar("_Function", bound=Callable[..., object])

LINEAR, RELU, TANH, ELU = 0, 1, 2, 3


def compiled(function: _Function) -> _Function:
    """Compile with Numba, kept on disk between processes, free of the interpreter's lock."""
    return cast(_Function, numba.njit(cache=True, nogil=True)(function))


@compiled
def fill_window(series: Floats, row: int, window: int, filled: Floats) -> None:
    """Write the ``window`` rows before ``row`` into ``filled`` (window, v), each gap by the reading before it.

    ``series`` is standardised, NaN where nothing was read; before any reading of the window stands 0, the mean.
    """
    for column in range(series.shape[1]):
        last = 0.0
        for step in range(window):
            value = series[row - window + step, column]
            if not np.isnan(value):
                last = value
            filled[step, column] = last


@compiled
def lag_matrix(series: Floats, rows: Integers, column: int, window: int, lags: int, others: bool) -> Floats:
    """Return what a forecaster of ``column`` sees at each of ``rows``, float64 (n_rows, lags [+ v])."""
    n_variables = series.shape[1]
    width = lags + (n_variables if others else 0)
    inputs = np.empty((len(rows), width))
    filled = np.empty((window, n_variables))
    for position in range(len(rows)):
        fill_window(series, rows[position], window, filled)
        for lag in range(lags):
            inputs[position, lag] = filled[window - lags + lag, column]
        if others:
            for other in range(n_variables):
                inputs[position, lags + other] = filled[window - 1, other]
    return inputs


@compiled
def dense_layer(
    before: Floats, after: Floats, n_in: int, n_out: int, weights: Floats, at: int, activation: int
) -> None:
    """Write the ``n_out`` outputs of a layer into ``after``; its matrix (in, out) and bias begin at ``at``."""
    for unit in range(n_out):
        after[unit] = weights[at + n_in * n_out + unit]
    # Source by source: the units lie side by side, and each is still added up in one order.
    for source in range(n_in):
        value, row = before[source], at + source * n_out
        for unit in range(n_out):
            after[unit] += value * weights[row + unit]
    if activation == RELU:
        for unit in range(n_out):
            after[unit] = max(after[unit], 0.0)
    elif activation == TANH:
        for unit in range(n_out):
            after[unit] = np.tanh(after[unit])
    elif activation == ELU:
        for unit in range(n_out):
            if after[unit] < 0.0:
                after[unit] = np.expm1(after[unit])


@compiled
def expected_rows(
    series: Floats,
    first: int,
    end: int,
    window: int,
    lags: Integers,
    others: Integers,
    anchored: Integers,
    activations: Integers,
    sizes: Integers,
    offsets: Integers,
    weights: Floats,
) -> Floats:
    """Return what each variable should read at rows ``[first, end)``, standardised, float64 (end - first, v).

    A row uses the ``window`` rows before it only; ``end`` may be one past the last row of ``series``. The networks are
    packed: ``sizes`` (v, layers + 1) padded by 0, and from ``offsets`` on in ``weights`` for every layer its matrix
    (in, out) and its bias (out,).
    """
    n_variables = series.shape[1]
    widest = max(sizes.max(), window + n_variables)
    result = np.empty((end - first, n_variables))
    filled = np.empty((window, n_variables))
    before = np.empty(widest)
    after = np.empty(widest)
    for row in range(first, end):
        fill_window(series, row, window, filled)
        for column in range(n_variables):
            width = lags[column]
            for lag in range(width):
                before[lag] = filled[window - width + lag, column]
            if others[column]:
                for other in range(n_variables):
                    before[width + other] = filled[window - 1, other]
            at = offsets[column]
            layer = 1
            while layer < sizes.shape[1] and sizes[column, layer] > 0:
                n_in, n_out = sizes[column, layer - 1], sizes[column, layer]
                hidden = layer + 1 < sizes.shape[1] and sizes[column, layer + 1] > 0
                dense_layer(before, after, n_in, n_out, weights, at, activations[column] if hidden else LINEAR)
                before, after = after, before
                at += (n_in + 1) * n_out
                layer += 1
            outcome = before[0]
            if anchored[column]:
                outcome += filled[window - 1, column]
            result[row - first, column] = outcome
    return result


@compiled
def reconstructed_rows(
    series: Floats, first: int, end: int, window: int, lags: int, activation: int, sizes: Integers, weights: Floats
) -> Floats:
    """Return what an autoencoder makes of rows ``[first, end)``, standardised, float64 (end - first, v).

    A row uses the ``window`` rows that end at it, of which the network sees the newest ``lags``, oldest first, all
    variables of a row side by side. ``sizes`` (layers + 1,); ``weights`` hold for every layer its matrix (in, out) and
    its bias (out,).
    """
    n_variables = series.shape[1]
    result = np.empty((end - first, n_variables))
    filled = np.empty((window, n_variables))
    before, after = np.empty(sizes.max()), np.empty(sizes.max())
    for row in range(first, end):
        fill_window(series, row + 1, window, filled)
        for lag in range(lags):
            for column in range(n_variables):
                before[lag * n_variables + column] = filled[window - lags + lag, column]
        at = 0
        for layer in range(1, len(sizes)):
            last = layer == len(sizes) - 1
            dense_layer(before, after, sizes[layer - 1], sizes[layer], weights, at, LINEAR if last else activation)
            at += (sizes[layer - 1] + 1) * sizes[layer]
            before, after = after, before
        for column in range(n_variables):
            result[row - first, column] = before[column]
    return result


@compiled
def chart_rows(
    residuals: Floats,
    first: int,
    spans: Integers,
    limits: Floats,
    precisions: Floats,
    distances: Floats,
    shares: Floats,
) -> None:
    """Fill ``distances`` (n, charts) and ``shares`` (n, charts, m) for rows from ``first`` on.

    A chart is the Mahalanobis distance of the mean residual over its span of rows (Hotelling's T squared under a moving
    average). ``residuals`` (n, m) are in units of their usual size, NaN where nothing was read; a gap counts as 0, no
    evidence. In a span of more than one row each is held within ``limits`` (m,), so one spike stays one spike.
    """
    n_members = residuals.shape[1]
    mean = np.empty(n_members)
    for row in range(first, residuals.shape[0]):
        for chart in range(len(spans)):
            span = spans[chart]
            for member in range(n_members):
                total = 0.0
                for back in range(span):
                    value = residuals[row - back, member] if row - back >= 0 else np.nan
                    if not np.isnan(value):
                        if span > 1:
                            value = min(max(value, -limits[member]), limits[member])
                        total += value
                mean[member] = total / span
            square = 0.0
            for member in range(n_members):
                weighted = 0.0
                for other in range(n_members):
                    weighted += precisions[chart, member, other] * mean[other]
                shares[row, chart, member] = mean[member] * weighted
                square += mean[member] * weighted
            distances[row, chart] = np.sqrt(max(square, 0.0))
