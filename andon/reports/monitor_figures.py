"""Figures of a monitor's page: what it said of a line's rows, variable by variable, and how it came to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from andon.evaluation.anomalies import Detection, measure_detection
from andon.evaluation.volumes import runs
from andon.frames import Booleans, Floats, Integers, from_microseconds, to_microseconds
from andon.models.monitors.accuracy import beside_persistence, last_readings
from andon.models.monitors.bundle import MonitorBundle
from andon.models.monitors.calibration import severity_of
from andon.records import ModelCard
from andon.scoring.monitors import MonitorScores

MOST_SPELLS = 50
_NAMED = 4


@dataclass(frozen=True, slots=True)
class MonitorPage:
    """What a page is about: a monitor's verdicts on n rows of a line, and the champion that gave them."""

    line: str
    bundle: MonitorBundle
    version: int
    scores: MonitorScores
    labels: Floats | None = None
    """1, 0 or NaN (n,): where people say that the line was not normal; None: nobody does."""
    label: str = ""
    units: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The monitor's."""
        return self.bundle.key.definition

    @property
    def card(self) -> ModelCard:
        """The champion's."""
        return self.bundle.card

    @property
    def times(self) -> list[datetime]:
        """Reading times of the rows."""
        return [from_microseconds(time) for time in self.scores.times.tolist()]

    @property
    def rate(self) -> float:
        """False alarms that the definition allows, a share of normal rows."""
        return float(self.bundle.definition["rate"])

    @property
    def reach(self) -> Floats:
        """How far from its forecast a reading of each variable is still normal, in its own unit, float64 (v,)."""
        with np.errstate(over="ignore"):
            return self.bundle.thresholds * self.bundle.residual_scales

    @property
    def known(self) -> int:
        """How many of the rows the champion has read when it was trained: it stands from this index on unread ones."""
        return int(np.searchsorted(self.scores.times, to_microseconds(self.card.data_end)))


@dataclass(frozen=True, slots=True)
class VariableRow:
    """One variable of the page."""

    column: int
    name: str
    unit: str
    chosen: str
    flagged: int
    flagged_share: float | None
    forecast: Mapping[str, Any]
    persistence: Mapping[str, Any]
    """Both as `accuracy.Accuracy.to_json`."""

    @property
    def ratio(self) -> float | None:
        """RMSE of the forecasts against that of persistence."""
        mine, theirs = self.forecast["rmse"], self.persistence["rmse"]
        return mine / theirs if mine is not None and theirs else None


@dataclass(frozen=True, slots=True)
class Spell:
    """A stretch of rows at which the line was flagged, with pauses of less than the monitor's window."""

    first: int
    last: int
    start: datetime
    end: datetime
    flagged: int
    peak: float
    """Highest score, in multiples of its threshold."""
    severity: str
    blamed: tuple[tuple[str, float], ...]
    """Variables by their mean share of the score over the flagged rows, the largest first."""

    @property
    def length(self) -> timedelta:
        """From its first flagged row to its last."""
        return self.end - self.start


def variable_rows(page: MonitorPage) -> list[VariableRow]:
    """Return the variables, those flagged most often first."""
    scores, reach = page.scores, page.reach
    before = last_readings(scores.actual)
    chosen = {one["variable"]: str(one["chosen"]) for one in page.card.comparison if one.get("chosen")}
    rows = []
    for column, name in enumerate(scores.variables):
        judged = int((~np.isnan(scores.score[:, column])).sum())
        flagged = int(scores.flags[:, column].sum())
        both = beside_persistence(
            scores.actual[:, column], scores.expected[:, column], float(reach[column]), page.rate, before[:, column]
        )
        rows.append(
            VariableRow(
                column=column,
                name=name,
                unit=page.units.get(name, ""),
                chosen=chosen.get(name, "-"),
                flagged=flagged,
                flagged_share=flagged / judged if judged else None,
                forecast=both["forecast"],
                persistence=both["persistence"],
            )
        )
    return sorted(rows, key=lambda row: (-row.flagged, row.name))


def spells(page: MonitorPage) -> list[Spell]:
    """Return the line's spells, the worst first."""
    scores = page.scores
    relative = scores.line_score / scores.line_threshold
    found = []
    for first, last in _joined(scores.line_flag, page.bundle.window):
        rows = first + np.flatnonzero(scores.line_flag[first : last + 1])
        shares = scores.shares[rows].mean(axis=0)
        order = [column for column in np.argsort(-shares, kind="stable")[:_NAMED] if shares[column] >= 0.05]
        peak = float(relative[rows].max())
        found.append(
            Spell(
                first=first,
                last=last,
                start=from_microseconds(int(scores.times[first])),
                end=from_microseconds(int(scores.times[last])),
                flagged=len(rows),
                peak=peak,
                severity=severity_of(peak, 1.0),
                blamed=tuple((scores.variables[column], float(shares[column])) for column in order),
            )
        )
    return sorted(found, key=lambda spell: (-spell.peak, spell.first))


def _joined(flags: Booleans, pause: int) -> list[tuple[int, int]]:
    """Return the first and last row of flagged stretches; those less than ``pause`` rows apart are one."""
    joined: list[tuple[int, int]] = []
    for begin, end in zip(*(part.tolist() for part in runs(flags)), strict=True):
        if joined and begin - joined[-1][1] < pause:
            joined[-1] = (joined[-1][0], end - 1)
        else:
            joined.append((begin, end - 1))
    return joined


def detection(page: MonitorPage) -> Detection | None:
    """Return how well the line's flags and scores fit its labels; None where it has none."""
    if page.labels is None:
        return None
    return measure_detection(page.scores.times, page.labels, page.scores.line_score, page.scores.line_flag)


def learners(card: ModelCard) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the learners that were compared, persistence first, and each variable's comparison, by name."""
    rows = [dict(one) for one in card.comparison if one.get("variable") and one.get("chosen")]
    names = list(dict.fromkeys(key.removesuffix("_rmse") for row in rows for key in row if key.endswith("_rmse")))
    return sorted(names, key=lambda name: name != "persistence"), sorted(rows, key=lambda row: str(row["variable"]))


def unwatched(card: ModelCard) -> list[tuple[str, str]]:
    """Return the variables that are not watched, and why."""
    return [
        (one["variable"], str(one["reason"])) for one in card.comparison if one.get("variable") and not one["chosen"]
    ]


def tried(card: ModelCard) -> list[dict[str, Any]]:
    """Return the configurations of the search, in the order in which they were tried."""
    return [dict(one) for one in card.comparison if "metric" in one]


def shown_rows(actual: Floats, marked: Booleans, most: int) -> Integers:
    """Return rows to draw, rising, so that a curve of n readings looks as if all were drawn.

    Those are the lowest and highest reading of each of ``most / 2`` equal stretches, the ends, and what is ``marked``.

    Examples
    --------
    >>> shown_rows(np.array([0.0, 9.0, 1.0, 2.0, -5.0, 3.0, 4.0, 5.0]), np.arange(8) == 6, 4).tolist()
    [0, 1, 4, 6, 7]
    """
    count = len(actual)
    if count <= most:
        return np.arange(count)
    kept = [np.array([0, count - 1]), np.flatnonzero(marked)]
    for stretch in np.array_split(np.arange(count), max(1, most // 2)):
        known = stretch[~np.isnan(actual[stretch])]
        # A stretch without a reading stays a gap.
        kept.append(known[[np.argmin(actual[known]), np.argmax(actual[known])]] if len(known) else stretch[:1])
    return np.unique(np.concatenate(kept))
