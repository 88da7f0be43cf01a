"""Random orders of what may happen to alerts: rows, gaps, people, silences, clocks and deaths; and what must hold."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import strategies as st

from andon.alerts.life_cycle import MOVES, STANDING
from andon.alerts.line_state import LineState, state_key
from andon.assistant import LineView, tick
from andon.errors import ConfigError
from andon.frames import TIME, SignalFrame
from andon.records import AlertRecord, AlertState
from andon.scoring.verdicts import Watch
from andon.services import alerts, silences
from andon.services.storing import load_state, store_judged
from andon.services.turns import Judged, Stores
from andon.stores import open_documents, open_signals
from configs.definitions import Alert
from tests.watched_line import DEFINED, LINE, SAMPLING, START
from tests.watched_stores import Breaking, FolderModels, Fuse, Killed

HOT = Alert.model_validate(
    {
        "name": "hot", "lines": {"names": [LINE]}, "type": "threshold", "when": "oil > 80", "clear": "oil < 70",
        "for": "5s", "keep_firing": "10s",
    }
)  # fmt: skip
WARM = Alert.model_validate({"name": "warm", "lines": {"names": [LINE]}, "type": "threshold", "when": "oil > 60"})

Step = tuple[Any, ...]
ROWS = st.tuples(st.just("rows"), st.lists(st.sampled_from([50.0, 65.0, 75.0, 90.0, None]), min_size=1, max_size=6))
STEPS: st.SearchStrategy[Step] = st.one_of(
    ROWS,
    ROWS,
    ROWS,
    st.tuples(st.just("gap"), st.integers(1, 40)),
    st.tuples(st.sampled_from(["acknowledge", "act", "resolve"]), st.integers(0, 5)),
    st.tuples(st.just("silence"), st.integers(-5, 5), st.integers(1, 20), st.sampled_from([None, "hot", "warm"])),
    st.tuples(st.just("unsilence"), st.integers(0, 3)),
    st.tuples(st.just("clock"), st.integers(1, 30)),
    st.tuples(st.just("replay")),
)
ORDERS = st.lists(st.tuples(STEPS, st.none() | st.tuples(st.integers(0, 7), st.booleans())), min_size=5, max_size=14)
"""Steps, and with each where a process dies that stores what it led to: after so many writes, the last made or not."""


@dataclass
class Story:
    """One line with two alerts, in stores of its own."""

    folder: Path
    row: int = 0
    late: timedelta = timedelta(0)
    """By how much the clock is ahead of the newest row."""
    closed: dict[str, AlertRecord] = field(default_factory=dict)
    last: tuple[SignalFrame, LineState | None, datetime] | None = None

    def __post_init__(self) -> None:
        documents = open_documents(f"sqlite:///{self.folder}/documents.db")
        documents.put_definitions([one.to_json() for one in (DEFINED, HOT, WARM)], START)
        signals = open_signals(f"sqlite:///{self.folder}/signals.db")
        self.stores = Stores(documents, signals, FolderModels(self.folder))

    @property
    def now(self) -> datetime:
        return START + self.row * SAMPLING + self.late

    def take(self, step: Step, dies: tuple[int, bool] | None) -> None:
        """Let something happen, and check that all is well."""
        documents = self.stores.documents
        kind, *given = step
        if kind == "rows":
            self.late = timedelta(0)
            times = [START + (self.row + number) * SAMPLING for number in range(len(given[0]))]
            self.row += len(times)
            self.judge(frame_of(times, given[0]), dies)
        elif kind == "gap":
            self.row += given[0]
        elif kind == "clock":
            self.late += timedelta(minutes=given[0])
            self.judge(frame_of([], []), dies)
        elif kind == "replay" and self.last is not None:
            frame, state, now = self.last
            self.store(frame, state, now, None)
        elif kind == "silence":
            begin = START + (self.row + given[0]) * SAMPLING
            with contextlib.suppress(ConfigError):
                silences.silence(
                    line=LINE, definition=given[2], start=begin, end=begin + given[1] * SAMPLING, reason="r",
                    author="ana", at=self.now, documents=documents,
                )  # fmt: skip
        elif kind == "unsilence":
            for one in documents.list_silences()[given[0] : given[0] + 1]:
                with contextlib.suppress(ConfigError):
                    silences.end_silence(one.id, self.now, documents)
        elif kind in ("acknowledge", "act", "resolve"):
            for one in documents.list_alerts()[-1 - given[0] :][:1]:
                with contextlib.suppress(ConfigError):
                    getattr(alerts, kind)(one.id, "bo", "", self.now, documents)
        self.check()

    def judge(self, frame: SignalFrame, dies: tuple[int, bool] | None) -> None:
        """Judge rows; a process that dies over it is followed by another, which does it again."""
        state, now = load_state(LINE, self.stores.documents) or LineState(last=-1), self.now
        self.last = None
        if dies is not None:
            with contextlib.suppress(Killed):
                self.store(frame, state, now, Fuse(*dies))
            again = load_state(LINE, self.stores.documents) or LineState(last=-1)
            if again.last != state.last or again.no_data != state.no_data:
                self.last = frame, state, now
                return
        self.store(frame, state, now, None)
        self.last = frame, state, now

    def store(self, frame: SignalFrame, state: LineState | None, now: datetime, fuse: Fuse | None) -> None:
        """Decide, and store what was decided."""
        documents = self.stores.documents
        known = tuple(documents.list_silences())
        result = tick(LineView(frame, (Watch(HOT), Watch(WARM)), known), state or LineState(last=-1), now)
        stores = self.stores if fuse is None else replace(self.stores, documents=Breaking(documents, fuse))  # type: ignore[arg-type]
        store_judged([Judged(LINE, result)], {}, stores)

    def check(self) -> None:
        """No illegal state, closed stays closed, and of each definition at most one stands."""
        found = self.stores.documents.list_alerts()
        for one in found:
            states = [event.state for event in one.events]
            assert states[0] in (*STANDING, AlertState.SILENCED), states
            for before, after in itertools.pairwise(states):
                assert after in MOVES[before], states
            assert one.state is states[-1]
            assert len({event.id for event in one.events}) == len(one.events)
            assert (one.resolved_at is not None) == (one.state is AlertState.RESOLVED)
            assert self.closed.get(one.id, one) == one, "what is closed stays closed"
            if one.state is AlertState.RESOLVED:
                self.closed[one.id] = one
        standing = [one.definition for one in found if one.state is not AlertState.RESOLVED]
        assert len(standing) == len(set(standing)), standing
        assert set(self.closed) <= {one.id for one in found}, "nothing is lost"

    def end(self) -> tuple[list[AlertRecord], Any]:
        """Return all alerts, and the state; close the stores."""
        documents = self.stores.documents
        load_state(LINE, documents)
        written = documents.list_alerts(), documents.get_state(state_key(LINE))
        documents.close()
        return written


def frame_of(times: list[datetime], oil: list[float | None]) -> SignalFrame:
    """Return rows of which only the oil is read."""
    data = pl.DataFrame({"time": times, "oil": oil}, schema={"time": TIME, "oil": pl.Float64})
    return SignalFrame(LINE, data, {"oil": "number"}, SAMPLING)


def play(folder: Path, order: list[tuple[Step, tuple[int, bool] | None]]) -> list[AlertRecord]:
    """Play an order with its deaths, and once more without: both must come to the same. Return the alerts."""
    died, lived = Story(folder / "died"), Story(folder / "lived")
    for step, dies in order:
        died.take(step, dies)
        lived.take(step, None)
    found, expected = died.end(), lived.end()
    assert found == expected
    return found[0]
