"""Recommendations as they are stored with alerts, and as people and programs read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from andon.ports import Documents
from andon.records import Blame, MoveOption, Recommendation
from andon.services.alerts import find_alert
from configs.periods import format_time


def state_key(alert_id: str) -> str:
    """Return the key that an alert's recommendation is stored under."""
    return f"recommendation/{alert_id}"


def stored_recommendation(alert_id: str, documents: Documents) -> Recommendation | None:
    """Return what was found for an alert; None: nobody has looked yet."""
    body = documents.get_state(state_key(alert_id))
    return None if body is None else from_state(body)


def withdrawn(definition: str, line: str, documents: Documents) -> list[tuple[str, int]]:
    """Return the settings and directions that an alert's advice on a line no longer names, since they did not hold."""
    body = documents.get_state(withdrawn_key(definition, line)) or {}
    return [(str(name), int(way)) for name, way in body.get("withdrawn", [])]


def withdrawn_key(definition: str, line: str) -> str:
    """Return the key that withdrawn advice is stored under."""
    return f"withdrawn/{definition}/{line}"


def recommendation_json(found: Recommendation, units: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return a recommendation as JSON values that people and programs read, times in ISO 8601."""
    units = units or {}
    return {
        "alert": found.alert_id,
        "time": None if found.time is None else format_time(found.time),
        "risk": found.before,
        "threshold": found.threshold,
        "version": found.version,
        "blame": [asdict(one) for one in found.blame],
        "options": [
            {
                "changes": [
                    {"variable": name, "from": old, "to": new, "unit": units.get(name)}
                    for name, old, new in option.changes
                ],
                "at_latest": format_time(option.start),
                "risk_before": option.before,
                "risk_after": option.after,
                "confidence": option.confidence,
                "cost": option.cost,
            }
            for option in found.options
        ],
        "reason": found.reason or None,
    }


def recommendations_of(alert_id: str, documents: Documents) -> list[dict[str, Any]]:
    """Return what was found for an alert, as JSON values: one entry, or none as long as nobody has looked.

    Raises
    ------
    ConfigError
        If there is no such alert.
    """
    alert = find_alert(alert_id, documents)
    found = stored_recommendation(alert_id, documents)
    return [] if found is None else [recommendation_json(found, units_of(alert.line, documents))]


def units_of(line: str, documents: Documents) -> dict[str, str]:
    """Return the units of a line's variables, as its definition gives them."""
    stored = documents.get_definition("Line", line)
    variables: Sequence[Mapping[str, Any]] = () if stored is None else stored.body.get("variables", ())
    return {one["name"]: one["unit"] for one in variables if one.get("unit")}


def to_state(found: Recommendation) -> dict[str, Any]:
    """Return a recommendation as JSON values that `from_state` reads."""
    body = asdict(found)
    body["time"] = None if found.time is None else format_time(found.time)
    for option, told in zip(body["options"], found.options, strict=True):
        option["start"] = told.start.isoformat()
    return body


def from_state(body: Mapping[str, Any]) -> Recommendation:
    """Inverse of `to_state`."""
    return Recommendation(
        alert_id=body["alert_id"],
        changes=_changes(body["changes"]),
        before=body["before"],
        after=body["after"],
        threshold=body["threshold"],
        time=None if body["time"] is None else datetime.fromisoformat(body["time"]),
        options=tuple(
            MoveOption(
                _changes(one["changes"]),
                datetime.fromisoformat(one["start"]),
                one["before"],
                one["after"],
                one["confidence"],
                one["cost"],
            )
            for one in body["options"]
        ),
        reason=body["reason"],
        blame=tuple(Blame(**one) for one in body["blame"]),
        version=body["version"],
    )


def _changes(listed: Sequence[Sequence[Any]]) -> tuple[tuple[str, float, float], ...]:
    return tuple((str(name), float(old), float(new)) for name, old, new in listed)
