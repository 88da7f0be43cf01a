"""The stores as the core sees them. Each docstring is a promise that one contract suite checks on every adapter.

Stores are opened from URLs in the entry points and handed in as arguments; an adapter is never pickled, and is opened
lazily once per process and thread. Every method may raise ``StoreError``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from andon.frames import SignalFrame
from andon.outbox import Outbox
from andon.records import (
    AlertEvent,
    AlertRecord,
    AlertState,
    Anomaly,
    Decision,
    Evaluation,
    Feedback,
    Forecast,
    ModelCard,
    ModelKey,
    PublishedModel,
    Silence,
    Skip,
)
from configs.definitions import VariableType


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


@dataclass(frozen=True, slots=True)
class Appended:
    """What an append did, in values: ``added`` are new, ``changed`` replaced another, ``unchanged`` were there."""

    added: int
    changed: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class StoredLine:
    """What is stored of a line: half of a Line definition, found in its data."""

    line: str
    types: Mapping[str, VariableType]
    first: datetime
    last: datetime
    sampling: timedelta


class Signals(Protocol):
    """Readings, and the forecasts that Andon writes beside them, never over them.

    A reading time is a time at which at least one variable has a value. A null is never stored and never erases a
    value; the last written value of a variable and time counts. Time series are typed by their first append.

    What a server cannot do, an adapter says: a frame beyond what it takes in one request is stored oldest rows first,
    and given again it goes on; times that it cannot keep are refused with `DataError`, and nothing of their frame is
    stored.
    """

    def append_signals(self, frame: SignalFrame) -> Appended:
        """Store a frame, all or nothing, durable when this returns. Doing it twice changes nothing.

        Raises
        ------
        DataError
            If a variable is stored with another type.
        """
        ...

    def list_lines(self) -> list[str]:
        """Return the lines that have readings, in name order."""
        ...

    def describe_line(self, line: str) -> StoredLine | None:
        """Return types, span and usual sampling, fast enough to ask at every tick (None: no readings)."""
        ...

    def count_readings(self, line: str) -> int:
        """Return the number of reading times; it may take a look at all of them."""
        ...

    def read_signals(
        self,
        line: str,
        variables: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> SignalFrame:
        """Return readings of ``[start, end)``: every time at which one of those variables has a value.

        Empty where they have none in that span.

        Raises
        ------
        DataError
            If the line or a variable has no readings at all.
        """
        ...

    def latest_signals(self, line: str, rows: int, variables: Sequence[str] | None = None) -> SignalFrame:
        """Return the newest ``rows`` reading times of a line (of those variables).

        Raises
        ------
        DataError
            As `read_signals`.
        """
        ...

    def newest_readings(self, lines: Sequence[str]) -> dict[str, datetime]:
        """Return the newest reading time of each of ``lines`` that has any, fast enough to ask every second for all."""
        ...

    def reading_span(
        self, line: str, start: datetime | None = None, end: datetime | None = None
    ) -> tuple[datetime, datetime] | None:
        """Return the first and the last reading time of ``[start, end)``; None where there is none.

        Raises
        ------
        DataError
            If the line has no readings at all.
        """
        ...

    def digest(self, line: str, start: datetime, end: datetime) -> str:
        """Return a text that is another once a reading of ``[start, end)`` was added or changed; empty: there is none.

        It may also change with other readings of the hours in which the span begins and ends. An hour ends on the
        hour, and the reading at that moment belongs to it.
        """
        ...

    def append_forecasts(self, forecasts: Iterable[Forecast]) -> int:
        """Store forecasts by line, monitor, variable and time; the first one stays. Return how many were new.

        One that is not finite says nothing, and is left out.
        """
        ...

    def read_forecasts(
        self, line: str, monitor: str | None = None, start: datetime | None = None, end: datetime | None = None
    ) -> pl.DataFrame:
        """Return columns ``time, monitor, variable, expected, low, high, version``, by time, monitor and variable."""
        ...

    def forget_forecasts(self, before: datetime) -> None:
        """Remove forecasts for times before one.

        Raises
        ------
        StoreError
            Also where the server cannot: then its own retention must.
        """
        ...

    def forecast_lines(self) -> list[str]:
        """Return the lines that have forecasts, in name order."""
        ...

    def close(self) -> None:
        """Release what is open; the store can be used again afterwards."""
        ...


class Models(Protocol):
    """The registry: versions of each model, of which one may be champion and one challenger."""

    def publish(self, key: ModelKey, bundle: Path, card: ModelCard, evaluation: Evaluation | None = None) -> int:
        """Store a bundle as the next version (from 1), without an alias; return the version.

        Killed midway, no version is visible. Where ``card.search`` is not empty and a version has the same, that one
        is returned and nothing is stored. ``evaluation`` is drawn, for people who look at the version.
        """
        ...

    def champion(self, key: ModelKey) -> PublishedModel | None:
        """Return the model in production, its bundle in a local folder that stays as it is."""
        ...

    def challenger(self, key: ModelKey) -> PublishedModel | None:
        """Return the model that wants the champion's place, as `champion` does."""
        ...

    def set_challenger(self, key: ModelKey, version: int | None) -> None:
        """Make a version challenger, atomically; None: there is none any more.

        Raises
        ------
        ConfigError
            If there is no such version, or it is champion.
        """
        ...

    def log_decision(self, key: ModelKey, version: int, body: Mapping[str, Any]) -> None:
        """Keep a decision with the version it was on: JSON values; ``verdict``, ``reason`` and ``at`` can be searched.

        Doing it twice changes nothing: the decision's ``id`` tells, or, where it has none, its content.

        Raises
        ------
        ConfigError
            If there is no such version.
        """
        ...

    def get(self, key: ModelKey, version: int) -> PublishedModel | None:
        """Return one version, its bundle in a local folder that stays as it is."""
        ...

    def list_models(self) -> list[ModelKey]:
        """Return every key that has a version, by definition, family and line."""
        ...

    def history(self, key: ModelKey) -> list[PublishedModel]:
        """Return all versions, oldest first."""
        ...

    def promote(self, key: ModelKey, version: int, reason: str, at: datetime) -> None:
        """Make a version champion, atomically; the one before is remembered. A challenger that wins is one no more.

        Raises
        ------
        ConfigError
            If there is no such version.
        """
        ...

    def rollback(self, key: ModelKey, reason: str, at: datetime) -> int:
        """Make the champion before this one champion again; return its version. Repeated, it goes further back.

        Raises
        ------
        ConfigError
            If there was none.
        """
        ...

    def champions(self, key: ModelKey) -> list[int]:
        """Return the versions that a rollback goes back through, oldest first; the champion is last. Empty: none is."""
        ...

    def pointer(self, key: ModelKey) -> int | None:
        """Return the champion's version, fast enough to ask at every tick."""
        ...

    def close(self) -> None:
        """Release what is open; the store can be used again afterwards."""
        ...
