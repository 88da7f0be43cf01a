"""The run of a retrain that is under way, kept in the documents so that a killed one goes on with the same data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from andon.errors import ConfigError
from andon.frames import from_microseconds, to_microseconds
from andon.ports import Documents, Models
from andon.records import ModelKey
from configs.definitions import Alert, Monitor
from pipelines.retraining.challenges import Challenge, Contest
from pipelines.selecting import Selected


def keep_run(name: str, at: datetime, challenges: Sequence[Challenge], documents: Documents) -> None:
    """Keep what a run is about, before it begins."""
    documents.put_state(name, {"at": to_microseconds(at), "challenges": [_body(one) for one in challenges]})


def kept_run(name: str, documents: Documents, models: Models) -> tuple[datetime, list[Challenge]] | None:
    """Return the time and the challenges of a run that did not end; None if there is none.

    Raises
    ------
    ConfigError
        If a definition or a champion of it is gone.
    """
    body = documents.get_state(name)
    if not body:
        return None
    return from_microseconds(body["at"]), [_challenge(one, documents, models) for one in body["challenges"]]


def end_run(name: str, documents: Documents) -> None:
    """Keep nothing any more: every decision of the run is recorded."""
    documents.put_state(name, {})


def _body(challenge: Challenge) -> dict[str, Any]:
    contest = challenge.contest
    stored = contest.selected.stored
    return {
        "definition": [stored.kind, stored.name, stored.version],
        "selected": list(contest.selected.lines),
        "key": asdict(contest.key),
        "lines": list(contest.lines),
        "champion": [asdict(contest.champion.key), contest.champion.version],
        "times": [
            to_microseconds(time)
            for time in (challenge.start, challenge.learnt_until, challenge.judged_from, challenge.end)
        ],
    }


def _challenge(body: dict[str, Any], documents: Documents, models: Models) -> Challenge:
    kind, name, version = body["definition"]
    key, champion_version = body["champion"]
    stored = documents.get_definition(kind, name, version)
    champion = models.get(ModelKey(**key), champion_version)
    if stored is None or champion is None:
        raise ConfigError(f"retrain of {name}", "its definition or champion is gone", "train again")
    definition: Alert | Monitor = (Alert if kind == "Alert" else Monitor).model_validate(stored.body)
    selected = Selected(stored, definition, tuple(body["selected"]))
    contest = Contest(selected, ModelKey(**body["key"]), tuple(body["lines"]), champion, ())
    start, learnt_until, judged_from, end = (from_microseconds(time) for time in body["times"])
    return Challenge(contest, start, learnt_until, judged_from, end)
