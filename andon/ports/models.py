"""The port of models: versions, the champion and the challenger."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from andon.records import (
    Evaluation,
    ModelCard,
    ModelKey,
    PublishedModel,
)


class Models(Protocol):
    """The registry: versions of each model, of which one may be champion and one challenger."""

    def publish(self, key: ModelKey, bundle: Path, card: ModelCard, evaluation: Evaluation | None = None) -> int:
        """Store a bundle as the next version (from 1), without an alias; return the version.

        Killed midway, no version is visible. Where ``card.search`` is not empty and a version has the same, that one
        is returned and nothing is stored. ``evaluation`` is drawn, for people who look at the version.
        """
        ...

    def champion(self, key: ModelKey) -> PublishedModel | None:
        """Return the model in production, its bundle in a local folder that stays as it is."""
        ...

    def challenger(self, key: ModelKey) -> PublishedModel | None:
        """Return the model that wants the champion's place, as `champion` does."""
        ...

    def set_challenger(self, key: ModelKey, version: int | None) -> None:
        """Make a version challenger, atomically; None: there is none any more.

        Raises
        ------
        ConfigError
            If there is no such version, or it is champion.
        """
        ...

    def log_decision(self, key: ModelKey, version: int, body: Mapping[str, Any]) -> None:
        """Keep a decision with the version it was on: JSON values; ``verdict``, ``reason`` and ``at`` can be searched.

        Doing it twice changes nothing: the decision's ``id`` tells, or, where it has none, its content.

        Raises
        ------
        ConfigError
            If there is no such version.
        """
        ...

    def get(self, key: ModelKey, version: int) -> PublishedModel | None:
        """Return one version, its bundle in a local folder that stays as it is."""
        ...

    def list_models(self) -> list[ModelKey]:
        """Return every key that has a version, by definition, family and line."""
        ...

    def history(self, key: ModelKey) -> list[PublishedModel]:
        """Return all versions, oldest first."""
        ...

    def promote(self, key: ModelKey, version: int, reason: str, at: datetime) -> None:
        """Make a version champion, atomically; the one before is remembered. A challenger that wins is one no more.

        Raises
        ------
        ConfigError
            If there is no such version.
        """
        ...

    def rollback(self, key: ModelKey, reason: str, at: datetime) -> int:
        """Make the champion before this one champion again; return its version. Repeated, it goes further back.

        Raises
        ------
        ConfigError
            If there was none.
        """
        ...

    def champions(self, key: ModelKey) -> list[int]:
        """Return the versions that a rollback goes back through, oldest first; the champion is last. Empty: none is."""
        ...

    def pointer(self, key: ModelKey) -> int | None:
        """Return the champion's version, fast enough to ask at every tick."""
        ...

    def close(self) -> None:
        """Release what is open; the store can be used again afterwards."""
        ...
