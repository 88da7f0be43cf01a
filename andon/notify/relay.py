"""From events to messages: every event of every alert passes here once its store has it, whoever caused it."""

from __future__ import annotations

from datetime import datetime

from andon.errors import ConfigError
from andon.notify.routing import Directory, messages_of
from andon.ports import Documents
from configs.definitions import Alert, Line, Route
from configs.loading import parse_definition

BATCH = 500
"""Alerts at a time."""


def relay(documents: Documents, at: datetime) -> int:
    """Put into the outbox what people are to be told of events that nobody was told of; return how many messages.

    A kill at any point loses nothing: events are marked only after their messages are stored, and messages have ids of
    their own. Any number of processes may do it at once.

    Parameters
    ----------
    at
        Time by the clock, in UTC.
    """
    added = 0
    directory: Directory | None = None
    while untold := documents.untold_alerts(BATCH):
        directory = directory or read_directory(documents)
        added += documents.add_messages(
            message
            for alert, told in untold
            for number in range(told, alert.revision)
            for message in messages_of(alert, number, directory, at)
        )
        documents.mark_told({alert.id: alert.revision for alert, _ in untold})
    return added


def read_directory(documents: Documents) -> Directory:
    """Return what is defined; what this version of Andon no longer understands is left out."""
    routes: dict[str, Route] = {}
    alerts: dict[str, Alert] = {}
    lines: dict[str, Line] = {}
    for stored in documents.list_definitions():
        try:
            definition = parse_definition(stored.body, f"stored {stored.kind} {stored.name}")
        except ConfigError:
            continue
        if isinstance(definition, Route):
            routes[stored.name] = definition
        elif isinstance(definition, Alert):
            alerts[stored.name] = definition
        elif isinstance(definition, Line):
            lines[stored.name] = definition
    return Directory(routes, alerts, lines)
