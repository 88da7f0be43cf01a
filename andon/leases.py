"""Keeping a lease while work goes on, however long it takes, so that it can be short: who dies loses it soon."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from andon.errors import AndonError

log = logging.getLogger(__name__)


class Hold:
    """What is held for the time being."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.lost = False
        """Another has it by now: what is not begun is that one's."""


@contextmanager
def kept(what: str, prolong: Callable[[], bool], every: timedelta, close: Callable[[], object]) -> Iterator[Hold]:
    """Prolong a lease again and again, in a thread of its own, until the block ends.

    Parameters
    ----------
    what
        Is leased, for the log.
    prolong
        Claims it anew; returns False where another has it. That it cannot be reached is told, and tried again.
    every
        A third of the lease, so that it outlives a failed attempt.
    close
        Gives back what the thread opened.
    """
    hold = Hold()

    def keep() -> None:
        try:
            while not hold.over.wait(every.total_seconds()):
                try:
                    if not prolong():
                        log.error("%s: was claimed by another, since this one was silent too long", what)
                        hold.lost = True
                        return
                except AndonError as error:
                    log.error("%s: %s", what, error)
        finally:
            close()

    keeper = threading.Thread(target=keep, name=f"keeps {what}", daemon=True)
    keeper.start()
    try:
        yield hold
    finally:
        hold.over.set()
        keeper.join()  # else it might claim again what is released next
