"""The outbox: what people are to be told, kept in the documents store until it is delivered or given up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from andon.frames import from_microseconds, to_microseconds
from andon.records import AlertRecord
from configs.definitions import Severity

Channel = Literal["email", "webhook", "log"]
MessageState = Literal["waiting", "sent", "dead"]
_TIMES = ("time", "created_at", "due_at", "settled_at")


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that one recipient is to be told; what it is about never changes, how it fares does."""

    key: str
    """Idempotency key: derived from what is told and to whom, so that nothing is ever written here twice."""
    route: str
    channel: Channel
    address: str
    """An e-mail address, a URL, or the name of a log."""
    kind: Literal["alert", "report"]
    severity: Severity
    time: datetime
    """Data time of what is told; messages to one recipient go in its order."""
    created_at: datetime
    """By the clock."""
    body: dict[str, Any]
    """JSON values: what to tell."""
    thread: str
    """What it belongs to; messages of one thread that wait together go out as one."""
    due_at: datetime
    """Not before this time by the clock."""
    state: MessageState = "waiting"
    bundle: str = ""
    """Key of what it goes out in: its own, or that of a digest. Chosen before the first try, and kept."""
    attempts: int = 0
    error: str = ""
    """Why the last attempt failed, or why it waits."""
    settled_at: datetime | None = None
    """When it was sent or given up, by the clock."""

    @property
    def recipient(self) -> str:
        """What order, limits and digests are for: an address on a route."""
        return f"{self.route}/{self.channel}/{self.address}"

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, times as microseconds since the Unix epoch."""
        moments = {name: getattr(self, name) for name in _TIMES}
        times = {name: None if moment is None else to_microseconds(moment) for name, moment in moments.items()}
        return {**asdict(self), **times}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Message:
        """Inverse of `to_json`."""
        times = {name: None if body[name] is None else from_microseconds(body[name]) for name in _TIMES}
        return cls(**{**body, **times})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of messages: ``sent``, ``dead``, or ``waiting`` until ``due_at`` because of ``error``."""

    state: MessageState
    at: datetime
    error: str = ""
    due_at: datetime | None = None
    attempted: bool = True
    """False: only postponed."""


class Outbox(Protocol):
    """Messages, and the alerts of which nobody was told yet. Every change is durable when its method returns."""

    def untold_alerts(self, limit: int) -> list[tuple[AlertRecord, int]]:
        """Return alerts with events that `mark_told` has not passed, and the number of those that it has.

        An alert is among them from the moment at which `open_alert` or `transition_alert` returns.
        """
        ...

    def mark_told(self, revisions: Mapping[str, int]) -> None:
        """Say of alerts, by id, how many of their events need not be told any more; never fewer than before."""
        ...

    def add_messages(self, messages: Iterable[Message]) -> int:
        """Add those whose key is new; return how many were. One that exists is left as it is."""
        ...

    def due_recipients(self, now: datetime) -> list[str]:
        """Return the recipients of waiting messages that are due, those whose message is due longest first."""
        ...

    def list_messages(
        self,
        recipient: str | None = None,
        state: MessageState | None = None,
        due: datetime | None = None,
        settled_since: datetime | None = None,
        limit: int | None = None,
    ) -> list[Message]:
        """Return messages by time and key: due at or before ``due``, settled at or after ``settled_since``."""
        ...

    def bundle_messages(self, bundles: Mapping[str, str]) -> None:
        """Say what waiting messages go out in, by their keys; one that has its bundle keeps it."""
        ...

    def settle_messages(self, keys: Sequence[str], outcome: Outcome) -> None:
        """Write down what became of messages; one that was sent stays so."""
        ...

    def forget_messages(self, before: datetime) -> int:
        """Remove messages that were sent or given up before a time by the clock; return how many there were."""
        ...
