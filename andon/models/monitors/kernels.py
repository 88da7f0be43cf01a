"""Compiled loops over rows. Each row is worked out alone, in one order, so no result depends on its neighbours.

A matrix product of a numerical library may add up in another order when there are more rows, and then a row scored
online differs in the last bit from the same row of a back-test. These loops cannot; ``fastmath`` stays off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

from andon.frames import Floats, Integers

_Function = TypeVar("_Function", bound=Callable[..., object])

LINEAR, RELU, TANH, ELU = 0, 1, 2, 3
CONVOLUTION, LSTM = 1, 2
"""Kinds of layers; 0 ends a network."""
PRIOR = 10.0
"""Windows of rows that a usual share counts for beside the half window at hand."""


def compiled(function: _Function) -> _Function:
    """Compile with Numba, kept on disk between processes, free of the interpreter's lock."""
    return cast(_Function, numba.njit(cache=True, nogil=True)(function))


@compiled
def fill_window(series: Floats, row: int, window: int, filled: Floats) -> None:
    """Write the ``window`` rows before ``row`` into ``filled`` (window, v), each gap by the reading before it.

    ``series`` is standardised, NaN where nothing was read; before any reading of the window stands 0, the mean.
    """
    for step in range(window):
        for column in range(series.shape[1]):
            value = series[row - window + step, column]
            if np.isnan(value):
                value = filled[step - 1, column] if step else 0.0
            filled[step, column] = value


@compiled
def see(filled: Floats, column: int, lags: int, others: int, steps: int, seen: Floats) -> None:
    """Write what a network of ``column`` sees of a filled window (window, v) into ``seen``.

    The newest ``lags`` readings are cut into ``steps`` equal parts, oldest first; after each part's own readings stand
    those of all variables in its newest ``others`` rows.
    """
    part = lags // steps
    at = 0
    for step in range(steps):
        end = filled.shape[0] - lags + (step + 1) * part
        for row in range(end - part, end):
            seen[at] = filled[row, column]
            at += 1
        for row in range(end - others, end):
            for other in range(filled.shape[1]):
                seen[at] = filled[row, other]
                at += 1


@compiled
def lag_matrix(
    series: Floats, rows: Integers, column: int, window: int, lags: int, others: int, steps: int = 1
) -> Floats:
    """Return what a forecaster of ``column`` sees at each of ``rows``, float64 (n_rows, lags + steps * others * v)."""
    inputs = np.empty((len(rows), lags + steps * others * series.shape[1]))
    filled = np.empty((window, series.shape[1]))
    for position in range(len(rows)):
        fill_window(series, rows[position], window, filled)
        see(filled, column, lags, others, steps, inputs[position])
    return inputs


@compiled
def activate(values: Floats, activation: int) -> None:
    """Apply an activation in place."""
    if activation == RELU:
        for unit in range(len(values)):
            values[unit] = max(values[unit], 0.0)
    elif activation == TANH:
        for unit in range(len(values)):
            values[unit] = np.tanh(values[unit])
    elif activation == ELU:
        for unit in range(len(values)):
            if values[unit] < 0.0:
                values[unit] = np.expm1(values[unit])


@compiled
def weigh(inputs: Floats, weights: Floats, outputs: Floats) -> None:
    """Add to ``outputs`` (n_out,) the ``inputs`` (n_in,) times their matrix, flat (n_in * n_out,).

    Four inputs at a time, over outputs that lie side by side; each is added up in the same order whatever the rows.
    """
    n_out = len(outputs)
    if n_out == 1:
        total = outputs[0]
        for source in range(len(inputs)):
            total += inputs[source] * weights[source]
        outputs[0] = total
        return
    fours = len(inputs) // 4 * 4
    for source in range(0, fours, 4):
        one, two, three, four = inputs[source], inputs[source + 1], inputs[source + 2], inputs[source + 3]
        first = weights[source * n_out : (source + 1) * n_out]
        second = weights[(source + 1) * n_out : (source + 2) * n_out]
        third = weights[(source + 2) * n_out : (source + 3) * n_out]
        fourth = weights[(source + 3) * n_out : (source + 4) * n_out]
        for unit in range(n_out):
            outputs[unit] += (one * first[unit] + two * second[unit]) + (three * third[unit] + four * fourth[unit])
    for source in range(fours, len(inputs)):
        value, row = inputs[source], source * n_out
        for unit in range(n_out):
            outputs[unit] += value * weights[row + unit]


@compiled
def convolve(
    before: Floats, after: Floats, steps: int, channels: int, units: int, width: int, stride: int, weights: Floats
) -> int:
    """Write a convolution over ``before`` (steps, channels) into ``after`` (steps out, units); return steps out.

    Without padding. ``weights`` hold the matrix (width * channels, units) and the bias. A dense layer is one whose
    width is all steps.
    """
    n_in = width * channels
    count = (steps - width) // stride + 1
    for step in range(count):
        outputs = after[step * units : (step + 1) * units]
        outputs[:] = weights[n_in * units : (n_in + 1) * units]
        begin = step * stride * channels
        weigh(before[begin : begin + n_in], weights, outputs)
    return count


@compiled
def remember(before: Floats, after: Floats, steps: int, channels: int, units: int, weights: Floats) -> None:
    """Write the last hidden state of an LSTM over ``before`` (steps, channels) into ``after`` (units,).

    Hochreiter and Schmidhuber (1997) with the forget gate of Gers et al. (2000). ``weights`` hold the matrix
    (channels + units, 4 * units) of readings and hidden state, and the bias; gates stand in the order of Keras: input,
    forget, candidate, output.
    """
    n_in = channels + units
    gates, cell = np.empty(4 * units), np.zeros(units)
    inputs = np.zeros(n_in)
    for step in range(steps):
        inputs[:channels] = before[step * channels : (step + 1) * channels]
        gates[:] = weights[n_in * 4 * units : (n_in + 1) * 4 * units]
        weigh(inputs, weights, gates)
        for unit in range(units):
            take = 1.0 / (1.0 + np.exp(-gates[unit]))
            keep = 1.0 / (1.0 + np.exp(-gates[units + unit]))
            cell[unit] = keep * cell[unit] + take * np.tanh(gates[2 * units + unit])
            inputs[channels + unit] = np.tanh(cell[unit]) / (1.0 + np.exp(-gates[3 * units + unit]))
    after[:units] = inputs[channels:]


@compiled
def recent_share(
    series: Floats,
    row: int,
    filled: Floats,
    column: int,
    lags: int,
    others: int,
    share: float,
    apart: float,
    weights: Floats,
) -> float:
    """Return how much of a regression to mix with the last reading at ``row``, 0 to 1, by how both told recent rows.

    The share that leaves the least squares over the newer half of the filled window (window, v) (Bates and Granger,
    "The Combination of Forecasts", 1969), shrunk to its usual ``share`` as if that had been found on `PRIOR` windows of
    rows on which the two lie ``apart`` in the mean square. Each row is told again from what stands in the window
    before it, older readings taken for its oldest one; gaps are no evidence. ``weights`` are the regression's, of its
    own lags, of the newest ``others`` readings of all variables, and an intercept.
    """
    window, n_variables = filled.shape
    power = PRIOR * window * apart
    gain = power * share
    for back in range(1, window // 2 + 1):
        if np.isnan(series[row - back, column]):
            continue
        now = window - back
        told = weights[lags + others * n_variables]
        for lag in range(lags):
            told += filled[max(now - lags + lag, 0), column] * weights[lag]
        for step in range(others):
            seen, at = max(now - others + step, 0), lags + step * n_variables
            for other in range(n_variables):
                told += filled[seen, other] * weights[at + other]
        last = filled[now - 1, column]
        gain += (told - last) * (filled[now, column] - last)
        power += (told - last) ** 2
    found: float = min(max(gain / power, 0.0), 1.0)
    return found


@compiled
def expected_rows(
    series: Floats,
    first: int,
    end: int,
    window: int,
    lags: Integers,
    others: Integers,
    steps: Integers,
    anchored: Integers,
    activations: Integers,
    limits: Floats,
    reaches: Floats,
    skips: Integers,
    shares: Floats,
    aparts: Floats,
    program: Integers,
    offsets: Integers,
    weights: Floats,
) -> Floats:
    """Return what each variable should read at rows ``[first, end)``, standardised, float64 (end - first, v).

    A row uses the ``window`` rows before it only; ``end`` may be one past the last row of ``series``. The networks are
    packed as `networks.PackedNetworks` tells.
    """
    n_variables = series.shape[1]
    result = np.empty((end - first, n_variables))
    filled = np.empty((window, n_variables))
    # No layer is wider than what a network sees or has weights for.
    widest = max(window, 1) + (steps * others).max() * n_variables + 1
    for column in range(n_variables):
        for layer in range(program.shape[1]):
            kind, length, channels, units, width, stride = program[column, layer]
            if kind:
                widest = max(widest, ((length - width) // stride + 1) * units, units, length * channels)
    seen, before, after = np.empty(widest), np.empty(widest), np.empty(widest)
    for row in range(first, end):
        fill_window(series, row, window, filled)
        for column in range(n_variables):
            outcome = filled[window - 1, column] if anchored[column] else 0.0
            see(filled, column, lags[column], others[column], steps[column], before)
            if skips[column] >= 0:
                # Networks of one step mostly see the very readings that their skip weighs.
                beside = before
                if steps[column] > 1 or others[column] > 1:
                    see(filled, column, lags[column], min(others[column], 1), 1, seen)
                    beside = seen
                count = lags[column] + min(others[column], 1) * n_variables
                outcome += weights[skips[column] + count]
                for source in range(count):
                    outcome += beside[source] * weights[skips[column] + source]
            limit = limits[column]
            if abs(filled[window - 1, column]) > reaches[column]:
                result[row - first, column] = outcome
                continue
            if limit < np.inf:
                for source in range(lags[column] + steps[column] * others[column] * n_variables):
                    before[source] = min(max(before[source], -limit), limit)
            at, layer = offsets[column], 0
            while layer < program.shape[1] and program[column, layer, 0]:
                kind, length, channels, units, width, stride = program[column, layer]
                if kind == LSTM:
                    remember(before, after, length, channels, units, weights[at:])
                    at += (channels + units + 1) * 4 * units
                else:
                    count = convolve(before, after, length, channels, units, width, stride, weights[at:])
                    at += (width * channels + 1) * units
                    layer_is_last = layer + 1 == program.shape[1] or not program[column, layer + 1, 0]
                    if not layer_is_last:
                        activate(after[: count * units], activations[column])
                before, after = after, before
                layer += 1
            outcome += before[0]
            if aparts[column] > 0.0:
                last, usual = filled[window - 1, column], (shares[column], aparts[column])
                share = recent_share(
                    series, row, filled, column, lags[column], others[column], *usual, weights[offsets[column] :]
                )
                outcome = last + share * (outcome - last)
            result[row - first, column] = outcome
    return result


@compiled
def iterated_rows(
    series: Floats, ends: Integers, window: int, steps: int, furthest: float, networks: tuple[Any, ...]
) -> Floats:
    """Return what is expected of the ``steps`` rows from each of ``ends`` on, float64 (n_ends, steps, v).

    Each step takes those before it for readings, within ``furthest`` either way. ``networks`` are the arguments of
    `expected_rows` from ``lags`` on. It stands in this file so that what is kept on disk of it never outlives that one.
    """
    n_variables = series.shape[1]
    result = np.empty((len(ends), steps, n_variables))
    path = np.empty((window + steps, n_variables))
    for position in range(len(ends)):
        path[:window] = series[ends[position] - window : ends[position]]
        for step in range(window, window + steps):
            ahead = expected_rows(path, step, step + 1, window, *networks)
            for column in range(n_variables):
                path[step, column] = min(max(ahead[0, column], -furthest), furthest)
        result[position] = path[window:]
    return result


@compiled
def reconstructed_rows(
    series: Floats,
    first: int,
    end: int,
    window: int,
    blind: bool,
    lags: int,
    activation: int,
    limit: float,
    sizes: Integers,
    weights: Floats,
) -> Floats:
    """Return what an autoencoder makes of rows ``[first, end)``, standardised, float64 (end - first, v).

    A row uses the ``window`` rows that end at it, of which the network sees the newest ``lags``, oldest first, all
    variables of a row side by side, within ``limit``; ``blind`` takes the row itself for a gap. ``sizes``
    (layers + 1,); ``weights`` hold for every layer its matrix (in, out) and its bias (out,).
    """
    n_variables = series.shape[1]
    result = np.empty((end - first, n_variables))
    filled = np.empty((window, n_variables))
    before, after = np.empty(sizes.max()), np.empty(sizes.max())
    for row in range(first, end):
        fill_window(series, row + 1, window, filled)
        if blind:
            for column in range(n_variables):
                filled[window - 1, column] = filled[window - 2, column] if window > 1 else 0.0
        for lag in range(lags):
            for column in range(n_variables):
                value = filled[window - lags + lag, column]
                before[lag * n_variables + column] = min(max(value, -limit), limit)
        at = 0
        for layer in range(1, len(sizes)):
            last = layer == len(sizes) - 1
            convolve(before, after, 1, sizes[layer - 1], sizes[layer], 1, 1, weights[at:])
            at += (sizes[layer - 1] + 1) * sizes[layer]
            if not last:
                activate(after[: sizes[layer]], activation)
            before, after = after, before
        for column in range(n_variables):
            result[row - first, column] = before[column]
    return result
