"""Models that stay in memory: looked after in the background, swapped by one assignment, never half of one version."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from types import MappingProxyType

from andon.errors import AndonError, ModelError
from andon.models.bundle import Bundle, read_bundle
from andon.ports import Documents, Models, Signals
from andon.records import ModelKey
from andon.services.watching import Cache, Watching, model_keys, read_watching
from andon.serving.tensors import Tensors
from andon.stores.mlflow_names import model_name
from configs.definitions import Alert, Monitor

log = logging.getLogger(__name__)

_SHOWN_EVERY = 0.25
"""Seconds, at most, until a model that is loaded serves while others are still being loaded."""


@dataclass(frozen=True, slots=True)
class Resident:
    """A model that is in memory."""

    key: ModelKey
    version: int
    bundle: Bundle
    tensors: Tensors

    @property
    def name(self) -> str:
        """As the registry and the inference protocol call it."""
        return model_name(self.key)


@dataclass(frozen=True, slots=True)
class Served:
    """A definition that a model judges on a line; without a model, why."""

    definition: Alert | Monitor
    resident: Resident | None
    reason: str = ""
    waiting: bool = False
    """Whether it only has to be loaded."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that serves at one moment. A request takes one, and keeps to it."""

    watching: Watching = field(default_factory=lambda: Watching({}, ()))
    lines: Mapping[str, tuple[Served, ...]] = field(default_factory=dict)
    """Of every line that is known, by name."""
    models: Mapping[str, Resident] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    """Models whose champion could not be loaded, and why; the version before serves on, if there is one."""
    waiting: frozenset[str] = frozenset()
    """Models that only have to be loaded."""
    begun: bool = False
    """Whether definitions have been read."""

    def loading(self) -> tuple[str, ...]:
        """Return the lines that wait for a model to be loaded for the first time."""
        return tuple(line for line, served in self.lines.items() if any(one.waiting for one in served))


@dataclass(slots=True)
class Residents:
    """Keeps every champion in memory. `refresh` is called by one thread; ``snapshot`` is read by any.

    A version that cannot be loaded leaves the one before in its place, and is tried again after a while: it may be
    damaged, or its store only away.
    """

    documents: Documents
    signals: Signals
    models: Models
    loaders: int = 2
    mine: Callable[[str], bool] = lambda line: True
    """Whether a line is to be served here."""
    changed: Callable[[], object] = lambda: None
    """Called after models were loaded."""
    again: float = 30.0
    """Seconds after which a version that could not be loaded is tried again."""
    snapshot: Snapshot = field(default_factory=Snapshot)
    problem: str = ""
    """Why the stores cannot be asked, while that lasts: what is resident serves on."""
    loads: int = 0
    _cache: Cache = field(default_factory=Cache)
    _resident: dict[ModelKey, Resident] = field(default_factory=dict)
    _refused: dict[ModelKey, tuple[int, str]] = field(default_factory=dict)
    _tried: dict[ModelKey, float] = field(default_factory=dict)
    _judged: _Judged | None = None
    _shown: tuple[object, ...] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def refresh(self) -> Snapshot:
        """Look at definitions and champions, load what is new, and return what serves now.

        Raises
        ------
        StoreError
            If a store cannot be asked; everything stays as it was.
        """
        with self._lock:
            try:
                self._refresh()
            except AndonError as error:
                if self.problem != str(error):
                    log.error("what is served cannot be looked at: %s", error)
                self.problem = str(error)
                raise
            self.problem = ""
            return self.snapshot

    def _refresh(self) -> None:
        watching = read_watching(self.documents, self._cache)
        judged = self._judged_on(watching)
        pointers = {key: self.models.pointer(key) for key in judged.keys}
        for gone in [key for key in self._resident if pointers.get(key) is None]:
            del self._resident[gone]
        self._refused = {key: one for key, one in self._refused.items() if pointers.get(key) == one[0]}
        missing = [
            (key, version)
            for key, version in sorted(pointers.items(), key=str)
            if version is not None and self._lacks(key, version)
        ]
        if not missing and self._shown == (judged, pointers, self._refused):
            return
        self._show(watching, judged, pointers)
        if not missing:
            return
        shown = monotonic()
        for key, loaded in self._load(missing):
            self._take(key, pointers[key] or 0, loaded)
            if monotonic() - shown > _SHOWN_EVERY:
                self._show(watching, judged, pointers)
                shown = monotonic()
        self._show(watching, judged, pointers)
        self.changed()

    def _judged_on(self, watching: Watching) -> _Judged:
        """Return what is judged on which line, the same object as before unless definitions or lines have changed."""
        known = {*watching.lines, *watching.names(), *self.signals.list_lines()}
        lines = tuple(sorted(line for line in known if self.mine(line)))
        of = (lines, tuple(watching.lines.values()), watching.definitions)
        # Definitions that have not changed are the same objects; to compare them field by field would take longer.
        seen = (lines, *(tuple(map(id, part)) for part in of[1:]))
        if self._judged is None or self._judged.seen != seen:
            self._judged = _Judged(seen, of, {line: _pairs(watching, line) for line in lines})
        return self._judged

    def _lacks(self, key: ModelKey, version: int) -> bool:
        if key in self._refused:
            return monotonic() - self._tried[key] >= self.again
        resident = self._resident.get(key)
        return resident is None or resident.version != version

    def _load(self, missing: list[tuple[ModelKey, int]]) -> Iterator[tuple[ModelKey, Future[tuple[Bundle, Tensors]]]]:
        """Load models side by side; yield each one as it is there."""
        with ThreadPoolExecutor(self.loaders, "load") as pool:
            futures = {pool.submit(self._read, key, version): key for key, version in missing}
            for future in as_completed(futures):
                yield futures[future], future

    def _read(self, key: ModelKey, version: int) -> tuple[Bundle, Tensors]:
        published = self.models.get(key, version)
        if published is None:
            raise FileNotFoundError(f"version {version} is gone from the registry")
        bundle = read_bundle(Path(published.path))
        tensors = Tensors(bundle)
        if not tensors.probe():
            raise ModelError(published.path, "gives no score", "train again, or roll back")
        return bundle, tensors

    def _take(self, key: ModelKey, version: int, loaded: Future[tuple[Bundle, Tensors]]) -> None:
        try:
            self._resident[key] = Resident(key, version, *loaded.result())
            self._refused.pop(key, None)
            self.loads += 1
            log.info("model %s version %d serves", key, version)
        except (AndonError, OSError, ValueError) as error:
            self._tried[key] = monotonic()
            if self._refused.get(key) == (version, str(error)):
                return
            self._refused[key] = version, str(error)
            before = self._resident.get(key)
            serves = f"version {before.version} serves on" if before else "nothing serves in its place"
            log.error("model %s version %d cannot be loaded, %s: %s", key, version, serves, error)

    def _show(self, watching: Watching, judged: _Judged, pointers: Mapping[ModelKey, int | None]) -> None:
        lines = {
            line: tuple(self._served(definition, server, line, pointers) for definition, server in pairs)
            for line, pairs in judged.pairs.items()
        }
        models = {one.name: one for one in self._resident.values()}
        failed = {model_name(key): f"version {version}: {why}" for key, (version, why) in self._refused.items()}
        waiting = frozenset(
            model_name(key)
            for key, version in pointers.items()
            if version is not None and key not in self._resident and key not in self._refused
        )
        self.snapshot = Snapshot(
            watching, MappingProxyType(lines), MappingProxyType(models), MappingProxyType(failed), waiting, begun=True
        )
        self._shown = (judged, pointers, dict(self._refused))

    def _served(
        self,
        definition: Alert | Monitor,
        server: Alert | Monitor | None,
        line: str,
        pointers: Mapping[ModelKey, int | None],
    ) -> Served:
        """Return what judges a definition on a line: the first of its models that has a champion."""
        monitor = f"monitor {definition.monitor} " if isinstance(definition, Alert) and definition.monitor else ""
        if server is None:
            return Served(definition, None, f"{monitor}does not watch this line")
        key = next((key for key in model_keys(server, line) if pointers.get(key) is not None), None)
        if key is None:
            return Served(definition, None, f"{monitor}has no champion yet; train it")
        resident = self._resident.get(key)
        if resident is not None:
            return Served(definition, resident)
        if key in self._refused:
            return Served(definition, None, f"{monitor}cannot be loaded: {self._refused[key][1]}")
        return Served(definition, None, f"{monitor}is being loaded; try again in a moment", waiting=True)


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """What is judged by models: of each line its definitions, each with the one whose model judges it."""

    seen: tuple[object, ...]
    kept: tuple[object, ...]
    """The objects that ``seen`` tells apart, so that none of them is another by the next time."""
    pairs: Mapping[str, tuple[tuple[Alert | Monitor, Alert | Monitor | None], ...]]

    @property
    def keys(self) -> set[ModelKey]:
        """Every model that may serve."""
        return {
            key
            for line, pairs in self.pairs.items()
            for _, server in pairs
            if server is not None
            for key in model_keys(server, line)
        }


def _pairs(watching: Watching, line: str) -> tuple[tuple[Alert | Monitor, Alert | Monitor | None], ...]:
    concerning = watching.of(line)
    monitors = {one.name: one for one in concerning if isinstance(one, Monitor)}
    judged = [one for one in concerning if isinstance(one, Monitor) or one.type != "threshold"]
    return tuple(
        (one, one if isinstance(one, Monitor) or one.monitor is None else monitors.get(one.monitor)) for one in judged
    )
