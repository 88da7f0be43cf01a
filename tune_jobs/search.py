"""One Ray Tune experiment over all studies: an actor a core, reused; a trial is a job, handed out as others end."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tune_jobs.rounds import OUTCOME, Job, Rounds
from tune_jobs.study import StudySpec
from tune_jobs.trainable import all_tried, trainable

SPECS = "studies.json"


@dataclass(frozen=True, slots=True)
class StudyOutcome:
    """How a study ended: ``summary`` of its winner (the bundle is in ``spec.folder``/bundle), or ``error``."""

    spec: StudySpec
    summary: dict[str, Any] | None
    error: str
    configurations: int
    seconds: float
    fitting: float = 0.0
    """Seconds of the winner's fit on all rows."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is; ``ended`` is the study that has just come to its end."""

    title: str
    best: float | None
    done: int
    total: int
    ended: StudyOutcome | None = None


def run_search(
    specs: Sequence[StudySpec],
    *,
    seconds: float,
    workers: int,
    folder: Path,
    report: Callable[[Progress], None],
    across: bool = True,
) -> list[StudyOutcome]:
    """Run every study within a time that is shared by all; a failing one is reported and does not stop the others.

    Needs a Ray session. ``folder`` is absolute, and on a cluster shared by its nodes. A study whose outcome is already
    in its folder is not run again; one that was begun goes on behind its journals. ``across``: what was learned on one
    line starts the next ones, and the budget moves to where it still gains.
    """
    from ray import tune

    rounds = Rounds(specs, seconds, workers, across)
    if not rounds.finished:
        os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "3600")
        counts = _Counts(specs, rounds, report)
        tuner = tune.Tuner(
            tune.with_resources(trainable(specs, folder), {"cpu": 1}),
            tune_config=tune.TuneConfig(
                search_alg=_searcher(rounds, counts),
                num_samples=-1,
                reuse_actors=True,
                max_concurrent_trials=workers,
            ),
            run_config=tune.RunConfig(
                name="tune",
                storage_path=str(folder),
                verbose=0,
                callbacks=[_callback(counts.told)],
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                failure_config=tune.FailureConfig(max_failures=0),
            ),
        )
        tuner.fit()
    return [read_outcome(spec) for spec in specs]


class _Counts:
    """Counts what Tune tells of, and tells whoever asked."""

    def __init__(self, specs: Sequence[StudySpec], rounds: Rounds, report: Callable[[Progress], None]) -> None:
        self._specs, self._rounds, self._report = specs, rounds, report
        self._before = sum(len(all_tried(spec)) for spec in specs)
        self._jobs: dict[str, int] = {}

    def told(self, trial: str, result: dict[str, Any]) -> None:
        self._jobs[trial] = int(result["configurations"])
        self._say(int(result["study"]), result["best"], None)

    def ended(self, job: Job) -> None:
        self._say(job.study, None, read_outcome(self._specs[job.study]))

    def _say(self, study: int, best: float | None, ended: StudyOutcome | None) -> None:
        done = self._before + sum(self._jobs.values())
        self._report(Progress(self._specs[study].title, best, done, self._rounds.total, ended))


def _searcher(rounds: Rounds, counts: _Counts) -> Any:
    """Return a Tune searcher that hands out jobs; Tune pickles it, so what it goes by stays behind."""
    from ray.tune.search import Searcher

    class Jobs(Searcher):
        rounds: Any = None
        counts: Any = None

        def __init__(self) -> None:
            super().__init__(metric="configurations", mode="max")
            self._jobs: dict[str, Any] = {}

        def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
            handed = self.rounds.next()
            if handed is None:
                return Searcher.FINISHED if self.rounds.finished else None
            self._jobs[trial_id] = handed[0]
            return _config(self.rounds, *handed)

        def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
            job = self._jobs.pop(trial_id, None)
            if job is None:
                return
            outcome = (Path(self.rounds.studies[job.study].folder) / "outcome.json").exists()
            if error and not outcome:
                # Handed out again here and not by Tune, which gives up where a death is told of twice.
                over = not self.rounds.lost(job)
            else:
                over = outcome or job.finish
                self.rounds.done(job, over)
            if over:
                self.counts.ended(job)

        def save(self, checkpoint_path: str) -> None:
            """Keep nothing: the journals tell all."""

        def restore(self, checkpoint_path: str) -> None:
            """Read nothing: the journals tell all."""

        def __getstate__(self) -> dict[str, Any]:
            return {}

    jobs = Jobs()
    jobs.rounds, jobs.counts = rounds, counts
    return jobs


def _config(rounds: Rounds, job: Job, limit: float) -> dict[str, Any]:
    """Return a job as the configuration of a trial, JSON values only."""
    return {
        "study": job.study,
        "targets": [[list(learners), most] for learners, most in job.targets],
        "own": job.own,
        "finish": job.finish,
        "limit": limit,
        "teachers": [list(one) for one in rounds.teachers(job.study)],
        "across": rounds.across,
    }


def _callback(told: Callable[[str, dict[str, Any]], None]) -> Any:
    """Return a Tune callback; Tune pickles it, so what it tells stays behind."""
    from ray import tune

    class Report(tune.Callback):
        told: Callable[[str, dict[str, Any]], None] | None = None

        def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any) -> None:
            if self.told is not None:
                self.told(trial.trial_id, result)

        def __getstate__(self) -> dict[str, Any]:
            return {}

    callback = Report()
    callback.told = told
    return callback


def read_outcome(spec: StudySpec) -> StudyOutcome:
    """Return how a study ended."""
    path = Path(spec.folder) / OUTCOME
    if not path.exists():
        return StudyOutcome(spec, None, "its worker died; see the log", 0, 0.0)
    return StudyOutcome(spec, **json.loads(path.read_text()))


def save_specs(specs: Sequence[StudySpec], folder: Path) -> None:
    """Write what the search is about, so that it can be resumed and reported."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{SPECS}.{os.getpid()}"
    temporary.write_text(json.dumps([asdict(spec) for spec in specs]))
    temporary.replace(folder / SPECS)
