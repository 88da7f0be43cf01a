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
from andon.scoring.monitors import forecast_next, score_monitor
from configs.periods import format_time


def newest_answer(bundle: AlertBundle | MonitorBundle, frame: SignalFrame, version: int | None) -> dict[str, Any]:
    """Score the newest row of ``frame``; the rows before it give the windows. ``version`` is the model's.

    Raises
    ------
    DataError
        If there are fewer rows than the model looks back on, or a variable of it is missing.
    """
    return _alert(bundle, frame, version) if isinstance(bundle, AlertBundle) else _monitor(bundle, frame, version)


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
    needed = bundle.rows_needed + 1
    if len(frame) < needed:
        raise DataError(
            f"line {frame.line}: {bundle.key.definition}",
            f"needs {needed} rows, got {len(frame)}",
            f"send at least {needed} rows",
        )
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
