"""The alerts of a line while its rows are judged: opened, silenced, told of again and resolved, in groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from andon.alerts.flapping import Flaps, count_opening, is_over
from andon.alerts.life_cycle import ASSISTANT, make_event, open_alert
from andon.frames import from_microseconds
from andon.records import ERROR_ALERT, NO_DATA_ALERT, AlertEvent, AlertRecord, AlertState, Silence, alert_id
from configs.definitions import Severity

_STATES = {NO_DATA_ALERT: AlertState.NO_DATA, ERROR_ALERT: AlertState.ERROR}


@dataclass(frozen=True, slots=True)
class Stand:
    """An alert that stands: when it opened, microseconds, and whether a silence or flapping keeps people from it."""

    since: int
    hushed: bool = False


@dataclass(slots=True)
class Standing:
    """What stands on a line; what happens to it is gathered in ``opened`` and ``events``.

    Everything is a function of the rows, of their times, and of the silences: many rows at once, or one by one, give
    the same.
    """

    line: str
    stands: dict[str, Stand]
    """By definition."""
    flaps: dict[str, Flaps]
    group: str
    """The id of the first alert of those that stand together; empty where none stands."""
    silences: Sequence[Silence] = ()
    opened: list[AlertRecord] = field(default_factory=list)
    events: list[tuple[str, AlertEvent]] = field(default_factory=list)

    def pass_time(self, time: int) -> None:
        """Take the time of a row into account: forget what flapped long ago, and hush what is to be hushed."""
        if self.flaps:
            self.flaps = {name: one for name, one in self.flaps.items() if not is_over(one, time)}
        self.hush(time)

    def hush(self, time: int) -> None:
        """Silence what is silenced by now, and tell people of what no longer is."""
        if not self.silences and not any(one.hushed for one in self.stands.values()):
            return
        for name, stand in sorted(self.stands.items()):
            why = self._why_hushed(name, time)
            if (why is not None) == stand.hushed:
                continue
            self.stands[name] = Stand(stand.since, why is not None)
            if why is not None:
                self._add(name, stand.since, AlertState.SILENCED, time, *why)
            else:
                self._add(name, stand.since, state_of(name), time, "it still stands", {})

    def open(
        self,
        name: str,
        severity: Severity,
        time: int,
        evidence: Mapping[str, Any],
        *,
        note: str = "",
        score: float | None = None,
        threshold: float | None = None,
        version: int | None = None,
    ) -> None:
        """Open an alert at a time."""
        flaps = self.flaps[name] = count_opening(self.flaps.get(name), time)
        why = self._why_hushed(name, time)
        said = evidence if flaps.openings == 1 else {**evidence, "openings": flaps.openings}
        alert = open_alert(
            self.line,
            name,
            severity,
            from_microseconds(time),
            said if why is None else {**said, **why[1]},
            state=state_of(name) if why is None else AlertState.SILENCED,
            note=note if why is None else why[0],
            score=score,
            threshold=threshold,
            version=version,
            group=self.group if self.stands else "",
        )
        self.group = alert.group
        self.stands[name] = Stand(time, why is not None)
        self.opened.append(alert)

    def resolve(self, name: str, time: int, evidence: Mapping[str, Any], note: str = "") -> None:
        """Resolve what stands under a name, if anything does."""
        stand = self.stands.pop(name, None)
        if stand is None:
            return
        self._add(name, stand.since, AlertState.RESOLVED, time, note, evidence)
        if not self.stands:
            self.group = ""

    def _why_hushed(self, name: str, time: int) -> tuple[str, dict[str, Any]] | None:
        """Return why people are not told of an alert at a time, as a note and evidence; None where they are."""
        moment = from_microseconds(time)
        for one in self.silences:
            if one.covers(self.line, name, moment):
                silence = {"id": one.id, "reason": one.reason, "until": one.end.isoformat()}
                return f"silenced by {one.author}: {one.reason}", {"silence": silence}
        flaps = self.flaps.get(name)
        if flaps is not None and flaps.flapping and not is_over(flaps, time):
            return f"flaps: opened {flaps.openings} times in short order", {"openings": flaps.openings}
        return None

    def _add(self, name: str, since: int, state: AlertState, time: int, note: str, evidence: Mapping[str, Any]) -> None:
        alert = alert_id(self.line, name, from_microseconds(since))
        self.events.append((alert, make_event(alert, state, from_microseconds(time), ASSISTANT, note, evidence)))


def state_of(name: str) -> AlertState:
    """Return the state in which people are told of an alert of a name."""
    return _STATES.get(name, AlertState.FIRING)
