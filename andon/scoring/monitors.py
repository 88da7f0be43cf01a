"""What a monitor says: expected readings, scores and flags of variables and of the line, forecasts, anomalies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from andon.errors import DataError
from andon.frames import Booleans, Floats, Integers, SignalFrame, from_microseconds, to_microseconds
from andon.models.monitors.bundle import MonitorBundle
from andon.models.monitors.calibration import severity_of
from andon.models.monitors.newest import Worked
from andon.models.monitors.windows import read_values
from andon.records import Anomaly, Forecast

_BLAMED = 0.8
FURTHEST = 1e100
"""Scores end there, so that no absurd reading makes one that cannot be written down."""
_TICK = 1_024
"""So many rows to judge are a tick, whose rows the next one looks back on; more are history."""


@dataclass(frozen=True, slots=True)
class MonitorScores:
    """A monitor's verdicts on n reading times of a line, for v variables in name order.

    ``times`` int64 microseconds (n,). ``expected``, ``actual``, ``score`` float64 (n, v): ``expected`` is NaN before
    there is a full window, ``actual`` where nothing was read, ``score`` where either is. ``flags`` bool (n, v).
    ``line_score`` float64 (n,), ``line_flag`` bool (n,), ``shares`` float64 (n, v) what each variable adds to it.
    """

    times: Integers
    variables: tuple[str, ...]
    expected: Floats
    actual: Floats
    score: Floats
    thresholds: Floats
    flags: Booleans
    line_score: Floats
    line_threshold: float
    line_flag: Booleans
    shares: Floats

    def __len__(self) -> int:
        return len(self.times)


def score_monitor(bundle: MonitorBundle, frame: SignalFrame, start: datetime | None = None) -> MonitorScores:
    """Judge the rows of ``frame`` with time >= ``start`` (default all).

    Rows before ``start`` are context; with `MonitorBundle.rows_needed` of them, or all that there are, every figure is
    the same, to the last bit, as in one pass over all of history.

    Raises
    ------
    DataError
        If the line has none of the monitor's variables.
    """
    if not set(bundle.variables) & set(frame.types):
        raise DataError(
            f"line {frame.line}",
            f"has none of the variables of monitor {bundle.key.definition}",
            f"give {', '.join(bundle.variables[:5])}",
        )
    times = frame.times
    begin = 0 if start is None else int(np.searchsorted(times, to_microseconds(start)))
    context = max(0, begin - bundle.rows_needed)
    rows = SignalFrame(frame.line, frame.data[context:], frame.types, frame.sampling)
    return score_rows(bundle, times[context:], read_values(rows, bundle.variables), begin - context)


def score_rows(bundle: MonitorBundle, times: Integers, actual: Floats, begin: int) -> MonitorScores:
    """Judge readings (n, v) of a monitor's variables, NaN where nothing was read, from row ``begin`` on.

    Rows before that are context, of which there are `MonitorBundle.rows_needed` or all of history, as `score_monitor`
    gives them.
    """
    # Only a row with a full window of rows before it is judged; at the true beginning of history that is row `window`.
    first = min(bundle.window, len(times))
    series = bundle.scaling.standardise(actual)
    expected = np.full(actual.shape, np.nan)
    worked = _work_out(bundle, times, series, first, len(times) - begin)
    if worked is not None:
        expected[first:] = bundle.scaling.restore(worked.expected[: len(times) - first])
    with np.errstate(over="ignore"):
        residuals = np.clip((actual - expected) / bundle.residual_scales, -FURTHEST, FURTHEST)
    score = np.abs(residuals)
    sources = [residuals, series, np.minimum(score, bundle.thresholds)]
    if bundle.autoencoder is not None:
        errors = np.full(actual.shape, np.nan)
        if worked is not None and worked.errors is not None:
            errors[first:] = worked.errors
        sources.append(errors)
    line_score, member_shares = bundle.line.score(bundle.line.scaled(*sources), first, begin)
    shares = np.zeros(actual.shape)
    shares[:, bundle.line.members] = member_shares
    kept = slice(begin, None)
    return MonitorScores(
        times=times[kept],
        variables=bundle.variables,
        expected=expected[kept],
        actual=actual[kept],
        score=score[kept],
        thresholds=bundle.thresholds,
        flags=score[kept] >= bundle.thresholds,
        line_score=line_score[kept],
        line_threshold=bundle.line.threshold,
        line_flag=line_score[kept] >= bundle.line.threshold,
        shares=shares[kept],
    )


def _work_out(bundle: MonitorBundle, times: Integers, series: Floats, first: int, judged: int) -> Worked | None:
    """Work out what is expected of rows from ``first`` on; of a tick's few rows, only what is not known already."""
    end = len(times)
    if first >= end:
        return None
    online = judged <= _TICK
    known = bundle.newest.worked if online else None
    times = times.copy() if online else times  # a frame's own cannot be written to, which is another type to Numba
    begin, shared = (0, 0) if known is None else known.shared(times, series)
    # Rows of these before `known.first` were never worked out there.
    if known is None or shared < first or begin + first < known.first:
        known, shared = None, first
    recalled = shared + 1 if known is not None else first
    expected = bundle.networks.predict(series, bundle.window, recalled, end + 1)
    errors = None
    if bundle.autoencoder is not None:
        errors = bundle.autoencoder.errors(series, bundle.window, shared, end)
    if known is not None:
        expected = np.concatenate([known.expected[begin + first - known.first :], expected])
        if errors is not None and known.errors is not None:
            errors = np.concatenate([known.errors[begin + first - known.first :], errors])
    worked = Worked(times, series, first, expected, errors)
    if online:
        bundle.newest.worked = worked
    return worked


def require_window(bundle: MonitorBundle, frame: SignalFrame) -> None:
    """Check that there are rows enough to forecast from.

    Raises
    ------
    DataError
        If there are fewer rows than the monitor's window.
    """
    if len(frame) < bundle.window:
        raise DataError(
            f"line {frame.line}",
            f"has {len(frame)} rows, monitor {bundle.key.definition} looks back on {bundle.window}",
            f"give at least {bundle.window} rows",
        )


def forecast_next(bundle: MonitorBundle, frame: SignalFrame, version: int = 0) -> list[Forecast]:
    """Forecast each variable one sampling after the last reading time, with the bounds of what counts as normal.

    Equal to what `score_monitor` expects there once that row has come. ``version`` is the model's.

    Raises
    ------
    DataError
        If there are fewer rows than the monitor's window.
    """
    require_window(bundle, frame)
    tail = SignalFrame(frame.line, frame.data[-bundle.window :], frame.types, frame.sampling)
    expected, low, high = forecast_row(bundle, read_values(tail, bundle.variables))
    time = frame.data["time"][-1] + bundle.sampling
    return [
        Forecast(
            line=frame.line,
            monitor=bundle.key.definition,
            variable=name,
            time=time,
            expected=float(expected[column]),
            low=float(low[column]),
            high=float(high[column]),
            version=version,
        )
        for column, name in enumerate(bundle.variables)
    ]


def forecast_row(bundle: MonitorBundle, actual: Floats) -> tuple[Floats, Floats, Floats]:
    """Forecast the row after the newest of ``actual`` (`MonitorBundle.window` rows, v), as `forecast_next` does.

    Returns
    -------
    tuple
        What is expected, and the bounds of what counts as normal, each float64 (v,), in the variables' own units.
    """
    series = bundle.scaling.standardise(actual)
    known = bundle.newest.worked
    ahead = None if known is None else known.ahead(series)
    if ahead is None:
        ahead = bundle.networks.predict(series, bundle.window, bundle.window, bundle.window + 1)[0]
    expected = bundle.scaling.restore(ahead)
    with np.errstate(over="ignore"):
        reach = bundle.thresholds * bundle.residual_scales
        return expected, np.nan_to_num(expected - reach), np.nan_to_num(expected + reach)


def anomalies_at(
    bundle: MonitorBundle, scores: MonitorScores, line: str, rows: Sequence[int], version: int = 0
) -> list[Anomaly]:
    """Return the anomalies of ``rows`` of ``scores``: the line's first, then one for each flagged variable.

    Severity is by multiples of the threshold (`calibration.severity_of`). The line's names those variables that
    together make four fifths of its score, the largest share first.
    """
    found = []
    for row in rows:
        time = from_microseconds(int(scores.times[row]))
        if scores.line_flag[row]:
            score = float(scores.line_score[row])
            found.append(
                Anomaly(
                    line=line,
                    monitor=bundle.key.definition,
                    variable=None,
                    time=time,
                    score=score,
                    threshold=scores.line_threshold,
                    severity=severity_of(score, scores.line_threshold),
                    version=version,
                    blamed=blamed_variables(scores, row),
                )
            )
        for column in np.flatnonzero(scores.flags[row]):
            score, threshold = float(scores.score[row, column]), float(scores.thresholds[column])
            actual, expected = float(scores.actual[row, column]), float(scores.expected[row, column])
            found.append(
                Anomaly(
                    line=line,
                    monitor=bundle.key.definition,
                    variable=scores.variables[column],
                    time=time,
                    score=score,
                    threshold=threshold,
                    severity=severity_of(score, threshold),
                    version=version,
                    actual=actual,
                    expected=expected,
                    direction="high" if actual > expected else "low",
                )
            )
    return found


def blamed_variables(scores: MonitorScores, row: int) -> tuple[str, ...]:
    """Return the fewest variables that make four fifths of a row's line score, the largest share first."""
    return tuple(scores.variables[column] for column in leading(scores.shares[row]))


def leading(shares: Floats) -> Integers:
    """Return the fewest places that make four fifths of ``shares`` (m,), the largest first; none where all are 0.

    Examples
    --------
    >>> leading(np.array([0.3, 0.0, 0.6, 0.1])).tolist()
    [2, 0]
    """
    order: Integers = np.argsort(-shares, kind="stable")
    order = order[shares[order] > 0]
    return order[: int(np.searchsorted(np.cumsum(shares[order]), _BLAMED)) + 1]
