"""Documents on SQLite: JSON bodies beside the columns that queries need."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from andon.errors import ConfigError
from andon.frames import from_microseconds, to_microseconds
from andon.ports import StoredDefinition
from andon.record_json import (
    alert_from,
    anomaly_from,
    decision_from,
    event_from,
    feedback_from,
    skip_from,
    to_body,
)
from andon.records import AlertEvent, AlertRecord, AlertState, Anomaly, Decision, Feedback, ModelKey, Skip
from andon.stores.outbox_sqlite import OUTBOX, SqliteOutbox, mark_untold
from andon.stores.sqlite import SqliteFile, insert_rows
from andon.stores.sqlite_coordination import COORDINATION, SqliteLeases, SqliteSilences, SqliteStates

_DECISIONS = """
CREATE TABLE decisions (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, model TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX decisions_by_model ON decisions (model, number)
"""
_SCHEMA = (
    """
CREATE TABLE definitions (kind TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL,
    applied_at INTEGER NOT NULL, PRIMARY KEY (kind, name, version)) WITHOUT ROWID;
CREATE TABLE anomalies (id TEXT PRIMARY KEY, line TEXT NOT NULL, monitor TEXT NOT NULL, time INTEGER NOT NULL,
    variable TEXT NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX anomalies_by_time ON anomalies (time, line, monitor, variable);
CREATE INDEX anomalies_by_line ON anomalies (line, time, monitor, variable);
CREATE TABLE alerts (id TEXT PRIMARY KEY, line TEXT NOT NULL, definition TEXT NOT NULL, opened_at INTEGER NOT NULL,
    state TEXT NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX alerts_by_time ON alerts (opened_at, line, definition);
CREATE INDEX alerts_by_line ON alerts (line, definition, opened_at);
CREATE TABLE feedback (number INTEGER PRIMARY KEY, alert_id TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX feedback_by_alert ON feedback (alert_id, number);
CREATE TABLE skips (line TEXT NOT NULL, definition TEXT NOT NULL, time INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (line, definition, time)) WITHOUT ROWID;
CREATE INDEX skips_by_time ON skips (time, line, definition);
CREATE TABLE states (key TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE reports (number INTEGER PRIMARY KEY, body TEXT NOT NULL);
"""
    + _DECISIONS
    + ";"
    + COORDINATION
    + ";"
    + OUTBOX
)
_UPGRADES = (_DECISIONS, COORDINATION, OUTBOX)


class SqliteDocuments(SqliteStates, SqliteLeases, SqliteSilences, SqliteOutbox):
    """See `andon.ports.Documents`."""

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path, _SCHEMA, _UPGRADES)

    def put_definitions(self, bodies: Sequence[Mapping[str, Any]], at: datetime) -> list[StoredDefinition]:
        """See the port."""
        stored = []
        with self._file.writing() as connection:
            for body in bodies:
                kind, name = str(body["kind"]), str(body["name"])
                text = _dump(body)
                newest = connection.execute(
                    "SELECT version, body, applied_at FROM definitions WHERE kind = ? AND name = ? "
                    "ORDER BY version DESC LIMIT 1",
                    (kind, name),
                ).fetchone()
                if newest is not None and _dump(json.loads(newest[1])) == text:
                    stored.append(
                        StoredDefinition(kind, name, newest[0], json.loads(text), from_microseconds(newest[2]))
                    )
                    continue
                version = 1 if newest is None else newest[0] + 1
                connection.execute(
                    "INSERT INTO definitions VALUES (?, ?, ?, ?, ?)", (kind, name, version, text, to_microseconds(at))
                )
                stored.append(StoredDefinition(kind, name, version, json.loads(text), at))
        return stored

    def get_definition(self, kind: str, name: str, version: int | None = None) -> StoredDefinition | None:
        """See the port."""
        sql = "SELECT kind, name, version, body, applied_at FROM definitions WHERE kind = ? AND name = ?"
        values: tuple[object, ...] = (kind, name)
        if version is not None:
            sql, values = f"{sql} AND version = ?", (*values, version)
        with self._file.reading() as connection:
            row = connection.execute(f"{sql} ORDER BY version DESC LIMIT 1", values).fetchone()
        return None if row is None else _definition(row)

    def list_definitions(self, kind: str | None = None) -> list[StoredDefinition]:
        """See the port."""
        sql = (
            "SELECT kind, name, max(version), body, applied_at FROM definitions WHERE ? IS NULL OR kind = ? "
            "GROUP BY kind, name ORDER BY kind, name"
        )
        with self._file.reading() as connection:
            return [_definition(row) for row in connection.execute(sql, (kind, kind))]

    def add_anomalies(self, anomalies: Iterable[Anomaly]) -> int:
        """See the port."""
        rows = [
            (one.id, one.line, one.monitor, to_microseconds(one.time), one.variable or "", _dump(to_body(one)))
            for one in anomalies
        ]
        return self._insert("INSERT OR IGNORE INTO anomalies", rows)

    def list_anomalies(
        self,
        line: str | None = None,
        monitor: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> list[Anomaly]:
        """See the port."""
        where, values = _where({"line = ?": line, "monitor = ?": monitor}, "time", start, end)
        sql = f"SELECT body FROM anomalies {where} ORDER BY time, line, monitor, variable LIMIT ?"
        return [anomaly_from(body) for body in self._bodies(sql, (*values, -1 if limit is None else limit))]

    def open_alert(self, alert: AlertRecord) -> bool:
        """See the port."""
        row = (
            *(alert.id, alert.line, alert.definition, to_microseconds(alert.opened_at)),
            *(str(alert.state), alert.revision, _dump(to_body(alert))),
        )
        with self._file.writing() as connection:
            added = insert_rows(connection, "INSERT OR IGNORE INTO alerts", [row]) == 1
            if added:
                mark_untold(connection, alert.id, 0)
            return added

    def transition_alert(self, alert_id: str, event: AlertEvent, revision: int) -> AlertRecord | None:
        """See the port."""
        with self._file.writing() as connection:
            row = connection.execute("SELECT body FROM alerts WHERE id = ?", (alert_id,)).fetchone()
            if row is None:
                raise ConfigError(f"alert {alert_id}", "does not exist", "see `andon alerts list`")
            alert = alert_from(json.loads(row[0]))
            if alert.state is AlertState.RESOLVED or any(known.id == event.id for known in alert.events):
                return alert
            if alert.revision != revision:
                return None
            moved = replace(
                alert,
                state=event.state,
                events=(*alert.events, event_from(to_body(event))),
                resolved_at=event.time if event.state is AlertState.RESOLVED else alert.resolved_at,
            )
            connection.execute(
                "UPDATE alerts SET state = ?, revision = ?, body = ? WHERE id = ?",
                (str(moved.state), moved.revision, _dump(to_body(moved)), alert_id),
            )
            mark_untold(connection, alert_id, alert.revision)
            return moved

    def get_alert(self, alert_id: str) -> AlertRecord | None:
        """See the port."""
        bodies = self._bodies("SELECT body FROM alerts WHERE id = ?", (alert_id,))
        return alert_from(bodies[0]) if bodies else None

    def list_alerts(
        self,
        line: str | None = None,
        definition: str | None = None,
        states: Sequence[AlertState] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> list[AlertRecord]:
        """See the port."""
        where, values = _where({"line = ?": line, "definition = ?": definition}, "opened_at", start, end)
        if states is not None:
            where += f"{' AND' if where else 'WHERE'} state IN ({', '.join('?' * len(states))})"
            values = (*values, *(str(state) for state in states))
        sql = f"SELECT body FROM alerts {where} ORDER BY opened_at, line, definition LIMIT ?"
        return [alert_from(body) for body in self._bodies(sql, (*values, -1 if limit is None else limit))]

    def add_feedback(self, feedback: Feedback) -> None:
        """See the port."""
        row = (feedback.alert_id, _dump(to_body(feedback)))
        self._insert("INSERT INTO feedback (alert_id, body)", [row], durable=True)

    def list_feedback(self, alert_id: str | None = None) -> list[Feedback]:
        """See the port."""
        where, values = _where({"alert_id = ?": alert_id}, "number", None, None)
        return [
            feedback_from(body) for body in self._bodies(f"SELECT body FROM feedback {where} ORDER BY number", values)
        ]

    def add_skips(self, skips: Iterable[Skip]) -> int:
        """See the port."""
        rows = [(one.line, one.definition, to_microseconds(one.time), _dump(to_body(one))) for one in skips]
        return self._insert("INSERT OR IGNORE INTO skips", rows)

    def list_skips(
        self, line: str | None = None, start: datetime | None = None, end: datetime | None = None
    ) -> list[Skip]:
        """See the port."""
        where, values = _where({"line = ?": line}, "time", start, end)
        sql = f"SELECT body FROM skips {where} ORDER BY time, line, definition"
        return [skip_from(body) for body in self._bodies(sql, values)]

    def forget_skips(self, before: datetime) -> int:
        """See the port."""
        with self._file.writing() as connection:
            return connection.execute("DELETE FROM skips WHERE time < ?", (to_microseconds(before),)).rowcount

    def add_decision(self, decision: Decision) -> bool:
        """See the port."""
        row = (decision.id, _model(decision.key), _dump(to_body(decision)))
        return self._insert("INSERT OR IGNORE INTO decisions (id, model, body)", [row], durable=True) == 1

    def list_decisions(self, key: ModelKey | None = None) -> list[Decision]:
        """See the port."""
        where, values = _where({"model = ?": None if key is None else _model(key)}, "number", None, None)
        sql = f"SELECT body FROM decisions {where} ORDER BY number"
        return [decision_from(body) for body in self._bodies(sql, values)]

    def log_report(self, name: str, period_start: datetime, period_end: datetime, path: str, at: datetime) -> None:
        """See the port."""
        body = {
            "name": name,
            "period_start": to_microseconds(period_start),
            "period_end": to_microseconds(period_end),
            "path": path,
            "at": to_microseconds(at),
        }
        self._insert("INSERT INTO reports (body)", [(_dump(body),)])

    def list_reports(self) -> list[dict[str, Any]]:
        """See the port."""
        times = ("period_start", "period_end", "at")
        return [
            {**body, **{name: from_microseconds(body[name]) for name in times}}
            for body in self._bodies("SELECT body FROM reports ORDER BY number", ())
        ]

    def close(self) -> None:
        """See the port."""
        self._file.close()

    def _bodies(self, sql: str, values: Sequence[object]) -> list[dict[str, Any]]:
        with self._file.reading() as connection:
            return [json.loads(row[0]) for row in connection.execute(sql, tuple(values))]

    def _insert(self, sql: str, rows: Sequence[tuple[object, ...]], *, durable: bool = False) -> int:
        if not rows:
            return 0
        with self._file.writing(durable=durable) as connection:
            return insert_rows(connection, sql, rows)


def _definition(row: Sequence[Any]) -> StoredDefinition:
    return StoredDefinition(row[0], row[1], row[2], json.loads(row[3]), from_microseconds(row[4]))


def _model(key: ModelKey) -> str:
    return json.dumps([key.definition, key.line, key.family])


def _dump(body: Mapping[str, Any]) -> str:
    # As ASCII, even what is no valid text (half of a character, cut off by a browser) can be stored.
    return json.dumps(body, sort_keys=True)


def _where(
    equal: Mapping[str, object], column: str, start: datetime | None, end: datetime | None
) -> tuple[str, tuple[object, ...]]:
    terms = {name: value for name, value in equal.items() if value is not None}
    if start is not None:
        terms[f"{column} >= ?"] = to_microseconds(start)
    if end is not None:
        terms[f"{column} < ?"] = to_microseconds(end)
    return (f"WHERE {' AND '.join(terms)}" if terms else ""), tuple(terms.values())
