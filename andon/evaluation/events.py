"""Events and alarms instead of rows: how many were foreseen, how long before, and how often for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from andon.evaluation.kernels import raise_alarms
from andon.frames import MICROSECOND, Booleans, Floats, Integers

_DAY = timedelta(days=1) // MICROSECOND


@dataclass(frozen=True, slots=True)
class Events:
    """Of each event the rows that should foretell it, ``[begins, ends)``, and its onset in microseconds, all int64."""

    begins: Integers
    ends: Integers
    onsets: Integers

    def __len__(self) -> int:
        return len(self.begins)

    def highest(self, scores: Floats) -> Floats:
        """Return the highest score among each event's rows, float64 (n_events,)."""
        return self._over_rows(np.maximum, scores, -np.inf)

    def first_flagged(self, flags: Booleans) -> Integers:
        """Return the first flagged row of each event, int64 (n_events,); the number of rows where none is."""
        rows = np.where(flags, np.arange(len(flags)), len(flags))
        return self._over_rows(np.minimum, rows, len(flags))

    def _over_rows(self, ufunc: np.ufunc, values: Floats | Integers, padding: float) -> np.ndarray:
        if not len(self):
            return np.empty(0, dtype=values.dtype)
        # Every second of these stretches lies between events; an end may be the number of rows, so there is one more.
        stretches = np.column_stack([self.begins, self.ends]).ravel()
        reduced: np.ndarray = ufunc.reduceat(np.append(values, values.dtype.type(padding)), stretches)[::2]
        return reduced


def find_events(
    labels: Floats,
    times: Integers,
    groups: Integers,
    horizon: timedelta,
    onsets: Sequence[Integers] | None = None,
) -> Events:
    """Return the events that labelled rows tell of, in the order of lines and times.

    Parameters
    ----------
    labels, times, groups
        Of rows by line, then by time, as in a `TrainingFrame`.
    onsets
        Of each line by its group, microseconds in rising order (`andon.labels.onsets`). An event's rows are then those
        less than ``horizon`` before it, or as long as that; one without such rows is left out. Not given, an event is a
        run of positive rows of a line, no negative one and no more than ``horizon`` between two; its onset is not
        before the last of them, which stands for it.

    Examples
    --------
    >>> minutes = np.array([0, 5, 10, 15, 20, 25]) * 60_000_000
    >>> found = find_events(np.array([0.0, 1, 1, 0, 0, 1]), minutes, np.zeros(6, dtype=np.int64), timedelta(minutes=10))
    >>> found.begins.tolist(), found.ends.tolist()
    ([1, 5], [3, 6])
    """
    reach = horizon // MICROSECOND
    if onsets is None:
        positive = labels == 1
        follows = np.zeros(len(labels), dtype=np.bool_)
        follows[1:] = positive[1:] & positive[:-1] & (groups[1:] == groups[:-1]) & (np.diff(times) <= reach)
        begins = np.flatnonzero(positive & ~follows)
        ends = np.flatnonzero(positive & ~np.append(follows[1:], False)) + 1
        return Events(begins, ends, times[ends - 1])
    parts = []
    for group, moments in enumerate(onsets):
        first, last = np.searchsorted(groups, [group, group + 1])
        own = times[first:last]
        begins = first + np.searchsorted(own, moments - reach, side="left")
        ends = first + np.searchsorted(own, moments, side="left")
        some = begins < ends
        parts.append((begins[some], ends[some], np.asarray(moments)[some]))
    columns = [np.concatenate(column).astype(np.int64) for column in zip(*parts, strict=True)] if parts else []
    return Events(*columns) if columns else Events(*(np.empty(0, dtype=np.int64) for _ in range(3)))


@dataclass(frozen=True, slots=True)
class EventMetrics:
    """Counts of events and alarms, and what follows from them.

    ``days`` is the time over which there were rows, of all lines together; ``leads`` float64 the seconds from the first
    flagged row of each event foreseen to its onset.
    """

    events: int
    foreseen: int
    alarms: int
    true_alarms: int
    days: float
    leads: Floats

    @property
    def recall(self) -> float | None:
        """Share of the events of which a row was flagged; None without events."""
        return self.foreseen / self.events if self.events else None

    @property
    def precision(self) -> float | None:
        """Share of the alarms that an event followed; None without alarms."""
        return self.true_alarms / self.alarms if self.alarms else None

    @property
    def false_alarms_a_day(self) -> float | None:
        """False alarms over the time there were rows; None without any."""
        return (self.alarms - self.true_alarms) / self.days if self.days else None

    @property
    def median_lead(self) -> timedelta | None:
        """Median over the events foreseen; None without any."""
        return timedelta(seconds=float(np.median(self.leads))) if len(self.leads) else None

    def figures(self) -> dict[str, float]:
        """Return what is known as plain numbers, for a model's card; a lead in seconds."""
        named = {
            "events": float(self.events),
            "alarms": float(self.alarms),
            "event_recall": self.recall,
            "alarm_precision": self.precision,
            "false_alarms_a_day": self.false_alarms_a_day,
            "median_lead_seconds": None if self.median_lead is None else self.median_lead.total_seconds(),
        }
        return {name: value for name, value in named.items() if value is not None}


def judge_events(
    labels: Floats,
    scores: Floats,
    threshold: float,
    times: Integers,
    groups: Integers,
    horizon: timedelta,
    quiet: timedelta | None = None,
    onsets: Sequence[Integers] | None = None,
) -> EventMetrics:
    """Count events and alarms at a threshold, from scores of rows by line, then by time.

    An event is foreseen if any of its rows (`find_events`) is flagged, which is one whose score is at least
    ``threshold``. Flagged rows of a line less than ``quiet`` (as it comes: the horizon) from each other are one alarm,
    for less than a horizon: one that stands longer for nothing is one more false alarm each horizon, or never to be
    silent would cost as much as one mistake. An alarm is true if any of its rows is positive.

    Examples
    --------
    >>> minutes = np.array([0, 5, 10, 15, 20, 25, 60]) * 60_000_000
    >>> labels = np.array([0.0, 0, 1, 1, 0, 0, 0])
    >>> scores = np.array([0.1, 0.2, 0.3, 0.9, 0.1, 0.1, 0.8])
    >>> found = judge_events(labels, scores, 0.5, minutes, np.zeros(7, dtype=np.int64), timedelta(minutes=10))
    >>> found.recall, found.precision, found.alarms
    (1.0, 0.5, 2)
    """
    reach = horizon // MICROSECOND
    gap = reach if quiet is None else quiet // MICROSECOND
    events = find_events(labels, times, groups, horizon, onsets)
    _, hits = raise_alarms(scores, labels == 1, times, groups, threshold, reach, gap)
    first = events.first_flagged(scores >= threshold)
    foreseen = first < len(scores)
    leads = (events.onsets[foreseen] - times[first[foreseen]]) / 1e6
    steps = np.diff(times)[groups[1:] == groups[:-1]]
    # A hole in the rows is time in which no alarm could be raised.
    days = float(np.minimum(steps, reach).sum()) / _DAY
    return EventMetrics(len(events), int(foreseen.sum()), len(hits), int(hits.sum()), days, leads)
