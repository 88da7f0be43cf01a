"""The outbox as people look at it: listed, tried again, and a route tried out. No secret address is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, get_args
from urllib.parse import urlsplit

from andon.errors import ConfigError
from andon.notify.parcels import Parcel, Undelivered
from andon.notify.relay import read_directory
from andon.notify.routing import addresses
from andon.outbox import Channel, Message, MessageState, Outcome
from andon.ports import Documents
from andon.records import make_id
from configs.expressions import did_you_mean
from configs.periods import format_time
from configs.settings import Settings
from pipelines.telling.notifying import make_senders


def list_messages(documents: Documents, state: str | None, limit: int) -> list[Message]:
    """Return messages by time: of one state, or those that wait and those that were given up.

    Raises
    ------
    ConfigError
        If there is no such state.
    """
    known = {str(one): one for one in get_args(MessageState)}
    if state is not None and state not in known:
        raise ConfigError("--state", f"unknown state {state!r}", did_you_mean(state, known))
    wanted: list[MessageState] = ["waiting", "dead"] if state is None else [known[state]]
    found = [message for one in wanted for message in documents.list_messages(state=one)[-limit:]]
    return sorted(found, key=lambda one: (one.time, one.key))


def message_json(message: Message) -> dict[str, Any]:
    """Return a message as JSON values with times in ISO 8601."""
    return {
        "key": message.key,
        "state": message.state,
        "to": shown_address(message.route, message.channel, message.address),
        "about": about(message),
        "severity": message.severity,
        "time": format_time(message.time),
        "due_at": format_time(message.due_at),
        "attempts": message.attempts,
        "why": message.error,
        "settled_at": None if message.settled_at is None else format_time(message.settled_at),
    }


def about(message: Message) -> str:
    """Return what a message tells of, in a few words."""
    if message.kind == "report":
        return str(message.body.get("title", "report"))
    alert, event = message.body["alert"], message.body["event"]
    return f"{alert['line']}: {alert['alert']} {event['state']}"


def shown_address(route: str, channel: Channel, address: str) -> str:
    """Return where a message goes, without what may be secret in the address of a webhook.

    Examples
    --------
    >>> shown_address("teams", "webhook", "https://hooks.plant.example/s3cret")
    'teams: webhook at hooks.plant.example'
    """
    shown = address if channel != "webhook" else f"webhook at {urlsplit(address).hostname}"
    return f"{route}: {shown}"


def retry_messages(documents: Documents, keys: Sequence[str], at: datetime) -> int:
    """Make messages due: those of the keys, or all that were given up; return how many.

    Raises
    ------
    ConfigError
        If a key is not that of a message that waits or was given up.
    """
    dead = [one.key for one in documents.list_messages(state="dead")]
    waiting = [one.key for one in documents.list_messages(state="waiting")] if keys else []
    for key in keys:
        if key not in dead and key not in waiting:
            raise ConfigError(f"message {key}", "neither waits nor was given up", "see `andon notify list`")
    chosen = list(keys) or dead
    if chosen:
        documents.settle_messages(chosen, Outcome("waiting", at, due_at=at, attempted=False))
    return len(chosen)


def probe_route(
    route: str, documents: Documents, settings: Settings, clock: Callable[[], datetime]
) -> list[tuple[str, str]]:
    """Send a test message to everybody on a route; return of each where it goes and why it did not arrive, or nothing.

    Raises
    ------
    ConfigError
        If there is no such route.
    """
    known = read_directory(documents).routes
    if route not in known:
        raise ConfigError(f"route {route}", "is not defined", did_you_mean(route, known) if known else "apply a Route")
    senders, at, rows = make_senders(settings, clock), clock(), []
    for channel, address in addresses(known[route]):
        sender = senders.get(channel)
        parcel = Parcel(
            key=make_id("test", route, channel, address, at),
            address=address,
            subject=f"Test of route {route}",
            text=f"This is a test of Andon's route {route}. Nothing is wrong.\n",
            data={"route": route},
            type="test",
            severity="low",
            time=at,
        )
        why = ""
        try:
            if sender is None:
                raise Undelivered("unreachable", "no mail server is set; set smtp in andon.toml or ANDON_SMTP")
            sender.send(parcel)
        except Undelivered as error:
            why = error.reason
        rows.append((shown_address(route, channel, address), why))
    for sender in senders.values():
        sender.close()
    return rows
