"""An assistant that is killed again and again while it works, against one that is left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from andon.alerts.line_state import state_key
from andon.frames import SignalFrame, from_microseconds
from andon.ports import Documents, Signals
from andon.stores import open_documents, open_models, open_signals
from configs.periods import format_time
from configs.settings import Settings
from tests.watched_line import LINE, SAMPLING, define, dump, make_rows, publish, rows_of

BEFORE = 200
"""Rows of context before the hour."""
HOUR = timedelta(hours=1) // SAMPLING
BACKLOG = 40
"""Rows that wait when a process starts, so that it is at work when it is killed."""
READY_SECONDS = 90.0


@dataclass(frozen=True)
class Outcome:
    """What both runs left in the stores; ``interrupted`` are the kills that left work undone."""

    alone: dict[str, Any]
    killed: dict[str, Any]
    kills: int
    interrupted: int
    delays: list[float]


def run(
    folder: Path,
    kills: int,
    seed: int,
    progress: Callable[[int], object] = lambda done: None,
    urls: Mapping[str, str] = MappingProxyType({}),
) -> Outcome:
    """Replay an hour twice: once undisturbed, and once with ``kills`` times SIGKILL 0 to 300 ms into the work.

    ``urls`` are settings of the stores that the killed one works on; without them they are embedded, as the other's.
    """
    rng = np.random.default_rng(seed)
    rows = make_rows(BEFORE + HOUR, seed=3)
    hour = int(np.searchsorted(rows.times, rows.times[0] + BEFORE * (SAMPLING // timedelta(microseconds=1))))
    registry = Settings(home=folder / "registry").models
    publish(open_models(registry), folder, at=datetime.now(UTC))
    alone = Home(folder / "alone", registry, rows, hour)
    alone.append(len(rows))
    alone.finish()
    killed = Home(folder / "killed", registry, rows, hour, urls)
    delays, interrupted = [], 0
    for number in range(kills):
        killed.append(hour + (len(rows) - hour) * number // kills + BACKLOG)
        delays.append(float(rng.uniform(0, 0.3)))
        interrupted += killed.kill_at_work(delays[-1])
        progress(number + 1)
    killed.append(len(rows))
    killed.finish()
    return Outcome(alone.dump(), killed.dump(), kills, interrupted, delays)


class Home:
    """The stores of one assistant, filled as time goes by."""

    def __init__(
        self,
        home: Path,
        registry: str,
        rows: SignalFrame,
        hour: int,
        urls: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        home.mkdir(parents=True, exist_ok=True)
        settings = Settings(home=home, **urls)
        self.documents: Documents = open_documents(settings.documents)
        self.signals: Signals = open_signals(settings.signals)
        self.rows, self.appended = rows, 0
        self.log = home / "killed.log"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ANDON_")}
        stores = {f"ANDON_{name.upper()}": url for name, url in urls.items()}
        self.environment = kept | {"ANDON_HOME": str(home), "ANDON_MODELS_URL": registry} | stores
        self.since = format_time(from_microseconds(int(rows.times[hour])))
        define(self.documents, at=datetime.now(UTC))
        self.append(hour)

    def append(self, end: int) -> None:
        """Bring rows as a line would: those that came before stay as they are."""
        if end > self.appended:
            self.signals.append_signals(rows_of(self.rows, self.appended, end))
            self.appended = min(end, len(self.rows))

    def last(self) -> int:
        state = self.documents.get_state(state_key(LINE))
        return -1 if state is None else int(state["last"])

    def kill_at_work(self, delay: float) -> bool:
        """Start a process, wait until it has judged a row, and kill it; return whether rows were left."""
        before, deadline = self.last(), time.monotonic() + READY_SECONDS
        command = ["assistant", "--every", "10ms", "--batch", "1", "--since", self.since]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "pipelines", *command], env=self.environment, stdout=log, stderr=log
            )
        try:
            while self.last() == before:
                assert process.poll() is None, self.log.read_text()[-3000:]
                assert time.monotonic() < deadline, f"no row was judged in {READY_SECONDS} s"
                time.sleep(0.001)
            time.sleep(delay)
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        return self.last() < int(self.rows.times[self.appended - 1])

    def finish(self) -> None:
        """Run undisturbed to the end."""
        done = subprocess.run(
            [sys.executable, "-m", "pipelines", "assistant", "--once", "--since", self.since],
            env=self.environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert self.last() == int(self.rows.times[-1])

    def dump(self) -> dict[str, Any]:
        return dump(self.documents, self.signals)
