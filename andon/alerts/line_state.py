"""Where the assistant stands on a line: all that it must remember from one tick to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from andon.alerts.flapping import Flaps
from andon.alerts.rules import RuleState
from andon.alerts.standing import Stand
from andon.errors import StoreError
from andon.frames import Integers

REMEMBERED = 100
"""Reading times that are kept, to know a row that comes late when it is there."""
HOUR = 3_600_000_000
_PREFIX = "assistant/"


def state_key(line: str) -> str:
    """Return the key that the state of a line is stored under.

    Examples
    --------
    >>> watched_line(state_key("press-07"))
    'press-07'
    """
    return f"{_PREFIX}{line}"


def watched_line(key: str) -> str | None:
    """Return the line whose state a key stands for; None where it stands for something else."""
    return key.removeprefix(_PREFIX) if key.startswith(_PREFIX) else None


@dataclass(frozen=True, slots=True)
class LineState:
    """After all rows up to ``last`` were judged; times are microseconds since the Unix epoch."""

    last: int
    """Rows up to there are never judged again."""
    rules: Mapping[str, RuleState] = field(default_factory=dict)
    """By alert; those that are inactive are left out."""
    recent: tuple[int, ...] = ()
    """The newest reading times, at most `REMEMBERED`."""
    told: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By definition and kind of reason: the hour of data in which it was last said."""
    seen_at: int | None = None
    """When, by the clock, the newest row was first seen."""
    no_data: bool = False
    """Whether the line is silent."""
    stands: Mapping[str, Stand] = field(default_factory=dict)
    """Alerts that stand, by definition."""
    flaps: Mapping[str, Flaps] = field(default_factory=dict)
    group: str = ""
    """Of the alerts that stand; see `andon.records.AlertRecord`."""

    def to_json(self) -> dict[str, Any]:
        """Return JSON values that `from_json` reads."""
        return {
            "last": self.last,
            "rules": {name: rule.to_json() for name, rule in sorted(self.rules.items())},
            "recent": list(self.recent),
            "told": {name: dict(sorted(kinds.items())) for name, kinds in sorted(self.told.items())},
            "seen_at": self.seen_at,
            "no_data": self.no_data,
            "stands": {name: [one.since, one.hushed] for name, one in sorted(self.stands.items())},
            "flaps": {name: one.to_json() for name, one in sorted(self.flaps.items())},
            "group": self.group,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any], place: str) -> LineState:
        """Inverse of `to_json`.

        Raises
        ------
        StoreError
            If ``body`` is not what `to_json` returns.
        """
        try:
            rules = {name: RuleState.from_json(rule) for name, rule in body["rules"].items()}
            # Before alerts were silenced, an alert stood where its rule fires.
            firing = {name: [rule.since] for name, rule in rules.items() if rule.phase == "firing"}
            return cls(
                last=int(body["last"]),
                rules=rules,
                recent=tuple(body["recent"]),
                told=body["told"],
                seen_at=body["seen_at"],
                no_data=body["no_data"],
                stands={name: Stand(*one) for name, one in body.get("stands", firing).items()},
                flaps={name: Flaps.from_json(one) for name, one in body.get("flaps", {}).items()},
                group=body.get("group", ""),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            problem = f"is damaged: {type(error).__name__}: {error}"
            raise StoreError(place, problem, "restore the documents store from a backup") from None


def remember_times(recent: Sequence[int], times: Integers) -> tuple[int, ...]:
    """Return the newest reading times after ``times`` were seen.

    Examples
    --------
    >>> import numpy as np
    >>> remember_times([1, 3], np.array([2, 3, 4]))
    (1, 2, 3, 4)
    """
    return tuple(sorted({*recent, *times[-REMEMBERED:].tolist()})[-REMEMBERED:])


def late_times(recent: Sequence[int], times: Integers) -> list[int]:
    """Return those of ``times`` that were not there when the assistant passed them, as far as it remembers.

    Examples
    --------
    >>> import numpy as np
    >>> late_times([1, 3], np.array([0, 1, 2, 3, 4]))
    [2]
    """
    if not recent:
        return []
    known = set(recent)
    return [time for time in times.tolist() if recent[0] < time < recent[-1] and time not in known]
