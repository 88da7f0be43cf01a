"""How alerts did in a period: figures of each as a whole and in parts, every occurrence, and the models behind them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from andon.evaluation.advice import AdviceOutcome
from andon.evaluation.performance import AlertPerformance, Occurrence
from andon.records import Decision, PublishedModel
from configs.definitions import Line

Part = Literal["alert", "line", "shift", "week"]


@dataclass(frozen=True, slots=True)
class Figures:
    """How an alert did, as a whole (``part`` alert, ``value`` empty) or on one line, in one shift or week."""

    alert: str
    part: Part
    value: str
    performance: AlertPerformance


@dataclass(frozen=True, slots=True)
class PerformanceReport:
    """How alerts did in ``[start, end)``, and the models that served them."""

    start: datetime
    end: datetime
    figures: tuple[Figures, ...]
    occurrences: tuple[Occurrence, ...]
    """Every alert of the period, oldest first."""
    models: tuple[PublishedModel, ...] = ()
    decisions: tuple[Decision, ...] = ()
    notes: tuple[str, ...] = ()
    """What could not be measured, and why."""
    advice: tuple[AdviceOutcome, ...] = ()
    """What became of recommendations, by alert definition and line, where any were given."""
    lines: dict[str, Line] = field(default_factory=dict)

    def part(self, part: Part) -> list[Figures]:
        """Return the figures of one kind."""
        return [one for one in self.figures if one.part == part]
