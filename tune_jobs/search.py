"""One Ray Tune experiment over all studies: a trial is a worker, one a core, that is handed one job after another."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cluster.profiles import FOR_SEARCH
from tune_jobs.dispatcher import Dispatcher
from tune_jobs.rounds import OUTCOME
from tune_jobs.study import StudySpec, lanes_of
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
    """Seconds of the winner's fit on all rows, and of its predictions behind the importance of features."""


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
    quotas: Mapping[str, int] | None = None,
) -> list[StudyOutcome]:
    """Run every study within a time that is shared by all; a failing one is reported and does not stop the others.

    Needs a Ray session. ``folder`` is absolute, and on a cluster shared by its nodes. A study whose outcome is already
    in its folder is not run again; one that was begun goes on behind its journals. ``across``: what was learned on one
    line starts the next ones, and the budget moves to where it still gains. ``quotas``: by family, how many of its jobs
    run at a time, one core each. ``report`` is told of each study's end,
    also of those that had ended before.
    """
    counts = _Counts(specs, report)
    if not all((Path(spec.folder) / OUTCOME).exists() for spec in specs):
        _search(specs, seconds, workers, folder, counts, across, quotas or {})
    outcomes = [read_outcome(spec) for spec in specs]
    counts.all_ended()
    return outcomes


def _search(
    specs: Sequence[StudySpec],
    seconds: float,
    workers: int,
    folder: Path,
    counts: _Counts,
    across: bool,
    quotas: Mapping[str, int],
) -> None:
    import ray
    from ray import tune
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "3600")
    # Where this process is: on any other node, the search would end with that node.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    beside = ray.remote(num_cpus=0, scheduling_strategy=here)(Dispatcher)
    dispatcher = beside.remote(list(specs), seconds, workers, across, dict(quotas))
    tuner = tune.Tuner(
        tune.with_resources(
            trainable(specs, folder, dispatcher),
            tune.PlacementGroupFactory([{"CPU": 1}], bundle_label_selector=[FOR_SEARCH]),
        ),
        tune_config=tune.TuneConfig(
            search_alg=_workers(dispatcher, workers), num_samples=-1, max_concurrent_trials=workers
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
    try:
        tuner.fit()
    finally:
        ray.kill(dispatcher)


class _Counts:
    """Counts what Tune tells of, and tells whoever asked."""

    def __init__(self, specs: Sequence[StudySpec], report: Callable[[Progress], None]) -> None:
        self._specs, self._report = specs, report
        self._before = sum(len(all_tried(spec)) for spec in specs)
        self._total = sum(max(spec.trials, sum(map(len, lanes_of(spec)))) for spec in specs)
        self._workers: dict[str, int] = {}
        self._ended: set[int] = set()

    def told(self, trial: str, result: dict[str, Any]) -> None:
        self._workers[trial] = int(result["configurations"])
        self._say(int(result["study"]), result["best"], None)
        for study in result["ended"]:
            self._end(study)

    def all_ended(self) -> None:
        """Tell of the studies that nobody was told of: they ended before, or as their worker died."""
        for study in range(len(self._specs)):
            self._end(study)

    def _end(self, study: int) -> None:
        if study not in self._ended:
            self._ended.add(study)
            self._say(study, None, read_outcome(self._specs[study]))

    def _say(self, study: int, best: float | None, ended: StudyOutcome | None) -> None:
        done = self._before + sum(self._workers.values())
        self._report(Progress(self._specs[study].title, best, done, self._total, ended))


def _workers(dispatcher: Any, workers: int) -> Any:
    """Return a Tune searcher that starts workers, and others in the place of those that died.

    Tune pickles it, so what it goes by stays behind.
    """
    import ray
    from ray.tune.search import Searcher

    class Workers(Searcher):
        def __init__(self) -> None:
            super().__init__(metric="configurations", mode="max")
            self.dispatcher: Any = None
            self._started = self._most = 0
            self._names: dict[str, str] = {}

        def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
            if self._started >= self._most:
                # Said too early, the end is final: nobody would take the place of a worker that dies.
                return Searcher.FINISHED if ray.get(self.dispatcher.finished.remote()) else None
            self._names[trial_id] = f"worker-{self._started}"
            self._started += 1
            return {"worker": self._names[trial_id]}

        def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
            name = self._names.pop(trial_id, None)
            if error and name is not None:
                ray.get(self.dispatcher.lost.remote(name))
                self._most += 1

        def save(self, checkpoint_path: str) -> None:
            """Keep nothing: the journals tell all."""

        def restore(self, checkpoint_path: str) -> None:
            """Read nothing: the journals tell all."""

        def __getstate__(self) -> dict[str, Any]:
            return {}

    searcher = Workers()
    searcher.dispatcher, searcher._most = dispatcher, workers
    return searcher


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
