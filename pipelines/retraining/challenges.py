"""Who may challenge which champion: newer data, parted into what a challenger learns from and what judges both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from andon.errors import DataError
from andon.evaluation.events import find_events
from andon.evaluation.promotion import FEWEST_BLOCKS, FEWEST_EVENTS
from andon.frames import MICROSECOND, Floats, Integers, from_microseconds, to_microseconds
from andon.labels import Reviewed, label_rows
from andon.ports import Documents, Models, Signals
from andon.records import Decision, ModelKey, PublishedModel
from andon.services.feedback import reviewed_spans
from andon.services.promoting import unread_from
from andon.services.watching import champion_of
from configs.definitions import Alert, Line, Monitor
from configs.periods import format_time
from pipelines.selecting import Selected

_DAY = timedelta(days=1) // MICROSECOND
MOST_JUDGED = 0.8
"""The largest share of new data that judges: the challenger learns something new from the rest."""
FEWEST_OWN_EVENTS = 10
"""A line of a pooled model gets a challenger of its own from so many events to learn from on."""


@dataclass(frozen=True, slots=True)
class Contest:
    """A model that may get a challenger: the ``key`` that would hold it, the lines it is for, and the champion there.

    A line of a pooled model may get its own challenger: its champion is then of another key, the family's.
    """

    selected: Selected
    key: ModelKey
    lines: tuple[str, ...]
    champion: PublishedModel
    decisions: tuple[Decision, ...]
    reviewed: Mapping[str, Sequence[Reviewed]] = field(default_factory=dict)
    """What people said of the alerts of a classifier, by line."""

    @property
    def holder(self) -> int | None:
        """Version of the champion under ``key`` itself."""
        return self.champion.version if self.champion.key == self.key else None


@dataclass(frozen=True, slots=True)
class Challenge:
    """A contest whose periods are set: learn from ``[start, learnt_until)``, be judged on ``[judged_from, end)``."""

    contest: Contest
    start: datetime
    learnt_until: datetime
    judged_from: datetime
    end: datetime

    @property
    def periods(self) -> dict[str, dict[str, str]]:
        """Return training and validation, the last fifth of what is learned from, as a study takes them."""
        cut = self.start + (self.learnt_until - self.start) * 4 / 5
        spans = {"train": (self.start, cut), "validation": (cut, self.learnt_until)}
        return {name: {"start": format_time(start), "end": format_time(end)} for name, (start, end) in spans.items()}


def contests(
    selected: Sequence[Selected], lines: Sequence[str], documents: Documents, models: Models
) -> tuple[list[Contest], list[ModelKey]]:
    """Return the contests on what is selected, and the models that have no champion to challenge.

    ``lines`` are those that were asked for by name; a pooled model's other lines get no challenger of their own then.
    """
    found, untrained = [], []
    for one in selected:
        subjects: list[tuple[ModelKey, tuple[str, ...]]] = [
            (ModelKey(one.stored.name, line), (line,)) for line in one.lines
        ]
        if one.pooled:
            family = ModelKey(one.stored.name, family=one.definition.lines.family)
            subjects = [(family, one.lines), *(s for s in subjects if not lines or s[1][0] in lines)]
        for key, its_lines in subjects:
            if key.line is None:
                champion = models.champion(key)
            else:
                served = champion_of(one.definition, key.line, models)
                champion = models.get(*served) if served else None
            if champion is not None:
                decisions = tuple(documents.list_decisions(champion.key))
                if champion.key != key:
                    decisions += tuple(documents.list_decisions(key))
                said = _reviewed(one.definition, its_lines, documents)
                found.append(Contest(one, key, its_lines, champion, decisions, said))
            elif key.line is None or not one.pooled:
                untrained.append(key)
    return found, untrained


def is_due(contest: Contest, lines: Mapping[str, Line], at: datetime) -> bool:
    """Tell whether the definition's ``retrain`` has fired since the last decision on the model, or its last data.

    The hours are those of the (first) line's time zone.
    """
    from andon.schedules import next_firing

    cron = contest.selected.definition.retrain
    if cron is None:
        return False
    own = [one.at for one in contest.decisions if one.key == contest.key]
    last = own[-1] if own else contest.champion.card.data_end
    declared = lines.get(contest.lines[0])
    return next_firing(cron, declared.timezone if declared else "UTC", last) <= at


def part_data(contest: Contest, signals: Signals, lines: Mapping[str, Line], at: datetime) -> Challenge | Decision:
    """Part the data, or decide at once that the champion stays, since there is too little.

    New data are those that the champion has neither read nor been chosen by. The newest half of them judges, or as much
    more, up to `MOST_JUDGED`, as holds `FEWEST_EVENTS` events and `FEWEST_BLOCKS` line-days. The challenger learns from
    everything before, from the start of the definition's training on (or of the data), less one horizon. Any decision
    on the same champion and the same data stands as it is.

    Raises
    ------
    DataError
        If no line of the contest has data.
    """
    spans = [stored for stored in (signals.describe_line(line) for line in contest.lines) if stored is not None]
    if not spans:
        raise DataError(f"{contest.key}", "has no data", "import some")
    definition = contest.selected.definition
    end = max(stored.last for stored in spans) + MICROSECOND
    start = definition.train.start if definition.train else min(stored.first for stored in spans)
    made = [
        one
        for one in contest.decisions
        if one.key == contest.key and one.champion == contest.holder and one.data_end == end
    ]
    if made:
        return made[-1]
    new = unread_from(contest.champion, [one for one in contest.decisions if one.key == contest.champion.key])
    if end <= new:
        return _kept(contest, end, at, f"nothing new: the champion has read, or was chosen by, all data before {new}")
    horizon = definition.horizon if isinstance(definition, Alert) and definition.horizon else timedelta(0)
    own = contest.champion.key != contest.key
    times, groups, labels = _rows(contest, signals, lines, start if own else new, end)
    earliest = end - (end - new) * MOST_JUDGED
    enough, counted = _enough_from(times, groups, labels, new, horizon, events=isinstance(definition, Alert))
    judged_from = min(new + (end - new) / 2, enough or new)
    if enough is None or judged_from < earliest:
        return _kept(
            contest,
            end,
            at,
            f"not enough evidence: data since {format_time(new)} hold {counted}; the newest four fifths of them must "
            f"hold {f'{FEWEST_EVENTS} events and ' if isinstance(definition, Alert) else ''}{FEWEST_BLOCKS} line-days",
        )
    learnt_until = judged_from - horizon
    if own:
        before = times < to_microseconds(learnt_until)
        events = len(find_events(labels[before], times[before], groups[before], horizon))
        if events < FEWEST_OWN_EVENTS:
            needed = f"needed are {FEWEST_OWN_EVENTS}"
            return _kept(
                contest, end, at, f"the line has {events} events to learn from; {needed}, and the family's stays"
            )
    if learnt_until <= start:
        return _kept(contest, end, at, "no data to learn from before those that judge")
    return Challenge(contest, start, learnt_until, judged_from, end)


def against_newest(challenge: Challenge, models: Models) -> Challenge:
    """Return the challenge to the family's newest champion, where the family's has changed since the data were parted.

    A line's own model must beat what would serve the line otherwise. Rows that the newest one has read do not judge.
    """
    contest = challenge.contest
    newest = None if contest.champion.key == contest.key else models.champion(contest.champion.key)
    if newest is None or newest.version == contest.champion.version:
        return challenge
    judged_from = max(challenge.judged_from, newest.card.data_end)
    return replace(challenge, contest=replace(contest, champion=newest), judged_from=judged_from)


def _reviewed(definition: Alert | Monitor, lines: Sequence[str], documents: Documents) -> dict[str, list[Reviewed]]:
    if not isinstance(definition, Alert) or definition.horizon is None:
        return {}
    return reviewed_spans(definition.name, lines, definition.horizon, documents)


def _kept(contest: Contest, end: datetime, at: datetime, reason: str) -> Decision:
    evidence = {"against": {"model": str(contest.champion.key), "version": contest.champion.version}}
    return Decision(contest.key, contest.holder, None, at, end, "kept", reason, evidence)


def _rows(
    contest: Contest, signals: Signals, lines: Mapping[str, Line], start: datetime, end: datetime
) -> tuple[Integers, Integers, Floats]:
    """Return times, groups (lines) and labels of the rows that may be judged, by line and then time."""
    definition = contest.selected.definition
    target, horizon = (definition.target, definition.horizon) if isinstance(definition, Alert) else (None, None)
    parts: list[tuple[Integers, Floats]] = []
    for line in contest.lines:
        stored = signals.describe_line(line)
        if stored is None or (target is not None and not target.variables <= set(stored.types)):
            parts.append((np.zeros(0, np.int64), np.zeros(0)))
            continue
        frame = signals.read_signals(line, None if target is None else sorted(target.variables), start, end)
        declared = lines.get(line)
        if declared is not None and declared.sampling is not None:
            frame = replace(frame, sampling=declared.sampling)
        labels = np.zeros(len(frame))
        if target is not None and horizon is not None:
            labels = label_rows(frame, target, horizon, contest.reviewed.get(line, ()))
        known = ~np.isnan(labels)
        parts.append((frame.times[known], labels[known]))
    groups = [np.full(len(times), group, np.int64) for group, (times, _) in enumerate(parts)]
    return (
        np.concatenate([times for times, _ in parts]),
        np.concatenate(groups),
        np.concatenate([labels for _, labels in parts]),
    )


def _enough_from(
    times: Integers, groups: Integers, labels: Floats, new: datetime, horizon: timedelta, *, events: bool
) -> tuple[datetime | None, str]:
    """Return the latest time from which on there is evidence enough, or None, and what there is since ``new``."""
    fresh = times >= to_microseconds(new)
    times, groups, labels = times[fresh], groups[fresh], labels[fresh]
    _, firsts = np.unique(np.column_stack([groups, times // _DAY]), axis=0, return_index=True)
    days = np.sort(times[firsts])
    found = np.sort(times[find_events(labels, times, groups, horizon).begins]) if events else np.zeros(0, np.int64)
    counted = f"{f'{len(found)} events and ' if events else ''}{len(days)} line-days"
    if len(days) < FEWEST_BLOCKS or (events and len(found) < FEWEST_EVENTS):
        return None, counted
    latest = int(days[-FEWEST_BLOCKS])
    return from_microseconds(min(latest, int(found[-FEWEST_EVENTS])) if events else latest), counted
