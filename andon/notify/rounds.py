"""A round of the courier: how much one recipient is told, whose turn it is, when to try again, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from andon.outbox import Message
from configs.routes import Limit

_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=15), timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Policy:
    """How much one recipient is told at a time."""

    limit: Limit = field(default_factory=Limit)
    digest: int = 5
    """From how many messages on they go as one."""


@dataclass(slots=True)
class Round:
    """What one round of the courier did: parcels and the messages in them, and what went wrong."""

    parcels: int = 0
    messages: int = 0
    postponed: int = 0
    """Messages that wait because their recipient had enough."""
    deferred: int = 0
    """Messages that will be tried again."""
    dead: list[Message] = field(default_factory=list)
    """Given up, each with its error."""
    troubles: list[str] = field(default_factory=list)
    """What stands in the way of a whole channel."""


def sum_rounds(rounds: Iterable[Round]) -> Round:
    """Return what several rounds did together."""
    done = Round()
    for one in rounds:
        done.parcels += one.parcels
        done.messages += one.messages
        done.postponed += one.postponed
        done.deferred += one.deferred
        done.dead += one.dead
        done.troubles += one.troubles
    return done


def pause(failures: int) -> timedelta:
    """Return how long to wait after so many failures before the one at hand.

    Examples
    --------
    >>> [pause(times).total_seconds() for times in (0, 1, 2, 60)]
    [15.0, 30.0, 60.0, 900.0]
    """
    return min(_LONGEST_PAUSE, _FIRST_PAUSE * (1 << min(failures, 10)))


def in_turn(waiting: Sequence[Message], now: datetime) -> list[Message]:
    """Return those that are due, but for what follows in its thread on one that is not: no end before its beginning."""
    held: set[str] = set()
    due = []
    for one in waiting:
        if one.due_at > now or one.thread in held:
            held.add(one.thread)
        else:
            due.append(one)
    return due
