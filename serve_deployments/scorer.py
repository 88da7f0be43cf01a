"""The scorer: a plain class that answers for lines. Stores are opened by URL, models kept by version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from andon.errors import AndonError, ConfigError, DataError
from andon.frames import SignalFrame, from_microseconds
from andon.models.bundle import AlertBundle, read_bundle
from andon.models.monitors.bundle import MonitorBundle
from andon.ports import Documents, Models, Signals
from andon.records import ModelKey
from andon.scoring.answers import newest_answer, newest_verdict
from andon.scoring.rows import rows_frame
from andon.services.reading import read_with_context
from andon.services.watching import Cache, champion_of, read_watching
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
    _cache: Cache = field(default_factory=Cache)

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
            "rows": self.signals.count_readings(name) if stored else 0,
            "models": [
                {
                    "name": definition.name,
                    "kind": definition.kind,
                    "version": (champion_of(definition, name, self.models) or (None, None))[1],
                }
                for definition in self._concerning(name)
                if isinstance(definition, Monitor) or definition.monitor is None
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
        unknown = sorted(set(names) - {definition.name for definition in concerning})
        if unknown:
            known = ", ".join(definition.name for definition in concerning) or "none"
            raise ConfigError(f"line {line}", f"has no alert or monitor {unknown[0]!r}", f"choose one of: {known}")
        if rows is None and self.signals.describe_line(line) is None:
            raise ConfigError(f"line {line}", "is not known or has no readings", "see GET /v1/lines, or send rows")
        given = None if rows is None else rows_frame(line, rows, self._types(line), self._sampling(line))
        monitors = {one.name: one for one in concerning if isinstance(one, Monitor)}
        answer: dict[str, Any] = {"line": line, "time": None, "alerts": [], "monitors": [], "skipped": []}
        for definition in concerning:
            if names and definition.name not in names:
                continue
            alert = definition if isinstance(definition, Alert) and definition.monitor is not None else None
            server = definition if alert is None else monitors.get(str(alert.monitor))
            champion = None if server is None else champion_of(server, line, self.models)
            if champion is None:
                reason = "has no champion yet; train it"
                if alert is not None:
                    reason = f"monitor {alert.monitor} {reason if server else 'does not watch this line'}"
                answer["skipped"].append({"name": definition.name, "reason": reason})
                continue
            try:
                bundle = self._bundle(*champion)
                frame = self._newest(line, bundle) if given is None else given
                if alert is not None and isinstance(bundle, MonitorBundle):
                    answer["alerts"].append(newest_verdict(alert, bundle, frame, champion[1]))
                else:
                    kind = "alerts" if isinstance(bundle, AlertBundle) else "monitors"
                    answer[kind].append(newest_answer(bundle, frame, champion[1]))
                answer["time"] = format_time(from_microseconds(int(frame.times[-1])))
            except AndonError as error:
                if given is not None:
                    raise
                answer["skipped"].append({"name": definition.name, "reason": str(error)})
        return answer

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

    def _concerning(self, line: str) -> list[Alert | Monitor]:
        """Return the definitions for a line that are judged by a model, be it that of an alert's monitor."""
        watching = read_watching(self.documents, self._cache)
        return [one for one in watching.of(line) if isinstance(one, Monitor) or one.type != "threshold"]

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
