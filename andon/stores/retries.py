"""Asking a server again where the failure may pass: exponential pauses with full jitter, and an end."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class Retries:
    """How often and how patiently.

    Pauses are drawn evenly from 0 to twice the last bound (Brooker, "Exponential Backoff and Jitter", 2015), so that
    clients that failed together do not come back together.
    """

    tries: int = 6
    first: float = 0.1
    """Bound of the first pause, in seconds."""
    longest: float = 5.0
    """Bound of any pause, in seconds; a server that names its own is waited for, up to this."""
    random: random.Random = field(default_factory=random.Random)
    sleep: Callable[[float], object] = time.sleep

    def run(self, work: Callable[[int], Result], pause_after: Callable[[Exception], float | None]) -> Result:
        """Return what ``work`` returns, which is given the number of the try, from 0.

        ``pause_after`` says of an error whether it may pass: None, it will not; otherwise the seconds that the server
        asked to be left alone for, 0 where it did not say.

        Raises
        ------
        Exception
            The last error of ``work``.
        """
        bound = self.first
        for number in range(self.tries - 1):
            try:
                return work(number)
            except Exception as error:
                asked = pause_after(error)
                if asked is None:
                    raise
                self.sleep(max(min(asked, self.longest), self.random.uniform(0, bound)))
                bound = min(2 * bound, self.longest)
        return work(self.tries - 1)
