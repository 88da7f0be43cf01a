"""Many lines' results in few writes: whatever has been decided while one write was under way goes into the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from andon.services.lanes import Lanes
from andon.services.turns import Judged

MOST = 200
"""Turns that one write stores."""

_Store = Callable[[Sequence[Judged], Mapping[str, int]], set[str]]


class GroupCommit:
    """Stores turns, in one thread, all that wait at once.

    Parameters
    ----------
    store
        Stores turns, given with the tokens of their lines; returns the lines that others have taken over.
    lane
        One thread.
    """

    def __init__(self, store: _Store, lane: Lanes) -> None:
        self._store = store
        self._lane = lane
        self._waiting: list[tuple[Judged, int | None, asyncio.Future[bool]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def put(self, judged: Judged, token: int | None) -> bool:
        """Store a turn; return False where another has taken the line over.

        Raises
        ------
        AndonError
            If it could not be stored.
        """
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((judged, token, future))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await future

    async def _write(self) -> None:
        while self._waiting:
            some, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            try:
                await self._write_some(some)
            except BaseException as error:
                for _, _, future in some:
                    if not future.done():
                        future.set_exception(error)
                if not isinstance(error, Exception):
                    raise

    async def _write_some(self, some: list[tuple[Judged, int | None, asyncio.Future[bool]]]) -> None:
        judged = [one for one, _, _ in some]
        tokens = {one.line: token for one, token, _ in some if token is not None}
        try:
            lost = await self._lane.run(lambda: self._store(judged, tokens))
        except Exception:
            if len(some) == 1:
                raise
            # One that cannot be stored must not keep the others from it. If the first cannot either, it is the store.
            await self._write_some(some[:1])
            for entry in some[1:]:
                try:
                    await self._write_some([entry])
                except Exception as error:
                    entry[2].set_exception(error)
            return
        for turn, _, future in some:
            if not future.done():
                future.set_result(turn.line not in lost)
