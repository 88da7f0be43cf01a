"""A lane of a study: some of its learners, a sampler, and a journal. Runs anywhere; knows nothing of Ray."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path

import numpy as np

from andon.frames import Floats
from tune_jobs.proposing import Lessons
from tune_jobs.sampling import Configuration, Sampler, seed_of
from tune_jobs.study import StudySpec, Subject, lane_folder

log = logging.getLogger(__name__)

JOURNAL = "configurations.jsonl"
SCORES = "scores.npz"


@dataclass(slots=True)
class Lane:
    """A lane in progress; ``advance`` until ``done``. Its journal lets a killed one go on where it stopped."""

    spec: StudySpec
    learners: tuple[str, ...]
    subject: Subject
    lessons: Lessons = field(default_factory=Lessons)
    trials: int = 0
    """Budget in configurations."""
    limit: float = float("inf")
    """Seconds it may use beyond the default configuration of every learner."""
    tried: list[Configuration] = field(default_factory=list)
    _sampler: Sampler | None = None
    _started: float = field(default_factory=time.monotonic)

    @property
    def folder(self) -> Path:
        """Where its journal is."""
        return lane_folder(self.spec, self.learners)

    def open(self) -> None:
        """Read what an earlier process tried."""
        self.folder.mkdir(parents=True, exist_ok=True)
        seed = seed_of(self.spec.seed, self.spec.title, *self.learners)
        learners = {name: self.subject.learners[name] for name in self.learners}
        self._sampler = Sampler(learners, seed, self.subject.direction, self.lessons)
        self.tried = read_journal(self.folder)
        for configuration in self.tried:
            self._sampler.restore(configuration)
        journal = self.folder / JOURNAL
        if journal.exists():
            # What a kill left half-written at the end goes.
            journal.write_text("".join(map(_journal_line, self.tried)))

    @property
    def done(self) -> bool:
        """Whether the budget in trials or in time is used up."""
        if len(self.tried) < len(self.learners):
            return False
        return len(self.tried) >= self.trials or time.monotonic() - self._started >= self.limit

    @property
    def best(self) -> Configuration | None:
        """The best configuration so far."""
        return best_of(self.tried, self.subject.direction)

    def advance(self) -> Configuration:
        """Try one configuration and write it down."""
        if self._sampler is None:
            raise RuntimeError("open the lane first")
        sampler, number, best = self._sampler, len(self.tried), self.best
        learner, params, source = sampler.ask(number)
        started = time.perf_counter()
        evaluated, error = None, ""
        try:
            evaluated = self.subject.evaluate(learner, params, sampler.watch)
        except Exception as problem:
            error = str(problem) or type(problem).__name__
            log.exception("%s: configuration %d of %s failed", self.spec.title, number, learner)
        metric = None if evaluated is None else float(evaluated.metric)
        pruned = evaluated is not None and evaluated.pruned
        configuration = Configuration(
            number=number,
            learner=learner,
            params=params if evaluated is None else evaluated.params,
            metric=metric,
            seconds=round(time.perf_counter() - started, 4),
            error=error,
            sampled=sampler.tell(metric, pruned),
            pruned=pruned,
            source=source,
            at=round(time.time(), 3),
            fitting=0.0 if evaluated is None else round(evaluated.fitting, 4),
        )
        with (self.folder / JOURNAL).open("a") as journal:
            journal.write(_journal_line(configuration))
        self.tried.append(configuration)
        if evaluated is not None and evaluated.scores is not None and self.best is configuration is not best:
            _keep_scores(self.folder, number, evaluated.scores)
        return configuration


def _journal_line(configuration: Configuration) -> str:
    # Not `asdict`, which copies every value on the way.
    return json.dumps({one.name: getattr(configuration, one.name) for one in fields(configuration)}) + "\n"


def best_of(tried: Sequence[Configuration], direction: str) -> Configuration | None:
    """Return the best configuration that was measured whole; the first of equals. None: there is none."""
    measured = [one for one in tried if one.metric is not None and not one.pruned]
    sign = 1.0 if direction == "maximize" else -1.0
    return max(measured, key=lambda one: sign * (one.metric or 0.0)) if measured else None


def read_journal(folder: Path) -> list[Configuration]:
    """Return the configurations that a lane has tried; a line that is not whole ends it."""
    path = folder / JOURNAL
    try:
        at = path.stat()
    except FileNotFoundError:
        return []
    return list(_read_journal(path, at.st_size, at.st_mtime_ns))


@lru_cache(256)
def _read_journal(path: Path, size: int, changed: int) -> tuple[Configuration, ...]:
    """Read a journal as it is at a size and a time: those of teachers are asked for by line after line."""
    found = list[Configuration]()
    for row in path.read_bytes().splitlines():
        try:
            configuration = Configuration(**json.loads(row))
        except (ValueError, TypeError):
            break
        if configuration.number != len(found):
            break
        found.append(configuration)
    return tuple(found)


def read_scores(folder: Path, number: int) -> Floats | None:
    """Return the validation scores that a lane kept of a configuration, float64 (n_rows,); None: it kept none."""
    try:
        with np.load(folder / SCORES, allow_pickle=False) as kept:
            return np.asarray(kept["scores"], dtype=np.float64) if int(kept["number"]) == number else None
    except (OSError, ValueError, KeyError):
        return None


def _keep_scores(folder: Path, number: int, scores: Floats) -> None:
    temporary = folder / f".{SCORES}.{os.getpid()}.npz"
    np.savez(temporary, number=np.int64(number), scores=scores)
    temporary.replace(folder / SCORES)
