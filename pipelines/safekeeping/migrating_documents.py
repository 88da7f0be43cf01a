"""All documents from one store to another: definitions with all versions, alerts, feedback, and the rest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

from andon.errors import StoreError
from andon.outbox import Outcome
from andon.ports import Documents
from andon.record_json import to_body
from andon.records import AlertRecord, Anomaly, Silence
from pipelines.safekeeping.migrating import Copied, Tell

KINDS = (
    "definitions", "anomalies", "alerts", "feedback", "skips", "decisions", "states", "reports", "silences", "messages",
    "told",
)  # fmt: skip
EVERY = 2**31 - 1
PAGE = 2_000
"""Records that are read at once."""
_Record = TypeVar("_Record")


def migrate_documents(source: Documents, target: Documents, tell: Tell) -> list[Copied]:
    """Copy all that a store of documents holds, but leases, which end by themselves.

    What of each alert was told goes along, so that nobody is told again.

    Raises
    ------
    StoreError
        If a store fails, or the target holds something else where the source has something.
    """
    news = {
        "definitions": sum(_definitions(source, target, tell)),
        "anomalies": _counted(tell, "anomalies", map(target.add_anomalies, _anomalies(source))),
        "alerts": _counted(tell, "alerts", (_alert(one, target) for page in _alerts(source) for one in page)),
        "feedback": _rest(source.list_feedback(), target.list_feedback(), target.add_feedback, "feedback"),
        "skips": _counted(tell, "skips", map(target.add_skips, _pages_of(source.list_skips()))),
        "decisions": _counted(tell, "decisions", map(target.add_decision, source.list_decisions())),
        "states": _counted(tell, "states", (_state(key, source, target) for key in source.list_states())),
        "reports": _rest(source.list_reports(), target.list_reports(), lambda one: target.log_report(**one), "reports"),
        "silences": _counted(tell, "silences", (_silence(one, target) for one in source.list_silences())),
        "messages": _counted(tell, "messages", _messages(source, target)),
        "told": _told(source, target),
    }
    done = []
    for kind, new in news.items():
        (count, digest), theirs = _digest(kind, source), _digest(kind, target)
        if theirs != (count, digest):
            raise StoreError(
                f"{kind} of the target",
                f"are {theirs[0]} with digest {theirs[1]}, of the source {count} with {digest}",
                "stop what writes to either store and migrate again, into an empty store if it stays so",
            )
        done.append(Copied(kind, count, new, digest))
    return done


def documents_digests(documents: Documents) -> list[Copied]:
    """Return what a store holds of each kind: how many, and the digest that a copy of it has."""
    return [
        Copied(kind, count, 0, digest) for kind, (count, digest) in ((one, _digest(one, documents)) for one in KINDS)
    ]


def _definitions(source: Documents, target: Documents, tell: Tell) -> Iterator[int]:
    theirs = {(one.kind, one.name): one.version for one in target.list_definitions()}
    for newest in source.list_definitions():
        stored = theirs.get((newest.kind, newest.name), 0)
        for version in range(stored + 1, newest.version + 1):
            one = source.get_definition(newest.kind, newest.name, version)
            if one is not None:
                target.put_definitions([one.body], one.applied_at)
                yield 1
        tell("definitions", max(0, newest.version - stored))


def _alert(alert: AlertRecord, target: Documents) -> bool:
    """Bring an alert of the target as far as that of the source; return whether it was new."""
    if target.open_alert(alert):
        return True
    known = target.get_alert(alert.id)
    for event in alert.events[known.revision if known is not None else 0 :]:
        known = target.transition_alert(alert.id, event, known.revision if known is not None else 0)
    return False


def _state(key: str, source: Documents, target: Documents) -> bool:
    body = source.get_state(key)
    if body is None or target.get_state(key) == body:
        return False
    target.put_state(key, body)
    return True


def _silence(silence: Silence, target: Documents) -> bool:
    """Add a silence, or bring that of the target to its early end; return whether it was new."""
    if target.add_silence(silence):
        return True
    if silence.ended_at is not None:
        target.end_silence(silence.id, silence.ended_at)
    return False


def _messages(source: Documents, target: Documents) -> Iterator[int]:
    """Add messages as they are, and bring those that the target has as far as they have come."""
    known = {one.key: one for one in target.list_messages()}
    for page in _pages_of(source.list_messages()):
        yield target.add_messages(one for one in page if one.key not in known)
        for one in page:
            theirs = known.get(one.key)
            if theirs is None or (theirs.state, theirs.attempts) == (one.state, one.attempts):
                continue
            at = one.settled_at or one.due_at
            for attempt in range(theirs.attempts, one.attempts or 1):
                last = attempt + 1 >= one.attempts
                state = one.state if last else "waiting"
                target.settle_messages([one.key], Outcome(state, at, one.error, one.due_at, one.attempts > attempt))


def _told(source: Documents, target: Documents) -> int:
    """Say of the target's alerts how far people were told, so that nobody is told again."""
    open_ = {alert.id: told for alert, told in source.untold_alerts(EVERY)}
    before = {alert.id: told for alert, told in target.untold_alerts(EVERY)}
    revisions = {one.id: open_.get(one.id, one.revision) for page in _alerts(source) for one in page}
    changed = {key: told for key, told in revisions.items() if key in before and before[key] != told}
    target.mark_told(changed)
    return len(changed)


def _rest(source: list[_Record], target: list[_Record], add: Callable[[_Record], object], kind: str) -> int:
    """Append to a history what it lacks."""
    if target != source[: len(target)]:
        raise StoreError(
            f"{kind} of the target", "are not those that the source began with", "migrate to an empty store"
        )
    for one in source[len(target) :]:
        add(one)
    return len(source) - len(target)


def _counted(tell: Tell, kind: str, added: Iterable[int]) -> int:
    total = 0
    for number in added:
        total += number
        tell(kind, number)
    return total


def _pages(
    ask: Callable[[datetime | None, int], list[_Record]], time: Callable[[_Record], datetime]
) -> Iterator[list[_Record]]:
    """Yield all records, oldest first, some at a time; those of the moment in which a page ends begin the next too."""
    start, limit, held = None, PAGE, 0
    while found := ask(start, limit):
        fresh = found[held:]
        if fresh:
            yield fresh
        if len(found) < limit:
            return
        last = time(found[-1])
        held = sum(1 for one in found if time(one) == last)
        if last == start:
            limit *= 2
        start = last


def _anomalies(documents: Documents) -> Iterator[list[Anomaly]]:
    return _pages(lambda start, limit: documents.list_anomalies(start=start, limit=limit), lambda one: one.time)


def _alerts(documents: Documents) -> Iterator[list[AlertRecord]]:
    return _pages(lambda start, limit: documents.list_alerts(start=start, limit=limit), lambda one: one.opened_at)


def _pages_of(records: Sequence[_Record]) -> Iterator[Sequence[_Record]]:
    return (records[begin : begin + PAGE] for begin in range(0, len(records), PAGE))


def _digest(kind: str, documents: Documents) -> tuple[int, str]:
    """Return how many records of a kind a store has, and a digest of them, in their order."""
    digest, count = hashlib.sha256(), 0
    for body in _bodies(kind, documents):
        digest.update(json.dumps(body, sort_keys=True, default=str).encode())
        count += 1
    return count, digest.hexdigest()[:16]


def _bodies(kind: str, documents: Documents) -> Iterator[Any]:
    if kind == "definitions":
        for newest in documents.list_definitions():
            for version in range(1, newest.version + 1):
                one = documents.get_definition(newest.kind, newest.name, version)
                yield one and (one.kind, one.name, one.version, one.body, one.applied_at)
    elif kind == "states":
        yield from ((key, documents.get_state(key)) for key in documents.list_states())
    elif kind == "silences":
        yield from map(to_body, documents.list_silences())
    elif kind == "messages":
        yield from ((one.key, one.state, one.attempts, one.body) for one in documents.list_messages())
    elif kind == "told":
        yield from sorted((alert.id, told) for alert, told in documents.untold_alerts(EVERY))
    elif kind == "reports":
        yield from documents.list_reports()
    elif kind == "anomalies":
        yield from (to_body(one) for page in _anomalies(documents) for one in page)
    elif kind == "alerts":
        yield from (to_body(one) for page in _alerts(documents) for one in page)
    elif kind == "feedback":
        yield from map(to_body, documents.list_feedback())
    elif kind == "skips":
        yield from map(to_body, documents.list_skips())
    else:
        yield from map(to_body, documents.list_decisions())
