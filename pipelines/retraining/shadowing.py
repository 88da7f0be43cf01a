"""The old champion in the shadow of the new one: compared on what has happened since, and brought back if it is better.

A score is a function of stored rows, so the shadow is worked out when it is looked at, from the same readings and by
the same code as a tick or a back-test: nothing runs beside the lines, and nothing can be missed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from andon.errors import AndonError
from andon.frames import MICROSECOND
from andon.ports import Documents, Models, Signals
from andon.records import Decision
from andon.services.promoting import settle
from configs.definitions import Line
from configs.periods import format_time
from pipelines.retraining.challenges import Challenge, Contest, contests
from pipelines.selecting import select, stored_lines

if TYPE_CHECKING:
    from andon.evaluation.forecast_promotion import ErrorComparison
    from andon.evaluation.promotion import Comparison

LOOKS = (0.25, 0.5, 1.0)
"""Shares of the period after which both are compared: each look is a test of its own, so there are few."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one comparison came to; ``decision`` None: the new champion stays for now, or no comparison was possible."""

    contest: Contest
    promoted: Decision
    share: float
    reason: str
    decision: Decision | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        return {
            "model": str(self.contest.key),
            "champion": self.promoted.challenger,
            "shadow": self.promoted.champion,
            "share": self.share,
            "returned": self.decision is not None and self.decision.verdict == "promoted",
            "reason": self.reason,
        }


def look_into_shadows(
    documents: Documents, signals: Signals, models: Models, at: datetime, length: timedelta, *, seed: int = 0
) -> list[Look]:
    """Compare new champions with those that they replaced, where a look is due; bring back what is better.

    An old champion stands in the shadow for ``length`` after the promotion. It is compared on all rows since those that
    the promotion was decided on, by the gate that decided it (`pipelines.retraining.judging.judge`), when a quarter, a
    half and all of the time has passed. Killed anywhere and run again, nothing is decided twice.

    Parameters
    ----------
    at
        Time by the clock, in UTC.
    """
    from pipelines.training.train import is_trained

    lines = stored_lines(documents)
    chosen = [one for one in select(documents) if is_trained(one)]
    found, _ = contests(chosen, (), documents, models)
    looks = []
    for contest in found:
        promoted = _in_shadow(contest, at, length)
        if promoted is None:
            continue
        key = f"shadow/{promoted.id}"
        seen = (documents.get_state(key) or {}).get("looks", 0)
        due = sum(at >= promoted.at + length * share for share in LOOKS)
        if due <= seen:
            continue
        look = _look(contest, promoted, LOOKS[due - 1], documents, signals, models, lines, at, seed)
        documents.put_state(key, {"looks": due, "reason": look.reason, "at": format_time(at)})
        looks.append(look)
    return looks


def _in_shadow(contest: Contest, at: datetime, length: timedelta) -> Decision | None:
    """Return the decision that made the champion of a contest champion, if the one before it stands in the shadow.

    One that a person put there, or that came out of the shadow itself, has nobody behind it.
    """
    made = [one for one in contest.decisions if one.key == contest.key and one.verdict == "promoted"]
    if not made or made[-1].challenger != contest.holder or made[-1].champion is None:
        return None
    last = made[-1]
    over = last.at + length * (LOOKS[-1] + LOOKS[0])  # One who comes late still has the last look.
    return last if at < over and "shadow" not in last.evidence else None


def _look(
    contest: Contest,
    promoted: Decision,
    share: float,
    documents: Documents,
    signals: Signals,
    models: Models,
    lines: Mapping[str, Line],
    at: datetime,
    seed: int,
) -> Look:
    try:
        challenge = _challenge(contest, promoted, signals)
        old = None if promoted.champion is None else models.get(contest.key, promoted.champion)
        if challenge is None or old is None:
            return Look(contest, promoted, share, "nothing has come since the promotion, or the old version is gone")
        from pipelines.retraining.judging import evidence_of, judge

        found = judge(challenge, old, signals, lines, seed=seed)
    except AndonError as error:
        return Look(contest, promoted, share, f"could not be compared: {error}")
    last = share == LOOKS[-1]
    if found.verdict == "kept" and not last:
        return Look(contest, promoted, share, found.reason)
    evidence = evidence_of(challenge, old, found, seed=seed) | {
        "shadow": {"of": promoted.id, "promoted_at": format_time(promoted.at), "share": share}
    }
    decision = Decision(
        key=contest.key,
        champion=contest.holder,
        challenger=promoted.champion,
        at=at,
        data_end=challenge.end,
        verdict=found.verdict,
        reason=_say(found, promoted),
        evidence=evidence,
    )
    return Look(contest, promoted, share, decision.reason, settle(decision, documents, models))


def _challenge(contest: Contest, promoted: Decision, signals: Signals) -> Challenge | None:
    stored = [one for one in (signals.describe_line(line) for line in contest.lines) if one is not None]
    end = max((one.last for one in stored), default=promoted.data_end) + MICROSECOND
    if end <= promoted.data_end:
        return None
    return Challenge(contest, promoted.data_end, promoted.data_end, promoted.data_end, end)


def _say(found: Comparison | ErrorComparison, promoted: Decision) -> str:
    new, old = (f"version {one}" for one in (promoted.challenger, promoted.champion))
    since = f"promoted at {format_time(promoted.at)}"
    if found.verdict == "promoted":
        return f"{old} comes back, since {new}, {since}, does worse: {found.reason}"
    return f"{new}, {since}, stays, and {old} leaves the shadow: {found.reason}"


def tell_looks(looks: Sequence[Look]) -> list[tuple[object, ...]]:
    """Return rows for a table."""
    return [
        (str(one.contest.key), one.promoted.challenger, one.promoted.champion, f"{one.share:.0%}", one.reason)
        for one in looks
    ]
