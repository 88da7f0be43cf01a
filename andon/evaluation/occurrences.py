"""How well alerts that were raised foresaw the events that came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Foresight:
    """Counts of alerts and events, and what follows from them."""

    alerts: int
    true_alerts: int
    events: int
    foreseen: int
    leads: tuple[timedelta, ...]
    """Of each event foreseen: how long before it the first alert for it was raised."""

    @property
    def precision(self) -> float | None:
        """Share of the alerts that an event followed within the horizon; None without alerts."""
        return self.true_alerts / self.alerts if self.alerts else None

    @property
    def recall(self) -> float | None:
        """Share of the events that an alert preceded within the horizon; None without events."""
        return self.foreseen / self.events if self.events else None

    @property
    def median_lead(self) -> timedelta | None:
        """Median lead time over the events foreseen; None if there was none."""
        ordered = sorted(self.leads)
        return ordered[len(ordered) // 2] if ordered else None


def foresight(
    alerts: Sequence[tuple[datetime, datetime | None]], onsets: Sequence[datetime], horizon: timedelta
) -> Foresight:
    """Match alerts (raised, resolved or None) with the onsets of events.

    An alert is true if an onset comes after it was raised, within the horizon or while it was still standing. An event
    is foreseen if an alert was raised before it and within the horizon, or was raised earlier and still stood.

    Examples
    --------
    >>> from datetime import UTC
    >>> noon, minute = datetime(2026, 1, 1, 12, tzinfo=UTC), timedelta(minutes=1)
    >>> found = foresight([(noon, noon + 5 * minute)], [noon + 20 * minute], 30 * minute)
    >>> found.precision, found.recall, found.median_lead
    (1.0, 1.0, datetime.timedelta(seconds=1200))
    """

    def covers(alert: tuple[datetime, datetime | None], onset: datetime) -> bool:
        raised, resolved = alert
        return raised < onset and (onset - raised <= horizon or resolved is None or resolved >= onset)

    true_alerts = sum(any(covers(alert, onset) for onset in onsets) for alert in alerts)
    leads = []
    for onset in onsets:
        raised = [alert[0] for alert in alerts if covers(alert, onset)]
        if raised:
            leads.append(onset - min(raised))
    return Foresight(len(alerts), true_alerts, len(onsets), len(leads), tuple(leads))
