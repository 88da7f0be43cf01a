"""How well alerts really did: by what people said of them, and by what the data show that happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from andon.evaluation.intervals import UNKNOWN, Estimate, median, rate, share
from andon.records import AlertRecord, Feedback, Verdict

Outcome = Literal["true", "avoided", "false", "unknown"]
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Happened:
    """What the data of one line show of an alert's target: its onsets, and until when anybody could have seen one."""

    onsets: tuple[datetime, ...]
    seen_until: datetime


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An alert, the newest verdict on it (None: nobody gave one), and whether it was right."""

    alert: AlertRecord
    verdict: Verdict | None
    outcome: Outcome
    lead: timedelta | None = None
    """From its opening to the onset that it foresaw."""


@dataclass(frozen=True, slots=True)
class AlertPerformance:
    """Figures of some alerts over a time that was watched.

    ``precision`` is the share of right ones (confirmed or avoided) among those with a verdict; ``precision_seen`` that
    among all whose outcome is known, where the data tell it too. ``recall`` is the share of events that an alert
    preceded; an avoided one counts as an event that would have come. ``lead_minutes`` is the median over the events
    foreseen. ``false_alarms_a_day`` counts, for each day and line watched, alerts rejected or refuted by the data;
    it is not known where no alert's outcome is.
    """

    alerts: int
    reviewed: int
    unreviewed: int
    confirmed: int
    rejected: int
    avoided: int
    unknown: int
    """Of the unreviewed: those of which the data do not tell either."""
    events: int
    foreseen: int
    watched_days: float
    precision: Estimate
    precision_seen: Estimate
    recall: Estimate
    lead_minutes: Estimate
    false_alarms_a_day: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            name: value.to_json() if isinstance(value := getattr(self, name), Estimate) else value
            for name in self.__slots__
        }


def newest_verdicts(feedback: Sequence[Feedback]) -> dict[str, Verdict]:
    """Return the verdict that counts of each alert, by its id; ``feedback`` is in order, oldest first."""
    return {one.alert_id: one.verdict for one in feedback}


def occurrences(
    alerts: Sequence[AlertRecord],
    feedback: Sequence[Feedback],
    happened: Mapping[str, Happened],
    horizon: timedelta | None,
) -> list[Occurrence]:
    """Tell of each alert whether it was right; a verdict counts before what the data show.

    Parameters
    ----------
    happened
        By line, where the alerts have a target; lines that are not in it are judged by verdicts only.
    horizon
        Of the definition; None where it has none, and then verdicts alone count.
    """
    verdicts = newest_verdicts(feedback)
    return [_occurrence(alert, verdicts.get(alert.id), happened.get(alert.line), horizon) for alert in alerts]


def performance(
    found: Sequence[Occurrence],
    happened: Mapping[str, Happened],
    horizon: timedelta | None,
    watched: timedelta,
    raised: Sequence[AlertRecord] | None = None,
) -> AlertPerformance:
    """Return the figures of some alerts.

    Parameters
    ----------
    found
        Of `occurrences`: of one definition, or of one line, shift or week of it.
    happened
        By line, the onsets of the same extent only.
    watched
        The time watched, summed over the lines.
    raised
        Alerts that may have foreseen the events: also those raised before the extent began. Default: those found.
    """
    may_foresee: dict[str, list[AlertRecord]] = {}
    for alert in raised if raised is not None else [one.alert for one in found]:
        may_foresee.setdefault(alert.line, []).append(alert)
    by_verdict = {name: sum(one.verdict == name for one in found) for name in ("confirmed", "rejected", "avoided")}
    by_outcome = {name: sum(one.outcome == name for one in found) for name in ("true", "avoided", "false", "unknown")}
    reviewed = sum(by_verdict.values())
    right = by_outcome["true"] + by_outcome["avoided"]
    events = foreseen = 0
    leads: list[float] = []
    for line, seen in happened.items():
        standing = may_foresee.get(line, [])
        for onset in seen.onsets:
            before = [one.opened_at for one in standing if _covers(one, onset, horizon)]
            events, foreseen = events + 1, foreseen + bool(before)
            leads += [(onset - min(before)) / timedelta(minutes=1)] if before else []
    avoided = by_verdict["avoided"]
    days = watched / _DAY
    return AlertPerformance(
        alerts=len(found),
        reviewed=reviewed,
        unreviewed=len(found) - reviewed,
        confirmed=by_verdict["confirmed"],
        rejected=by_verdict["rejected"],
        avoided=avoided,
        unknown=by_outcome["unknown"],
        events=events,
        foreseen=foreseen,
        watched_days=days,
        precision=share(by_verdict["confirmed"] + avoided, reviewed),
        precision_seen=share(right, right + by_outcome["false"]),
        recall=share(foreseen + avoided, events + avoided),
        lead_minutes=median(leads),
        # Where nobody knows of any alert whether it was right, none is known to be false.
        false_alarms_a_day=UNKNOWN
        if found and by_outcome["unknown"] == len(found)
        else rate(by_outcome["false"], days),
    )


def _occurrence(
    alert: AlertRecord, verdict: Verdict | None, seen: Happened | None, horizon: timedelta | None
) -> Occurrence:
    onsets = [] if seen is None else [onset for onset in seen.onsets if _covers(alert, onset, horizon)]
    lead = min(onsets) - alert.opened_at if onsets else None
    if verdict is not None:
        said: dict[Verdict, Outcome] = {"confirmed": "true", "rejected": "false", "avoided": "avoided"}
        return Occurrence(alert, verdict, said[verdict], lead)
    if onsets:
        return Occurrence(alert, None, "true", lead)
    if seen is None or horizon is None or alert.resolved_at is None:
        return Occurrence(alert, None, "unknown")
    over = max(alert.opened_at + horizon, alert.resolved_at)
    return Occurrence(alert, None, "false" if over <= seen.seen_until else "unknown")


def _covers(alert: AlertRecord, onset: datetime, horizon: timedelta | None) -> bool:
    """Tell whether an alert was raised before an onset, and within the horizon or still stood then."""
    if horizon is None or alert.opened_at >= onset:
        return False
    return onset - alert.opened_at <= horizon or alert.resolved_at is None or alert.resolved_at >= onset
