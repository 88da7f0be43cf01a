"""A study and its configurations, as a log of searches reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Study:
    line: str | None
    definition: dict[str, Any] = field(default_factory=lambda: {"kind": "Alert", "name": "jam-soon"})
    definition_version: int = 1
    family: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class Tried:
    number: int
    learner: str
    params: dict[str, Any]
    metric: float | None
    seconds: float
    at: float
    error: str = ""
    pruned: bool = False
    source: str = "sampled"
