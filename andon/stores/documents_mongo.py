"""Documents on MongoDB: native documents, every change a write of one document, and no transactions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.collection import Collection

from andon.errors import ConfigError
from andon.frames import from_microseconds, to_microseconds
from andon.ports import StoredDefinition
from andon.record_json import alert_from, anomaly_from, decision_from, feedback_from, skip_from, to_body
from andon.records import (
    AlertEvent,
    AlertRecord,
    AlertState,
    Anomaly,
    Decision,
    Feedback,
    ModelKey,
    Skip,
    make_id,
)
from andon.stores.addresses import MongoAddress
from andon.stores.mongo_bodies import from_bson, to_bson
from andon.stores.mongo_coordination import SILENCES, MongoLeases, MongoSilences, MongoStates
from andon.stores.mongo_definitions import DEFINITIONS, MongoDefinitions
from andon.stores.mongo_server import Document, MongoServer
from andon.stores.outbox_mongo import OUTBOX, TOLD_FIELDS, UNTOLD, MongoOutbox
from andon.stores.retries import Retries


def _index(*keys: str) -> IndexModel:
    return IndexModel([(key, ASCENDING) for key in keys])


INDEXES: dict[str, list[IndexModel]] = {
    **DEFINITIONS,
    **OUTBOX,
    "anomalies": [_index("time", "line", "monitor", "variable"), _index("line", "time", "monitor", "variable")],
    "alerts": [
        _index("opened_at", "line", "definition"),
        _index("line", "definition", "opened_at"),
        _index("state", "opened_at"),
        UNTOLD,
    ],
    "feedback": [_index("alert_id", "_id")],
    "skips": [_index("time", "line", "definition"), _index("line", "time", "definition")],
    "silences": SILENCES,
    "decisions": [IndexModel([("number", ASCENDING)]), _index("model", "number")],
}


_BESIDE = ("revision", *TOLD_FIELDS)
"""Fields of an alert's document that are not the alert's."""


class MongoDocuments(MongoStates, MongoLeases, MongoSilences, MongoOutbox):
    """See `andon.ports.Documents`."""

    def __init__(self, address: MongoAddress, password: str | None = None, retries: Retries | None = None) -> None:
        self.server = MongoServer(address, password, INDEXES, retries)
        self._definitions = MongoDefinitions(self.server)

    def put_definitions(self, bodies: Sequence[Mapping[str, Any]], at: datetime) -> list[StoredDefinition]:
        """See the port."""
        return self._definitions.put(bodies, at)

    def get_definition(self, kind: str, name: str, version: int | None = None) -> StoredDefinition | None:
        """See the port."""
        return self._definitions.get(kind, name, version)

    def list_definitions(self, kind: str | None = None) -> list[StoredDefinition]:
        """See the port."""
        return self._definitions.newest(kind)

    def add_anomalies(self, anomalies: Iterable[Anomaly]) -> int:
        """See the port."""
        return self.server.add("anomalies", {one.id: _stored(one) for one in reversed([*anomalies])})

    def list_anomalies(
        self,
        line: str | None = None,
        monitor: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> list[Anomaly]:
        """See the port."""
        wanted = _wanted({"line": line, "monitor": monitor}, "time", start, end)
        # A line's own anomaly has no variable, and null comes before every text.
        found = self.server.find("anomalies", wanted, ("time", "line", "monitor", "variable"), limit)
        return [anomaly_from(body) for body in found]

    def open_alert(self, alert: AlertRecord) -> bool:
        """See the port."""
        return (
            self.server.add("alerts", {alert.id: {"revision": alert.revision, "untold": True, **_stored(alert)}}) == 1
        )

    def transition_alert(self, alert_id: str, event: AlertEvent, revision: int) -> AlertRecord | None:
        """See the port."""
        change: Document = {"state": str(event.state), "revision": revision + 1, "untold": True}
        if event.state is AlertState.RESOLVED:
            change["resolved_at"] = to_microseconds(event.time)
        unmoved = {
            "_id": alert_id,
            "revision": revision,
            "state": {"$ne": str(AlertState.RESOLVED)},
            "events.id": {"$ne": event.id},
        }
        body = _stored(event)

        def move(alerts: Collection[Document], number: int) -> Document | None:
            return alerts.find_one_and_update(
                unmoved, {"$set": change, "$push": {"events": body}}, return_document=ReturnDocument.AFTER
            )

        moved = self.server.run("alerts", move)
        if moved is not None:
            return _alert(moved)
        known = self.get_alert(alert_id)
        if known is None:
            raise ConfigError(f"alert {alert_id}", "does not exist", "see `andon alerts list`")
        done = known.state is AlertState.RESOLVED or any(one.id == event.id for one in known.events)
        return known if done else None

    def get_alert(self, alert_id: str) -> AlertRecord | None:
        """See the port."""
        found = self.server.run("alerts", lambda alerts, number: alerts.find_one({"_id": alert_id}))
        return None if found is None else _alert(found)

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
        wanted = _wanted({"line": line, "definition": definition}, "opened_at", start, end)
        if states is not None:
            wanted["state"] = {"$in": [str(state) for state in states]}
        order = ("opened_at", "line", "definition")
        return [alert_from(body) for body in self.server.find("alerts", wanted, order, limit, without=_BESIDE)]

    def add_feedback(self, feedback: Feedback) -> None:
        """See the port."""
        self.server.add("feedback", {self.server.next_number("feedback"): _stored(feedback)})

    def list_feedback(self, alert_id: str | None = None) -> list[Feedback]:
        """See the port."""
        found = self.server.find("feedback", _wanted({"alert_id": alert_id}), ("_id",))
        return [feedback_from(body) for body in found]

    def add_skips(self, skips: Iterable[Skip]) -> int:
        """See the port."""
        ids = {make_id("skip", one.line, one.definition, one.time): one for one in reversed([*skips])}
        return self.server.add("skips", {key: _stored(one) for key, one in ids.items()})

    def list_skips(
        self, line: str | None = None, start: datetime | None = None, end: datetime | None = None
    ) -> list[Skip]:
        """See the port."""
        found = self.server.find("skips", _wanted({"line": line}, "time", start, end), ("time", "line", "definition"))
        return [skip_from(body) for body in found]

    def forget_skips(self, before: datetime) -> int:
        """See the port."""
        old = _wanted({}, "time", None, before)
        return self.server.run("skips", lambda skips, number: skips.delete_many(old).deleted_count)

    def add_decision(self, decision: Decision) -> bool:
        """See the port."""
        known = self.server.run("decisions", lambda decisions, number: decisions.find_one({"_id": decision.id}))
        if known is not None:
            return False
        body = {"number": self.server.next_number("decisions"), "model": _model(decision.key), **_stored(decision)}
        return self.server.add("decisions", {decision.id: body}) == 1

    def list_decisions(self, key: ModelKey | None = None) -> list[Decision]:
        """See the port."""
        wanted = _wanted({"model": None if key is None else _model(key)})
        found = self.server.find("decisions", wanted, ("number",), without=("number", "model"))
        return [decision_from(body) for body in found]

    def log_report(self, name: str, period_start: datetime, period_end: datetime, path: str, at: datetime) -> None:
        """See the port."""
        times = {"period_start": period_start, "period_end": period_end, "at": at}
        moments = {field: to_microseconds(moment) for field, moment in times.items()}
        self.server.add("reports", {self.server.next_number("reports"): {"name": name, "path": path, **moments}})

    def list_reports(self) -> list[dict[str, Any]]:
        """See the port."""
        times = ("period_start", "period_end", "at")
        return [
            {**body, **{name: from_microseconds(body[name]) for name in times}}
            for body in self.server.find("reports", {}, ("_id",))
        ]

    def close(self) -> None:
        """See the port."""
        self.server.close()


def _stored(record: Anomaly | AlertEvent | AlertRecord | Feedback | Skip | Decision) -> Document:
    body: Document = to_bson(to_body(record))
    return body


def _alert(found: Document) -> AlertRecord:
    body = {name: value for name, value in found.items() if name not in ("_id", "by", *_BESIDE)}
    return alert_from(from_bson(body))


def _model(key: ModelKey) -> list[str | None]:
    return [key.definition, key.line, key.family]


def _wanted(
    equal: Mapping[str, object], field: str = "", start: datetime | None = None, end: datetime | None = None
) -> Document:
    wanted: Document = {name: value for name, value in equal.items() if value is not None}
    span = {"$gte": start, "$lt": end}
    bounds = {term: to_microseconds(moment) for term, moment in span.items() if moment is not None}
    return {**wanted, field: bounds} if bounds else wanted
