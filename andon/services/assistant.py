"""One pass over lines, one after the other: what `andon.services.loop` does at once, day and night."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from andon.errors import AndonError
from andon.frames import from_microseconds
from andon.records import AlertRecord, AlertState, Silence, Skip
from andon.services.storing import load_state, store_judged
from andon.services.turns import BATCH, Judged, Stores, Turns
from andon.services.watching import Cache, Watching, read_watching

log = logging.getLogger(__name__)

FAILED = "(failed)"
"""Name of the skip that says why a whole line could not be ticked."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass over a line did; ``error`` is why it could not be finished."""

    line: str
    rows: int = 0
    forecasts: int = 0
    anomalies: int = 0
    opened: tuple[AlertRecord, ...] = ()
    resolved: int = 0
    skips: tuple[Skip, ...] = ()
    last: datetime | None = None
    error: str = ""

    def after(self, judged: Judged) -> Pass:
        """Return the pass with one more turn in it."""
        result = judged.result
        if result is None:
            return replace(self, skips=(*self.skips, *judged.skips))
        return replace(
            self,
            rows=self.rows + result.rows,
            forecasts=self.forecasts + len(result.forecasts),
            anomalies=self.anomalies + len(result.anomalies),
            opened=(*self.opened, *result.opened),
            resolved=self.resolved + sum(event.state is AlertState.RESOLVED for _, event in result.events),
            skips=(*self.skips, *judged.skips, *result.skips),
            last=from_microseconds(result.state.last),
        )


def failed(done: Pass, error: Exception) -> Pass:
    """Return a pass that an error ended."""
    if not isinstance(error, AndonError):
        log.error("line %s failed", done.line, exc_info=error)
    return replace(done, error=str(error) if isinstance(error, AndonError) else f"failed: {error!r}")


@dataclass(slots=True)
class Assistant:
    """One process of the assistant that nobody shares lines with: its stores, and how it reads.

    ``since``, ``batch`` and ``catch_up`` are those of `Turns`.
    """

    stores: Stores
    lines: Sequence[str] = ()
    since: datetime | None = None
    batch: int = BATCH
    catch_up: timedelta | None = None
    cache: Cache = field(default_factory=Cache)
    errors: dict[str, str] = field(default_factory=dict)
    """Why a line fails, while it does."""

    def run_pass(self, now: datetime) -> Iterator[Pass]:
        """Tick every line once, up to its newest row; a line that fails does not stop the others.

        Raises
        ------
        ConfigError
            If nothing watches a line that was asked for.
        """
        documents = self.stores.documents
        watching = read_watching(documents, self.cache)
        lines = watching.require(self.lines)
        silences = documents.list_silences()
        for line in lines:
            yield self.run_line(line, watching, silences, now)

    def run_line(self, line: str, watching: Watching, silences: Sequence[Silence], now: datetime) -> Pass:
        """Tick a line up to its newest row; what cannot be done is reported, and nothing is raised."""
        turns = Turns(self.stores, self.since, self.batch, self.catch_up, self.cache)
        done, more = Pass(line), True
        try:
            state = load_state(line, self.stores.documents)
            while more:
                judged = turns.judge(line, state, watching, now, silences, blind=line in self.errors)
                store_judged([judged], {}, self.stores)
                done, more = done.after(judged), judged.more
                state = state if judged.result is None else judged.result.state
            self.errors.pop(line, None)
        except Exception as error:
            done = failed(done, error)
            note_failure(done, now, self.errors, self.stores)
        return done


def note_failure(done: Pass, now: datetime, errors: dict[str, str], stores: Stores) -> None:
    """Keep why a line failed where it can be queried, once as long as it fails for the same reason."""
    log.error("line %s: %s", done.line, done.error)
    if errors.get(done.line) == done.error:
        return
    try:
        stores.documents.add_skips([Skip(done.line, FAILED, now, done.error)])
    except AndonError as second:
        log.error("line %s: could not be noted: %s", done.line, second)
        errors.setdefault(done.line, "")
    else:
        errors[done.line] = done.error
