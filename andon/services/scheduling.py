"""Schedules that fire once each, whoever asks and however often: a lease on each, and the last firing in its state.

What is missed while nobody asks fires once when somebody does. A job that dies is done again once its lease has run
out, so jobs must bear that; one that fails is tried again, later and later, up to `TRIES` times.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from croniter import CroniterError

from andon.errors import StoreError
from andon.frames import from_microseconds, to_microseconds
from andon.ports import Documents
from andon.schedules import last_firing, next_firing
from andon.services.watching import Watching
from configs.periods import format_time

log = logging.getLogger(__name__)

TRIES = 4
PAUSE = timedelta(minutes=5)
"""Before the second try; each next one waits twice as long."""
_PREFIX = "schedule/"
_STEP = timedelta(days=1)
"""A last firing that is further ahead than this was made by a clock that was wrong."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When something is to be done; the name says what, as ``retrain/jam-soon``."""

    name: str
    cron: str
    zone: str = "UTC"

    @property
    def key(self) -> str:
        """Of its state, and of its lease."""
        return f"{_PREFIX}{self.name}"


@dataclass(frozen=True, slots=True)
class Due:
    """A firing that one holder has claimed: it stands for ``(since, at]``, where others may have been missed."""

    schedule: Schedule
    since: datetime
    at: datetime
    tries: int
    """How often it was tried before."""
    token: int


def schedules_of(watching: Watching) -> list[Schedule]:
    """Return what definitions that are for any line ask for, in the time zone of the first: retraining, and reports."""
    found = []
    for definition in watching.definitions:
        lines = watching.names_of(definition)
        if not lines:
            continue
        declared = next((watching.lines[line] for line in lines if line in watching.lines), None)
        zone = "UTC" if declared is None else declared.timezone
        for what, cron in (("retrain", definition.retrain), ("report", definition.report)):
            if cron is not None:
                found.append(Schedule(f"{what}/{definition.name}", cron, zone))
    return found


def claim_due(
    schedules: Sequence[Schedule], holder: str, now: datetime, until: datetime, documents: Documents
) -> Due | None:
    """Claim one firing that is due, until a time: then another may claim it. None: none is, or others are at it.

    A schedule that is new, or whose expression has changed, fires from ``now`` on. A clock that is put back by less
    than a day fires nothing a second time.

    Raises
    ------
    StoreError
        If the store fails.
    """
    known = documents.get_states([one.key for one in schedules])
    for schedule in schedules:
        body = known.get(schedule.key)
        if body is not None and _is_same(schedule, body, now) and _firing(schedule, body, now) is None:
            continue
        leases = documents.claim_leases([schedule.key], holder, now, until)
        if not leases:
            continue
        tokens = {schedule.key: leases[0].token}
        body = documents.fence_states(tokens).get(schedule.key)
        if body is None or not _is_same(schedule, body, now):
            documents.put_states({schedule.key: _body(schedule, now)}, tokens)
        elif (firing := _firing(schedule, body, now)) is not None:
            tries = body["tries"] if body["trying"] == to_microseconds(firing) else 0
            return Due(schedule, from_microseconds(body["fired"]), firing, tries, leases[0].token)
        documents.release_leases([schedule.key], holder)
    return None


def prolong(due: Due, holder: str, now: datetime, until: datetime, documents: Documents) -> bool:
    """Keep a claim; return False where it was lost, which happens only to who has been silent beyond its end."""
    leases = documents.claim_leases([due.schedule.key], holder, now, until)
    return any(one.token == due.token for one in leases)


def finish_due(due: Due, holder: str, now: datetime, documents: Documents, error: str = "") -> None:
    """Say that a firing is done, or why it failed: then it is tried again, or given up with its error.

    Raises
    ------
    StoreError
        If the claim was lost meanwhile, or the store fails.
    """
    tries = due.tries + 1
    if error and tries < TRIES:
        again = now + PAUSE * 2 ** (tries - 1)
        body = _body(due.schedule, due.since, trying=due.at, tries=tries, not_before=again, error=error)
    else:
        body = _body(due.schedule, due.at, error=error)
    refused = documents.put_states({due.schedule.key: {**body, "ran_at": to_microseconds(now)}}, _fence(due))
    documents.release_leases([due.schedule.key], holder)
    if refused:
        raise StoreError(due.schedule.name, "has been claimed by another meanwhile", "nothing to do: it is done there")


def describe_schedules(schedules: Iterable[Schedule], now: datetime, documents: Documents) -> list[dict[str, Any]]:
    """Return, as JSON values, of each schedule when it fired last and fires next, and its last error."""
    every = list(schedules)
    known = documents.get_states([one.key for one in every])
    told = []
    for one in every:
        body = known.get(one.key)
        try:
            following = format_time(next_firing(one.cron, one.zone, now))
        except CroniterError:
            following = None
        ran = None if body is None else body.get("ran_at")
        told.append(
            {
                "name": one.name,
                "cron": one.cron,
                "timezone": one.zone,
                "last": None if ran is None else format_time(from_microseconds(ran)),
                "next": following,
                "tries": 0 if body is None else body["tries"],
                "error": "" if body is None else body["error"],
            }
        )
    return told


def _fence(due: Due) -> dict[str, int]:
    return {due.schedule.key: due.token}


def _is_same(schedule: Schedule, body: dict[str, Any], now: datetime) -> bool:
    fired = from_microseconds(body["fired"])
    if fired > now + _STEP:
        log.warning("%s: fired last at %s, which is still to come: it begins anew", schedule.name, fired)
        return False
    return (body["cron"], body["zone"]) == (schedule.cron, schedule.zone)


def _firing(schedule: Schedule, body: dict[str, Any], now: datetime) -> datetime | None:
    try:
        firing = last_firing(schedule.cron, schedule.zone, from_microseconds(body["fired"]), now)
    except CroniterError:
        return None  # The thirtieth of February.
    if firing is None or body["trying"] is None:
        return firing
    # A later firing takes over from one that is being tried again, and with it the time that it stands for.
    if body["trying"] == to_microseconds(firing) and now < from_microseconds(body["not_before"]):
        return None
    return firing


def _body(
    schedule: Schedule,
    fired: datetime,
    *,
    trying: datetime | None = None,
    tries: int = 0,
    not_before: datetime | None = None,
    error: str = "",
) -> dict[str, Any]:
    return {
        "cron": schedule.cron,
        "zone": schedule.zone,
        "fired": to_microseconds(fired),
        "trying": None if trying is None else to_microseconds(trying),
        "tries": tries,
        "not_before": None if not_before is None else to_microseconds(not_before),
        "error": error,
    }
