"""What the assistant does beside the lines: each in a thread of its own, so that no line ever waits for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from andon.errors import AndonError
from andon.services.lanes import Lanes

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chore:
    """Something done again and again in a thread of its own, so that no line ever waits for it."""

    name: str
    every: timedelta
    work: Callable[[], object]
    stop: Callable[[], object] = lambda: None
    """Ends what is under way, at once."""


async def repeat(chore: Chore) -> None:
    """Do something again and again, whatever becomes of it."""
    lane = Lanes(1)
    while True:
        try:
            await lane.run(chore.work)
        except Exception as error:
            log.error("%s: %s", chore.name, error, exc_info=None if isinstance(error, AndonError) else error)
        await asyncio.sleep(chore.every.total_seconds())
