"""Shifts of lines, also where clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.shifts import shift_of, shift_span
from configs.definitions import Line


def line(*shifts: str, zone: str = "Europe/Paris") -> Line:
    return Line.model_validate({"name": "p", "timezone": zone, "shifts": shifts, "variables": [{"name": "oil"}]})


@pytest.mark.parametrize(
    ("day", "hours"),
    [((2026, 3, 28), 8), ((2026, 3, 29), 7), ((2026, 10, 25), 9)],
    ids=["as ever", "clocks go forward", "clocks go back"],
)
def test_a_night_is_as_long_as_it_is(day, hours):
    night = line("06:00", "22:00")
    # Four in the morning of that day, in Paris, is of the night that began the evening before.
    moment = datetime(*day, 2, 30, tzinfo=UTC)
    start, end = shift_span(moment, night)
    assert (end - start) == timedelta(hours=hours)
    assert shift_of(moment, night) == ((datetime(*day) - timedelta(days=1)).date(), "22:00")


def test_a_line_without_shifts_has_days():
    assert shift_span(datetime(2026, 3, 29, 12, tzinfo=UTC), line())[1].isoformat() == "2026-03-29T22:00:00+00:00"
    assert shift_of(datetime(2026, 3, 29, 23, tzinfo=UTC), None)[1] == "00:00"


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/St_Johns", "Australia/Lord_Howe"])
@pytest.mark.parametrize("clocks", [("02:30",), ("02:30", "03:00", "06:00"), ("00:00", "02:15")])
def test_starts_that_clocks_leave_out_or_pass_twice(zone, clocks):
    declared = line(*clocks, zone=zone)
    for month, day in ((3, 7), (3, 28), (4, 4), (10, 3), (10, 24), (10, 31)):
        for number in range(0, 48 * 60, 15):
            moment = datetime(2026, month, day, tzinfo=UTC) + timedelta(minutes=number)
            start, end = shift_span(moment, declared)
            assert start <= moment < end
            assert shift_span(start, declared) == (start, end)
            assert shift_span(end, declared)[0] == end
            assert shift_of(start, declared) == shift_of(moment, declared)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    moment=st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
    shifts=st.sets(st.sampled_from(["00:00", "02:30", "03:00", "06:00", "14:00", "22:00"]), max_size=4),
    zone=st.sampled_from(["UTC", "Europe/Paris", "America/St_Johns", "Australia/Lord_Howe"]),
)
def test_shifts_follow_one_another_without_a_gap(moment, shifts, zone):
    declared = line(*sorted(shifts), zone=zone)
    start, end = shift_span(moment, declared)
    assert start <= moment < end
    assert shift_span(start, declared) == (start, end)
    assert shift_span(end, declared)[0] == end
    assert shift_of(start, declared) == shift_of(moment, declared)
