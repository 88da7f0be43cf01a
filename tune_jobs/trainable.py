"""What a Tune trial does: one job after another, in small steps, with what it has read kept for the next job."""

from __future__ import annotations

import json
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from andon.frames import Floats
from tune_jobs.lane import Lane, read_journal, read_scores
from tune_jobs.planning import LearnersOf, own_targets
from tune_jobs.proposing import Lessons
from tune_jobs.rounds import OUTCOME, Job
from tune_jobs.sampling import Configuration
from tune_jobs.study import StudySpec, Subject, lane_folder, lanes_of
from tune_jobs.subjects import open_subject
from tune_jobs.tensorboard import write_best, write_configuration
from tune_jobs.transfer import Findings, lessons_of, read_findings, write_signature

log = logging.getLogger(__name__)

REPORT_SECONDS = 2.0
"""A trial reports about this often: more would hold up Tune's own loop."""
WAIT_SECONDS = 0.02
"""A worker asks again after this long where it has to wait for others."""
KEPT_SUBJECTS = 3
"""Studies whose rows and bins an actor keeps for a later round."""


@dataclass(slots=True)
class Worker:
    """Runs jobs on the studies of one search; knows nothing of Ray."""

    studies: Sequence[StudySpec]
    folder: Path
    """The search's."""
    _subjects: OrderedDict[int, Subject] = field(default_factory=OrderedDict)
    _findings: dict[tuple[int, LearnersOf], Findings | None] = field(default_factory=dict)

    def subject(self, study: int) -> Subject:
        """Return what is tuned, read from files unless it is at hand."""
        if study in self._subjects:
            self._subjects.move_to_end(study)
            return self._subjects[study]
        while len(self._subjects) >= KEPT_SUBJECTS:
            self._subjects.popitem(last=False)
        subject = open_subject(self.studies[study])
        if subject.signature:
            write_signature(self.studies[study], subject.signature)
        self._subjects[study] = subject
        return subject

    def lane(
        self, study: int, learners: tuple[str, ...], target: int, limit: float, teachers: Sequence[tuple[int, bool]]
    ) -> Lane:
        """Open a lane; ``teachers`` are studies, and whether they were taught themselves."""
        spec, subject = self.studies[study], self.subject(study)
        lessons = Lessons()
        if teachers and target > len(learners) == 1:
            found = [self._found(index, learners, taught) for index, taught in teachers]
            lessons = lessons_of(subject.signature, [one for one in found if one is not None])
        lane = Lane(spec, learners, subject, lessons, target, limit)
        lane.open()
        return lane

    def _found(self, study: int, learners: tuple[str, ...], taught: bool) -> Findings | None:
        """Return what a study that is through with its own share found, which no longer changes."""
        key = (study, learners)
        if key not in self._findings:
            self._findings[key] = read_findings(self.studies[study], learners, taught=taught)
        return self._findings[key]

    def finish(self, study: int) -> dict[str, Any]:
        """Write the bundle of the best configuration of all lanes, and the study's outcome; return that."""
        spec, subject = self.studies[study], self.subject(study)
        tried = all_tried(spec)

        def kept(one: Configuration) -> Floats | None:
            lane = next(lane for lane in lanes_of(spec) if one.learner in lane)
            return read_scores(lane_folder(spec, lane), one.number)

        summary = subject.finish(tried, kept, Path(spec.folder) / "bundle")
        return write_outcome(spec, summary, "", tried, summary.pop("fitting", 0.0))


@dataclass(slots=True)
class JobRun:
    """A job in progress: `advance` does one configuration, or the study's end."""

    worker: Worker
    job: Job
    limit: float
    teachers: tuple[tuple[int, bool], ...]
    across: bool = True
    _lane: Lane | None = None
    _lanes: list[tuple[LearnersOf, int]] | None = None
    _own: bool = False
    _started: float = field(default_factory=time.monotonic)
    best: float | None = None
    configurations: int = 0
    newest: Configuration | None = None

    @property
    def spec(self) -> StudySpec:
        """The study."""
        return self.worker.studies[self.job.study]

    def advance(self) -> bool:
        """Do the next piece of work; return whether that was the last."""
        if self._lane is None or self._lane.done:
            if self._lanes is None:
                self._lanes, self._own = list(self.job.targets), self.job.own
            elif not self._lanes and self._own:
                targets = own_targets(self.spec, taught=bool(self.teachers), across=self.across)
                self._lanes, self._own = list(targets.items()), False
            if not self._lanes:
                if self.job.finish:
                    self.worker.finish(self.job.study)
                return not self._own
            left = max(0.0, self.limit - (time.monotonic() - self._started))
            limit = left / len(self._lanes)
            learners, target = self._lanes.pop(0)
            self._lane = self.worker.lane(self.job.study, learners, target, limit, self.teachers)
            return False
        self.newest = configuration = self._lane.advance()
        self.configurations += 1
        self._show(self._lane, configuration)
        return False

    def _show(self, lane: Lane, configuration: Configuration) -> None:
        best, title = lane.best, self.spec.title
        self.best = None if best is None else best.metric
        write_configuration(
            self.worker.folder,
            title,
            configuration.learner,
            configuration.params,
            configuration.metric,
            configuration.seconds,
            configuration.number,
            at=configuration.at,
            source=configuration.source,
            pruned=configuration.pruned,
        )
        if best is not None and best.metric is not None:
            lane_name = "-".join(lane.learners)
            write_best(
                self.worker.folder, title, configuration.number, best.metric, lane=lane_name, at=configuration.at
            )


def trainable(studies: Sequence[StudySpec], folder: Path, dispatcher: Any) -> Any:
    """Return the Tune trainable of a search: a worker that takes jobs from the ``dispatcher`` until there are none."""
    from ray import tune

    class Search(tune.Trainable):
        def setup(self, config: dict[str, Any], studies: Sequence[StudySpec] = (), dispatcher: Any = None) -> None:
            from ray.util.metrics import Counter

            self._name = str(config["worker"])
            self._dispatcher = dispatcher
            self._worker = Worker(studies, folder)
            self._run: JobRun | None = None
            self._best: dict[str, Any] = {"study": 0, "best": None}
            self._configurations = 0
            self._tried = Counter(
                "andon_search_configurations", "Configurations tried", tag_keys=("definition", "learner")
            )
            self._fitting = Counter("andon_search_fit_seconds", "Seconds in fit and predict", tag_keys=("definition",))

        def step(self) -> dict[str, Any]:
            import ray

            ended: list[int] = []
            done, started = False, time.monotonic()
            while not done and time.monotonic() - started < REPORT_SECONDS:
                if self._run is None:
                    given = ray.get(self._dispatcher.next.remote(self._name))
                    if given:
                        self._run = JobRun(self._worker, **given)
                    elif given is None:
                        done = True
                    else:
                        time.sleep(WAIT_SECONDS)
                    continue
                over = self._advance(self._run)
                if over is not None:
                    ray.get(self._dispatcher.done.remote(self._name, over))
                    ended += [self._run.job.study] if over else []
                    self._run = None
            return {"done": done, "configurations": self._configurations, "ended": ended, **self._best}

        def _advance(self, run: JobRun) -> bool | None:
            """Do the next piece of a job; return None while there is more, then whether its study is over."""
            before = run.configurations
            try:
                last, over = run.advance(), run.job.finish
            except Exception as problem:
                log.exception("%s failed", run.spec.title)
                write_outcome(run.spec, None, str(problem) or type(problem).__name__, all_tried(run.spec))
                last, over = True, True
            if run.configurations > before and run.newest is not None:
                name = run.spec.definition["name"]
                self._configurations += 1
                self._best = {"study": run.job.study, "best": run.best}
                self._tried.inc(1, {"definition": name, "learner": run.newest.learner})
                self._fitting.inc(max(run.newest.fitting, 1e-9), {"definition": name})
            return over if last else None

    return tune.with_parameters(Search, studies=list(studies), dispatcher=dispatcher)


def all_tried(spec: StudySpec) -> list[Configuration]:
    """Return the configurations of all lanes of a study, lane after lane."""
    return [one for lane in lanes_of(spec) for one in read_journal(lane_folder(spec, lane))]


def write_outcome(
    spec: StudySpec, summary: dict[str, Any] | None, error: str, tried: Sequence[Configuration], fitting: float = 0.0
) -> dict[str, Any]:
    """Write how a study ended, after the configurations that it ``tried``; after this it is over."""
    outcome = {
        "summary": summary,
        "error": error,
        "configurations": len(tried),
        "seconds": round(sum(one.seconds for one in tried), 3),
        "fitting": fitting,
    }
    path = Path(spec.folder) / OUTCOME
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{OUTCOME}.{os.getpid()}")
    temporary.write_text(json.dumps(outcome))
    temporary.replace(path)
    return outcome
