"""The scorer: a plain class that answers for lines with models that are in memory."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from andon.errors import AndonError, ConfigError, ModelError
from andon.models.monitors.bundle import MonitorBundle
from andon.ports import Documents, Models, Signals, StoredLine
from andon.scoring.answers import newest_answer, newest_verdict
from andon.scoring.newest import NewestRows
from andon.scoring.rows import read_rows
from andon.services.watching import context_of
from andon.serving.inference import Inference
from andon.serving.problems import Elsewhere, busy
from andon.serving.readings import NewestReadings
from andon.serving.residents import Resident, Residents, Served, Snapshot
from andon.serving.sharding import shard_of
from configs.definitions import Alert, Line, Monitor, VariableType
from configs.expressions import did_you_mean
from configs.periods import format_time


class LineScorer:
    """Scores lines with their champions, all of them in memory.

    The newest rows come from the request or from the store; features, windows and kernels are those of training. What
    is scored with changes by `refresh` alone, which is called in the background.
    """

    def __init__(
        self,
        documents: Documents,
        signals: Signals,
        models: Models,
        *,
        loaders: int = 2,
        shard: int = 0,
        shards: int = 1,
    ) -> None:
        self.documents = documents
        self.signals = signals
        self.models = models
        self._shard, self._shards = shard, shards
        self.residents = Residents(documents, signals, models, loaders, self._is_mine, _settle_memory)
        self.readings = NewestReadings(signals)
        self._stored: dict[str, StoredLine | None] = {}

    @property
    def snapshot(self) -> Snapshot:
        """What serves now."""
        return self.residents.snapshot

    def refresh(self) -> None:
        """Look for new definitions and champions.

        Raises
        ------
        StoreError
            If a store cannot be asked; what is in memory serves on.
        """
        self._stored = {}
        self.residents.refresh()

    def lines(self) -> list[dict[str, Any]]:
        """Return every line with its data's span and its models."""
        return [self.line(name) for name in self.snapshot.lines]

    def line(self, name: str) -> dict[str, Any]:
        """Return one line.

        Raises
        ------
        ConfigError
            If it is not known.
        """
        snapshot = self.snapshot
        served = self._of(snapshot, name)
        stored, declared = self.signals.describe_line(name), snapshot.watching.lines.get(name)
        return {
            "name": name,
            "family": declared.family if declared else None,
            "variables": dict(stored.types) if stored else {},
            "first": format_time(stored.first) if stored else None,
            "last": format_time(stored.last) if stored else None,
            "rows": self.signals.count_readings(name) if stored else 0,
            "ready": not any(one.waiting for one in served),
            "models": [
                {
                    "name": one.definition.name,
                    "kind": one.definition.kind,
                    "version": one.resident.version if one.resident else None,
                    "model": one.resident.name if one.resident else None,
                }
                for one in served
                if isinstance(one.definition, Monitor) or one.definition.monitor is None
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
        snapshot = self.snapshot
        served = _named(self._of(snapshot, line), names, line)
        declared = snapshot.watching.lines.get(line)
        given = rows is not None
        answer: dict[str, Any] = {"line": line, "time": None, "alerts": [], "monitors": [], "skipped": []}
        newest = None
        if rows is not None:
            sampling = declared.sampling if declared else None
            newest = NewestRows(read_rows(line, rows, self._types(line, declared), sampling))
        elif self._store(line) is None and self.signals.describe_line(line) is None:
            raise ConfigError(f"line {line}", "is not known or has no readings", "see GET /v1/lines, or send rows")
        for one in served:
            if one.resident is None:
                answer["skipped"].append({"name": one.definition.name, "reason": one.reason})
                continue
            try:
                newest = newest or self.readings.newest(line, *_context(served), declared)
                answer[_kind(one)].append(_scored(one, one.resident, newest))
                answer["time"] = newest.written()
            except AndonError as error:
                if given:
                    raise
                answer["skipped"].append({"name": one.definition.name, "reason": str(error)})
        return answer

    def infer(self, name: str, version: str | None, asked: Inference, most: int) -> tuple[Resident, dict[str, Any]]:
        """Score tensors with a model by its name in the registry; return it, and the outputs.

        Raises
        ------
        ConfigError
            If no such model, or another version of it, serves.
        DataError
            If the input is not what the model takes.
        """
        resident = self.model(name, version)
        return resident, resident.tensors.infer(asked.inputs, most)

    def model(self, name: str, version: str | None = None) -> Resident:
        """Return a model that serves.

        Raises
        ------
        ConfigError
            If no such model, or another version of it, serves.
        """
        snapshot = self.snapshot
        found = snapshot.models.get(name)
        if found is None:
            line = name.partition("~")[2]
            if line and not line.startswith("~"):
                self._require_mine(line)
            if not snapshot.begun or name in snapshot.waiting:
                raise busy("the model is being loaded; try again in a moment")
            known = [one for one in snapshot.models if one.partition("~")[0] == name.partition("~")[0]]
            remedy = did_you_mean(name, known) if known else "see GET /v1/lines for their names"
            raise ConfigError(f"model {name[:200]}", snapshot.failed.get(name, "does not serve"), remedy)
        if version is not None and version != str(found.version):
            raise ConfigError(
                f"model {name}", f"version {version[:20]} does not serve", f"ask for {found.version}, the champion"
            )
        return found

    def readiness(self) -> dict[str, Any]:
        """Return whether everything serves, as JSON values; ``status`` is starting, loading, degraded or ready."""
        snapshot = self.snapshot
        loading = snapshot.loading()
        failed, problem = dict(snapshot.failed), self.residents.problem
        status = "ready"
        if not snapshot.begun:
            status = "starting"
        elif loading:
            status = "loading"
        elif failed or problem:
            status = "degraded"
        return {
            "status": status,
            "lines": len(snapshot.lines),
            "models": len(snapshot.models),
            "loading": list(loading[:100]),
            "failed": [{"model": name, "reason": reason} for name, reason in list(failed.items())[:100]],
            "problem": problem or None,
        }

    def line_is_ready(self, line: str) -> bool:
        """Whether every champion of a line is in memory.

        Raises
        ------
        ConfigError
            If the line is not known.
        """
        return not any(one.waiting for one in self._of(self.snapshot, line))

    def check(self) -> None:
        """Score a row with one of the models, whichever comes next, to see that scores come out.

        Raises
        ------
        ModelError
            If none does.
        """
        models = list(self.snapshot.models.values())
        if not models:
            return
        turn = self.residents.loads + int(datetime.now().timestamp())
        resident = models[turn % len(models)]
        if not resident.tensors.probe():
            raise ModelError(f"model {resident.name}", "gives no score", "roll it back")

    def newest_times(self) -> dict[str, datetime]:
        """Return when each line was last read."""
        found = {line: self._store(line) for line in self.snapshot.lines}
        return {line: stored.last for line, stored in found.items() if stored is not None}

    def _is_mine(self, line: str) -> bool:
        return shard_of(line, self._shards) == self._shard

    def _of(self, snapshot: Snapshot, line: str) -> tuple[Served, ...]:
        served = snapshot.lines.get(line)
        if served is None:
            self._require_mine(line)
            if not snapshot.begun:
                raise busy("definitions are being read; try again in a moment")
            raise ConfigError(f"line {line[:100]}", "is not known", "apply it or import its data; see GET /v1/lines")
        return served

    def _require_mine(self, line: str) -> None:
        """Send a request for a line that another shard serves there."""
        if not self._is_mine(line):
            raise Elsewhere(line, shard_of(line, self._shards))

    def _types(self, line: str, declared: Line | None) -> dict[str, VariableType]:
        stored = self._store(line)
        types: dict[str, VariableType] = dict(stored.types) if stored else {}
        if declared:
            types.update({one.name: one.type for one in declared.variables if one.type is not None})
        return types

    def _store(self, line: str) -> StoredLine | None:
        """Return what the store knew of a line when it was last asked since the last refresh."""
        known = self._stored
        if line not in known:
            known[line] = self.signals.describe_line(line)
        return known[line]


def _named(served: Sequence[Served], names: Sequence[str], line: str) -> Sequence[Served]:
    if not names:
        return served
    known = [one.definition.name for one in served]
    unknown = sorted(set(names) - set(known))
    if unknown:
        remedy = f"choose one of: {', '.join(known) or 'none'}"
        raise ConfigError(f"line {line}", f"has no alert or monitor {unknown[0][:100]!r}", remedy)
    return [one for one in served if one.definition.name in names]


def _context(served: Sequence[Served]) -> tuple[timedelta, int]:
    return context_of(one.resident.bundle for one in served if one.resident)


def _kind(one: Served) -> str:
    return "alerts" if isinstance(one.definition, Alert) else "monitors"


def _scored(one: Served, resident: Resident, newest: NewestRows) -> dict[str, Any]:
    bundle, definition = resident.bundle, one.definition
    if isinstance(definition, Alert) and definition.monitor is not None and isinstance(bundle, MonitorBundle):
        return newest_verdict(definition, bundle, newest, resident.version)
    return newest_answer(bundle, newest, resident.version)


def _settle_memory() -> None:
    """Take what was loaded out of the garbage collector's sight: it would look through all of it again and again."""
    gc.collect()
    gc.freeze()
