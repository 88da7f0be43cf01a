"""What a search tried and how it ended: read from its folder by `tune_jobs.journal`, made into pages by reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class TriedConfiguration:
    """One configuration as the journal tells of it; ``metric`` is None where it failed, and ``error`` says why."""

    number: int
    learner: str
    params: Mapping[str, Any]
    metric: float | None
    seconds: float
    error: str
    pruned: bool
    source: str
    """``default``, ``transfer`` (by what similar lines found) or ``sampled``."""
    at: float | None
    """When it ended, in seconds since the Unix epoch; None in journals that do not tell."""
    fitting: float = 0.0
    """Of its seconds, those inside fit and predict; 0 in journals that do not tell."""


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """One study: a definition's model on one line, or of one family.

    ``state`` is ``done``, ``failed`` or ``unfinished``; ``seconds`` are those of its outcome, or else of its
    configurations.
    """

    definition: str
    kind: str
    line: str | None
    family: str | None
    trials: int
    seed: int
    configurations: tuple[TriedConfiguration, ...]
    """In the order in which they ended."""
    state: str
    error: str
    seconds: float
    summary: Mapping[str, Any] | None

    @property
    def title(self) -> str:
        """How people call it."""
        return f"{self.definition} on {self.where}"

    @property
    def where(self) -> str:
        """Its line, or its family."""
        return self.line or f"family {self.family}"

    @property
    def maximize(self) -> bool:
        """Whether a greater metric is better: it is for an alert's average precision, not for a monitor's error."""
        return self.kind != "Monitor"

    @property
    def metric_name(self) -> str:
        """What the metric of a configuration is; a study's summary may tell of its winner by another."""
        return "average precision" if self.maximize else "standardised RMSE"

    @property
    def best(self) -> TriedConfiguration | None:
        """The best configuration that was measured whole; the earlier of two equals."""
        sign = 1.0 if self.maximize else -1.0
        whole = [one for one in self.configurations if one.metric is not None and not one.pruned]
        return max(whole, key=lambda one: sign * (one.metric or 0.0), default=None)


@dataclass(frozen=True, slots=True)
class SearchRecord:
    """One search. ``started`` and ``ended`` are the times of its specification and of what was written last."""

    identity: str
    folder: Path
    started: datetime
    ended: datetime
    studies: tuple[StudyRecord, ...]

    @property
    def configurations(self) -> int:
        """How many configurations were tried."""
        return sum(len(one.configurations) for one in self.studies)
