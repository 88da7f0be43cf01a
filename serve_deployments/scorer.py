"""The scorer: a plain class that answers for lines. Stores are opened by URL, models kept by version."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from andon.errors import AndonError, ConfigError, DataError
from andon.frames import TIME, SignalFrame, from_microseconds, signal_frame
from andon.models.bundle import AlertBundle, read_bundle
from andon.models.monitors.bundle import MonitorBundle
from andon.ports import Documents, Models, Signals
from andon.records import ModelKey
from andon.scoring import forecast_next, score_alert, score_monitor
from andon.services.reading import read_with_context
from configs.definitions import Alert, Line, Monitor, VariableType
from configs.periods import format_time

Bundle = AlertBundle | MonitorBundle


@dataclass(slots=True)
class LineScorer:
    """Scores lines with their champions.

    The newest rows come from the request or from the store; features, windows and kernels are those of training.
    """

    documents: Documents
    signals: Signals
    models: Models
    _bundles: dict[tuple[ModelKey, int], Bundle] = field(default_factory=dict)

    def lines(self) -> list[dict[str, Any]]:
        """Return every line with its data's span and its models."""
        return [self.line(name) for name in self._names()]

    def line(self, name: str) -> dict[str, Any]:
        """Return one line.

        Raises
        ------
        ConfigError
            If it is not known.
        """
        if name not in self._names():
            raise ConfigError(f"line {name}", "is not known", "apply it or import its data; see GET /v1/lines")
        stored = self.signals.describe_line(name)
        declared = self._declared(name)
        return {
            "name": name,
            "family": declared.family if declared else None,
            "variables": dict(stored.types) if stored else {},
            "first": format_time(stored.first) if stored else None,
            "last": format_time(stored.last) if stored else None,
            "rows": stored.rows if stored else 0,
            "models": [
                {
                    "name": definition.name,
                    "kind": definition.kind,
                    "version": self.models.pointer(key),
                }
                for definition, key in self._concerning(name)
            ],
        }

    def score(
        self, line: str, rows: Sequence[Mapping[str, Any]] | None = None, names: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Score the newest row of a line.

        Parameters
        ----------
        rows
            Readings, oldest first: ``time`` and variables. None: the newest of the store.
        names
            Alerts and monitors to score; empty: all that concern the line.

        Raises
        ------
        ConfigError
            If the line or a name is not known.
        DataError
            If ``rows`` are malformed, or fewer than a model's longest window needs.
        """
        concerning = self._concerning(line)
        unknown = sorted(set(names) - {definition.name for definition, _ in concerning})
        if unknown:
            known = ", ".join(definition.name for definition, _ in concerning) or "none"
            raise ConfigError(f"line {line}", f"has no alert or monitor {unknown[0]!r}", f"choose one of: {known}")
        if rows is None and self.signals.describe_line(line) is None:
            raise ConfigError(f"line {line}", "is not known or has no readings", "see GET /v1/lines, or send rows")
        given = None if rows is None else rows_frame(line, rows, self._types(line), self._sampling(line))
        answer: dict[str, Any] = {"line": line, "time": None, "alerts": [], "monitors": [], "skipped": []}
        for definition, key in concerning:
            if names and definition.name not in names:
                continue
            version = self.models.pointer(key)
            if version is None:
                answer["skipped"].append({"name": definition.name, "reason": "has no champion yet; train it"})
                continue
            try:
                bundle = self._bundle(key, version)
                frame = self._newest(line, bundle) if given is None else given
                if isinstance(bundle, AlertBundle):
                    answer["alerts"].append(self._alert(bundle, frame, version))
                else:
                    answer["monitors"].append(self._monitor(bundle, frame, version))
                answer["time"] = format_time(from_microseconds(int(frame.times[-1])))
            except AndonError as error:
                if given is not None:
                    raise
                answer["skipped"].append({"name": definition.name, "reason": str(error)})
        return answer

    def _alert(self, bundle: AlertBundle, frame: SignalFrame, version: int) -> dict[str, Any]:
        from andon.features.engine import require_rows

        require_rows(frame, bundle.features)
        scores = score_alert(bundle, frame, from_microseconds(int(frame.times[-1])))
        return {
            "name": bundle.key.definition,
            "version": version,
            "learner": bundle.learner,
            "time": format_time(from_microseconds(int(scores.times[-1]))),
            "score": _number(scores.score[-1]),
            "threshold": scores.threshold,
            "flag": bool(scores.flag[-1]),
            "horizon_seconds": bundle.horizon.total_seconds(),
        }

    def _monitor(self, bundle: MonitorBundle, frame: SignalFrame, version: int) -> dict[str, Any]:
        needed = bundle.rows_needed + 1
        if len(frame) < needed:
            raise DataError(
                f"line {frame.line}: {bundle.key.definition}",
                f"needs {needed} rows, got {len(frame)}",
                f"send at least {needed} rows",
            )
        scores = score_monitor(bundle, frame, from_microseconds(int(frame.times[-1])))
        return {
            "name": bundle.key.definition,
            "version": version,
            "time": format_time(from_microseconds(int(scores.times[-1]))),
            "score": _number(scores.line_score[-1]),
            "threshold": float(scores.line_threshold),
            "flag": bool(scores.line_flag[-1]),
            "variables": [
                {
                    "name": variable,
                    "expected": _number(scores.expected[-1, column]),
                    "actual": _number(scores.actual[-1, column]),
                    "score": _number(scores.score[-1, column]),
                    "threshold": float(scores.thresholds[column]),
                    "flag": bool(scores.flags[-1, column]),
                }
                for column, variable in enumerate(scores.variables)
            ],
            "forecasts": [
                {
                    "variable": one.variable,
                    "time": format_time(one.time),
                    "expected": one.expected,
                    "low": one.low,
                    "high": one.high,
                }
                for one in forecast_next(bundle, frame)
            ],
        }

    def _bundle(self, key: ModelKey, version: int) -> Bundle:
        kept = self._bundles.get((key, version))
        if kept is None:
            published = self.models.get(key, version)
            if published is None:
                raise ConfigError(str(key), f"has no version {version}", "see `andon models list`")
            kept = read_bundle(Path(published.path))
            for old in [known for known in self._bundles if known[0] == key]:
                del self._bundles[old]
            self._bundles[key, version] = kept
        return kept

    def _newest(self, line: str, bundle: Bundle) -> SignalFrame:
        stored = self.signals.describe_line(line)
        if stored is None:
            raise DataError(f"line {line}", "has no readings", "import some")
        if isinstance(bundle, AlertBundle):
            span, rows = bundle.features.longest + bundle.features.stride, 0
        else:
            span, rows = timedelta(0), bundle.rows_needed
        declared = self._declared(line)
        return read_with_context(self.signals, line, stored.last, None, span=span, rows=rows, declared=declared)

    def _concerning(self, line: str) -> list[tuple[Alert | Monitor, ModelKey]]:
        declared = self._declared(line)
        found: list[tuple[Alert | Monitor, ModelKey]] = []
        for stored in self.documents.list_definitions():
            if stored.kind == "Line":
                continue
            definition = (Alert if stored.kind == "Alert" else Monitor).model_validate(stored.body)
            if isinstance(definition, Alert) and definition.type != "classifier":
                continue
            chosen = definition.lines
            if line in (chosen.names or ()) or (declared and chosen.family and declared.family == chosen.family):
                pooled = isinstance(definition, Alert) and definition.model == "pooled"
                found.append(
                    (
                        definition,
                        ModelKey(definition.name, family=chosen.family) if pooled else ModelKey(definition.name, line),
                    )
                )
        return found

    def _names(self) -> list[str]:
        declared = {stored.name for stored in self.documents.list_definitions("Line")}
        return sorted(declared | set(self.signals.list_lines()))

    def _declared(self, line: str) -> Line | None:
        stored = self.documents.get_definition("Line", line)
        return None if stored is None else Line.model_validate(stored.body)

    def _sampling(self, line: str) -> timedelta | None:
        declared = self._declared(line)
        return declared.sampling if declared else None

    def _types(self, line: str) -> dict[str, VariableType]:
        stored = self.signals.describe_line(line)
        types: dict[str, VariableType] = dict(stored.types) if stored else {}
        declared = self._declared(line)
        if declared:
            types.update({one.name: one.type for one in declared.variables if one.type is not None})
        return types


def rows_frame(
    line: str,
    rows: Sequence[Mapping[str, Any]],
    types: Mapping[str, VariableType],
    sampling: timedelta | None = None,
) -> SignalFrame:
    """Validate the rows of a request.

    Raises
    ------
    DataError
        Naming the row and variable that is wrong.
    """
    if not rows:
        raise DataError(f"line {line}: rows", "is empty", "send readings, or no rows at all for the newest stored")
    names = sorted({name for row in rows for name in row if name != "time"})
    unknown = [name for name in names if types and name not in types]
    if unknown:
        raise DataError(
            f"line {line}: rows", f"unknown variable {unknown[0]!r}", f"it has {', '.join(sorted(types)) or 'none'}"
        )
    times = []
    for number, row in enumerate(rows):
        times.append(_time(f"line {line}: rows[{number}].time", row.get("time")))
    columns: dict[str, Any] = {"time": pl.Series(times, dtype=TIME)}
    kinds: dict[str, VariableType] = {}
    for name in names:
        values = [row.get(name) for row in rows]
        kinds[name] = types.get(name) or ("category" if any(isinstance(v, str) for v in values) else "number")
        for number, value in enumerate(values):
            good = value is None or (
                isinstance(value, str) and _is_text(value)
                if kinds[name] == "category"
                else isinstance(value, bool | int | float) and _is_finite(value)
            )
            if not good:
                raise DataError(
                    f"line {line}: rows[{number}].{name}",
                    f"is not a {kinds[name]}: {value!r}"[:200],
                    "mend or leave it out",
                )
        columns[name] = pl.Series(
            values if kinds[name] == "category" else [None if v is None else float(v) for v in values],
            dtype=pl.String if kinds[name] == "category" else pl.Float64,
        )
    frame = signal_frame(line, pl.DataFrame(columns), kinds, sampling)
    if not names or not len(frame):
        raise DataError(f"line {line}: rows", "hold no reading", "send at least one value")
    return frame


def _time(place: str, value: Any) -> datetime:
    if isinstance(value, str):
        # OverflowError: within year 1 or 9999 where it was read, outside of them in UTC.
        with suppress(ValueError, OverflowError):
            moment = datetime.fromisoformat(value)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    raise DataError(place, f"is not a time: {value!r}"[:200], "write for example 2026-01-01T06:00:00Z")


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # JSON's integers have no largest one
        return False


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # JSON can escape half of a character
        return False
    return True


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
