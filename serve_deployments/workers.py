"""Threads for what would hold up the event loop, with an end to how much may wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from andon.serving.problems import busy

Result = TypeVar("Result")


class Workers:
    """Runs functions in a few threads; refuses at once what would wait behind too many others.

    Parameters
    ----------
    threads
        Functions that run at a time.
    most
        Functions that run or wait; one that timed out counts until it has ended.
    timeout
        Seconds.
    """

    def __init__(self, threads: int, most: int, timeout: float) -> None:
        self._pool = ThreadPoolExecutor(threads, "score")
        self._most = most
        self._timeout = timeout
        self._waiting = 0

    async def run(self, work: Callable[[], Result]) -> Result:
        """Return what ``work`` returns.

        Raises
        ------
        Problem
            503 where too much waits already, or the work takes too long.
        """
        if self._waiting >= self._most:
            raise busy(f"{self._waiting} requests are waiting; try again in a moment")
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._pool, work)
        self._waiting += 1
        future.add_done_callback(self._ended)
        done, _ = await asyncio.wait([future], timeout=self._timeout)
        if not done:
            future.cancel()
            raise busy(f"there was no answer within {self._timeout:g} s")
        return future.result()

    def _ended(self, future: asyncio.Future[Result]) -> None:
        self._waiting -= 1
        if not future.cancelled():
            future.exception()  # one that nobody waits for any more has been asked for

    def close(self) -> None:
        """Take on no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
