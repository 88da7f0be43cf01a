"""What a definition says of each new row of a line: whether its condition holds, and if it cannot be told, why."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from andon.errors import AndonError
from andon.expressions import evaluate
from andon.features.engine import compute_features
from andon.frames import Floats, SignalFrame, from_microseconds
from andon.models.bundle import AlertBundle
from andon.models.monitors.bundle import MonitorBundle
from andon.scoring.alerts import score_alert
from andon.scoring.monitors import MonitorScores, blamed_variables, score_monitor
from andon.scoring.outlooks import outlook_at, will_hold
from configs.definitions import Alert, Monitor
from configs.durations import format_duration

log = logging.getLogger(__name__)

_NAMED = 5
"""Variables that a reason names; the others are counted."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a definition cannot be evaluated; ``kind`` is the same for reasons that need not be told apart."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Watch:
    """A definition that concerns a line, and its champion, or ``problem``: why there is none.

    An alert on forecasts or anomalies has its monitor's champion.
    """

    definition: Alert | Monitor
    bundle: AlertBundle | MonitorBundle | None = None
    version: int | None = None
    problem: Reason | None = None


@dataclass(frozen=True, slots=True)
class AlertVerdicts:
    """An alert's condition on n new rows: ``when`` and ``clear`` float64 (n,): 1 holds, 0 does not, NaN not known.

    ``score`` float64 (n,), None for a threshold. ``reason`` gives, for a row at which ``when`` is not known, why;
    ``evidence`` what the condition was judged by.
    """

    when: Floats
    clear: Floats
    reason: Callable[[int], Reason]
    evidence: Callable[[int], dict[str, Any]]
    score: Floats | None = None
    threshold: float | None = None
    version: int | None = None


def judge_alert(
    watch: Watch, frame: SignalFrame, first: int, monitors: Mapping[str, MonitorScores | Reason]
) -> AlertVerdicts | Reason:
    """Evaluate an alert on the rows of ``frame`` from index ``first`` on; those before give the windows.

    ``monitors`` are the verdicts, on the same rows, of the line's monitors by name.
    """
    alert = watch.definition
    if not isinstance(alert, Alert):
        raise TypeError(f"{alert.name} is not an alert")
    try:
        if alert.type == "threshold":
            return _by_threshold(alert, frame, first)
        if alert.type == "anomaly":
            return _by_anomalies(alert, watch.version, monitors)
        if alert.type == "forecast":
            if not isinstance(watch.bundle, MonitorBundle):
                return watch.problem or Reason("monitor", f"monitor {alert.monitor} has no champion yet; train it")
            return _by_forecast(alert, watch.bundle, watch.version, frame, first)
        if not isinstance(watch.bundle, AlertBundle):
            return watch.problem or Reason("untrained", "has no champion yet; train it")
        return _by_classifier(watch.bundle, watch.version, frame, first)
    except Exception as error:
        return _failed(alert, frame, error)


def judge_monitor(watch: Watch, frame: SignalFrame, first: int) -> MonitorScores | Reason:
    """Judge the rows of ``frame`` from index ``first`` on by a monitor."""
    if not isinstance(watch.bundle, MonitorBundle):
        return watch.problem or Reason("untrained", "has no champion yet; train it")
    try:
        return score_monitor(watch.bundle, frame, from_microseconds(int(frame.times[first])))
    except Exception as error:
        return _failed(watch.definition, frame, error)


def monitor_reason(scores: MonitorScores, row: int, window: int) -> Reason | None:
    """Return why a row, or a part of it, could not be judged by a monitor; None where all of it was."""
    if np.isnan(scores.expected[row]).all():
        return Reason("window", f"its window of {window} rows is not full yet")
    unread = np.flatnonzero(np.isnan(scores.actual[row]))
    if not len(unread):
        return None
    return Reason("unread", f"nothing was read of {_listed([scores.variables[column] for column in unread])}")


def _by_threshold(alert: Alert, frame: SignalFrame, first: int) -> AlertVerdicts:
    rows = SignalFrame(frame.line, frame.data[first:], frame.types, frame.sampling)
    if alert.when is None:
        raise TypeError(f"alert {alert.name} has no condition")
    when = evaluate(alert.when, rows)
    clear = 1 - when if alert.clear is None else evaluate(alert.clear, rows)
    variables = sorted(alert.when.variables)

    def reason(row: int) -> Reason:
        values = rows.data.select(variables).row(row, named=True)
        unread = [name for name, value in values.items() if value is None]
        text = f"nothing was read of {_listed(unread)}" if unread else f"{alert.when} cannot be told"
        return Reason("unread", text)

    def evidence(row: int) -> dict[str, Any]:
        both = sorted({*variables, *(alert.clear.variables if alert.clear is not None else ())})
        return {"when": str(alert.when), "values": _values(rows.data, both, row)}

    return AlertVerdicts(when, clear, reason, evidence)


def _by_classifier(bundle: AlertBundle, version: int | None, frame: SignalFrame, first: int) -> AlertVerdicts:
    scores = score_alert(bundle, frame, from_microseconds(int(frame.times[first])))
    when = np.where(np.isnan(scores.score), np.nan, scores.flag.astype(np.float64))
    longest = format_duration(bundle.features.longest)
    needed = f"its longest window of {longest} ({bundle.features.rows_needed} rows) is not full yet"
    variables = [one.name for one in bundle.features.variables]

    def evidence(row: int) -> dict[str, Any]:
        return {
            "score": _finite(scores.score[row]),
            "threshold": scores.threshold,
            "version": version,
            "top": _top(bundle, frame, first + row),
            "values": _values(frame.data, variables, first + row),
        }

    return AlertVerdicts(
        when, 1 - when, lambda row: Reason("window", needed), evidence, scores.score, scores.threshold, version
    )


def _top(bundle: AlertBundle, frame: SignalFrame, row: int) -> list[dict[str, Any]]:
    """Return the variables that count most in a row's score, by their SHAP values; empty where that fails."""
    from andon.explain.attribution import contributions
    from andon.explain.blame import blamed

    try:
        known = SignalFrame(frame.line, frame.data[: row + 1], frame.types, frame.sampling)
        features = compute_features(known, bundle.features, from_microseconds(int(frame.times[row])))
        parts = contributions(bundle, features.values[-1:]).values[0]
        found = blamed(bundle, parts, features.values[-1], {})
    except Exception:
        # An alert without its reasons is better than none.
        log.exception("line %s: what counts most in alert %s cannot be told", frame.line, bundle.key.definition)
        return []
    return [{"variable": one.variable, "share": round(one.share, 4), "text": one.text} for one in found]


def _by_anomalies(
    alert: Alert, version: int | None, monitors: Mapping[str, MonitorScores | Reason]
) -> AlertVerdicts | Reason:
    scores = monitors.get(str(alert.monitor), Reason("monitor", f"monitor {alert.monitor} does not watch this line"))
    if isinstance(scores, Reason):
        return Reason(scores.kind, f"monitor {alert.monitor}: {scores.text}")
    when = np.where(np.isnan(scores.line_score), np.nan, scores.line_flag.astype(np.float64))

    def evidence(row: int) -> dict[str, Any]:
        return {
            "score": _finite(scores.line_score[row]),
            "threshold": scores.line_threshold,
            "version": version,
            "values": {name: _finite(scores.actual[row, column]) for column, name in enumerate(scores.variables)},
            "blamed": [_blame(scores, row, name) for name in blamed_variables(scores, row)],
        }

    unknown = Reason("window", f"monitor {alert.monitor} cannot judge the line yet")
    return AlertVerdicts(
        when, 1 - when, lambda row: unknown, evidence, scores.line_score, scores.line_threshold, version
    )


def _blame(scores: MonitorScores, row: int, variable: str) -> dict[str, Any]:
    column = scores.variables.index(variable)
    return {
        "variable": variable,
        "share": round(float(scores.shares[row, column]), 4),
        "actual": _finite(scores.actual[row, column]),
        "expected": _finite(scores.expected[row, column]),
        "score": _finite(scores.score[row, column]),
        "threshold": float(scores.thresholds[column]),
    }


def _by_forecast(
    alert: Alert, bundle: MonitorBundle, version: int | None, frame: SignalFrame, first: int
) -> AlertVerdicts:
    if alert.when is None or alert.horizon is None:
        raise TypeError(f"alert {alert.name} has no condition or no horizon")
    condition, horizon = alert.when, alert.horizon
    when, clear = will_hold(bundle, frame, first, horizon, condition, alert.clear)

    def reason(row: int) -> Reason:
        outlook = outlook_at(bundle, frame, first + row, horizon, condition)
        if outlook is None:
            return Reason("window", f"the window of {bundle.window} rows of monitor {alert.monitor} is not full yet")
        unread = [name for name, values in outlook.values.items() if None in values]
        text = f"nothing was read of {_listed(unread)}" if unread else f"{condition} cannot be told"
        return Reason("unread", text)

    def evidence(row: int) -> dict[str, Any]:
        outlook = outlook_at(bundle, frame, first + row, horizon, condition)
        if outlook is None:
            raise TypeError(f"row {row} was judged without a window")
        return {
            "when": str(condition),
            "horizon_seconds": horizon.total_seconds(),
            "version": version,
            **outlook.to_json(),
            "values": _values(frame.data, sorted(condition.variables), first + row),
        }

    return AlertVerdicts(when, clear, reason, evidence, version=version)


def _failed(definition: Alert | Monitor, frame: SignalFrame, error: Exception) -> Reason:
    if isinstance(error, AndonError):
        return Reason("failed", str(error))
    # One definition that fails in a way nobody foresaw must not keep the line's others from being evaluated.
    log.exception("line %s: %s %s failed", frame.line, definition.kind, definition.name)
    return Reason("failed", f"failed: {type(error).__name__}: {error}; see the log")


def _values(data: pl.DataFrame, variables: list[str], row: int) -> dict[str, Any]:
    return data.select(variables).row(row, named=True)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
