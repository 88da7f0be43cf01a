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
from andon.models.monitors.windows import read_values
from andon.records import Anomaly, Forecast

_BLAMED = 0.8
_FURTHEST = 1e100
"""Scores end there, so that no absurd reading makes one that cannot be written down."""


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
    times = times[context:]
    actual = read_values(SignalFrame(frame.line, frame.data[context:], frame.types, frame.sampling), bundle.variables)
    # Only a row with a full window of rows before it is judged; at the true beginning of history that is row `window`.
    first = min(bundle.window, len(times))
    series = bundle.scaling.standardise(actual)
    expected = np.full(actual.shape, np.nan)
    if first < len(times):
        ahead = bundle.networks.predict(series, bundle.window, first, len(times))
        expected[first:] = bundle.scaling.restore(ahead)
    with np.errstate(over="ignore"):
        residuals = np.clip((actual - expected) / bundle.residual_scales, -_FURTHEST, _FURTHEST)
    score = np.abs(residuals)
    sources = [residuals, series, np.minimum(score, bundle.thresholds)]
    if bundle.autoencoder is not None:
        errors = np.full(actual.shape, np.nan)
        if first < len(times):
            errors[first:] = bundle.autoencoder.errors(series, bundle.window, first, len(times))
        sources.append(errors)
    line_score, member_shares = bundle.line.score(bundle.line.scaled(*sources), first)
    shares = np.zeros(actual.shape)
    shares[:, bundle.line.members] = member_shares
    kept = slice(begin - context, None)
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
    series = bundle.scaling.standardise(read_values(tail, bundle.variables))
    ahead = bundle.networks.predict(series, bundle.window, bundle.window, bundle.window + 1)
    expected = bundle.scaling.restore(ahead)[0]
    with np.errstate(over="ignore"):
        reach = bundle.thresholds * bundle.residual_scales
        low, high = np.nan_to_num(expected - reach), np.nan_to_num(expected + reach)
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
    shares = scores.shares[row]
    order = np.argsort(-shares, kind="stable")
    order = order[shares[order] > 0]
    count = int(np.searchsorted(np.cumsum(shares[order]), _BLAMED)) + 1
    return tuple(scores.variables[column] for column in order[:count])
