"""From the signals store to files that a search reads, on all cores; nothing outside the periods read."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from andon.errors import AndonError
from andon.frames import SignalFrame
from andon.ports import Signals
from cluster.profiles import FOR_SEARCH
from configs.definitions import Monitor
from configs.periods import Period
from pipelines.aggregations.job import Wanted, make_features, opened
from pipelines.aggregations.looking import Seen, look_at
from pipelines.aggregations.pruning import note_use, prune_features
from pipelines.aggregations.rows import labelled_rows
from pipelines.training.outlining import Outline, outline, read_span
from tune_jobs.files import LabelledRows, is_prepared, write_rows, write_signals
from tune_jobs.pooled import SHARDS
from tune_jobs.shards import read_shard, write_shard
from tune_jobs.study import StudySpec, line_of, typed

log = logging.getLogger(__name__)


def prepare_studies(
    specs: Sequence[StudySpec], advance: Callable[[], object]
) -> tuple[list[StudySpec], list[tuple[StudySpec, str]]]:
    """Write the rows of every study into its folder, in parallel; return those ready, and those that failed and why.

    A study that is prepared already is left as it is. Needs a Ray session.
    """
    errors: dict[str, str] = {}

    def end(spec: StudySpec, error: str = "") -> None:
        if error:
            errors[spec.folder] = error
        advance()

    waiting = []
    for spec in specs:
        if is_prepared(Path(spec.folder)):
            end(spec)
        else:
            waiting.append(spec)
    monitors = [spec for spec in waiting if spec.kind == "Monitor"]
    by_folder = {spec.folder: spec for spec in monitors}
    for folder, _, error in _each_on_ray(_prepare_whole, [(spec.folder, (spec,)) for spec in monitors]):
        end(by_folder[folder], error)
    _prepare_classifiers([spec for spec in waiting if spec.kind != "Monitor"], end)
    ready = [spec for spec in specs if spec.folder not in errors]
    return ready, [(spec, errors[spec.folder]) for spec in specs if spec.folder in errors]


def prepare_study(spec: StudySpec, signals: Signals) -> None:
    """Read the lines of a study, and write what its search needs into its folder; all in this process.

    Raises
    ------
    ConfigError, DataError
        If the lines have no data in the periods, or lack what the definition names.
    """
    if is_prepared(Path(spec.folder)):
        return
    definition = typed(spec)
    if isinstance(definition, Monitor):
        start, end = read_span(definition)
        write_signals(read_line(spec, next(iter(spec.lines)), signals, start, end), Path(spec.folder))
        return
    study = outline(spec, signals)
    seen = [look_at(signals, name, study.sampling(name), span, study.thin) for name, span in study.training.items()]
    wanted = study.wanted(study.choose_features(seen))
    note_use(wanted, definition.name)
    for one in wanted:
        line = one.on(signals)
        line.update(line.part_numbers())
    _write_study(study, wanted, signals)
    prune_features(wanted, definition.name)


def read_line(
    spec: StudySpec, name: str, signals: Signals, start: datetime | None, end: datetime | None
) -> SignalFrame:
    """Read a line, with the sampling that its definition declares."""
    frame = signals.read_signals(name, None, start, end)
    declared = line_of(spec, name)
    return frame if declared is None or declared.sampling is None else replace(frame, sampling=declared.sampling)


def _prepare_classifiers(specs: Sequence[StudySpec], end: Callable[[StudySpec, str], None]) -> None:
    studies = []
    for spec in specs:
        # A command that was killed may have left some, of other readings.
        shutil.rmtree(Path(spec.folder) / SHARDS, ignore_errors=True)
        study, error = _or_say(_outline, spec)
        if error:
            end(spec, error)
        else:
            studies.append(study)
    chosen = _choose_all(studies, end)
    for study, wanted in chosen:
        note_use(wanted, study.definition.name)
    _, failed = make_features(_distinct(one for _, wanted in chosen for one in wanted), _cores())
    going = []
    for study, wanted in chosen:
        errors = [failed[one] for one in wanted if one in failed]
        if errors:
            end(study.spec, errors[0])
        else:
            going.append((study, wanted))
    _write_all(going, end)
    for study, wanted in going:
        prune_features(wanted, study.definition.name)


def _choose_all(
    studies: Sequence[Outline], end: Callable[[StudySpec, str], None]
) -> list[tuple[Outline, list[Wanted]]]:
    """Look at every training line on its own; choose the features of each study from what was seen."""
    calls = [
        ((study.spec.folder, name), (study.spec.signals_url, name, study.sampling(name), span, study.thin))
        for study in studies
        for name, span in study.training.items()
    ]
    seen: dict[tuple[str, str], Seen] = {}
    errors: dict[tuple[str, str], str] = {}
    for key, found, error in _each_on_ray(_look, calls):
        if error:
            errors[key] = error
        else:
            seen[key] = found
    chosen = []
    for study in studies:
        keys = [(study.spec.folder, name) for name in study.training]
        wanted, error = None, next((errors[key] for key in keys if key in errors), "")
        if not error:
            wanted, error = _or_say(lambda: study.wanted(study.choose_features([seen[key] for key in keys])))  # noqa: B023
        if wanted is None:
            end(study.spec, error)
        else:
            chosen.append((study, wanted))
    return chosen


def _write_all(studies: Sequence[tuple[Outline, list[Wanted]]], end: Callable[[StudySpec, str], None]) -> None:
    """Write the rows of every study: those of many lines a line at a time, all lines side by side, then joined."""
    by_folder = {study.spec.folder: (study, wanted) for study, wanted in studies}
    pooled = {folder: wanted for folder, (_, wanted) in by_folder.items() if len(wanted) > 1}
    shards = [((folder, one.line), (by_folder[folder][0], one)) for folder in pooled for one in pooled[folder]]
    errors: dict[tuple[str, str], str] = {}
    for key, _, error in _each_on_ray(_write_shard, shards):
        if error:
            errors[key] = error
    joined = []
    for folder, (study, wanted) in by_folder.items():
        error = next((errors[folder, one.line] for one in wanted if (folder, one.line) in errors), "")
        if error:
            end(study.spec, error)
        else:
            joined.append((folder, (study, wanted)))
    for folder, _, error in _each_on_ray(_write_study, joined):
        end(by_folder[folder][0].spec, error)


def _outline(spec: StudySpec) -> Outline:
    return outline(spec, opened(spec.signals_url))


def _look(signals_url: str, line: str, sampling: timedelta | None, period: Period, thin: int) -> Seen:
    return look_at(opened(signals_url), line, sampling, period, thin)


def _prepare_whole(spec: StudySpec) -> None:
    prepare_study(spec, opened(spec.signals_url))


def _rows(study: Outline, wanted: Wanted, signals: Signals | None = None) -> Iterator[LabelledRows]:
    line = wanted.on(signals or opened(wanted.signals_url))
    said = study.spec.reviewed.get(wanted.line, [])
    spans = [(int(begin), int(end), label) for begin, end, label in said]
    return labelled_rows(line, study.target, study.horizon, study.sampling(wanted.line), spans)


def _write_shard(study: Outline, wanted: Wanted) -> None:
    write_shard(_rows(study, wanted), len(wanted.made.features.names), _shard(study, wanted))


def _write_study(study: Outline, wanted: Sequence[Wanted], signals: Signals | None = None) -> None:
    """Write the rows of a study: from the shards of its lines that are there, else from the features."""
    folder = Path(study.spec.folder)
    searched = set(study.spec.sample) or {one.line for one in wanted}
    lines = {
        one.line: read_shard(_shard(study, one)) if _shard(study, one).exists() else _rows(study, one, signals)
        for one in wanted
        if one.line in searched
    }
    write_rows(lines, wanted[0].made.features, study.start, study.end, folder)
    if not study.spec.sample:
        shutil.rmtree(folder / SHARDS, ignore_errors=True)


def _shard(study: Outline, wanted: Wanted) -> Path:
    return Path(study.spec.folder) / SHARDS / f"{sorted(study.lines).index(wanted.line):05d}.parquet"


def _distinct(wanted: Iterable[Wanted]) -> list[Wanted]:
    return list(dict.fromkeys(wanted))


def _cores() -> int:
    import ray

    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def _each_on_ray(function: Callable[..., Any], calls: Sequence[tuple[Any, tuple[Any, ...]]]) -> Iterator[Any]:
    """Call a function with each of the arguments in a task of its own; yield key, result and error as they end."""
    import ray

    task = ray.remote(num_cpus=1, max_retries=2, label_selector=FOR_SEARCH)(_or_say)
    waiting = {task.remote(function, *arguments): key for key, arguments in calls}
    while waiting:
        done, _ = ray.wait(list(waiting), num_returns=1)
        key = waiting.pop(done[0])
        try:
            yield key, *ray.get(done[0])
        except ray.exceptions.RayError as problem:
            yield key, None, f"its worker died: {type(problem).__name__}; see the log"


def _or_say(function: Callable[..., Any], *arguments: Any) -> tuple[Any, str]:
    """Return what a function returns, or what it failed of."""
    try:
        return function(*arguments), ""
    except AndonError as error:
        return None, str(error)
    except Exception as error:
        log.exception("%s failed", function.__name__)
        return None, f"{type(error).__name__}: {error}"
