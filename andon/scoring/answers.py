"""What a model says of the newest row, as JSON values: one answer for HTTP and for whoever loads the model alone."""

from __future__ import annotations

import math
from typing import Any

from andon.errors import DataError
from andon.features.engine import require_rows
from andon.frames import SignalFrame, from_microseconds
from andon.models.bundle import AlertBundle
from andon.models.monitors.bundle import MonitorBundle
from andon.scoring.alerts import score_alert
from andon.scoring.monitors import blamed_variables, forecast_next, score_monitor
from andon.scoring.outlooks import outlook_at, will_hold
from configs.definitions import Alert
from configs.periods import format_time


def newest_answer(bundle: AlertBundle | MonitorBundle, frame: SignalFrame, version: int | None) -> dict[str, Any]:
    """Score the newest row of ``frame``; the rows before it give the windows. ``version`` is the model's.

    Raises
    ------
    DataError
        If there are fewer rows than the model looks back on, or a variable of it is missing.
    """
    return _alert(bundle, frame, version) if isinstance(bundle, AlertBundle) else _monitor(bundle, frame, version)


def newest_verdict(alert: Alert, bundle: MonitorBundle, frame: SignalFrame, version: int | None) -> dict[str, Any]:
    """Judge an alert on forecasts or anomalies at the newest row of ``frame``, by its monitor's ``bundle``.

    ``score`` of a forecast is whether its condition is expected, 1 or 0.

    Raises
    ------
    ConfigError
        If the line lacks a variable of the condition, or one has the wrong type.
    DataError
        If there are fewer rows than the monitor looks back on, or its horizon or variables do not fit the monitor.
    """
    forecast = alert.type == "forecast"
    _require(frame, alert.name, bundle.window if forecast else bundle.rows_needed + 1)
    row = len(frame) - 1
    time = from_microseconds(int(frame.times[row]))
    answer = {"name": alert.name, "version": version, "learner": bundle.card.learner, "time": format_time(time)}
    if forecast:
        if alert.when is None or alert.horizon is None:
            raise TypeError(f"alert {alert.name} has no condition or no horizon")
        outlook = outlook_at(bundle, frame, row, alert.horizon, alert.when)
        (score,), _ = will_hold(bundle, frame, row, alert.horizon, alert.when)
        told = {"score": _number(score), "threshold": 1.0, "flag": bool(score == 1)}
        more = {} if outlook is None else outlook.to_json()
        return answer | told | {"horizon_seconds": alert.horizon.total_seconds()} | more
    scores = score_monitor(bundle, frame, time)
    return answer | {
        "score": _number(scores.line_score[-1]),
        "threshold": float(scores.line_threshold),
        "flag": bool(scores.line_flag[-1]),
        "horizon_seconds": 0.0,
        "blamed": list(blamed_variables(scores, len(scores) - 1)),
    }


def _require(frame: SignalFrame, name: str, needed: int) -> None:
    if len(frame) < needed:
        raise DataError(
            f"line {frame.line}: {name}", f"needs {needed} rows, got {len(frame)}", f"send at least {needed} rows"
        )


def _alert(bundle: AlertBundle, frame: SignalFrame, version: int | None) -> dict[str, Any]:
    require_rows(frame, bundle.features)
    scores = score_alert(bundle, frame, from_microseconds(int(frame.times[-1])))
    return {
        "name": bundle.key.definition,
        "version": version,
        "learner": bundle.learner,
        "time": format_time(from_microseconds(int(scores.times[-1]))),
        "score": _number(scores.score[-1]),
        "threshold": scores.threshold,
        "flag": bool(scores.flag[-1]),
        "horizon_seconds": bundle.horizon.total_seconds(),
    }


def _monitor(bundle: MonitorBundle, frame: SignalFrame, version: int | None) -> dict[str, Any]:
    _require(frame, bundle.key.definition, bundle.rows_needed + 1)
    scores = score_monitor(bundle, frame, from_microseconds(int(frame.times[-1])))
    return {
        "name": bundle.key.definition,
        "version": version,
        "time": format_time(from_microseconds(int(scores.times[-1]))),
        "score": _number(scores.line_score[-1]),
        "threshold": float(scores.line_threshold),
        "flag": bool(scores.line_flag[-1]),
        "variables": [
            {
                "name": variable,
                "expected": _number(scores.expected[-1, column]),
                "actual": _number(scores.actual[-1, column]),
                "score": _number(scores.score[-1, column]),
                "threshold": float(scores.thresholds[column]),
                "flag": bool(scores.flags[-1, column]),
            }
            for column, variable in enumerate(scores.variables)
        ],
        "forecasts": [
            {
                "variable": one.variable,
                "time": format_time(one.time),
                "expected": one.expected,
                "low": one.low,
                "high": one.high,
            }
            for one in forecast_next(bundle, frame)
        ],
    }


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
