"""When cron expressions fire: each once, whatever the clock on the wall does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from andon.schedules import last_firing, next_firing

ZONES = ["UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu"]
CRONS = [
    "30 2 * * *",
    "0 * * * *",
    "*/15 * * * *",
    "0 0 * * *",
    "5 1,2,3 * * *",
    "0 2 * * 1",
    "15 0 1 * *",
    "59 23 * * *",
]


def firings(cron: str, zone: str, after: str, before: str) -> list[str]:
    """Local times, with their offset from UTC."""
    moment, end = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (after, before))
    found = []
    while (moment := next_firing(cron, zone, moment)) < end:
        found.append(moment.astimezone(ZoneInfo(zone)).strftime("%d %H:%M %z"))
    return found


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("30 2 * * *", ["28 02:30 +0100", "29 03:00 +0200", "30 02:30 +0200"]),
        ("0 3 * * *", ["28 03:00 +0100", "29 03:00 +0200", "30 03:00 +0200"]),
        ("0 2,3 29 * *", ["29 03:00 +0200"]),
    ],
)
def test_the_hour_that_is_left_out_fires_once_after_it(cron: str, expected: list[str]) -> None:
    assert firings(cron, "Europe/Paris", "2026-03-27T12:00", "2026-03-30T12:00") == expected


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("30 2 * * *", ["25 02:30 +0200", "26 02:30 +0100"]),
        ("0 * * * *", ["25 01:00 +0200", "25 02:00 +0200", "25 02:00 +0100", "25 03:00 +0100"]),
    ],
)
def test_the_hour_that_comes_twice_fires_once_where_it_is_named(cron: str, expected: list[str]) -> None:
    assert firings(cron, "Europe/Paris", "2026-10-24T22:30", "2026-10-26T12:00")[: len(expected)] == expected


def test_half_an_hour_of_daylight_saving() -> None:
    assert firings("45 1 * * *", "Australia/Lord_Howe", "2026-04-03T16:00", "2026-04-06T00:00") == [
        "05 01:45 +1100", "06 01:45 +1030",
    ]  # fmt: skip


def test_a_midnight_that_does_not_exist() -> None:
    assert firings("15 0 * * *", "Africa/Cairo", "2026-04-23T12:00", "2026-04-25T12:00") == [
        "24 01:00 +0300", "25 00:15 +0300",
    ]  # fmt: skip


def test_leap_days_and_ends_of_months() -> None:
    assert firings("0 0 29 2 *", "UTC", "2023-01-01T00:00", "2033-01-01T00:00") == ["29 00:00 +0000"] * 3
    assert firings("0 6 31 * *", "UTC", "2026-01-01T00:00", "2026-09-01T00:00") == ["31 06:00 +0000"] * 5
    assert firings("0 6 28-31 2 *", "UTC", "2028-01-01T00:00", "2028-12-01T00:00") == [
        "28 06:00 +0000", "29 06:00 +0000",
    ]  # fmt: skip


def test_the_last_one_that_was_missed() -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    assert last_firing("0 6 * * *", "UTC", begin, begin + timedelta(hours=6)) == begin + timedelta(hours=6)
    assert last_firing("0 6 * * *", "UTC", begin + timedelta(hours=6), begin + timedelta(hours=29)) is None
    assert last_firing("0 0 29 2 *", "UTC", begin - timedelta(days=9000), begin) == datetime(2024, 2, 29, tzinfo=UTC)
    assert last_firing("* * * * *", "UTC", begin, begin) is None


@settings(max_examples=150, derandomize=True, deadline=None)
@given(
    cron=st.sampled_from(CRONS),
    zone=st.sampled_from(ZONES),
    begin=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1)).map(lambda time: time.replace(tzinfo=UTC)),
    looks=st.lists(st.integers(1, 3 * 1440), min_size=1, max_size=6),
)
@example(cron="30 2 * * *", zone="Europe/Paris", begin=datetime(2026, 10, 24, 23, tzinfo=UTC), looks=[30] * 6)
def test_whoever_looks_now_and_then_sees_what_who_never_blinks_sees(
    cron: str, zone: str, begin: datetime, looks: list[int]
) -> None:
    every, moment = [], begin
    end = begin + timedelta(minutes=sum(looks))
    while (moment := next_firing(cron, zone, moment)) <= end:
        every.append(moment)
    assert every == sorted(set(every))
    fired, now = begin, begin
    for look in looks:
        now += timedelta(minutes=look)
        due = last_firing(cron, zone, fired, now)
        assert due == max((one for one in every if fired < one <= now), default=None)
        fired = due or fired
    wall = [one.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for one in every]
    if not cron.split()[1].startswith("*"):
        assert len(wall) == len(set(wall))
