"""The life of an alert: firing, silenced meanwhile or not, then acknowledged and acted upon by people, and resolved.

A line without data and what cannot be evaluated are alerts too, in states of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from andon.errors import ConfigError
from andon.records import AlertEvent, AlertRecord, AlertState, alert_id, make_id
from configs.definitions import Severity

ASSISTANT = "assistant"

STANDING = (AlertState.FIRING, AlertState.NO_DATA, AlertState.ERROR)
"""States that people are told of."""
_BY_PEOPLE = (AlertState.ACKNOWLEDGED, AlertState.ACTED, AlertState.RESOLVED)
MOVES: Mapping[AlertState, tuple[AlertState, ...]] = {
    AlertState.FIRING: (AlertState.SILENCED, *_BY_PEOPLE),
    AlertState.NO_DATA: (AlertState.SILENCED, *_BY_PEOPLE),
    AlertState.ERROR: (AlertState.SILENCED, *_BY_PEOPLE),
    AlertState.SILENCED: (*STANDING, *_BY_PEOPLE),
    AlertState.ACKNOWLEDGED: (AlertState.ACTED, AlertState.RESOLVED),
    AlertState.ACTED: (AlertState.RESOLVED,),
    AlertState.RESOLVED: (),
    AlertState.PENDING: (),
}
"""Legal moves. A pending condition is no alert yet, so it is never stored; what is resolved stays so."""


def open_alert(
    line: str,
    definition: str,
    severity: Severity,
    time: datetime,
    evidence: Mapping[str, Any],
    *,
    state: AlertState = AlertState.FIRING,
    note: str = "",
    score: float | None = None,
    threshold: float | None = None,
    version: int | None = None,
    group: str = "",
) -> AlertRecord:
    """Return the alert that a definition opens at a data time; the same arguments always give the same ids.

    ``group`` empty: it is the first of its group.
    """
    alert = alert_id(line, definition, time)
    return AlertRecord(
        line=line,
        definition=definition,
        opened_at=time,
        state=state,
        severity=severity,
        events=(make_event(alert, state, time, ASSISTANT, note, evidence),),
        version=version,
        score=score,
        threshold=threshold,
        group=group or alert,
    )


def make_event(
    alert: str,
    state: AlertState,
    time: datetime,
    actor: str,
    note: str = "",
    evidence: Mapping[str, Any] | None = None,
) -> AlertEvent:
    """Return the event that takes the alert of an id to ``state``; its id derives from alert, state, time and actor."""
    return AlertEvent(make_id("event", alert, state, time, actor), time, state, actor, note, dict(evidence or {}))


def advance(alert: AlertRecord, event: AlertEvent) -> AlertRecord:
    """Return the alert after an event; one that it has already changes nothing.

    Raises
    ------
    ConfigError
        If the life cycle has no such move.
    """
    if any(known.id == event.id for known in alert.events):
        return alert
    if event.state not in MOVES[alert.state]:
        last = alert.events[-1]
        remedy = "it stays so; wait for the next alert" if not MOVES[alert.state] else _choices(alert.state)
        problem = f"is {alert.state} already, by {last.actor}, and cannot become {event.state}"
        raise ConfigError(f"alert {alert.id}", problem, remedy)
    return replace(
        alert,
        state=event.state,
        events=(*alert.events, event),
        resolved_at=event.time if event.state is AlertState.RESOLVED else alert.resolved_at,
    )


def _choices(state: AlertState) -> str:
    return f"it can become {' or '.join(MOVES[state])}"
