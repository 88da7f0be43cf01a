"""The thread of a replica that looks after models, tokens and logs while requests are answered."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from time import monotonic, time

from andon.errors import AndonError

log = logging.getLogger(__name__)

_SHARE = 0.05
"""Of the time, that may be spent on looking."""
_LONGEST = 3.0
"""Seconds between two calls, at most, whatever they take: a promotion is to be seen within five."""


class Background:
    """Calls a function again and again until it is closed; one that fails is called again all the same.

    Parameters
    ----------
    work
        Is given the time, in seconds of the Unix epoch.
    every
        Seconds between two calls; more where a call takes long, so that requests keep nineteen twentieths of the time.
    """

    def __init__(self, work: Callable[[float], object], every: float) -> None:
        self._work = work
        self._every = every
        self._stop = threading.Event()
        self._once = threading.Event()
        self._told = ""
        self._thread = threading.Thread(target=self._run, name="look-after", daemon=True)

    def start(self, patience: float = 0.0) -> None:
        """Begin, and wait for the first call to end, for so many seconds at most."""
        self._thread.start()
        self._once.wait(patience)

    def close(self) -> None:
        """End, after what is under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def _run(self) -> None:
        while True:
            began = monotonic()
            try:
                self._work(time())
                self._told = ""
            except AndonError as error:
                if str(error) != self._told:
                    log.error("%s", error)
                self._told = str(error)
            except Exception:
                # A thread that ended would leave old models serving for ever, and nobody would notice.
                log.exception("models cannot be looked after")
            self._once.set()
            if self._stop.wait(max(self._every, min(_LONGEST, (monotonic() - began) / _SHARE))):
                return
