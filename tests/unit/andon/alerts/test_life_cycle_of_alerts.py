"""The life of an alert: which moves there are, that what is closed stays so, and that a replay changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.alerts.life_cycle import MOVES, advance, make_event, open_alert
from andon.errors import ConfigError
from andon.records import AlertEvent, AlertRecord, AlertState
from configs.definitions import Alert

START = datetime(2026, 1, 1, tzinfo=UTC)
HOT = Alert.model_validate(
    {"name": "hot", "lines": {"names": ["press-07"]}, "type": "threshold", "when": "oil > 80", "severity": "high"}
)
STATES = [AlertState.FIRING, AlertState.ACKNOWLEDGED, AlertState.ACTED, AlertState.RESOLVED]


def opened() -> AlertRecord:
    return open_alert("press-07", HOT.name, HOT.severity, START, {"values": {"oil": 81.0}})


def event(alert: AlertRecord, state: AlertState, minute: int = 1, actor: str = "ana") -> AlertEvent:
    return make_event(alert.id, state, START + timedelta(minutes=minute), actor)


def in_state(state: AlertState) -> AlertRecord:
    alert = opened()
    return alert if state is AlertState.FIRING else advance(alert, event(alert, state))


def test_an_alert_is_born_firing_with_its_evidence_and_a_stable_id() -> None:
    alert = opened()
    assert (alert.state, alert.severity, alert.revision) == (AlertState.FIRING, "high", 1)
    assert alert.events[0].evidence == {"values": {"oil": 81.0}}
    assert opened() == alert
    assert open_alert("press-08", HOT.name, HOT.severity, START, {}).id != alert.id
    assert open_alert("press-07", HOT.name, HOT.severity, START + timedelta(minutes=1), {}).id != alert.id


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("target", STATES)
def test_only_the_moves_there_are(state: AlertState, target: AlertState) -> None:
    alert = in_state(state)
    if target in MOVES[state]:
        moved = advance(alert, event(alert, target, 2))
        assert (moved.state, moved.revision) == (target, alert.revision + 1)
        assert moved.resolved_at == (START + timedelta(minutes=2) if target is AlertState.RESOLVED else None)
    else:
        with pytest.raises(ConfigError, match=rf"is {state} already, by \w+, and cannot become {target}"):
            advance(alert, event(alert, target, 2))


def test_the_error_says_what_can_be_done() -> None:
    alert = in_state(AlertState.ACKNOWLEDGED)
    with pytest.raises(ConfigError, match="it can become acted or resolved"):
        advance(alert, event(alert, AlertState.ACKNOWLEDGED, 2))


@settings(max_examples=1000, derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STATES), st.integers(0, 5), st.sampled_from(["ana", "bo"])), max_size=12))
def test_any_order_of_events(moves: list[tuple[AlertState, int, str]]) -> None:
    alert, applied = opened(), []
    for state, minute, actor in moves:
        before, one = alert, event(alert, state, minute, actor)
        try:
            alert = advance(alert, one)
            applied.append(one)
        except ConfigError:
            assert alert == before
        if before.state is AlertState.RESOLVED:
            assert alert == before
        ranks = [STATES.index(known.state) for known in alert.events]
        assert ranks == sorted(set(ranks))
        assert alert.state is alert.events[-1].state
    again = opened()
    for one in [*applied, *applied]:
        again = advance(again, one)
    assert again == alert
