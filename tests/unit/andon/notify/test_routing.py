"""Which routes an event goes by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from andon.notify.routing import LOGGER, Directory, messages_of, routes_of
from andon.records import AlertEvent, AlertRecord, AlertState, make_id
from configs.definitions import Alert, Line, Route

AT = datetime(2026, 3, 1, 21, 30, tzinfo=UTC)  # a Sunday, half past ten at night in Paris
NOW = AT + timedelta(minutes=1)


def alert(*states: AlertState, severity: str = "high", name: str = "hot", opened: datetime = AT) -> AlertRecord:
    events = tuple(
        AlertEvent(make_id(number), opened + timedelta(hours=9 * number), state, "assistant")
        for number, state in enumerate(states)
    )
    return AlertRecord("press-07", name, opened, states[-1], severity, events)


def directory(*routes: dict, named: tuple[str, ...] = ()) -> Directory:
    line = {"name": "press-07", "family": "presses", "timezone": "Europe/Paris", "shifts": ["06:00", "14:00", "22:00"]}
    hot = {"name": "hot", "lines": {"family": "presses"}, "type": "threshold", "when": "oil > 80", "horizon": None}
    return Directory(
        {one["name"]: Route.model_validate({"log": True} | one) for one in routes},
        {"hot": Alert.model_validate(hot | {"routes": named})},
        {"press-07": Line.model_validate(line | {"variables": [{"name": "oil", "unit": "°C"}]})},
    )


def taken(route: dict, found: AlertRecord, number: int = 0) -> bool:
    return bool(routes_of(found, number, directory({"name": "r", "alerts": "all"} | route)))


def test_an_alert_goes_by_the_routes_that_it_names_or_that_ask_for_it():
    known = directory(
        {"name": "a"}, {"name": "b"}, {"name": "c", "alerts": "all"}, {"name": "d", "alerts": ["hot"]},
        {"name": "e", "alerts": ["cold"]}, named=("b",),
    )  # fmt: skip
    assert [one.name for one in routes_of(alert(AlertState.FIRING), 0, known)] == ["b", "c", "d"]
    silent = alert(AlertState.NO_DATA, name="(no data)")
    assert [one.name for one in routes_of(silent, 0, known)] == ["c"]


@pytest.mark.parametrize(
    ("route", "fits"),
    [
        ({}, True),
        ({"severity": "high"}, True),
        ({"severity": "critical"}, False),
        ({"lines": {"family": "presses"}}, True),
        ({"lines": {"names": ["press-07"]}}, True),
        ({"lines": {"names": ["press-08"]}}, False),
        ({"lines": {"family": "ovens"}}, False),
        ({"shifts": ["22:00"]}, True),
        ({"shifts": ["06:00", "14:00"]}, False),
        ({"hours": ["22:00-06:00"]}, True),
        ({"hours": ["22:30-22:31"]}, True),
        ({"hours": ["06:00-22:30"]}, False),
        ({"hours": ["06:00-22:00", "22:00-24:00"]}, True),
        ({"days": ["sun"]}, True),
        ({"days": ["mon", "sat"]}, False),
        ({"events": ["resolved"]}, False),
    ],
)
def test_by_severity_line_shift_hour_and_day(route, fits):
    assert taken(route, alert(AlertState.FIRING)) is fits


def test_its_end_is_told_to_those_who_were_told_of_it():
    over = alert(AlertState.FIRING, AlertState.RESOLVED)
    assert taken({"shifts": ["22:00"]}, over, 1), "though it ended in another shift"
    assert not taken({"shifts": ["06:00"]}, over, 1), "though it ended in theirs"


def test_nobody_hears_of_what_a_silence_covers_until_it_outlasts_it():
    silenced = alert(AlertState.SILENCED, AlertState.RESOLVED)
    assert not taken({}, silenced, 0)
    assert not taken({}, silenced, 1)
    outlasting = alert(AlertState.SILENCED, AlertState.FIRING, AlertState.RESOLVED)
    assert [taken({}, outlasting, number) for number in range(3)] == [False, True, True]


def test_acknowledgements_are_told_where_they_are_asked_for():
    seen = alert(AlertState.FIRING, AlertState.ACKNOWLEDGED)
    assert not taken({}, seen, 1)
    assert taken({"events": ["firing", "acknowledged"]}, seen, 1)


def test_each_recipient_is_told_once_however_many_routes_lead_there():
    known = directory(
        {"name": "a", "alerts": "all", "email": ["lead@plant.example", "boss@plant.example"]},
        {"name": "b", "alerts": "all", "email": ["lead@plant.example"], "webhook": "https://hooks.example/x"},
    )
    told = list(messages_of(alert(AlertState.FIRING), 0, known, NOW))
    assert [(one.route, one.channel, one.address) for one in told] == [
        ("a", "email", "lead@plant.example"),
        ("a", "email", "boss@plant.example"),
        ("a", "log", LOGGER),
        ("b", "webhook", "https://hooks.example/x"),
    ]
    assert len({one.key for one in told}) == 4
    assert [one.key for one in messages_of(alert(AlertState.FIRING), 0, known, NOW + timedelta(1))] == [
        one.key for one in told
    ]
    body = told[0].body
    assert (body["timezone"], body["units"], body["definition"]["condition"]) == (
        "Europe/Paris",
        {"oil": "°C"},
        "oil > 80",
    )
