"""Rows of a back-test file: what a definition would have said of a line, row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from andon.errors import ConfigError, DataError, ModelError
from andon.frames import TIME, Booleans, Floats, Integers, SignalFrame, to_microseconds
from andon.models.bundle import AlertBundle, read_bundle
from andon.models.monitors.bundle import MonitorBundle
from andon.ports import Documents, Models, Signals
from andon.scoring.monitors import MonitorScores
from andon.services.reading import read_with_context
from andon.services.watching import champion_of
from configs.definitions import Alert, Line, Monitor

SCHEMA = {
    "time": TIME,
    "line": pl.String,
    "name": pl.String,
    "variable": pl.String,
    "score": pl.Float64,
    "threshold": pl.Float64,
    "expected": pl.Float64,
    "actual": pl.Float64,
    "flag": pl.Boolean,
}
"""Columns of a back-test file; ``flag`` is never null, ``variable`` is null for an alert and for a line's own row."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where readings and champions come from, and for which times, ``start`` included; None: all that is stored."""

    documents: Documents
    signals: Signals
    models: Models
    lines: Mapping[str, Line]
    start: datetime | None
    end: datetime | None
    origins: int | None = None
    """Rolling origins at which a monitor is refitted; None: the champion judges all rows."""

    def read(
        self, line: str, *, span: timedelta = timedelta(0), rows: int = 0, before: timedelta | None = None
    ) -> SignalFrame:
        """Return the readings with what models look back on; ``before``: of so much time before the start too."""
        start = self.start
        if start is not None and before is not None:
            start -= before
        declared = self.lines.get(line)
        return read_with_context(self.signals, line, start, self.end, span=span, rows=rows, declared=declared)

    def champion(self, definition: Alert | Monitor, line: str) -> tuple[AlertBundle | MonitorBundle, int]:
        """Return the champion that serves a definition on a line, and its version.

        Raises
        ------
        ModelError
            If there is none.
        """
        found = champion_of(definition, line, self.models)
        champion = self.models.get(*found) if found else None
        if champion is None:
            raise ModelError(
                f"{definition.name} on {line}",
                "has no champion",
                f"run `andon train --{definition.kind.lower()} {definition.name}`",
            )
        return read_bundle(Path(champion.path)), champion.version


def row_maker(definition: Alert | Monitor, source: Source) -> Callable[[str], pl.DataFrame]:
    """Return what makes the rows of a line, by `SCHEMA`.

    Raises
    ------
    ConfigError
        If the monitor of an alert is not defined.
    """
    if isinstance(definition, Monitor):
        return lambda line: _monitor_rows(definition, line, source)
    if definition.type == "classifier":
        return lambda line: _classifier_rows(definition, line, source)
    monitor = None
    if definition.monitor is not None:
        stored = source.documents.get_definition("Monitor", definition.monitor)
        if stored is None:
            place = f"alert {definition.name}: monitor"
            raise ConfigError(place, f"{definition.monitor!r} is not defined", "apply it")
        monitor = Monitor.model_validate(stored.body)
    return lambda line: _ruled_rows(definition, monitor, line, source)


def _classifier_rows(definition: Alert, line: str, source: Source) -> pl.DataFrame:
    from andon.labels import label_rows
    from andon.scoring import score_alert

    bundle, _ = source.champion(definition, line)
    if not isinstance(bundle, AlertBundle):
        raise ModelError(f"{definition.name} on {line}", "is a monitor's model", "train it under another name")
    frame = source.read(line, span=bundle.features.longest + bundle.features.stride)
    scores = score_alert(bundle, frame, source.start)
    actual = np.full(len(frame), np.nan)
    target = definition.target
    if target is not None and target.variables <= set(frame.types):
        actual = label_rows(frame, target, bundle.horizon)
    return _frame(
        line,
        definition.name,
        scores.times,
        score=scores.score,
        threshold=np.full(len(scores.times), scores.threshold),
        actual=actual[len(frame) - len(scores.times) :],
        flag=scores.flag,
    )


def _monitor_rows(definition: Monitor, line: str, source: Source) -> pl.DataFrame:
    from andon.evaluation.forecasts import refit_forward
    from andon.scoring import score_monitor

    served, _ = source.champion(definition, line)
    champion = _monitor(served, definition.name, line)
    if source.origins is None:
        frame = source.read(line, rows=champion.rows_needed)
        return _scored_rows(definition, line, score_monitor(champion, frame, source.start))
    frame = source.read(line)
    parts = [
        _scored_rows(definition, line, score_monitor(bundle, frame.between(None, judged.end), judged.start))
        for bundle, judged in refit_forward(definition, frame, champion.card, source.origins)
    ]
    return pl.concat(parts)


def _scored_rows(definition: Monitor, line: str, scores: MonitorScores) -> pl.DataFrame:
    count = len(scores.times)
    parts = [
        _frame(
            line,
            definition.name,
            scores.times,
            score=scores.line_score,
            threshold=np.full(count, scores.line_threshold),
            flag=scores.line_flag,
        )
    ]
    for column, variable in enumerate(scores.variables):
        parts.append(
            _frame(
                line,
                definition.name,
                scores.times,
                variable=variable,
                score=scores.score[:, column],
                threshold=np.full(count, scores.thresholds[column]),
                expected=scores.expected[:, column],
                actual=scores.actual[:, column],
                flag=scores.flags[:, column],
            )
        )
    return pl.concat(parts).sort("time", "variable", nulls_last=False, maintain_order=True)


def _ruled_rows(definition: Alert, monitor: Monitor | None, line: str, source: Source) -> pl.DataFrame:
    """Rows of an alert on a threshold, on forecasts or on anomalies: its flag is that the alert stands open.

    The score of a threshold and of a forecast is its condition, 1 or 0, with a threshold of 1; that of an anomaly the
    monitor's line score. ``actual`` of a forecast is whether the condition came true within the horizon, as a
    classifier's label is.
    """
    from andon.alerts.rules import INACTIVE, Rule, step
    from andon.labels import label_rows
    from andon.scoring.verdicts import AlertVerdicts, Watch, judge_alert, judge_monitor

    watch, scores, rows = Watch(definition), {}, 0
    if monitor is not None:
        bundle, version = source.champion(monitor, line)
        watch, rows = Watch(definition, bundle, version), _monitor(bundle, monitor.name, line).rows_needed
    held = definition.for_ + definition.keep_firing
    frame = source.read(line, span=held, rows=rows, before=held if monitor else None)
    if monitor is not None and definition.type == "anomaly":
        scores = {monitor.name: judge_monitor(Watch(monitor, watch.bundle, watch.version), frame, 0)}
    verdicts = judge_alert(watch, frame, 0, scores)
    if not isinstance(verdicts, AlertVerdicts):
        raise DataError(f"line {line}: {definition.name}", verdicts.text, "import what it needs")
    rule, state, firing = Rule(definition.for_, definition.keep_firing), INACTIVE, []
    for time, when, clear in zip(frame.times.tolist(), verdicts.when, verdicts.clear, strict=True):
        state, _ = step(rule, state, time, when, clear)
        firing.append(state.phase == "firing")
    kept = frame.times >= (-(2**62) if source.start is None else to_microseconds(source.start))
    actual = None
    if definition.type == "forecast" and definition.when is not None and definition.horizon is not None:
        actual = label_rows(frame, definition.when, definition.horizon)[kept]
    threshold = 1.0 if verdicts.threshold is None else verdicts.threshold
    return _frame(
        line,
        definition.name,
        frame.times[kept],
        score=(verdicts.when if verdicts.score is None else verdicts.score)[kept],
        threshold=np.full(int(kept.sum()), threshold),
        actual=actual,
        flag=np.array(firing, dtype=bool)[kept],
    )


def _monitor(bundle: AlertBundle | MonitorBundle, name: str, line: str) -> MonitorBundle:
    if not isinstance(bundle, MonitorBundle):
        raise ModelError(f"{name} on {line}", "is an alert's model", "train it under another name")
    return bundle


def _frame(
    line: str,
    name: str,
    times: Integers,
    *,
    flag: Booleans,
    variable: str | None = None,
    score: Floats | None = None,
    threshold: Floats | None = None,
    expected: Floats | None = None,
    actual: Floats | None = None,
) -> pl.DataFrame:
    columns: dict[str, Any] = {
        "time": pl.Series(times, dtype=pl.Int64).cast(TIME),
        "line": pl.repeat(line, len(times), eager=True, dtype=pl.String),
        "name": pl.repeat(name, len(times), eager=True, dtype=pl.String),
        "variable": pl.repeat(variable, len(times), eager=True, dtype=pl.String),
        "flag": pl.Series(np.asarray(flag, dtype=bool)),
    }
    numbers = {"score": score, "threshold": threshold, "expected": expected, "actual": actual}
    for column, values in numbers.items():
        columns[column] = (
            pl.repeat(None, len(times), eager=True, dtype=pl.Float64)
            if values is None
            else pl.Series(np.asarray(values, dtype=np.float64)).fill_nan(None)
        )
    return pl.DataFrame(columns, schema=SCHEMA)
