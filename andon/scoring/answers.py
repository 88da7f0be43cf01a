"""What a model says of the newest row, as JSON values: one answer for HTTP and for whoever loads the model alone."""

from __future__ import annotations

import math
from typing import Any

from andon.errors import DataError
from andon.features.engine import require_rows
from andon.frames import Floats, RowArrays, SignalFrame
from andon.models.bundle import AlertBundle
from andon.models.monitors.bundle import MonitorBundle
from andon.scoring.alerts import score_features
from andon.scoring.newest import NewestRows
from andon.scoring.outlooks import outlook_at, will_hold
from configs.definitions import Alert


def newest_answer(
    bundle: AlertBundle | MonitorBundle, rows: NewestRows | RowArrays | SignalFrame, version: int | None
) -> dict[str, Any]:
    """Score the newest row; the rows before it give the windows. ``version`` is the model's.

    Raises
    ------
    DataError
        If there are fewer rows than the model looks back on, or a variable of it is missing.
    """
    newest = rows if isinstance(rows, NewestRows) else NewestRows(rows)
    return _alert(bundle, newest, version) if isinstance(bundle, AlertBundle) else _monitor(bundle, newest, version)


def newest_verdict(
    alert: Alert, bundle: MonitorBundle, rows: NewestRows | RowArrays | SignalFrame, version: int | None
) -> dict[str, Any]:
    """Judge an alert on forecasts or anomalies at the newest row, by its monitor's ``bundle``.

    ``score`` of a forecast is whether its condition is expected, 1 or 0.

    Raises
    ------
    ConfigError
        If the line lacks a variable of the condition, or one has the wrong type.
    DataError
        If there are fewer rows than the monitor looks back on, or its horizon or variables do not fit the monitor.
    """
    newest = rows if isinstance(rows, NewestRows) else NewestRows(rows)
    forecast = alert.type == "forecast"
    _require(newest, alert.name, bundle.window if forecast else bundle.rows_needed + 1)
    row = len(newest) - 1
    learner = bundle.card.learner
    answer = {"name": alert.name, "version": version, "learner": learner, "time": newest.written()}
    if forecast:
        if alert.when is None or alert.horizon is None:
            raise TypeError(f"alert {alert.name} has no condition or no horizon")
        frame = newest.frame
        outlook = outlook_at(bundle, frame, row, alert.horizon, alert.when)
        (score,), _ = will_hold(bundle, frame, row, alert.horizon, alert.when)
        told = {"score": _number(score), "threshold": 1.0, "flag": bool(score == 1)}
        more = {} if outlook is None else outlook.to_json()
        return answer | told | {"horizon_seconds": alert.horizon.total_seconds()} | more
    scores = newest.judge(bundle)
    return answer | {
        "score": _number(scores.line_score),
        "threshold": float(bundle.line.threshold),
        "flag": bool(scores.line_flag),
        "horizon_seconds": 0.0,
        "blamed": list(scores.blamed),
    }


def _require(rows: NewestRows, name: str, needed: int) -> None:
    if len(rows) < needed:
        raise DataError(
            f"line {rows.rows.line}: {name}", f"needs {needed} rows, got {len(rows)}", f"send at least {needed} rows"
        )


def _alert(bundle: AlertBundle, rows: NewestRows, version: int | None) -> dict[str, Any]:
    require_rows(rows.rows, bundle.features)
    scores = score_features(bundle, rows.features(bundle.features))
    return {
        "name": bundle.key.definition,
        "version": version,
        "learner": bundle.learner,
        "time": rows.written(),
        "score": _number(scores.score[-1]),
        "threshold": scores.threshold,
        "flag": bool(scores.flag[-1]),
        "horizon_seconds": bundle.horizon.total_seconds(),
    }


def _monitor(bundle: MonitorBundle, rows: NewestRows, version: int | None) -> dict[str, Any]:
    _require(rows, bundle.key.definition, bundle.rows_needed + 1)
    scores = rows.judge(bundle)
    due = rows.written(bundle.sampling)
    judged = zip(
        bundle.variables,
        _numbers(scores.expected),
        _numbers(scores.actual),
        _numbers(scores.score),
        bundle.thresholds.tolist(),
        scores.flags.tolist(),
        strict=True,
    )
    ahead = zip(bundle.variables, scores.forecast.tolist(), scores.low.tolist(), scores.high.tolist(), strict=True)
    return {
        "name": bundle.key.definition,
        "version": version,
        "time": rows.written(),
        "score": _number(scores.line_score),
        "threshold": float(bundle.line.threshold),
        "flag": bool(scores.line_flag),
        "variables": [
            {"name": name, "expected": mean, "actual": actual, "score": score, "threshold": threshold, "flag": flag}
            for name, mean, actual, score, threshold, flag in judged
        ],
        "forecasts": [
            {"variable": name, "time": due, "expected": value, "low": least, "high": most}
            for name, value, least, most in ahead
        ],
    }


def _numbers(values: Floats) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
