"""The loop beside the lines: one process for many, as many processes as are wanted, day and night."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from andon.alerts.line_state import LineState
from andon.errors import AndonError, ConfigError, StoreError
from andon.frames import from_microseconds, to_microseconds
from andon.records import Silence
from andon.services.assistant import Pass, failed, note_failure
from andon.services.chores import Chore, repeat
from andon.services.group_commit import GroupCommit
from andon.services.lanes import Lanes
from andon.services.membership import Membership
from andon.services.storing import store_judged, take_lines
from andon.services.turns import Turns
from andon.services.watching import Watching, read_watching

log = logging.getLogger(__name__)

_THREADS_HELD_UP = 32
_LEAVING = 3.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How the loop keeps time."""

    every: timedelta = timedelta(seconds=60)
    """From the start of one pass over all lines to that of the next."""
    wake: timedelta = timedelta(seconds=1)
    """How often, between passes, it is asked which lines have new rows; rarer where asking takes long. 0: never."""
    workers: int = 4
    grace: timedelta = timedelta(seconds=10)
    """How long turns under way may last once the loop is told to stop; what is not stored then is judged again."""


@dataclass
class AssistantLoop:
    """Takes turns on lines while their leases are held.

    ``report`` is called with every finished pass over a line, in the loop's thread.
    """

    turns: Turns
    membership: Membership
    now: Callable[[], datetime]
    report: Callable[[Pass], object]
    lines: Sequence[str] = ()
    pace: Pace = Pace()
    chores: Sequence[Chore] = ()
    states: dict[str, LineState | None] = field(default_factory=dict)
    """Of the lines that are held, as they were last stored."""
    errors: dict[str, str] = field(default_factory=dict)
    """Why a line fails, while it does."""
    unseen: set[str] = field(default_factory=set)
    """Lines that could not be looked at for a while: how long they have been silent, nobody knows."""
    _watching: Watching = field(default_factory=lambda: Watching({}, ()))
    _silences: list[Silence] = field(default_factory=list)
    _busy: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        stores = self.turns.stores

        def close() -> None:
            for store in (stores.documents, stores.signals, stores.models):
                store.close()

        self._lanes = Lanes(self.pace.workers, close, _THREADS_HELD_UP)
        self._control = Lanes(1, close)
        self._writer = Lanes(1, close)
        self._commit = GroupCommit(lambda judged, tokens: store_judged(judged, tokens, stores), self._writer)

    def stop(self) -> None:
        """End after the turns under way."""
        self._stopping.set()

    def look(self) -> None:
        """Take a turn on every line that is held, now; to be called in the loop's thread."""
        self._begin([*self.states])

    async def once(self) -> int:
        """Tick every line that nobody else acts on up to its newest row; return how many failed.

        Raises
        ------
        ConfigError
            If nothing watches a line that was asked for.
        StoreError
            If a store cannot be reached.
        """
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._refresh()
            await self._beat()
            tasks += [asyncio.create_task(self._beats()), asyncio.create_task(self._tend())]
            self._begin(self._watching.require(self.lines))
            await self._wait_for_turns()
            return len(self.errors)
        finally:
            await self._end(tasks)

    async def run(self) -> None:
        """Tick lines until told to stop.

        Raises
        ------
        ConfigError
            If nothing watches a line that was asked for.
        """
        tasks: list[asyncio.Task[None]] = []
        try:
            with contextlib.suppress(StoreError):
                await self._refresh()
            tasks = [asyncio.create_task(one) for one in (self._beats(), self._passes(), self._wakes(), self._tend())]
            tasks += [asyncio.create_task(repeat(chore)) for chore in self.chores]
            stopping = asyncio.create_task(self._stopping.wait())
            done, _ = await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            await self._end(tasks)

    async def _end(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        self._stopping.set()
        for one in tasks:
            one.cancel()
        for chore in self.chores:
            chore.stop()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wait_for_turns(), self.pace.grace.total_seconds())
        for one in self._busy.values():
            one.cancel()
        with contextlib.suppress(TimeoutError, AndonError):
            await asyncio.wait_for(self._control.run(self.membership.leave), _LEAVING)
        for lanes in (self._lanes, self._control, self._writer):
            lanes.close()

    async def _wait_for_turns(self) -> None:
        while self._busy:
            await asyncio.wait([*self._busy.values()])

    async def _refresh(self) -> None:
        documents, cache = self.turns.stores.documents, self.turns.cache
        oldest = min((-1 if state is None else state.last for state in self.states.values()), default=-1)

        def read() -> tuple[Watching, list[Silence]]:
            return read_watching(documents, cache), documents.list_silences(from_microseconds(oldest))

        watching, silences = await self._control.run(read)
        watching.require(self.lines)
        self._watching, self._silences = watching, silences

    async def _beat(self) -> list[str]:
        """Keep the leases, and load the states of lines that were taken; return those."""
        if not self._watching.definitions:
            await self._refresh()
        lines = self._watching.require(self.lines)
        membership = self.membership

        busy, before = {*self._busy}, dict(membership.tokens)

        try:
            loaded = await self._control.run(partial(take_lines, membership, lines, self.now(), busy))
        except AndonError:
            # What was claimed and not loaded is claimed and loaded at the next beat.
            membership.tokens = {line: one for line, one in membership.tokens.items() if before.get(line) == one}
            self.states = {line: state for line, state in self.states.items() if line in membership.tokens}
            raise
        self.states = {line: state for line, state in self.states.items() if line in membership.tokens}
        if membership.sharing:
            # Whoever had them before may have been away for long.
            self.unseen.update(loaded)
        for line, state in loaded.items():
            if isinstance(state, AndonError):
                await self._control.run(partial(membership.give_up, line))
                await self._fail(Pass(line), state)
            else:
                self.states[line] = state
        return [line for line in loaded if line in self.states]

    async def _beats(self) -> None:
        while True:
            with self._surviving("leases"):
                self._begin(await self._beat())
            await asyncio.sleep(self.membership.length.total_seconds() / 3)

    async def _passes(self) -> None:
        clock = asyncio.get_running_loop()
        while True:
            began = clock.time()
            with self._surviving("pass"):
                await self._refresh()
            self.look()
            await asyncio.sleep(max(0.0, began + self.pace.every.total_seconds() - clock.time()))

    async def _wakes(self) -> None:
        clock, signals = asyncio.get_running_loop(), self.turns.stores.signals
        while True:
            await asyncio.sleep(self.pace.wake.total_seconds() or 3600.0)
            began = clock.time()
            idle = [line for line in self.states if line not in self._busy]
            with self._surviving("wake"):
                newest = await self._control.run(partial(signals.newest_readings, idle))
                self._begin([line for line in idle if self._is_new(line, newest.get(line))])
            # Where asking takes long, it is asked more rarely.
            await asyncio.sleep(10 * (clock.time() - began))

    def _is_new(self, line: str, newest: datetime | None) -> bool:
        state = self.states.get(line)
        limit = -1 if state is None else state.last
        return newest is not None and limit < to_microseconds(newest) and newest <= self.now()

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(Lanes.patience / 2)
            self._lanes.tend()

    @contextlib.contextmanager
    def _surviving(self, what: str) -> Iterator[None]:
        """Tell of what cannot be done now and may be later: a database that is away comes back."""
        try:
            yield
        except (StoreError, ConfigError) as error:
            self.unseen.update(self.states)
            log.error("%s: %s", what, error)
            self.report(Pass("", error=str(error)))

    def _begin(self, lines: Sequence[str]) -> None:
        for line in lines:
            if line in self.states and line not in self._busy and not self._stopping.is_set():
                self._busy[line] = asyncio.create_task(self._turn(line))

    async def _turn(self, line: str) -> None:
        """Tick a line up to its newest row, slice by slice, as long as its lease is held."""
        done, more = Pass(line), True
        try:
            while more and not self._stopping.is_set():
                token, state, blind = self.membership.tokens.get(line), self.states.get(line), line in self.unseen
                if token is None or line not in self.states:
                    return
                seen = (line, state, self._watching, self.now(), self._silences)
                judged = await self._lanes.run(partial(self.turns.judge, *seen, blind=blind))
                if (judged.result is not None or judged.skips) and not await self._commit.put(judged, token):
                    self.states.pop(line, None)
                    self.membership.tokens.pop(line, None)
                    raise StoreError(f"line {line}", "has been taken over by another assistant", "nothing to do")
                if judged.result is not None and self.membership.tokens.get(line) == token:
                    self.states[line] = judged.result.state
                done, more = done.after(judged), judged.more
            self.errors.pop(line, None)
            self.unseen.discard(line)
            self.report(done)
        except Exception as error:
            await self._fail(done, error)
        finally:
            self._busy.pop(line, None)

    async def _fail(self, done: Pass, error: Exception) -> None:
        told = failed(done, error)
        self.unseen.add(done.line)
        await self._control.run(lambda: note_failure(told, self.now(), self.errors, self.turns.stores))
        self.report(told)
