"""Records as JSON values and back: times as microseconds since the Unix epoch, tuples as lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from andon.frames import from_microseconds, to_microseconds
from andon.records import (
    AlertEvent,
    AlertRecord,
    AlertState,
    Anomaly,
    Decision,
    Feedback,
    ModelCard,
    ModelKey,
    Silence,
    Skip,
)
from configs.periods import format_time

_Body = dict[str, Any]


def to_body(record: Anomaly | AlertEvent | AlertRecord | Feedback | Silence | Skip | ModelCard | Decision) -> _Body:
    """Return a record as JSON values."""
    return {name: _value(value) for name, value in asdict(record).items()}


def event_json(event: AlertEvent) -> _Body:
    """Return an event as people and their programs are told of it: its time in ISO 8601, without its alert."""
    return {
        "id": event.id,
        "time": format_time(event.time),
        "state": str(event.state),
        "actor": event.actor,
        "note": event.note,
        "evidence": event.evidence,
    }


def anomaly_from(body: Mapping[str, Any]) -> Anomaly:
    """Inverse of `to_body`."""
    return Anomaly(**{**body, "time": from_microseconds(body["time"]), "blamed": tuple(body["blamed"])})


def event_from(body: Mapping[str, Any]) -> AlertEvent:
    """Inverse of `to_body`."""
    return AlertEvent(**{**body, "time": from_microseconds(body["time"]), "state": AlertState(body["state"])})


def alert_from(body: Mapping[str, Any]) -> AlertRecord:
    """Inverse of `to_body`."""
    resolved = body["resolved_at"]
    return AlertRecord(
        **{
            **body,
            "opened_at": from_microseconds(body["opened_at"]),
            "state": AlertState(body["state"]),
            "events": tuple(event_from(event) for event in body["events"]),
            "resolved_at": None if resolved is None else from_microseconds(resolved),
        }
    )


def feedback_from(body: Mapping[str, Any]) -> Feedback:
    """Inverse of `to_body`."""
    return Feedback(**{**body, "time": from_microseconds(body["time"])})


def silence_from(body: Mapping[str, Any]) -> Silence:
    """Inverse of `to_body`."""
    moments = ("start", "end", "created_at", "ended_at")
    return Silence(
        **{**body, **{name: None if body[name] is None else from_microseconds(body[name]) for name in moments}}
    )


def skip_from(body: Mapping[str, Any]) -> Skip:
    """Inverse of `to_body`."""
    return Skip(**{**body, "time": from_microseconds(body["time"])})


def card_from(body: Mapping[str, Any]) -> ModelCard:
    """Inverse of `to_body`."""
    return ModelCard(
        **{
            **body,
            "data_start": from_microseconds(body["data_start"]),
            "data_end": from_microseconds(body["data_end"]),
            "comparison": tuple(body["comparison"]),
        }
    )


def decision_from(body: Mapping[str, Any]) -> Decision:
    """Inverse of `to_body`."""
    times = {name: from_microseconds(body[name]) for name in ("at", "data_end")}
    return Decision(**{**body, **times, "key": ModelKey(**body["key"])})


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_microseconds(value)
    if isinstance(value, AlertState):
        return str(value)
    if isinstance(value, list | tuple):
        return [_value(one) for one in value]
    if isinstance(value, dict):
        return {name: _value(one) for name, one in value.items()}
    return value
