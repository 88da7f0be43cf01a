"""Silences: nobody is told of some alerts for a while, and everybody can see why, and who said so."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from andon.errors import ConfigError
from andon.ports import Documents
from andon.records import Silence
from andon.services.alerts import known_author
from andon.services.definitions import known_lines, known_names
from configs.expressions import did_you_mean
from configs.periods import format_time

LONGEST = timedelta(days=366)
"""What is silenced for longer should not be an alert."""


def silence(
    *,
    line: str | None,
    definition: str | None,
    start: datetime,
    end: datetime,
    reason: str,
    author: str,
    at: datetime,
    documents: Documents,
) -> Silence:
    """Silence alerts in ``[start, end)``: of a line, of a definition, of both, or (neither given) all there are.

    Alerts open, and resolve, as they would; people are not told. What still stands at the end is told of then.

    Raises
    ------
    ConfigError
        If nothing is called so, the period is empty, over, or longer than `LONGEST`, or no reason is given.
    """
    if not reason.strip():
        raise ConfigError("reason", "must not be blank", "say why nobody is to be told")
    if end <= start:
        raise ConfigError("end", f"{format_time(end)} is not after {format_time(start)}", "give a later one")
    if end <= at:
        raise ConfigError("end", f"{format_time(end)} is over", "give a time that is still to come")
    if end - start > LONGEST:
        raise ConfigError("end", f"is {(end - start).days} days after the start", f"silence {LONGEST.days} at most")
    for place, name, known in (
        ("line", line, known_lines(documents) if line is not None else ()),
        ("alert", definition, known_names("Alert", documents) if definition is not None else ()),
    ):
        if name is not None and name not in known:
            raise ConfigError(f"{place} {name}", "is not known", did_you_mean(name, known) if known else "apply one")
    made = Silence(start, end, reason.strip(), known_author(author), at, line, definition)
    documents.add_silence(made)
    return made


def end_silence(silence_id: str, at: datetime, documents: Documents) -> Silence:
    """End a silence early; return it as it now is.

    Raises
    ------
    ConfigError
        If there is none of this id, or it is over.
    """
    known = {one.id: one for one in documents.list_silences()}.get(silence_id)
    if known is None:
        raise ConfigError(f"silence {silence_id}", "does not exist", "see `andon alerts silences`")
    over = known.end if known.ended_at is None else min(known.end, known.ended_at)
    if over <= at:
        raise ConfigError(f"silence {silence_id}", f"is over since {format_time(over)}", "nothing is left to end")
    return documents.end_silence(silence_id, at) or known


def list_silences(at: datetime, documents: Documents, *, over: bool = False) -> list[Silence]:
    """Return the silences that are in force, or to come; ``over``: also those of the past. By start."""
    if over:
        return documents.list_silences()
    return [one for one in documents.list_silences(at) if one.ended_at is None or one.ended_at > at]


def silence_json(one: Silence) -> dict[str, Any]:
    """Return a silence as JSON values, times in ISO 8601."""
    return {
        "id": one.id,
        "line": one.line,
        "alert": one.definition,
        "start": format_time(one.start),
        "end": format_time(one.end),
        "ended_at": None if one.ended_at is None else format_time(one.ended_at),
        "reason": one.reason,
        "author": one.author,
        "created_at": format_time(one.created_at),
    }
