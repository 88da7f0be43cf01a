"""From the signals store to files that a search reads: one Ray task a study, nothing outside the periods read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from andon.errors import AndonError, ConfigError, DataError
from andon.frames import SignalFrame
from andon.ports import Signals
from configs.definitions import Alert, Monitor
from tune_jobs.study import StudySpec, line_of, typed

log = logging.getLogger(__name__)


def prepare_studies(
    specs: Sequence[StudySpec], advance: Callable[[], object]
) -> tuple[list[StudySpec], list[tuple[StudySpec, str]]]:
    """Write the rows of every study into its folder, in parallel; return those ready, and those that failed and why.

    Needs a Ray session.
    """
    import ray

    task = ray.remote(num_cpus=1, max_retries=2)(_prepare_or_say)
    waiting = {task.remote(spec): spec for spec in specs}
    errors: dict[str, str] = {}
    while waiting:
        done, _ = ray.wait(list(waiting), num_returns=1)
        spec = waiting.pop(done[0])
        try:
            error = ray.get(done[0])
        except ray.exceptions.RayError as problem:
            error = f"its worker died: {type(problem).__name__}; see the log"
        if error:
            errors[spec.folder] = error
        advance()
    ready = [spec for spec in specs if spec.folder not in errors]
    return ready, [(spec, errors[spec.folder]) for spec in specs if spec.folder in errors]


def _prepare_or_say(spec: StudySpec) -> str:
    from andon.stores import open_signals

    try:
        prepare_study(spec, open_signals(spec.signals_url))
    except AndonError as error:
        return str(error)
    except Exception as error:
        log.exception("%s could not be prepared", spec.title)
        return f"{type(error).__name__}: {error}"
    return ""


def prepare_study(spec: StudySpec, signals: Signals) -> None:
    """Read the lines of a study, and write what its search needs into its folder.

    Raises
    ------
    ConfigError, DataError
        If the lines have no data in the periods, or lack what the definition names.
    """
    definition = typed(spec)
    folder = Path(spec.folder)
    folder.mkdir(parents=True, exist_ok=True)
    start, end = read_span(definition)
    frames = [read_line(spec, name, signals, start, end) for name in spec.lines]
    if isinstance(definition, Monitor):
        from tune_jobs.files import write_signals

        write_signals(frames[0], folder)
        return
    _prepare_classifier(definition, frames, folder)


def read_span(definition: Alert | Monitor) -> tuple[datetime | None, datetime | None]:
    """Return the span that may be read: from training's start to validation's end, or all there is."""
    if definition.train is None:
        return None, None
    last = definition.validation or definition.train
    return min(definition.train.start, last.start), max(definition.train.end, last.end)


def read_line(
    spec: StudySpec, name: str, signals: Signals, start: datetime | None, end: datetime | None
) -> SignalFrame:
    """Read a line, with the sampling that its definition declares."""
    frame = signals.read_signals(name, None, start, end)
    declared = line_of(spec, name)
    return frame if declared is None or declared.sampling is None else replace(frame, sampling=declared.sampling)


def _prepare_classifier(definition: Alert, frames: list[SignalFrame], folder: Path) -> None:
    from andon.evaluation.splits import training_frames
    from andon.features.spec import feature_spec
    from andon.models.training import training_rows
    from tune_jobs.files import write_rows

    target, horizon = definition.target, definition.horizon
    if target is None or horizon is None:
        raise ConfigError(f"Alert {definition.name}", "has no target or horizon", "it must be of type classifier")
    labelled = [frame for frame in frames if target.variables <= set(frame.types) and len(frame)]
    if not labelled:
        missing = sorted(target.variables - set(frames[0].types)) if frames else []
        raise DataError(
            f"Alert {definition.name}",
            f"no line has readings of {missing[0] if missing else 'its variables'} in its periods",
            "import them, or change the periods",
        )
    learnt_from = training_frames(labelled, definition.train, definition.validation, definition.model == "pooled")
    spec = feature_spec(definition.features, learnt_from, horizon, definition.include, definition.exclude, target)
    rows = training_rows(labelled, spec, target, horizon)
    write_rows(rows, spec, labelled, folder)
