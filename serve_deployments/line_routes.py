"""Lines: what is known of them, what they read, what was expected of them, and how well their alerts did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BeforeValidator

from andon.errors import ConfigError
from andon.frames import MICROSECOND, SignalFrame
from andon.services.performance import measure_alerts
from andon.serving.problems import problem_of
from configs.periods import format_time
from serve_deployments.scorer import LineScorer

_MOST = 10_000
_MONTH = timedelta(days=30)


def _utc(value: Any) -> Any:
    """Take a time without an offset for UTC."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.replace(" ", "+"))
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValueError("is not a time; write for example 2026-01-01T06:00:00Z") from None
    return value


Moment = Annotated[AwareDatetime | None, BeforeValidator(_utc), Query(description="Half-open; UTC without an offset.")]
Limit = Annotated[int, Query(ge=1, le=_MOST, description="The newest so many.")]


def router(scorer: LineScorer) -> APIRouter:
    """Return the routes of lines."""
    routes = APIRouter(prefix="/v1/lines", tags=["lines"])

    @routes.get("", summary="Every line, its data and its models")
    def lines() -> list[dict[str, Any]]:
        return scorer.lines()

    @routes.get("/{line}", summary="One line")
    def line_(line: str) -> dict[str, Any]:
        return scorer.line(line)

    @routes.get("/{line}/signals", summary="Readings, oldest first")
    def signals(
        line: str,
        start: Moment = None,
        end: Moment = None,
        variables: Annotated[list[str] | None, Query(description="None: all.")] = None,
        limit: Limit = 1_000,
    ) -> dict[str, Any]:
        _known(scorer, line)
        if scorer.signals.describe_line(line) is None:
            return {"line": line, "variables": {}, "rows": []}
        if start is None and end is None:
            frame = scorer.signals.latest_signals(line, limit, variables)
        else:
            frame = scorer.signals.read_signals(line, variables, start, end)
        return {"line": line, "variables": dict(frame.types), "rows": _rows(frame, limit)}

    @routes.get("/{line}/forecasts", summary="What monitors expected, oldest first")
    def forecasts(
        line: str, monitor: str | None = None, start: Moment = None, end: Moment = None, limit: Limit = 1_000
    ) -> list[dict[str, Any]]:
        _known(scorer, line)
        table = scorer.signals.read_forecasts(line, monitor, start, end).tail(limit)
        return [{**row, "time": format_time(row["time"])} for row in table.to_dicts()]

    @routes.get("/{line}/anomalies", summary="Readings that were not normal, oldest first")
    def anomalies(
        line: str, monitor: str | None = None, start: Moment = None, end: Moment = None, limit: Limit = 1_000
    ) -> list[dict[str, Any]]:
        _known(scorer, line)
        found = scorer.documents.list_anomalies(line, monitor, start, end)[-limit:]
        return [
            {
                "id": one.id,
                "time": format_time(one.time),
                "monitor": one.monitor,
                "variable": one.variable,
                "score": one.score,
                "threshold": one.threshold,
                "severity": one.severity,
                "version": one.version,
                "actual": one.actual,
                "expected": one.expected,
                "direction": one.direction,
                "blamed": list(one.blamed),
            }
            for one in found
        ]

    @routes.get("/{line}/performance", summary="How well a line's alerts did, by verdicts and by the data")
    def performance(line: str, start: Moment = None, end: Moment = None) -> dict[str, Any]:
        _known(scorer, line)
        return _performance(scorer, line, start, end)

    return routes


def _known(scorer: LineScorer, line: str) -> None:
    if line not in scorer.snapshot.lines:
        scorer.line(line)


def _rows(frame: SignalFrame, limit: int) -> list[dict[str, Any]]:
    return [{**row, "time": format_time(row["time"])} for row in frame.data.tail(limit).to_dicts()]


def _performance(scorer: LineScorer, line: str, start: datetime | None, end: datetime | None) -> dict[str, Any]:
    """Return the figures of a line's alerts in a period, by default the newest 30 days of its data."""
    stored = scorer.signals.describe_line(line)
    until = end or (stored.last + MICROSECOND if stored else datetime.now(UTC))
    begin = start or until - _MONTH
    if begin >= until:
        raise problem_of(ConfigError("start", f"is not before the end, {format_time(until)}", "swap them"), 422)
    report = measure_alerts(begin, until, scorer.documents, scorer.signals, lines=[line])
    return {
        "line": line,
        "start": format_time(begin),
        "end": format_time(until),
        "alerts": [{"alert": one.alert, **one.performance.to_json()} for one in report.part("alert")],
        "notes": list(report.notes),
    }
