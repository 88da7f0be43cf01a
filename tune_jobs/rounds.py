"""The order of a search: what is to be done next, given what is done. What was done before is read from files."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tune_jobs.planning import Lane, first_targets, read_tried, second_targets
from tune_jobs.study import StudySpec, lanes_of
from tune_jobs.transfer import teachers_of

OUTCOME = "outcome.json"
MOST_DEATHS = 3
"""Workers that may die at a study before it is given up."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one trial does: lanes of a study, up to a number of configurations each, and perhaps the study's end."""

    study: int
    targets: tuple[tuple[tuple[str, ...], int], ...]
    finish: bool
    weight: int
    """Configurations at most: its share of the time that is left."""


@dataclass(slots=True)
class Rounds:
    """Hands out jobs: a first round over all lanes, a second where something may be gained, and each study's end.

    A study with an outcome is over. A lane that has reached its target is passed over, so a search that is run again
    in the same folder goes on where it stopped.

    Parameters
    ----------
    studies
        What is searched, in the order that `teachers_of` goes by.
    seconds
        Time of the whole search.
    workers
        Jobs that run at a time.
    across
        Whether lines teach each other, and the budget moves.
    """

    studies: Sequence[StudySpec]
    seconds: float
    workers: int
    across: bool = True
    _started: float = field(default_factory=time.monotonic)
    _first: dict[Lane, int] = field(default_factory=dict)
    _waiting: list[Job] = field(default_factory=list)
    _running: dict[int, int] = field(default_factory=dict)
    _over: set[int] = field(default_factory=set)
    _deaths: dict[int, int] = field(default_factory=dict)
    _round: int = 1

    def __post_init__(self) -> None:
        self._over = {i for i, spec in enumerate(self.studies) if (Path(spec.folder) / OUTCOME).exists()}
        for index, spec in enumerate(self.studies):
            self._first |= {(index, lane): most for lane, most in first_targets(spec, self.across).items()}
        tried = read_tried(self.studies, self._first)
        self._waiting = [job for index in range(len(self.studies)) for job in self._jobs(index, self._first, tried)]
        self._advance()

    @property
    def split(self) -> bool:
        """Whether the lanes of an alert's study are jobs of their own: where few studies would leave workers idle."""
        return len(self.studies) < 2 * self.workers

    @property
    def total(self) -> int:
        """Configurations of all budgets."""
        return sum(max(spec.trials, sum(map(len, lanes_of(spec)))) for spec in self.studies)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to hand out or to wait for."""
        return not self._waiting and not self._running

    def next(self) -> tuple[Job, float] | None:
        """Return a job and the seconds that it may use beyond the default configurations; None: wait for others."""
        for place, job in enumerate(self._waiting):
            if not any(self._busy(teacher) for teacher in self._teachers(job)):
                del self._waiting[place]
                self._running[job.study] = self._running.get(job.study, 0) + 1
                return job, self._limit(job)
        return None

    def done(self, job: Job, failed: bool = False) -> None:
        """Take note that a job has ended; where it failed, nothing more is done for its study."""
        self._running[job.study] -= 1
        if not self._running[job.study]:
            del self._running[job.study]
        if failed or (job.finish and job not in self._waiting):
            self._over.add(job.study)
            self._waiting = [one for one in self._waiting if one.study != job.study]
        self._advance()

    def lost(self, job: Job) -> bool:
        """Take note that a job's worker died: it is handed out again, but no more than `MOST_DEATHS` times a study.

        Returns
        -------
        bool
            Whether it is; otherwise nothing more is done for its study.
        """
        deaths = self._deaths[job.study] = self._deaths.get(job.study, 0) + 1
        if deaths > MOST_DEATHS:
            self.done(job, failed=True)
            return False
        self._waiting.insert(0, job)
        self.done(job)
        return True

    def teachers(self, job: Job) -> tuple[int, ...]:
        """Return the studies that a job's study learns from."""
        return tuple(teachers_of(self.studies, job.study)) if self.across else ()

    def first_target(self, study: int, lane: tuple[str, ...]) -> int:
        """Return how many configurations a lane has after the first round."""
        return self._first[study, lane]

    def _teachers(self, job: Job) -> tuple[int, ...]:
        return self.teachers(job) if self._round == 1 else ()

    def _busy(self, study: int) -> bool:
        return study in self._running or any(job.study == study for job in self._waiting)

    def _jobs(self, index: int, targets: dict[Lane, int], tried: dict[Lane, list]) -> list[Job]:  # type: ignore[type-arg]
        """Return the jobs of a study that bring its lanes to their targets."""
        if index in self._over:
            return []
        lanes = [
            (lane, targets[index, lane])
            for lane in lanes_of(self.studies[index])
            if (index, lane) in targets and len(tried[index, lane]) < targets[index, lane]
        ]
        # A monitor's fits are in memory only: the job that made them ends the study.
        finish = self.studies[index].kind == "Monitor"
        groups = [(one,) for one in lanes] if self.split and not finish else [tuple(lanes)] if lanes or finish else []
        return [
            Job(index, group, finish, finish + sum(most - len(tried[index, lane]) for lane, most in group))
            for group in groups
        ]

    def _advance(self) -> None:
        """Go on to the next round once nothing of this one is left."""
        while not self._waiting and not self._running and self._round < 3:
            self._round += 1
            tried = read_tried(self.studies, self._first)
            targets = second_targets(self.studies, tried) if self.across else {}
            for index in range(len(self.studies)):
                if index in self._over:
                    continue
                jobs = self._jobs(index, targets, tried) if self._round == 2 else []
                if self._round == 2 and self.split:
                    self._waiting += jobs
                elif self._round == 2 or self.split:
                    lanes = jobs[0].targets if jobs else ()
                    self._waiting.append(Job(index, lanes, True, 1 + (jobs[0].weight if jobs else 0)))

    def _limit(self, job: Job) -> float:
        """Return the job's share of the time that is left in this round, by weight."""
        share = sum(self._first.values()) / self.total if self._round == 1 else 1.0
        left = max(0.0, share * self.seconds - (time.monotonic() - self._started))
        weights = job.weight + sum(one.weight for one in self._waiting)
        return min(left, left * self.workers * job.weight / weights)
