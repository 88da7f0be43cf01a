"""The order of a search: what is to be done next, given what is done. What was done before is read from files."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tune_jobs.planning import LearnersOf, default_targets, last_targets, own_targets, read_tried
from tune_jobs.study import StudySpec, lanes_of
from tune_jobs.transfer import others_of, teachers_of

OUTCOME = "outcome.json"
EARLY_SHARE = 0.8
"""Share of the time that the rounds before the last may use."""
MOST_DEATHS = 3
"""Workers that may die at a study before it is given up."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one trial does: lanes of a study, up to a number of configurations each, and what follows."""

    study: int
    targets: tuple[tuple[LearnersOf, int], ...]
    own: bool
    """Whether the line's own share of its budget follows, as the defaults came out."""
    finish: bool
    """Whether the study ends with it."""
    weight: int
    """Configurations at most: its share of the time that is left."""


@dataclass(slots=True)
class Rounds:
    """Hands out jobs: defaults, each line's own share of its budget, what is left where it gains, each study's end.

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
    quotas
        By family, the most jobs of it that run at a time.
    """

    studies: Sequence[StudySpec]
    seconds: float
    workers: int
    across: bool = True
    quotas: Mapping[str, int] = field(default_factory=dict)
    _started: float = field(default_factory=time.monotonic)
    _waiting: list[Job] = field(default_factory=list)
    _running: dict[int, int] = field(default_factory=dict)
    _over: set[int] = field(default_factory=set)
    _deaths: dict[int, int] = field(default_factory=dict)
    _rounds: list[Callable[[], list[Job]]] = field(default_factory=list)
    _final: bool = False

    def __post_init__(self) -> None:
        self._over = {i for i, spec in enumerate(self.studies) if (Path(spec.folder) / OUTCOME).exists()}
        # A few studies are split over the workers, lane by lane; of many, each is one job until the last round.
        self._rounds = [self._defaults, self._own, self._last, self._ends] if self.split else [self._own, self._last]
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
            if not self._at_quota(job) and not any(self._busy(teacher) for teacher in self._awaited(job)):
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

    def teachers(self, study: int) -> list[tuple[int, bool]]:
        """Return the studies that a study learns from, and whether they were taught themselves.

        In the end, when all are through with their own share, they are all others of the definition.
        """
        if not self.across:
            return []
        found = others_of(self.studies, study) if self._final else teachers_of(self.studies, study)
        return [(one, self.taught(one)) for one in found]

    def taught(self, study: int) -> bool:
        """Return whether a study has lessons to begin with."""
        return self.across and bool(teachers_of(self.studies, study))

    def _at_quota(self, job: Job) -> bool:
        """Return whether as many jobs of the job's family run as may."""
        family = self.studies[job.study].family_of_line
        if family not in self.quotas:
            return False
        running = sum(jobs for study, jobs in self._running.items() if self.studies[study].family_of_line == family)
        return running >= self.quotas[family]

    def _awaited(self, job: Job) -> list[int]:
        """Return the studies that have to be through with their own share before this job begins."""
        return [] if self._final or not self.across else teachers_of(self.studies, job.study)

    def _busy(self, study: int) -> bool:
        return study in self._running or any(job.study == study for job in self._waiting)

    def _advance(self) -> None:
        """Go on to the next round once nothing of this one is left."""
        while not self._waiting and not self._running and self._rounds:
            made = self._rounds.pop(0)
            self._final = not self._rounds or made == self._last
            self._waiting = made()

    def _defaults(self) -> list[Job]:
        """Return jobs that try the defaults of a lane; a monitor's fits are in memory only, so it goes to its end."""
        return [
            job
            for index, spec in self._left()
            for job in (
                self._lanes(index, default_targets(spec)) if spec.kind == "Alert" else [self._monitor(index, spec)]
            )
        ]

    def _own(self) -> list[Job]:
        """Return jobs that use up a line's own share of its budget."""
        jobs = []
        for index, spec in self._left():
            if spec.kind == "Monitor":
                jobs.append(self._monitor(index, spec))
            elif self.split:
                jobs += self._lanes(index, own_targets(spec, taught=self.taught(index), across=self.across))
            else:
                lanes = tuple(default_targets(spec).items())
                jobs.append(Job(index, lanes, own=True, finish=False, weight=max(spec.trials, len(lanes))))
        return jobs

    def _last(self) -> list[Job]:
        """Return jobs that try what is left of all budgets, and end studies unless they are split."""
        tried = {
            (index, lane): found
            for index, spec in self._left()
            for lane, found in read_tried(
                spec, own_targets(spec, taught=self.taught(index), across=self.across)
            ).items()
        }
        targets = last_targets(self.studies, tried) if self.across else {}
        jobs = []
        for index, spec in self._left():
            lanes = {lane: targets[index, lane] for lane in lanes_of(spec) if (index, lane) in targets}
            if self.split:
                jobs += self._lanes(index, lanes)
            else:
                more = sum(most - len(tried[index, lane]) for lane, most in lanes.items())
                jobs.append(Job(index, self._short(index, lanes), own=False, finish=True, weight=1 + more))
        # The longest first: no worker is left with one at the end while the others have nothing to do.
        return jobs if self.split else sorted(jobs, key=lambda job: -job.weight)

    def _ends(self) -> list[Job]:
        return [Job(index, (), own=False, finish=True, weight=1) for index, _ in self._left()]

    def _left(self) -> list[tuple[int, StudySpec]]:
        return [(index, spec) for index, spec in enumerate(self.studies) if index not in self._over]

    def _monitor(self, index: int, spec: StudySpec) -> Job:
        return Job(index, tuple(default_targets(spec).items()), own=False, finish=True, weight=spec.trials)

    def _lanes(self, index: int, targets: Mapping[LearnersOf, int]) -> list[Job]:
        """Return a job for each lane of a study that has not reached its target."""
        return [Job(index, (one,), own=False, finish=False, weight=one[1]) for one in self._short(index, targets)]

    def _short(self, index: int, targets: Mapping[LearnersOf, int]) -> tuple[tuple[LearnersOf, int], ...]:
        tried = read_tried(self.studies[index], targets)
        return tuple((lane, most) for lane, most in targets.items() if len(tried[lane]) < most)

    def _limit(self, job: Job) -> float:
        """Return the job's share of the time that is left in this round, by weight."""
        alerts = any(spec.kind == "Alert" for spec in self.studies)
        share = EARLY_SHARE if alerts and self.across and not self._final else 1.0
        left = max(0.0, share * self.seconds - (time.monotonic() - self._started))
        weights = job.weight + sum(one.weight for one in self._waiting)
        return min(left, left * self.workers * job.weight / weights)
