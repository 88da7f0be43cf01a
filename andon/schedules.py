"""When a cron expression fires, by the clock on the wall of a time zone: each firing once, whatever that clock does.

As Vixie's cron has it: where the clock is put forward, what the hour left out would have fired fires at the first
moment after it; where it is put back, what names its hours fires in the first of the two hours only, and what runs
every hour (its hours begin with ``*``) goes on through both.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter

_BACK = timedelta(hours=4)
"""More than any clock is ever put back or forward by."""


def next_firing(cron: str, zone: str, after: datetime) -> datetime:
    """Return the first firing after a time, in UTC.

    Parameters
    ----------
    cron
        Five fields; ``0 2 * * 1`` is Mondays at two.
    zone
        Name of the time zone.

    Examples
    --------
    >>> night = datetime(2026, 3, 28, 12, tzinfo=UTC)  # the clock goes from 2:00 to 3:00
    >>> next_firing("30 2 * * *", "Europe/Paris", night).isoformat()
    '2026-03-29T01:00:00+00:00'
    """
    return next(firing for firing in _firings(cron, ZoneInfo(zone), after) if firing > after)


def last_firing(cron: str, zone: str, after: datetime, until: datetime) -> datetime | None:
    """Return the last firing in ``(after, until]``, in UTC; None where there is none.

    Examples
    --------
    >>> day = datetime(2026, 1, 1, tzinfo=UTC)
    >>> last_firing("0 6 * * *", "UTC", day, day + timedelta(days=3)).isoformat()
    '2026-01-03T06:00:00+00:00'
    """
    if until <= after:
        return None
    # From shortly before the end on, further back until something is found.
    reach = timedelta(hours=6)
    while True:
        begin = max(after, until - reach)
        found = None
        for firing in _firings(cron, ZoneInfo(zone), begin):
            if firing > until:
                break
            if firing > begin:
                found = firing
        if found is not None or begin == after:
            return found
        reach *= 4


def _firings(cron: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """Yield firings in order, from some time before ``after`` on, none twice."""
    every_hour = cron.split()[1].startswith("*")
    wall = (after - _BACK).astimezone(zone).replace(tzinfo=None)
    walls = croniter(cron, wall)
    waiting: list[datetime] = []
    given = datetime.min.replace(tzinfo=UTC)
    while True:
        wall = walls.get_next(datetime)
        waiting = sorted({*waiting, *_moments(wall, zone, every_hour)})
        # What comes later on the wall may come earlier in time by as much as the clock is put back.
        settled = wall.replace(tzinfo=zone).astimezone(UTC) - _BACK
        while waiting and waiting[0] <= settled:
            firing = waiting.pop(0)
            if firing > given:
                given = firing
                yield firing


def _moments(wall: datetime, zone: ZoneInfo, every_hour: bool) -> list[datetime]:
    """Return the moments at which the clock on the wall shows a time, in UTC; of one left out, when it was passed."""
    first, second = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return [first.astimezone(UTC)]
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wall:
        return [_put_forward(first.astimezone(UTC), second.astimezone(UTC), zone)]
    return [one.astimezone(UTC) for one in ((first, second) if every_hour else (first,))]


def _put_forward(late: datetime, early: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment between two at which the clock is put forward, to the minute."""
    begin, end = early, late
    offset = begin.astimezone(zone).utcoffset()
    while end - begin > timedelta(minutes=1):
        middle = begin + (end - begin) / 2
        middle = middle.replace(second=0, microsecond=0)
        if middle <= begin:
            break
        if middle.astimezone(zone).utcoffset() == offset:
            begin = middle
        else:
            end = middle
    return end
