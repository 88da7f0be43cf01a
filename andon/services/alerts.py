"""What people do with alerts: see them, acknowledge, act, resolve, and say whether they were right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

from andon.alerts.life_cycle import ASSISTANT, advance, make_event
from andon.alerts.line_state import watched_line
from andon.errors import ConfigError, StoreError
from andon.frames import from_microseconds
from andon.ports import Documents
from andon.record_json import event_json
from andon.records import AlertRecord, AlertState, Feedback, Verdict
from configs.definitions import Severity
from configs.expressions import did_you_mean
from configs.periods import format_time

_TRIES = 100
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class AlertSearch:
    """Which alerts to list; those opened in ``[start, end)``, oldest first, the newest ``limit`` of them."""

    line: str | None = None
    definition: str | None = None
    states: tuple[AlertState, ...] | None = None
    start: datetime | None = None
    end: datetime | None = None
    limit: int | None = None


def list_alerts(search: AlertSearch, documents: Documents) -> list[AlertRecord]:
    """Return the alerts that fit, those that are pending (`list_pending`) only where they are asked for."""
    states = search.states
    stored = None if states is None else [one for one in states if one is not AlertState.PENDING]
    found = []
    if stored is None or stored:
        found = documents.list_alerts(search.line, search.definition, stored, search.start, search.end)
    if states is not None and AlertState.PENDING in states:
        pending = list_pending(documents, search.line, search.definition)
        span = (search.start or _FIRST, search.end or _LAST)
        found += [one for one in pending if span[0] <= one.opened_at < span[1]]
        found.sort(key=lambda one: (one.opened_at, one.line, one.definition))
    return found if search.limit is None else found[max(0, len(found) - search.limit) :]


def list_pending(documents: Documents, line: str | None = None, definition: str | None = None) -> list[AlertRecord]:
    """Return what is about to become an alert: conditions that hold, but not yet for as long as they must.

    They have no events, and no id that will last: an alert is called by the time at which it opens.
    """
    keys = [key for key in documents.list_states() if watched_line(key) is not None]
    states = documents.get_states(keys if line is None else [key for key in keys if watched_line(key) == line])
    severities: dict[str, Severity] = {
        one.name: one.body.get("severity", "medium") for one in documents.list_definitions("Alert")
    }
    found = [
        AlertRecord(str(watched_line(key)), name, from_microseconds(rule[1]), AlertState.PENDING, severities[name], ())
        for key, body in states.items()
        for name, rule in body.get("rules", {}).items()
        if rule[0] == "pending" and name in severities and definition in (None, name)
    ]
    return sorted(found, key=lambda one: (one.opened_at, one.line, one.definition))


def find_alert(alert_id: str, documents: Documents) -> AlertRecord:
    """Return one alert.

    Raises
    ------
    ConfigError
        If there is none of this id.
    """
    found = documents.get_alert(alert_id)
    if found is None:
        raise ConfigError(f"alert {alert_id}", "does not exist", "see `andon alerts list`")
    return found


def acknowledge(
    alert_id: str, author: str, note: str, at: datetime, documents: Documents, request_id: str = ""
) -> AlertRecord:
    """Say that somebody has seen an alert; return it as it now is.

    Raises
    ------
    ConfigError
        If there is no such alert, or it was acknowledged, acted upon or resolved before.
    """
    return _move(alert_id, AlertState.ACKNOWLEDGED, author, note, at, documents, request_id)


def act(alert_id: str, author: str, note: str, at: datetime, documents: Documents, request_id: str = "") -> AlertRecord:
    """Say that something was done about an alert, and in ``note`` what; return it as it now is.

    Raises
    ------
    ConfigError
        If there is no such alert, or it was acted upon or resolved before.
    """
    return _move(alert_id, AlertState.ACTED, author, note, at, documents, request_id)


def resolve(alert_id: str, author: str, note: str, at: datetime, documents: Documents) -> AlertRecord:
    """Close an alert by hand; a new one opens only after its condition has ended.

    Raises
    ------
    ConfigError
        If there is no such alert, or it is resolved.
    """
    return _move(alert_id, AlertState.RESOLVED, author, note, at, documents)


def give_feedback(alert_id: str, verdict: str, author: str, note: str, at: datetime, documents: Documents) -> Feedback:
    """Say whether an alert was right; the newest verdict counts, and older ones stay as history.

    Raises
    ------
    ConfigError
        If there is no such alert, or ``verdict`` is not one of confirmed, rejected and avoided.
    """
    find_alert(alert_id, documents)
    known = {str(one): one for one in get_args(Verdict)}
    if verdict not in known:
        raise ConfigError("verdict", f"unknown verdict {verdict!r}", did_you_mean(verdict, known))
    feedback = Feedback(alert_id, known[verdict], known_author(author), at, note)
    documents.add_feedback(feedback)
    return feedback


def parse_states(states: Sequence[str]) -> tuple[AlertState, ...] | None:
    """Read the names of states; ``open`` stands for all but pending and resolved.

    Raises
    ------
    ConfigError
        If one is not known.

    Examples
    --------
    >>> [str(state) for state in parse_states(["resolved"])]
    ['resolved']
    """
    known = [str(state) for state in AlertState]
    standing = known[1:-1]
    found: list[AlertState] = []
    for state in states:
        if state != "open" and state not in known:
            raise ConfigError("state", f"unknown state {state!r}", did_you_mean(state, ["open", *known]))
        found += [AlertState(one) for one in ([state] if state != "open" else standing)]
    return tuple(dict.fromkeys(found)) or None


def alert_json(alert: AlertRecord, feedback: Sequence[Feedback] = ()) -> dict[str, Any]:
    """Return an alert as JSON values with times in ISO 8601, the verdicts on it included, oldest first."""
    return {
        "id": alert.id,
        "line": alert.line,
        "alert": alert.definition,
        "state": str(alert.state),
        "severity": alert.severity,
        "opened_at": format_time(alert.opened_at),
        "resolved_at": None if alert.resolved_at is None else format_time(alert.resolved_at),
        "score": alert.score,
        "threshold": alert.threshold,
        "version": alert.version,
        "group": alert.group,
        "events": [event_json(event) for event in alert.events],
        "feedback": [
            {"verdict": one.verdict, "author": one.author, "time": format_time(one.time), "note": one.note}
            for one in feedback
        ],
    }


def _move(
    alert_id: str,
    state: AlertState,
    author: str,
    note: str,
    at: datetime,
    documents: Documents,
    request_id: str = "",
) -> AlertRecord:
    """Move an alert along; the event's evidence keeps the id of the request that did it, as the access log has it."""
    evidence = {"request_id": request_id} if request_id else {}
    event = make_event(alert_id, state, at, known_author(author), note, evidence)
    for _ in range(_TRIES):
        alert = find_alert(alert_id, documents)
        advance(alert, event)
        moved = documents.transition_alert(alert_id, event, alert.revision)
        if moved is not None:
            return moved
    raise StoreError(f"alert {alert_id}", "is changed by others all the time", "try again")


def known_author(author: str) -> str:
    """Return the name of who acts, without blanks around it.

    Raises
    ------
    ConfigError
        If it is blank, or the assistant's own.
    """
    if not author.strip():
        raise ConfigError("author", "must not be blank", "say who you are")
    if author.strip() == ASSISTANT:
        raise ConfigError("author", f"{ASSISTANT!r} is the assistant itself", "say who you are")
    return author.strip()
