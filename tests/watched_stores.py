"""Stores for tests of the assistant: a registry in memory, and stores that break off at a chosen write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from andon.models.bundle import Bundle, write_bundle
from andon.ports import Documents, Signals
from andon.records import ModelCard, ModelKey, PublishedModel


@dataclass
class FolderModels:
    """As much of `andon.ports.Models` as the assistant reads: versions as folders of bundles, champions in memory."""

    folder: Path
    champions: dict[ModelKey, int] = field(default_factory=dict)
    asked: int = 0

    def put(self, bundle: Bundle, version: int = 1) -> Path:
        """Publish a bundle as a version, and make it champion."""
        path = self._path(bundle.key, version)
        write_bundle(bundle, path)
        self.champions[bundle.key] = version
        return path

    def close(self) -> None:
        """Nothing is open."""

    def pointer(self, key: ModelKey) -> int | None:
        return self.champions.get(key)

    def get(self, key: ModelKey, version: int) -> PublishedModel | None:
        self.asked += 1
        path = self._path(key, version)
        if not path.is_dir():
            return None
        card = ModelCard("classifier", "", {}, {}, {}, 1, datetime.min, datetime.min, 0)
        return PublishedModel(key, version, str(path), card)

    def _path(self, key: ModelKey, version: int) -> Path:
        return self.folder / f"{key.definition}-{version}"


class Killed(BaseException):
    """The process was killed."""


WRITES = ("append_forecasts", "add_anomalies", "add_skips", "put_states", "open_alert", "transition_alert")


@dataclass
class Fuse:
    """Counts writes over all stores, and breaks before or after the one numbered ``at``."""

    at: int = -1
    after: bool = False
    count: int = 0
    seen: list[str] = field(default_factory=list)

    def blow(self, after: bool) -> None:
        if self.count == self.at and after == self.after:
            raise Killed


class Breaking:
    """A store that passes everything on, but breaks off where its fuse says so."""

    def __init__(self, store: Documents | Signals, fuse: Fuse) -> None:
        self._store, self._fuse = store, fuse

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name not in WRITES:
            return method

        def write(*arguments: Any) -> Any:
            if isinstance(arguments[0], Sequence | Mapping) and not arguments[0]:
                return method(*arguments)
            self._fuse.blow(after=False)
            result = method(*arguments)
            self._fuse.blow(after=True)
            self._fuse.count += 1
            self._fuse.seen.append(name)
            return result

        return write
