"""``andon train``: prepare rows, search on Ray Tune, publish, and promote the first champion."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from andon.errors import AndonError, ConfigError
from andon.frames import to_microseconds
from andon.ports import Documents, Models
from andon.records import ModelKey
from andon.services.feedback import reviewed_spans
from configs.definitions import Alert
from configs.settings import Settings
from pipelines.selecting import Selected, select, stored_lines
from pipelines.training.searches import search_folder
from tune_jobs.evaluations import read_evaluation
from tune_jobs.files import read_rows
from tune_jobs.pooled import line_shards, refit_winner, require_workers, row_bytes, sample_lines
from tune_jobs.sampling import seed_of
from tune_jobs.search import Progress, StudyOutcome, run_search, save_specs
from tune_jobs.study import StudySpec, typed
from tune_jobs.trainable import all_tried

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from andon.stores.search_mlflow import SearchLog
    from pipelines.terminal import Terminal

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """What to train. ``seconds`` and ``trials`` win over the definitions' budgets."""

    lines: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    monitors: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    seconds: float | None = None
    trials: int | None = None
    seed: int = 0
    across: bool = True
    """Whether lines teach each other, and the budget moves to where it still gains."""
    fresh: bool = False
    """Begin anew, even where a search of the same was interrupted."""


@dataclass(frozen=True, slots=True)
class Trained:
    """How one model came out."""

    key: ModelKey
    version: int | None
    promoted: bool
    summary: dict[str, Any] | None
    error: str
    configurations: int
    seconds: float

    @property
    def result(self) -> str:
        """What became of it, in a word or two."""
        return f"failed: {self.error}" if self.error else "champion" if self.promoted else "kept beside the champion"

    def as_json(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        return {"key": asdict(self.key), **asdict(self), "result": self.result}

    def as_row(self) -> tuple[object, ...]:
        """Return it for a table."""
        summary = self.summary or {}
        return (
            str(self.key),
            self.version,
            summary.get("learner"),
            summary.get("metric_name"),
            summary.get("metric"),
            self.configurations,
            self.seconds,
            self.result,
        )


def train_models(settings: Settings, request: TrainRequest, terminal: Terminal) -> list[Trained]:
    """Train what was asked for; a model that fails is reported and does not stop the others.

    A command that was killed goes on where it stopped when the same is asked for again: nothing is fitted or published
    twice.

    Raises
    ------
    ConfigError
        If what was asked for is not defined, or is being trained by another process.
    """
    from andon.stores import open_documents, open_models

    documents = open_documents(settings.documents)
    selected = [one for one in _selected(documents, request) if is_trained(one)]
    if not selected:
        raise ConfigError("selection", "holds nothing to train", "select a classifier alert or a monitor")
    seconds = request.seconds or max(one.definition.search.time.total_seconds() for one in selected)
    drafts = study_specs(selected, documents, settings, request, Path())
    with search_folder(settings.home / "searches", drafts, fresh=request.fresh) as kept:
        specs = study_specs(selected, documents, settings, request, kept.path)
        if kept.resumed:
            terminal.say(f"going on with search {kept.path.name}, which was interrupted; --fresh begins a new one")
        terminal.say(f"training {len(specs)} model{'s' * (len(specs) != 1)}, at most {seconds:g} s of search")
        outcomes = search_models(
            settings, specs, seconds=seconds, terminal=terminal, folder=kept.path, across=request.across
        )
        models = open_models(settings.models)
        trained = [publish(outcome, models, terminal) for outcome in outcomes]
        kept.finish()
    return trained


def search_models(
    settings: Settings,
    specs: list[StudySpec],
    *,
    seconds: float,
    terminal: Terminal,
    folder: Path,
    across: bool = True,
) -> list[StudyOutcome]:
    """Prepare the rows of every study and search them all; return how each ended, in the order of ``specs``.

    What a study's winner became is in ``spec.folder``/bundle. Configurations go into MLflow as studies end.
    """
    from andon.stores.search_mlflow import SearchLog
    from cluster.session import ray_session
    from pipelines.training.preparing import prepare_studies

    save_specs(specs, folder)
    with (
        ray_session(settings) as session,
        terminal.progress() as bars,
        contextlib.closing(SearchLog(settings.models)) as mlflow,
    ):
        preparing = bars.add_task("reading", total=len(specs))
        ready, failed = prepare_studies(specs, lambda: bars.advance(preparing))
        ready = [sampled(spec, settings.worker_bytes) for spec in ready]
        ready, failed = split_by_room(ready, failed, session.workers)
        searching = bars.add_task("searching", total=None)

        def report(progress: Progress) -> None:
            best = "" if progress.best is None else f" {progress.best:.3f}"
            bars.update(
                searching,
                completed=progress.done,
                total=max(progress.total, progress.done),
                description=f"searching {progress.title}{best}",
            )
            ended = progress.ended
            if ended is not None:
                if ended.error:
                    terminal.say(f"{progress.title}: {ended.error}")
                log_study(mlflow, ended, folder)

        outcomes = (
            run_search(
                ready,
                seconds=seconds,
                workers=session.workers,
                folder=folder,
                report=report,
                across=across,
                quotas=settings.cluster.quotas,
            )
            if ready
            else []
        )
        outcomes = [fitted_on_all(outcome, session.workers, bars) for outcome in outcomes]
    for spec, error in failed:
        terminal.say(f"{spec.title}: {error}")
        outcomes.append(StudyOutcome(spec, None, error, 0, 0.0))
    order = {spec.folder: place for place, spec in enumerate(specs)}
    return sorted(outcomes, key=lambda outcome: order[outcome.spec.folder])


def sampled(spec: StudySpec, most: int) -> StudySpec:
    """Return a study that is searched on some of its lines, where the rows of all take more than ``most`` bytes."""
    if spec.line is not None:
        return spec
    rows = read_rows(Path(spec.folder)).rows
    counts = np.bincount(rows.groups, minlength=len(rows.lines))
    sizes = {
        line: row_bytes(int(count), len(rows.names)) for line, count in zip(rows.lines, counts, strict=True) if count
    }
    return replace(spec, sample=sample_lines(sizes, most, spec.seed)) if sum(sizes.values()) > most else spec


def split_by_room(
    ready: list[StudySpec], failed: list[tuple[StudySpec, str]], workers: int
) -> tuple[list[StudySpec], list[tuple[StudySpec, str]]]:
    """Move studies whose winners could not be fitted on all rows, for want of workers, to those that failed."""
    try:
        require_workers(workers)
    except AndonError as error:
        failed = [*failed, *((spec, str(error)) for spec in ready if spec.sample)]
        ready = [spec for spec in ready if not spec.sample]
    return ready, failed


def fitted_on_all(outcome: StudyOutcome, workers: int, bars: Bars) -> StudyOutcome:
    """Fit the winner of a search on a sample again, on the rows of all lines and on all workers."""
    spec, folder = outcome.spec, Path(outcome.spec.folder)
    if not spec.sample or outcome.error:
        return outcome
    shards = line_shards(folder)
    fitting = bars.add_task(f"fitting {spec.title} on {len(shards)} lines", total=None)
    named = typed(spec)
    span = None
    if named.validation is not None and named.train is not None and spec.periods is None:
        # As the search's fits: no label may look into the period that validates.
        purged = named.horizon if isinstance(named, Alert) and named.train.end <= named.validation.start else None
        span = to_microseconds(named.train.start), to_microseconds(named.train.end - (purged or timedelta(0)))
    try:
        refit_winner(
            folder / "bundle",
            shards,
            seed=seed_of(spec.seed, spec.title, "fit"),
            workers=workers,
            span=span,
            report=lambda rounds: bars.update(fitting, completed=rounds),
        )
    except AndonError as error:
        return replace(outcome, summary=None, error=str(error))
    return outcome


def log_study(mlflow: SearchLog, ended: StudyOutcome, folder: Path) -> None:
    """Put every configuration of a study that has ended into MLflow; trouble there costs no model."""
    try:
        mlflow.log_study(folder.name, ended.spec, all_tried(ended.spec))
    except AndonError as error:
        log.warning("%s: its configurations are not in MLflow: %s", ended.spec.title, error)


def publish(outcome: StudyOutcome, models: Models, terminal: Terminal) -> Trained:
    """Register a study's winner; promote it where the model has no champion yet."""
    from andon.models.bundle import read_bundle

    spec = outcome.spec
    key = ModelKey(spec.definition["name"], spec.line, spec.family)
    if outcome.error:
        return Trained(key, None, False, None, outcome.error, outcome.configurations, outcome.seconds)
    bundle = Path(spec.folder) / "bundle"
    try:
        version = models.publish(key, bundle, read_bundle(bundle).card, read_evaluation(Path(spec.folder)))
        promoted = models.champion(key) is None
        if promoted:
            models.promote(key, version, "first model", datetime.now(UTC))
    except AndonError as error:
        terminal.say(str(error))
        return Trained(key, None, False, None, str(error), outcome.configurations, outcome.seconds)
    return Trained(key, version, promoted, outcome.summary, "", outcome.configurations, outcome.seconds)


def study_specs(
    selected: list[Selected], documents: Documents, settings: Settings, request: TrainRequest, folder: Path
) -> list[StudySpec]:
    """Return one study a line and definition, or one a family where the model is pooled."""
    lines = stored_lines(documents)
    specs = []
    for one in selected:
        groups = [one.lines] if one.pooled else [(line,) for line in one.lines]
        for group in groups:
            specs.append(
                StudySpec(
                    definition=dict(one.stored.body),
                    definition_version=one.stored.version,
                    lines={name: lines[name].model_dump(mode="json") if name in lines else None for name in group},
                    line=None if one.pooled else group[0],
                    family=one.definition.lines.family if one.pooled else None,
                    signals_url=settings.signals,
                    folder=str(folder / f"{len(specs):05d}"),
                    trials=request.trials or one.definition.search.trials,
                    seed=request.seed,
                    variables=request.variables if one.stored.kind == "Monitor" else (),
                    features_folder=str(settings.home / "features"),
                    reviewed=_reviewed(one, group, documents),
                )
            )
    return specs


def _reviewed(one: Selected, lines: tuple[str, ...], documents: Documents) -> dict[str, list[list[float]]]:
    """Return what people said of the alerts of a classifier."""
    definition = one.definition
    if not isinstance(definition, Alert) or definition.horizon is None:
        return {}
    spans = reviewed_spans(definition.name, lines, definition.horizon, documents)
    return {line: [list(span) for span in some] for line, some in spans.items()}


def _selected(documents: Documents, request: TrainRequest) -> list[Selected]:
    return select(
        documents,
        lines=request.lines,
        families=request.families,
        alerts=request.alerts,
        monitors=request.monitors,
    )


def is_trained(one: Selected) -> bool:
    """Tell whether a definition has a model."""
    return one.stored.kind == "Monitor" or getattr(one.definition, "type", None) == "classifier"
