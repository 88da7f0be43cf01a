"""What flows: frozen records. Times are UTC and come from the data; ids derive from line, definition and data time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from andon.frames import Floats, Integers
from configs.definitions import Severity

Direction = Literal["high", "low"]


def make_id(*parts: object) -> str:
    """Derive a stable id from parts; the same parts always give the same id.

    Examples
    --------
    >>> make_id("press-07", "jam-soon", 1) == make_id("press-07", "jam-soon", 1)
    True
    """
    text = "\x1f".join(part.isoformat() if isinstance(part, datetime) else str(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What ``variable`` is expected to read at ``time``, in its own unit; made from rows before ``time`` only."""

    line: str
    monitor: str
    variable: str
    time: datetime
    expected: float
    low: float
    high: float
    """``low`` and ``high`` bound what counts as normal."""
    version: int


@dataclass(frozen=True, slots=True)
class Prediction:
    """Probability that the target's onset falls in ``(time, time + horizon]``."""

    line: str
    alert: str
    time: datetime
    score: float
    threshold: float
    version: int

    @property
    def flag(self) -> bool:
        """Whether the score reaches the threshold."""
        return self.score >= self.threshold


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A reading, or (``variable`` None) a whole line, that is not what a monitor calls normal."""

    line: str
    monitor: str
    variable: str | None
    time: datetime
    score: float
    threshold: float
    severity: Severity
    version: int
    actual: float | None = None
    expected: float | None = None
    direction: Direction | None = None
    """``high``: the reading is above what was expected. None for a line."""
    blamed: tuple[str, ...] = ()
    """For a line: its variables, the largest share first."""

    @property
    def id(self) -> str:
        """One id per line, monitor, variable and data time."""
        return make_id("anomaly", self.line, self.monitor, self.variable or "", self.time)


class AlertState(StrEnum):
    """Life cycle of an alert."""

    PENDING = "pending"
    """The condition holds, but not yet for as long as it must: shown to people, never stored."""
    FIRING = "firing"
    SILENCED = "silenced"
    """It stands, and a silence covers it: nobody is told."""
    NO_DATA = "no-data"
    """A line says nothing; its alert is called `NO_DATA_ALERT`."""
    ERROR = "error"
    """Something on a line cannot be evaluated since it is broken; the alert is called `ERROR_ALERT`."""
    ACKNOWLEDGED = "acknowledged"
    ACTED = "acted"
    RESOLVED = "resolved"


NO_DATA_ALERT, ERROR_ALERT = "(no data)", "(error)"
"""Names of the alerts that the assistant raises by itself; no definition can be called so."""


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One immutable step in an alert's life: when, into which state, by whom, why, and what for a proof.

    An event into ``firing``, ``no-data`` or ``error`` is what people are to be told of: an alert that opens while a
    silence covers it begins with one into ``silenced``, and one into ``firing`` follows if it outlasts the silence.
    """

    id: str
    """Derived from the alert, the kind and the data time, so that a replay adds nothing."""
    time: datetime
    state: AlertState
    actor: str
    """``assistant``, or who did it."""
    note: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)
    """Of what the assistant did, as far as they apply: ``score``, ``threshold``, ``version`` of the model, ``top`` (the
    variables that count most, as dicts with ``variable`` and ``share``), ``values`` (readings by variable), ``when``
    (the condition), ``silence`` (id, reason, until), ``openings`` (of an alert that flaps)."""


def alert_id(line: str, definition: str, opened_at: datetime) -> str:
    """Return the id of the alert that a definition opened on a line at a data time."""
    return make_id("alert", line, definition, opened_at)


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """One occurrence of an alert definition on a line."""

    line: str
    definition: str
    opened_at: datetime
    state: AlertState
    severity: Severity
    events: tuple[AlertEvent, ...]
    version: int | None = None
    """Version of the model, None for a threshold."""
    score: float | None = None
    threshold: float | None = None
    resolved_at: datetime | None = None
    group: str = ""
    """The id of the first of those alerts of a line that stood together; alerts of one group are told of together."""

    @property
    def id(self) -> str:
        """One id per line, definition and data time of opening."""
        return alert_id(self.line, self.definition, self.opened_at)

    @property
    def revision(self) -> int:
        """How many events it has; the next one must be number ``revision``."""
        return len(self.events)


@dataclass(frozen=True, slots=True)
class Transition:
    """An event that has been stored, with the alert as it was right after: what senders of notifications are given.

    The same one may be given again after a crash: ``event.id`` tells.
    """

    alert: AlertRecord
    event: AlertEvent


@dataclass(frozen=True, slots=True)
class Silence:
    """Why nobody is told of some alerts in ``[start, end)``: times of the data, as those of alerts are.

    ``line`` and ``definition`` None: all of them.
    """

    start: datetime
    end: datetime
    reason: str
    author: str
    created_at: datetime
    line: str | None = None
    definition: str | None = None
    ended_at: datetime | None = None
    """When a person ended it early."""

    @property
    def id(self) -> str:
        """One id per author, extent and time of creation."""
        return make_id("silence", self.author, self.line, self.definition, self.start, self.end, self.created_at)

    def covers(self, line: str, definition: str, time: datetime) -> bool:
        """Tell whether an alert of ``definition`` on ``line`` is silenced at a time."""
        end = self.end if self.ended_at is None else min(self.end, self.ended_at)
        meant = self.line in (None, line) and self.definition in (None, definition)
        return meant and self.start <= time < end


Verdict = Literal["confirmed", "rejected", "avoided"]


@dataclass(frozen=True, slots=True)
class Feedback:
    """A person's verdict on an alert; ``avoided`` was acted upon, did not happen, and counts as true."""

    alert_id: str
    verdict: Verdict
    author: str
    time: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class Skip:
    """A definition that could not be evaluated on a line at a data time, and why."""

    line: str
    definition: str
    time: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Blame:
    """What one variable added to an alert's probability, and the feature that did most of it, in a worker's words."""

    variable: str
    share: float
    """In probability; above 0 it pushed the risk up."""
    text: str


@dataclass(frozen=True, slots=True)
class MoveOption:
    """One way in which settings, moved at ``start``, would have kept an alert's probability below its threshold."""

    changes: tuple[tuple[str, float, float], ...]
    """Setting, from, to."""
    start: datetime
    """The latest moment, of those tried, at which it would still have worked."""
    before: float
    after: float
    confidence: float
    """Share of the assumptions on what follows the settings under which it works, 0 to 1."""
    cost: float
    """By the definition: cost of a move times the part of the range between its bounds, summed."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """How an alert could have been avoided: feasible changes, the best first, or none and the reason."""

    alert_id: str
    changes: tuple[tuple[str, float, float], ...]
    """Variable, from, to, of the first option; empty: no feasible change."""
    before: float
    after: float
    threshold: float
    time: datetime | None = None
    """Data time that was explained."""
    options: tuple[MoveOption, ...] = ()
    reason: str = ""
    """Why there is no feasible change."""
    blame: tuple[Blame, ...] = ()
    """The variables behind the alert, the most guilty first."""
    version: int | None = None


@dataclass(frozen=True, slots=True)
class ModelKey:
    """Which model: a definition's, on one line or (pooled) for a family."""

    definition: str
    line: str | None = None
    family: str | None = None

    def __str__(self) -> str:
        return f"{self.definition} on {self.line or 'family ' + str(self.family)}"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What is known of a published model; JSON values only, never a secret."""

    kind: Literal["classifier", "monitor"]
    learner: str
    params: dict[str, Any]
    metrics: dict[str, float]
    """Measured on validation rows."""
    definition: dict[str, Any]
    """The definition it was trained from."""
    definition_version: int
    data_start: datetime
    data_end: datetime
    """Half-open span of the rows that were read for it."""
    seed: int
    comparison: tuple[dict[str, Any], ...] = ()
    """Every configuration tried: learner, params, metric, seconds."""
    search: str = ""
    """Which search, and which study of it, made the model; a second publication with the same one adds no version."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a classifier said of the n rows that validated it: enough to draw how well it does, and read by no scoring.

    ``labels`` float64 (n,) 0 or 1, ``scores`` float64 (n,) calibrated probabilities, ``times`` int64 (n,) microseconds
    since the Unix epoch, ``groups`` int64 (n,) the line of each row.
    """

    labels: Floats
    scores: Floats
    times: Integers
    groups: Integers
    threshold: float
    horizon: timedelta
    importance: Mapping[str, float] = field(default_factory=dict)
    """Feature -> its share of what the model goes by."""


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """A version in the registry, with its bundle in a local folder."""

    key: ModelKey
    version: int
    path: str
    card: ModelCard
    alias: Literal["champion", "challenger"] | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Why a model kept its place or lost it to a challenger; written once, with the evidence at that moment."""

    key: ModelKey
    champion: int | None
    """Version of the champion before the decision; None where there was none for this key."""
    challenger: int | None
    """Version of the challenger; None where none was trained."""
    at: datetime
    data_end: datetime
    """End, not included, of the data that it was made on."""
    verdict: Literal["promoted", "kept"]
    reason: str
    evidence: dict[str, Any] = field(default_factory=dict)
    """JSON values: what was compared on which rows, and what came out."""

    @property
    def id(self) -> str:
        """One id per key, versions and end of data: a retrain that is run again decides nothing twice."""
        return make_id("decision", self.key, self.champion, self.challenger, self.data_end)
