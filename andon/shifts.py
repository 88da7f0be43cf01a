"""Shifts and days of a line's people: which one a moment lies in, and when that began and ends."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from configs.definitions import Line

MIDNIGHT = "00:00"
_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
_Start = tuple[datetime, date, str]


def shift_of(moment: datetime, line: Line | None) -> tuple[date, str]:
    """Return the shift that a moment lies in: the day on which it began, in the line's time zone, and its start.

    A line without shifts has one a day, from midnight on; one without a definition has it in UTC. A start that the
    clocks leave out lies where they go on; of one that they pass twice, the first counts.

    Examples
    --------
    >>> from datetime import UTC
    >>> line = Line.model_validate({"name": "p", "timezone": "Europe/Paris", "shifts": ["06:00", "22:00"],
    ...     "variables": [{"name": "oil"}]})
    >>> shift_of(datetime(2026, 1, 2, 3, tzinfo=UTC), line)
    (datetime.date(2026, 1, 1), '22:00')
    """
    begun = [one for one in _around(moment, line) if one[0] <= moment][-1]
    return begun[1], begun[2]


def shift_span(moment: datetime, line: Line | None) -> tuple[datetime, datetime]:
    """Return when the shift that a moment lies in began and ends, UTC; where clocks change it is as long as it is.

    Examples
    --------
    >>> from datetime import UTC
    >>> shift_span(datetime(2026, 1, 1, 3, tzinfo=UTC), None)[1].isoformat()
    '2026-01-02T00:00:00+00:00'
    """
    starts = [one[0] for one in _around(moment, line)]
    return max(one for one in starts if one <= moment), min(one for one in starts if one > moment)


def _around(moment: datetime, line: Line | None) -> list[_Start]:
    """Return the starts of the days around a moment, in order."""
    zone = "UTC" if line is None else line.timezone
    clocks = line.shifts if line is not None and line.shifts else (MIDNIGHT,)
    day = moment.astimezone(ZoneInfo(zone)).date()
    return [one for near in (-2, -1, 0, 1, 2) for one in _starts(day + near * _DAY, clocks, zone)]


@lru_cache(maxsize=4096)
def _starts(day: date, clocks: tuple[str, ...], zone: str) -> tuple[_Start, ...]:
    return tuple((_at(day, clock, ZoneInfo(zone)), day, clock) for clock in clocks)


def _at(day: date, clock: str, zone: ZoneInfo) -> datetime:
    written = datetime.combine(day, time.fromisoformat(clock), zone)
    found = written.astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == written.replace(tzinfo=None):
        return found
    # The clocks leave it out: by the offset after the change it would lie before the change, which is soon found.
    earlier = written.replace(fold=1).astimezone(UTC)
    offset = earlier.astimezone(zone).utcoffset()
    while earlier.astimezone(zone).utcoffset() == offset:
        earlier += _MINUTE
    return earlier
