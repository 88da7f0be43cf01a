"""A search whose driver or worker is killed again and again, against one that is left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from andon.services.definitions import apply_definitions
from andon.stores import open_documents, open_models, open_signals
from configs.settings import Settings
from tests.series import awkward

LINES = 3
TRIALS = 8
DEFINITIONS = """
kind: Alert
name: jam-soon
lines: {names: [press-0, press-1, press-2]}
type: classifier
target: jam == 1
horizon: 30m
learners: [logistic_regression, lightgbm]
"""
PATIENCE = 180.0
WORKER = ("ray::ResourceTrainable", "ray::Search")
"""How the title of a search's worker begins, as it starts and at work."""


@dataclass
class Outcome:
    """Winners of both runs, and what was found wrong after a kill."""

    alone: list[Any]
    killed: list[Any]
    configurations: tuple[int, int]
    kills: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    """Journals that did not go on where they had stopped."""


def run(
    folder: Path,
    kills: int,
    seed: int,
    progress: Callable[[int], object] = lambda done: None,
    trials: int = TRIALS,
) -> Outcome:
    """Search twice: undisturbed, and with ``kills`` times SIGKILL at a random point.

    The first, and every third after it, hits the workers before the driver.

    ``trials`` is the budget of each of `LINES` lines.
    """
    rng = np.random.default_rng(seed)
    alone, killed = _Home(folder / "alone", trials), _Home(folder / "killed", trials)
    alone.finish()
    outcome = Outcome(alone.winners(), [], (alone.tried(), 0))
    total = outcome.configurations[0]
    for number in range(kills):
        before = killed.journals()
        victim = "driver" if number % 3 else "worker"
        if killed.finished():
            break
        if killed.kill(victim, int(total * (number + rng.random()) / kills), float(rng.uniform(0, 0.3))):
            outcome.kills.append(victim)
        after = killed.journals()
        outcome.repeated += [name for name, rows in before.items() if after.get(name, [])[: len(rows)] != rows]
        progress(number + 1)
    before = killed.journals()
    if not killed.finished():
        killed.finish()
    after = killed.journals()
    outcome.repeated += [name for name, rows in before.items() if after.get(name, [])[: len(rows)] != rows]
    outcome.killed, outcome.configurations = killed.winners(), (total, killed.tried())
    return outcome


class _Home:
    def __init__(self, home: Path, trials: int) -> None:
        self.home = home
        self.settings = Settings(home=home)
        signals = open_signals(self.settings.signals)
        for number in range(LINES):
            signals.append_signals(awkward(np.random.default_rng(number), 2500, line=f"press-{number}"))
        file = home / "definitions.yaml"
        file.write_text(DEFINITIONS)
        at = datetime(2026, 2, 1, tzinfo=UTC)
        apply_definitions([file], open_documents(self.settings.documents), signals, at)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ANDON_")}
        self.environment = kept | {"ANDON_HOME": str(home), "ANDON_WORKERS": "2"}
        self.command = [sys.executable, "-m", "pipelines", "train", "--trials", str(trials), "--seed", "5"]
        self.log = home / "killed.log"

    def finish(self) -> None:
        """Train undisturbed to the end."""
        done = subprocess.run(
            self.command, env=self.environment, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def kill(self, victim: str, configurations: int, delay: float) -> bool:
        """Start training, wait until so many configurations are written down, and kill; return whether it was at work.

        After a worker's death others have to go on, or end the search, before the driver is killed too. After the
        driver's death all its processes have to end.
        """
        with self.log.open("ab") as log:
            process = subprocess.Popen(self.command, env=self.environment, stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while self.tried() < configurations and process.poll() is None:
            assert time.monotonic() < deadline, f"{configurations} configurations were not tried in {PATIENCE} s"
            time.sleep(0.01)
        time.sleep(delay)
        at_work = process.poll() is None
        if victim == "worker" and at_work:
            workers = [pid for pid in self.processes() if _title(pid).startswith(WORKER)]
            at_work = bool(workers)
            for pid in workers:
                os.kill(pid, signal.SIGKILL)
            tried = self.tried()
            while self.tried() == tried and process.poll() is None:
                assert time.monotonic() < deadline, "nothing was tried after the workers' death"
                time.sleep(0.01)
        if process.poll() is not None:
            assert process.returncode == 0, self.log.read_text()[-3000:]
            return at_work
        process.kill()
        process.wait()
        while left := self.processes():
            assert time.monotonic() < deadline, f"{[_title(pid) for pid in left]} outlive their driver"
            time.sleep(0.05)
        return at_work

    def finished(self) -> bool:
        return any((self.home / "searches").glob("*/finished"))

    def processes(self) -> list[int]:
        """Return the processes that were given this home."""
        found, mark = [], f"ANDON_HOME={self.home}\0".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
        return sorted(found)

    def journals(self) -> dict[str, list[str]]:
        """Return the whole lines of every journal."""
        return {
            str(path.relative_to(self.home)): path.read_text().split("\n")[:-1]
            for path in sorted((self.home / "searches").glob("*/*/*/configurations.jsonl"))
        }

    def tried(self) -> int:
        return sum(map(len, self.journals().values()))

    def winners(self) -> list[Any]:
        """Return every version of every model, without what depends on the clock."""
        models = open_models(self.settings.models)
        found = []
        for key in models.list_models():
            for one in models.history(key):
                tried = [
                    {name: value for name, value in row.items() if name != "seconds"} for row in one.card.comparison
                ]
                found.append(
                    [str(key), one.version, one.alias, one.card.learner, one.card.params, one.card.metrics, tried]
                )
        return json.loads(json.dumps(found))


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
