"""What a classifier's study reads: which lines, in which span, and where its variables are chosen from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from andon.errors import ConfigError, DataError
from andon.evaluation.splits import training_spans
from andon.features.spec import FeatureSpec, declared_bounds, feature_spec
from andon.frames import MICROSECOND
from andon.ports import Signals
from configs.definitions import Alert, Monitor
from configs.expressions import Expression
from configs.periods import Period
from pipelines.aggregations.feature_set import FeatureSet
from pipelines.aggregations.job import Wanted
from pipelines.aggregations.looking import Seen, frames_as_seen
from tune_jobs.study import StudySpec, line_of, typed

BOUNDS_FROM = 200_000
"""Rows up to which a variable's bounds are exact quantiles of its readings; of more, about so many are looked at."""


@dataclass(frozen=True, slots=True)
class Outline:
    """Lines of a study in the order of its definition, the half-open span of their readings, and where it may look."""

    spec: StudySpec
    definition: Alert
    target: Expression
    horizon: timedelta
    lines: tuple[str, ...]
    start: datetime
    end: datetime
    training: Mapping[str, Period]
    thin: int
    """See `pipelines.aggregations.looking.look_at`."""

    def sampling(self, line: str) -> timedelta | None:
        """Return the sampling that a line's definition declares."""
        declared = line_of(self.spec, line)
        return None if declared is None else declared.sampling

    def choose_features(self, seen: Sequence[Seen]) -> FeatureSpec:
        """Choose variables, categories and bounds from what the training spans hold.

        Raises
        ------
        ConfigError, DataError
            If nothing can be chosen.
        """
        declared = [line for name in self.training if (line := line_of(self.spec, name)) is not None]
        chosen = self.definition
        return feature_spec(
            chosen.features,
            frames_as_seen(seen),
            self.horizon,
            chosen.include,
            chosen.exclude,
            self.target,
            declared_bounds(declared),
        )

    def wanted(self, features: FeatureSpec) -> list[Wanted]:
        """Return what is to be made of each line."""
        start, end = read_span(self.definition)
        folder = self.spec.features_folder or str(Path(self.spec.folder) / "features")
        made = FeatureSet(features, start, folder)
        return [Wanted(made, line, self.spec.signals_url, end) for line in self.lines]


def read_span(definition: Alert | Monitor) -> tuple[datetime | None, datetime | None]:
    """Return the span that may be read: from training's start to validation's end, or all there is."""
    if definition.train is None:
        return None, None
    last = definition.validation or definition.train
    return min(definition.train.start, last.start), max(definition.train.end, last.end)


def outline(spec: StudySpec, signals: Signals) -> Outline:
    """Find the lines that have readings of the target in the periods.

    Raises
    ------
    ConfigError, DataError
        If the definition is no classifier's, its one line has no readings at all, or none has those of the target.
    """
    definition = typed(spec)
    if isinstance(definition, Monitor) or definition.target is None or definition.horizon is None:
        raise ConfigError(
            f"{definition.kind} {definition.name}", "has no target or horizon", "it must be of type classifier"
        )
    start, end = read_span(definition)
    target = definition.target
    spans: dict[str, Period] = {}
    lacking: list[str] = []
    rows = 0
    for name in spec.lines:
        stored = signals.describe_line(name)
        if stored is None and definition.model == "pooled":
            continue  # a line without history learns from the others
        span = signals.reading_span(name, start, end)
        missing = sorted(target.variables - set(stored.types if stored else ()))
        if span is None or missing:
            lacking += missing
        else:
            rows += signals.count_readings(name) if _is_thinned(definition) else 0
            spans[name] = Period(start=span[0], end=span[1] + MICROSECOND)
    if not spans:
        raise DataError(
            f"Alert {definition.name}",
            f"no line has readings of {lacking[0] if lacking else 'its variables'} in its periods",
            "import them, or change the periods",
        )
    pooled = definition.model == "pooled"
    training = _held(signals, training_spans(spans, definition.train, definition.validation, pooled))
    return Outline(
        spec,
        definition,
        target,
        definition.horizon,
        tuple(spans),
        min(span.start for span in spans.values()),
        max(span.end for span in spans.values()),
        training or dict(list(spans.items())[:1]),
        _thin(definition, rows),
    )


def _held(signals: Signals, periods: Mapping[str, Period]) -> dict[str, Period]:
    """Return the periods of the lines that have readings in them."""
    return {
        line: period
        for line, period in periods.items()
        if signals.reading_span(line, period.start, period.end) is not None
    }


def _thin(definition: Alert, rows: int) -> int:
    """Return how much readings may be thinned to learn bounds from; 0 where no feature has bounds."""
    return -(-rows // BOUNDS_FROM) if _is_thinned(definition) else 0


def _is_thinned(definition: Alert) -> bool:
    return "out_of_bounds" in (definition.features.functions or ())
