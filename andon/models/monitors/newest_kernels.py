"""One compiled call that judges the newest row of a line by one monitor, and works out no row that it knows already."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from andon.frames import Floats, Integers
from andon.models.monitors import chart_kernels, kernels, windows
from andon.models.monitors.chart_kernels import chart_rows
from andon.models.monitors.kernels import compiled, expected_rows, reconstructed_rows

_MOST_STANDARD, _MOST_REAL = windows.FURTHEST, windows.LARGEST
_FILES = (chart_kernels.__file__, kernels.__file__)
_CALLED = 1 + sum(crc32(Path(file).read_bytes()) for file in _FILES)
"""Of the files whose functions become part of this one, which Numba does not look at when it finds it on disk."""


@compiled
def shared_rows(known_times: Integers, known: Floats, times: Integers, series: Floats) -> tuple[int, int]:
    """Return the row of ``known`` (n, v) that ``series`` (m, v) begins with, and how many rows they share.

    They share the rows from there to the end of ``known``, each equal bit by bit, or none.
    """
    begin = int(np.searchsorted(known_times, times[0]))
    count = len(known_times) - begin
    if count < 1 or count > len(times) or known.shape[1] != series.shape[1]:
        return begin, 0
    # Gaps are NaN, which is not equal to itself; bits are.
    before, now = known.view(np.int64), series.view(np.int64)
    for row in range(count):
        if known_times[begin + row] != times[row]:
            return begin, 0
        for column in range(series.shape[1]):
            if before[begin + row, column] != now[row, column]:
                return begin, 0
    return begin, count


def _judge_row_of(called: int) -> Any:
    """Compile `judge_row`; ``called``, in its closure, keeps what is on disk of other sources from being used."""

    @compiled
    def judge_row(
        times: Integers,
        numbers: Floats,
        places: Integers,
        known_times: Integers,
        known_series: Floats,
        known_first: int,
        known_expected: Floats,
        known_errors: Floats,
        found: Floats,
        series: Floats,
        expected: Floats,
        errors: Floats,
        shares: Floats,
        rows: int,
        window: int,
        furthest: float,
        means: Floats,
        scales: Floats,
        networks: tuple[Any, ...],
        rebuilds: bool,
        rebuilt_lags: int,
        rebuilt_activation: int,
        rebuilt_limit: float,
        rebuilt_sizes: Integers,
        rebuilt_weights: Floats,
        residual_scales: Floats,
        thresholds: Floats,
        members: Integers,
        centres: Floats,
        line_scales: Floats,
        sources: Integers,
        spans: Integers,
        chart_limits: Floats,
        precisions: Floats,
        chart_reaches: Floats,
        persistence: Integers,
    ) -> float:
        """Return the line's score, and write what is found: Numba takes longer to hand arrays out than to fill them.

        Parameters
        ----------
        times, numbers, places
            Of a line's newest rows, int64 (n,); its numbers, float64 (k, n), NaN where nothing was read; and which of
            these the monitor's variables are, -1 where the line has none, int64 (v,).
        known_times, known_series, known_first, known_expected, known_errors
            What is known already, as `newest.Worked` tells; nothing where it has no rows.
        found
            Written, float64 (6, v), in the variables' own units: what was expected, what was read, the score, the
            forecast of the row to come, and the bounds of what counts as normal there.
        series, expected, errors
            Written, of the newest ``rows`` rows what `newest.Worked` keeps; errors (0, v) without an autoencoder.
        shares
            Written, float64 (m,): what each member adds to the largest chart.
        rows, window
            `MonitorBundle.rows_needed` and one, and what a forecast looks back on.
        furthest
            The most that a residual may be.

        Every step is that of `andon.scoring.monitors.score_rows`, in the same order, and gives the same bits. What
        follows are the arguments of the scaling, of `expected_rows`, of `reconstructed_rows` behind whether there is an
        autoencoder, the usual sizes of residuals and thresholds, and the fields of `line_score.LineScore`.
        """
        assert called > 0
        n_variables, last = len(places), rows - 1
        begin = len(times) - rows
        actual = np.empty((rows, n_variables))
        for column in range(n_variables):
            for row in range(rows):
                value = numbers[places[column], begin + row] if places[column] >= 0 else np.nan
                actual[row, column] = value
                value = (value - means[column]) / scales[column]
                series[row, column] = value if np.isnan(value) else min(max(value, -_MOST_STANDARD), _MOST_STANDARD)

        at, shared = shared_rows(known_times, known_series, times[begin:], series)
        # Rows of what is known before `known_first` were never worked out there.
        if shared < window or at + window < known_first:
            shared = 0
        first = window
        if shared:
            first = shared + 1
            expected[: first - window] = known_expected[at + window - known_first : at + first - known_first]
        if first <= rows:
            expected[first - window :] = expected_rows(series, first, rows + 1, window, *networks)
        if rebuilds:
            first = window
            if shared:
                first = shared
                errors[: first - window] = known_errors[at + window - known_first : at + first - known_first]
            if first < rows:
                errors[first - window :] = series[first:] - reconstructed_rows(
                    series, first, rows, window, False, rebuilt_lags, rebuilt_activation, rebuilt_limit, rebuilt_sizes,
                    rebuilt_weights,
                )  # fmt: skip

        n_sources = 4 if rebuilds else 3
        values = np.full((rows, n_sources, len(members)), np.nan)
        for member in range(len(members)):
            column = members[member]
            for row in range(rows):
                values[row, 1, member] = series[row, column]
                if row < window:
                    continue
                real = _restored(expected[row - window, column], means[column], scales[column])
                residual = (actual[row, column] - real) / residual_scales[column]
                if not np.isnan(residual):
                    residual = min(max(residual, -furthest), furthest)
                size = abs(residual)
                values[row, 0, member] = residual
                values[row, 2, member] = size if np.isnan(size) else min(size, thresholds[column])
                if rebuilds:
                    values[row, 3, member] = errors[row - window, column]
            for source in range(n_sources):
                centre, scale = centres[source, member], line_scales[source, member]
                for row in range(rows):
                    values[row, source, member] = (values[row, source, member] - centre) / scale
        for column in range(n_variables):
            real = _restored(expected[last - window, column], means[column], scales[column])
            residual = (actual[last, column] - real) / residual_scales[column]
            if not np.isnan(residual):
                residual = min(max(residual, -furthest), furthest)
            ahead = _restored(expected[rows - window, column], means[column], scales[column])
            reach = thresholds[column] * residual_scales[column]
            found[0, column] = real
            found[1, column] = actual[last, column]
            found[2, column] = abs(residual)
            found[3, column] = ahead
            found[4, column] = _finite(ahead - reach)
            found[5, column] = _finite(ahead + reach)
        return _line_score(values, window, sources, spans, chart_limits, precisions, chart_reaches, persistence, shares)

    return judge_row


@compiled
def _restored(value: float, mean: float, scale: float) -> float:
    value = mean + scale * value
    return value if np.isnan(value) else min(max(value, -_MOST_REAL), _MOST_REAL)


@compiled
def _finite(value: float) -> float:
    if np.isnan(value):
        return 0.0
    return min(max(value, -_MOST_REAL), _MOST_REAL)


@compiled
def _line_score(
    values: Floats,
    first: int,
    sources: Integers,
    spans: Integers,
    limits: Floats,
    precisions: Floats,
    reaches: Floats,
    persistence: Integers,
    added: Floats,
) -> float:
    """Return the line's score at the last row of ``values``; write what each member adds to its largest chart (m,).

    As `line_score.LineScore.score` works it out, in the same order; ``first`` is the first row that is judged at all.
    """
    last, (needed, among) = len(values) - 1, persistence
    distances = np.zeros((len(values), len(spans)))
    shares = np.zeros((len(values), len(spans), values.shape[2]))
    chart_rows(values, max(first, last - among + 1), sources, spans, limits, precisions, distances, shares)
    score, largest, lasting = 0.0, 0, False
    for chart in range(len(spans)):
        distances[:, chart] /= reaches[chart]
        if distances[last, chart] > distances[last, largest]:
            largest = chart
        if spans[chart] == 1:
            score = max(score, distances[last, chart])
        else:
            lasting = True
    if lasting:
        newest = np.zeros(among)
        for back in range(min(among, last - first + 1)):
            found = -np.inf
            for chart in range(len(spans)):
                if spans[chart] > 1:
                    found = max(found, distances[last - back, chart])
            newest[back] = found
        score = max(score, np.sort(newest)[among - needed])
    added[:] = shares[last, largest]
    return score


judge_row = _judge_row_of(_CALLED)
