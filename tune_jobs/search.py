"""One Ray Tune experiment over all studies: an actor a core, reused; a trial holds a study and reports as it goes."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tune_jobs.study import Study, StudySpec
from tune_jobs.subjects import open_subject

log = logging.getLogger(__name__)

REPORT_SECONDS = 1.0
"""A trial reports about this often: more would hold up Tune's own loop."""


@dataclass(frozen=True, slots=True)
class StudyOutcome:
    """How a study ended: ``summary`` of its winner (the bundle is in ``spec.folder``/bundle), or ``error``."""

    spec: StudySpec
    summary: dict[str, Any] | None
    error: str
    configurations: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Progress:
    """What a study reported last."""

    index: int
    title: str
    configurations: int
    best: float | None
    done: bool
    error: str


def fair_limit(deadline: float, now: float, workers: int, index: int, studies: int) -> float:
    """Seconds that study ``index`` may use so that those after it get their share too.

    Studies start in order of their index; whatever earlier ones left unused is shared by the rest.

    Examples
    --------
    >>> fair_limit(deadline=100.0, now=0.0, workers=2, index=0, studies=10)
    20.0
    >>> fair_limit(deadline=100.0, now=90.0, workers=2, index=9, studies=10)
    10.0
    """
    left = max(0.0, deadline - now)
    return min(left, left * workers / max(1, studies - index))


def trainable(specs: Sequence[StudySpec], deadline: float, workers: int) -> Any:
    """Return the Tune trainable that runs the studies; ``deadline`` is seconds since the Unix epoch."""
    from ray import tune

    class StudyTrainable(tune.Trainable):
        def setup(self, config: dict[str, Any], specs: Sequence[StudySpec] = ()) -> None:
            self._specs = specs
            self._begin(config)

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self._begin(new_config)
            return True

        def _begin(self, config: dict[str, Any]) -> None:
            self._index = int(config["index"])
            limit = fair_limit(deadline, time.time(), workers, self._index, len(self._specs))
            self._study = Study(self._specs[self._index], limit)
            self._opened = False
            self._seconds = time.monotonic()

        def step(self) -> dict[str, Any]:
            error, done, summary = "", False, None
            try:
                if not self._opened:
                    self._study.start(open_subject)
                    self._opened = True
                started = time.monotonic()
                while not self._study.done and time.monotonic() - started < REPORT_SECONDS:
                    self._study.advance()
                if self._study.done:
                    summary, done = self._study.finish(), True
            except Exception as problem:
                log.exception("%s failed", self._study.spec.title)
                error, done = str(problem) or type(problem).__name__, True
            best = self._study.best
            if done:
                outcome = {
                    "summary": summary,
                    "error": error,
                    "configurations": len(self._study.tried),
                    "seconds": round(time.monotonic() - self._seconds, 3),
                }
                _write_json(Path(self._study.spec.folder) / "outcome.json", outcome)
            return {
                "done": done,
                "index": self._index,
                "configurations": len(self._study.tried),
                "best": None if best is None else best.metric,
                "error": error,
            }

        def cleanup(self) -> None:
            self._study = Study(self._specs[self._index], 0.0)

    return tune.with_parameters(StudyTrainable, specs=list(specs))


def run_search(
    specs: Sequence[StudySpec],
    *,
    seconds: float,
    workers: int,
    folder: Path,
    report: Callable[[Progress], None],
) -> list[StudyOutcome]:
    """Run every study within a time that is shared by all; a failing one is reported and does not stop the others.

    Needs a Ray session. ``folder`` is absolute, and on a cluster shared by its nodes. A study whose outcome is already
    in its folder is not run again; one that was begun goes on behind its journal.
    """
    from ray import tune

    waiting = [spec for spec in specs if not (Path(spec.folder) / "outcome.json").exists()]
    if waiting:

        def told(result: dict[str, Any]) -> None:
            spec = waiting[int(result["index"])]
            report(
                Progress(
                    specs.index(spec),
                    spec.title,
                    int(result["configurations"]),
                    result["best"],
                    bool(result["done"]),
                    str(result["error"]),
                )
            )

        tuner = tune.Tuner(
            tune.with_resources(trainable(waiting, time.time() + seconds, workers), {"cpu": 1}),
            param_space={"index": tune.grid_search(list(range(len(waiting))))},
            tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=workers),
            run_config=tune.RunConfig(
                name="tune",
                storage_path=str(folder),
                verbose=0,
                callbacks=[_callback(told)],
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                failure_config=tune.FailureConfig(max_failures=1),
            ),
        )
        tuner.fit()
    return [_outcome(spec) for spec in specs]


def _callback(told: Callable[[dict[str, Any]], None]) -> Any:
    """Return a Tune callback; Tune pickles it, so what it tells stays behind."""
    from ray import tune

    class Report(tune.Callback):
        told: Callable[[dict[str, Any]], None] | None = None

        def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any) -> None:
            if self.told is not None:
                self.told(result)

        def __getstate__(self) -> dict[str, Any]:
            return {}

    callback = Report()
    callback.told = told
    return callback


def _outcome(spec: StudySpec) -> StudyOutcome:
    path = Path(spec.folder) / "outcome.json"
    if not path.exists():
        return StudyOutcome(spec, None, "its worker died; see the log", 0, 0.0)
    return StudyOutcome(spec, **json.loads(path.read_text()))


def _write_json(path: Path, body: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(body))
    temporary.replace(path)


def save_specs(specs: Sequence[StudySpec], folder: Path) -> None:
    """Write what the search is about, so that it can be resumed and reported."""
    _write_json(folder / "studies.json", [asdict(spec) for spec in specs])
