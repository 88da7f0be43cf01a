"""Threads that the assistant's event loop hands its work to, so that what hangs holds up nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")
_Work = tuple[Callable[[], Any], asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


class Lanes:
    """A few threads that take work in its order. They end with the process, even in the middle of a call.

    Parameters
    ----------
    size
        Threads at work at once.
    leaving
        Called in a thread that ends: what it has opened is closed there.
    most
        Where all are held up for `patience` seconds while work waits, another one starts, up to so many.
    """

    patience = 1.0

    def __init__(self, size: int, leaving: Callable[[], object] = lambda: None, most: int | None = None) -> None:
        self._size, self._most = size, size if most is None else most
        self._leaving = leaving
        self._waiting: deque[_Work] = deque()
        self._turn = threading.Condition()
        self._busy: dict[int, float] = {}
        """Thread -> since when it is at work."""
        self._threads = 0
        self._closed = False

    async def run(self, work: Callable[[], Result]) -> Result:
        """Return what ``work`` returns in one of the threads."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        with self._turn:
            self._waiting.append((work, loop, future))
            if self._threads - len(self._busy) < len(self._waiting):
                self._start()
            self._turn.notify()
        return await future

    def tend(self) -> None:
        """Start one more thread where all are held up and work waits; to be called again and again."""
        with self._turn:
            if self._waiting:
                self._start()

    def close(self) -> None:
        """Let the threads end after what they are at; work that waits is never begun."""
        with self._turn:
            self._closed = True
            self._waiting.clear()
            self._turn.notify_all()

    def _at_hand(self) -> int:
        """Return how many threads there are that nothing holds up."""
        return self._threads - sum(time.monotonic() - since > self.patience for since in self._busy.values())

    def _start(self) -> None:
        """Start one more thread, if there may be more."""
        if self._at_hand() >= self._size or self._threads >= self._most:
            return
        self._threads += 1
        threading.Thread(target=self._serve, name=f"andon-lane-{self._threads}", daemon=True).start()

    def _serve(self) -> None:
        try:
            while (taken := self._take()) is not None:
                work, loop, future = taken
                try:
                    result, error = work(), None
                except BaseException as raised:
                    result, error = None, raised
                with self._turn:
                    self._busy.pop(threading.get_ident(), None)
                # The loop may have been closed while this was hanging.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(_settle, future, result, error)
        finally:
            self._leaving()

    def _take(self) -> _Work | None:
        with self._turn:
            while not self._waiting and not self._closed and self._at_hand() <= self._size:
                self._turn.wait()
            if self._waiting and not self._closed:
                self._busy[threading.get_ident()] = time.monotonic()
                return self._waiting.popleft()
            self._threads -= 1
            return None


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
