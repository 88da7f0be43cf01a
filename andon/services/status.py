"""How the assistants are: who is there, who acts on which line, how far behind each is, what stands, what is due."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from andon.alerts.line_state import LineState, state_key
from andon.assistant import silence
from andon.errors import StoreError
from andon.frames import from_microseconds
from andon.ports import Documents, Signals
from andon.records import ERROR_ALERT, NO_DATA_ALERT
from andon.services.assistant import FAILED
from andon.services.membership import LINES, MEMBERS, is_gone
from andon.services.scheduling import Schedule, describe_schedules
from andon.services.watching import Watching
from configs.periods import format_time

_RECENT = timedelta(hours=1)


def assistant_status(
    watching: Watching, schedules: list[Schedule], now: datetime, documents: Documents, signals: Signals
) -> dict[str, Any]:
    """Return, as JSON values, the assistants that are there, every watched line, and the schedules.

    A line is ``ok``; ``behind``: rows wait to be judged; ``no-data``: it says nothing; ``error``: something on it
    cannot be evaluated, or it could not be ticked within the last hour; ``new``: it was never ticked. ``holder`` None:
    nobody acts on it.
    """
    leases = [one for one in documents.list_leases("assistant/") if one.until > now and not is_gone(one.holder)]
    holders = {one.name.removeprefix(LINES): one.holder for one in leases if one.name.startswith(LINES)}
    counts = Counter(holders.values())
    lines = watching.names()
    bodies = documents.get_states([state_key(line) for line in lines])
    newest = signals.newest_readings(lines)
    failures = {one.line: one for one in documents.list_skips(start=now - _RECENT) if one.definition == FAILED}
    told = []
    for line in lines:
        body, last = bodies.get(state_key(line)), newest.get(line)
        try:
            state, error = (None, "") if body is None else (LineState.from_json(body, f"state of line {line}"), "")
        except StoreError as damaged:
            state, error = None, str(damaged)
        judged = None if state is None else from_microseconds(state.last)
        lag = None if judged is None or last is None else max(0.0, (last - judged).total_seconds())
        if line in failures and not error and lag != 0:
            error = failures[line].reason
        told.append(
            {
                "line": line,
                "state": _state(state, error, lag, watching, line),
                "holder": holders.get(line),
                "judged": None if judged is None else format_time(judged),
                "newest": None if last is None else format_time(last),
                "lag_seconds": lag,
                "standing": [] if state is None else sorted(state.stands),
                "pending": []
                if state is None
                else sorted(name for name, one in state.rules.items() if one.phase == "pending"),
                "error": error,
            }
        )
    return {
        "at": format_time(now),
        "assistants": [
            {"holder": one.holder, "lines": counts[one.holder], "lease_until": format_time(one.until)}
            for one in leases
            if one.name.startswith(MEMBERS)
        ],
        "lines": told,
        "schedules": describe_schedules(schedules, now, documents),
    }


def _state(state: LineState | None, error: str, lag: float | None, watching: Watching, line: str) -> str:
    if error or (state is not None and ERROR_ALERT in state.stands):
        return "error"
    if state is None:
        return "new"
    if state.no_data or NO_DATA_ALERT in state.stands:
        return "no-data"
    declared = watching.lines.get(line)
    sampling = timedelta(minutes=1) if declared is None or declared.sampling is None else declared.sampling
    return "behind" if lag is not None and lag > silence(sampling).total_seconds() else "ok"
