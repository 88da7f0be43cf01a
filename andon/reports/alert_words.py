"""An event of an alert in a worker's words: what happened where and when, why, and what can be done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from andon.records import Recommendation
from configs.durations import format_duration

_SHOWN = 6
"""Variables in one message: people read it on a telephone."""
_STANDING = ("firing", "no-data", "error")
_SAYS = {
    "firing": "is firing",
    "no-data": "no data",
    "error": "cannot be evaluated",
    "acknowledged": "was seen",
    "acted": "was acted upon",
    "resolved": "is over",
    "silenced": "is silenced",
}
Body = Mapping[str, Any]
"""What a message of the outbox tells: JSON values."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and what it is."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Words:
    """What people read of one event."""

    line: str
    alert: str
    state: str
    severity: str
    headline: str
    when: str
    facts: tuple[Fact, ...] = ()
    readings: tuple[tuple[str, str, str], ...] = ()
    """Variable, reading with its unit, and how much of the blame is its own, as a share."""
    why: tuple[str, ...] = ()
    """Which variables raised the risk, and by which of their features."""
    advice: tuple[str, ...] = ()
    note: str = ""
    link: str = ""
    identity: str = ""
    bars: tuple[float, ...] = field(default=())
    """Of each reading its share, 0 to 1; 0 where nobody blames it."""


def say_event(body: Body, recommendation: Recommendation | None = None, link: str | None = None) -> Words:
    """Return the words for an event.

    Parameters
    ----------
    recommendation
        How it could have been avoided, where that is known.
    link
        Address of an alert for people, with ``{id}`` in it.
    """
    alert, event, state = body["alert"], body["event"], str(body["event"]["state"])
    return Words(
        line=alert["line"],
        alert=alert["alert"],
        state=state,
        severity=alert["severity"],
        headline=f"{alert['line']}: {_named(alert['alert'])}{_SAYS.get(state, state)}",
        when=_moment(event["time"], body["timezone"]),
        facts=tuple(_facts(body)),
        readings=tuple(_readings(body)),
        why=tuple(one.text for one in recommendation.blame) if recommendation is not None else (),
        advice=tuple(_advice(recommendation, body)) if recommendation is not None else (),
        note=event["note"],
        link=link.replace("{id}", alert["id"]) if link else "",
        identity=alert["id"],
        bars=tuple(share for _, share in _blamed(body)),
    )


def subject_of(bodies: Sequence[Body]) -> str:
    """Return the subject of what goes out with events, the gravest said first.

    Examples
    --------
    >>> def one(line, state):
    ...     return {"alert": {"line": line, "alert": "jam", "severity": "high"}, "event": {"state": state}}
    >>> subject_of([one("p1", "firing")])
    '[high] p1: jam is firing'
    >>> subject_of([one("p1", "firing"), one("p2", "firing"), one("p2", "resolved")])
    '[high] 3 events on p1, p2: 2 firing, 1 resolved'
    """
    if len(bodies) == 1:
        alert, state = bodies[0]["alert"], str(bodies[0]["event"]["state"])
        mark = alert["severity"] if state in _STANDING else state
        return f"[{mark}] {alert['line']}: {_named(alert['alert'])}{_SAYS.get(state, state)}"
    grave = gravest([str(one["alert"]["severity"]) for one in bodies])
    lines = sorted({one["alert"]["line"] for one in bodies})
    where = ", ".join(lines[:3]) + (f" and {len(lines) - 3} more" if len(lines) > 3 else "")
    counts = Counter(str(one["event"]["state"]) for one in bodies)
    return f"[{grave}] {len(bodies)} events on {where}: " + ", ".join(f"{n} {state}" for state, n in counts.items())


def gravest(severities: Sequence[str]) -> str:
    """Return the gravest of severities.

    Examples
    --------
    >>> gravest(["low", "critical", "high"])
    'critical'
    """
    order = ("low", "medium", "high", "critical")
    return max(severities, key=order.index)


def _named(alert: str) -> str:
    """Return a definition's name; what the assistant raises by itself says it in its state."""
    return "" if alert.startswith("(") else f"{alert} "


def _facts(body: Body) -> list[Fact]:
    alert, event = body["alert"], body["event"]
    evidence, definition, state = event["evidence"], body["definition"], str(event["state"])
    facts = []
    if state in ("resolved", "acknowledged", "acted"):
        lasted = datetime.fromisoformat(event["time"]) - datetime.fromisoformat(alert["opened_at"])
        facts.append(Fact("opened", f"{_moment(alert['opened_at'], body['timezone'])}, {_length(lasted)} before"))
        if event["actor"] != "assistant":
            facts.append(Fact("by", event["actor"]))
    if definition["condition"] is not None:
        within = definition["horizon_seconds"]
        ahead = "" if within is None else f" within {format_duration(timedelta(seconds=within))}"
        facts.append(Fact("foresees" if within else "condition", f"{definition['condition']}{ahead}"))
    score, threshold = evidence.get("score", alert["score"]), evidence.get("threshold", alert["threshold"])
    if score is not None and threshold is not None:
        name = "probability" if definition["type"] == "classifier" else "score"
        facts.append(Fact(name, f"{score:.3g}, threshold {threshold:.3g}"))
    if evidence.get("expected_at"):
        facts.append(Fact("expected", _moment(evidence["expected_at"], body["timezone"])))
    if evidence.get("openings"):
        facts.append(Fact("flaps", f"opened {evidence['openings']} times lately"))
    if alert["version"] is not None:
        facts.append(Fact("model", f"version {alert['version']}"))
    return facts


def _blamed(body: Body) -> list[tuple[str, float]]:
    """Return the variables to show, those to blame first, each with its share."""
    evidence = body["event"]["evidence"]
    top = evidence.get("top") or evidence.get("blamed") or []
    shares = {str(one["variable"]): float(one.get("share") or 0.0) for one in top if isinstance(one, Mapping)}
    values = evidence.get("values") or {}
    names = [*shares, *(name for name in values if name not in shares)] if len(values) <= _SHOWN else [*shares]
    return [(name, shares.get(name, 0.0)) for name in (names or [*values])[:_SHOWN]]


def _readings(body: Body) -> list[tuple[str, str, str]]:
    values, expected = body["event"]["evidence"].get("values") or {}, body["event"]["evidence"].get("expected") or {}
    rows = []
    for name, share in _blamed(body):
        unit = body["units"].get(name, "") if values.get(name) is not None else ""
        text = f"{_value(values.get(name))} {unit}".strip()
        if isinstance(expected, Mapping) and expected.get(name) is not None:
            text += f", {_value(expected[name])} expected"
        rows.append((name, text, f"{100 * share:.0f} %" if share else ""))
    return rows


def say_changes(recommendation: Recommendation, units: Mapping[str, str]) -> list[str]:
    """Return the changes that a recommendation proposes, a line each.

    Examples
    --------
    >>> say_changes(Recommendation("7e11", (("speed", 60.0, 55.5),), 0.9, 0.3, 0.4), {"speed": "1/min"})
    ['speed from 60 to 55.5 1/min']
    """
    return [
        f"{name} from {_value(old)} to {_value(new)} {units.get(name, '')}".strip()
        for name, old, new in recommendation.changes
    ]


def _advice(recommendation: Recommendation, body: Body) -> list[str]:
    if not recommendation.changes:
        return [f"Nothing that could be moved: {recommendation.reason}."] if recommendation.reason else []
    said = say_changes(recommendation, body["units"])
    if recommendation.options:
        best = recommendation.options[0]
        said.append(f"at the latest at {_moment(best.start.isoformat(), body['timezone'])}")
    odds = f"the risk of {recommendation.before:.2g} would have been {recommendation.after:.2g}"
    return [*said, f"{odds} (threshold {recommendation.threshold:.2g})"]


def _value(value: Any) -> str:
    if value is None:
        return "no reading"
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _moment(text: str, zone: str) -> str:
    local = datetime.fromisoformat(text).astimezone(ZoneInfo(zone))
    return f"{local:%Y-%m-%d %H:%M:%S} ({zone})"


def _length(length: timedelta) -> str:
    """Return a length of time to the second, of those over a day to the minute."""
    whole = timedelta(seconds=round(max(0.0, length.total_seconds())))
    return format_duration(whole if whole < timedelta(days=1) else whole - timedelta(seconds=whole.seconds % 60))
