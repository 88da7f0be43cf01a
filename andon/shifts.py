"""Shifts and days of a line's people: which one a moment lies in, and when that began and ends."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from configs.definitions import Line

MIDNIGHT = "00:00"


def shift_of(moment: datetime, line: Line | None) -> tuple[date, str]:
    """Return the shift that a moment lies in: the day on which it began, in the line's time zone, and its start.

    A line without shifts has one a day, from midnight on; one without a definition has it in UTC.

    Examples
    --------
    >>> from datetime import UTC
    >>> line = Line.model_validate({"name": "p", "timezone": "Europe/Paris", "shifts": ["06:00", "22:00"],
    ...     "variables": [{"name": "oil"}]})
    >>> shift_of(datetime(2026, 1, 2, 3, tzinfo=UTC), line)
    (datetime.date(2026, 1, 1), '22:00')
    """
    local = moment.astimezone(ZoneInfo("UTC" if line is None else line.timezone))
    starts = line.shifts if line is not None and line.shifts else (MIDNIGHT,)
    begun = [start for start in starts if start <= f"{local:%H:%M}"]
    return (local.date(), begun[-1]) if begun else (local.date() - timedelta(days=1), starts[-1])


def shift_span(moment: datetime, line: Line | None) -> tuple[datetime, datetime]:
    """Return when the shift that a moment lies in began and ends, UTC; where clocks change it is as long as it is.

    Examples
    --------
    >>> from datetime import UTC
    >>> shift_span(datetime(2026, 1, 1, 3, tzinfo=UTC), None)[1].isoformat()
    '2026-01-02T00:00:00+00:00'
    """
    zone = ZoneInfo("UTC" if line is None else line.timezone)
    starts = line.shifts if line is not None and line.shifts else (MIDNIGHT,)
    day, start = shift_of(moment, line)
    following = starts.index(start) + 1
    ends = (day, starts[following]) if following < len(starts) else (day + timedelta(days=1), starts[0])
    return _at(day, start, zone), _at(*ends, zone)


def _at(day: date, clock: str, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), zone).astimezone(UTC)
