"""The port of documents: definitions, what was found and what people said, and who may act on what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from andon.outbox import Outbox
from andon.records import (
    AlertEvent,
    AlertRecord,
    AlertState,
    Anomaly,
    Decision,
    Feedback,
    ModelKey,
    Silence,
    Skip,
)


@dataclass(frozen=True, slots=True)
class StoredDefinition:
    """A definition as stored: ``body`` is its JSON form, ``version`` counts from 1 and rises only with a change."""

    kind: str
    name: str
    version: int
    body: Mapping[str, Any]
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class Lease:
    """Who may act on what a name stands for, until when; ``token`` rises whenever the holder changes."""

    name: str
    holder: str
    until: datetime
    token: int


class Documents(Outbox, Protocol):
    """Definitions, alerts, feedback, anomalies, skips, reports, the outbox and the state of the assistant."""

    def put_definitions(self, bodies: Sequence[Mapping[str, Any]], at: datetime) -> list[StoredDefinition]:
        """Store all or none, keyed by ``kind`` and ``name``. An unchanged body keeps its version; old versions stay."""
        ...

    def get_definition(self, kind: str, name: str, version: int | None = None) -> StoredDefinition | None:
        """Return one version, by default the newest."""
        ...

    def list_definitions(self, kind: str | None = None) -> list[StoredDefinition]:
        """Return the newest version of each, in order of kind and name."""
        ...

    def add_anomalies(self, anomalies: Iterable[Anomaly]) -> int:
        """Add those whose id is new; return how many were. One that exists is left as it is."""
        ...

    def list_anomalies(
        self,
        line: str | None = None,
        monitor: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> list[Anomaly]:
        """Return anomalies of ``[start, end)``, by time, line, monitor and variable (the line's own first).

        ``limit`` keeps the oldest.
        """
        ...

    def open_alert(self, alert: AlertRecord) -> bool:
        """Add an alert whose id is new; return False (and change nothing) where it exists."""
        ...

    def transition_alert(self, alert_id: str, event: AlertEvent, revision: int) -> AlertRecord | None:
        """Append ``event`` and take its state, only if the alert still has ``revision`` events.

        Returns the alert as it now is; where ``event.id`` is already there, or the alert is resolved, the alert
        unchanged; otherwise None where the revision has moved on. Atomic, durable when this returns. ``resolved_at``
        is the time of the event that resolved it.

        Raises
        ------
        ConfigError
            If there is no such alert.
        """
        ...

    def get_alert(self, alert_id: str) -> AlertRecord | None:
        """Return one alert."""
        ...

    def list_alerts(
        self,
        line: str | None = None,
        definition: str | None = None,
        states: Sequence[AlertState] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> list[AlertRecord]:
        """Return alerts opened in ``[start, end)``, by time, line and definition; ``limit`` keeps the oldest."""
        ...

    def add_feedback(self, feedback: Feedback) -> None:
        """Append a verdict, durable when this returns. The newest of an alert counts; older ones stay as history."""
        ...

    def list_feedback(self, alert_id: str | None = None) -> list[Feedback]:
        """Return verdicts, oldest first."""
        ...

    def add_skips(self, skips: Iterable[Skip]) -> int:
        """Add those that are new by line, definition and time; return how many were."""
        ...

    def list_skips(
        self, line: str | None = None, start: datetime | None = None, end: datetime | None = None
    ) -> list[Skip]:
        """Return skips of ``[start, end)``, by time, line and definition."""
        ...

    def forget_skips(self, before: datetime) -> int:
        """Remove skips before a time; return how many there were."""
        ...

    def add_decision(self, decision: Decision) -> bool:
        """Append one whose id is new, durable when this returns; return False (and change nothing) where it exists."""
        ...

    def list_decisions(self, key: ModelKey | None = None) -> list[Decision]:
        """Return decisions, of one model or of all, in the order in which they were added."""
        ...

    def put_state(self, key: str, body: Mapping[str, Any]) -> None:
        """Replace the state kept under ``key`` (where the assistant stands on a line), whatever its fence."""
        ...

    def put_states(self, bodies: Mapping[str, Mapping[str, Any]], tokens: Mapping[str, int]) -> list[str]:
        """Replace states whose fence is not above their key's token, and raise it to there; return the keys refused.

        Each is replaced as a whole or not at all. A key without a token is not fenced, as by `put_state`.
        """
        ...

    def fence_states(self, tokens: Mapping[str, int]) -> dict[str, dict[str, Any]]:
        """Raise the fence of each key to its token, unless it is higher, and only then read; return what there is.

        From then on nobody with a lower token can replace them. Keys whose fence is higher are left out.
        """
        ...

    def get_state(self, key: str) -> dict[str, Any] | None:
        """Return the state kept under ``key``."""
        ...

    def get_states(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the states kept under those of ``keys`` that have one."""
        ...

    def list_states(self) -> list[str]:
        """Return the keys under which states are kept, in order."""
        ...

    def claim_leases(self, names: Sequence[str], holder: str, now: datetime, until: datetime) -> list[Lease]:
        """Give ``holder`` those of ``names`` that nobody else holds at ``now``; return all that it has of them.

        One that it holds already is prolonged, with the same token; one that was free, or has run out, gets the next
        token. Of any number of claims at once, one wins.
        """
        ...

    def release_leases(self, names: Sequence[str], holder: str) -> None:
        """Free those of ``names`` that ``holder`` holds."""
        ...

    def list_leases(self, prefix: str = "") -> list[Lease]:
        """Return the leases whose name begins so, run out or not, by name; what was released is left out."""
        ...

    def add_silence(self, silence: Silence) -> bool:
        """Add one whose id is new, durable when this returns; return False (and change nothing) where it exists."""
        ...

    def end_silence(self, silence_id: str, at: datetime) -> Silence | None:
        """End a silence early; one that was ended before keeps its end. Return it as it now is; None: there is none."""
        ...

    def list_silences(self, after: datetime | None = None) -> list[Silence]:
        """Return silences, or those whose ``end`` is after a time, by start and id."""
        ...

    def log_report(self, name: str, period_start: datetime, period_end: datetime, path: str, at: datetime) -> None:
        """Record that a report was written."""
        ...

    def list_reports(self) -> list[dict[str, Any]]:
        """Return what `log_report` recorded, oldest first."""
        ...

    def close(self) -> None:
        """Release what is open; the store can be used again afterwards."""
        ...
