"""What people do with alerts, through the one function behind the command line and HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from andon.alerts.life_cycle import make_event, open_alert
from andon.errors import ConfigError
from andon.ports import Documents
from andon.records import AlertState
from andon.services.alerts import (
    AlertSearch,
    acknowledge,
    act,
    alert_json,
    give_feedback,
    list_alerts,
    parse_states,
    resolve,
)
from andon.stores import open_documents
from tests.watched_line import HOT, LINE

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def documents(tmp_path: Path) -> Iterator[Documents]:
    store = open_documents(f"sqlite:///{tmp_path}/documents.db")
    for hour in range(5):
        assert store.open_alert(
            open_alert(LINE, HOT.name, HOT.severity, START + timedelta(hours=hour), {"values": {"oil": 183.0}})
        )
    yield store
    store.close()


@pytest.fixture
def alert(documents: Documents) -> str:
    return documents.list_alerts()[0].id


def test_a_life_in_full(documents: Documents, alert: str) -> None:
    at = START + timedelta(minutes=5)
    assert acknowledge(alert, " ana ", "on it", at, documents).state is AlertState.ACKNOWLEDGED
    assert act(alert, "bo", "lowered the burner", at, documents).state is AlertState.ACTED
    closed = resolve(alert, "bo", "", at + timedelta(minutes=1), documents)
    assert [(str(one.state), one.actor, one.note) for one in closed.events] == [
        ("firing", "assistant", ""),
        ("acknowledged", "ana", "on it"),
        ("acted", "bo", "lowered the burner"),
        ("resolved", "bo", ""),
    ]
    assert closed == documents.get_alert(alert)
    assert closed.resolved_at == at + timedelta(minutes=1)


def test_the_same_request_again_changes_nothing(documents: Documents, alert: str) -> None:
    once = acknowledge(alert, "ana", "", START, documents)
    assert acknowledge(alert, "ana", "", START, documents) == once


@pytest.mark.parametrize("move", [acknowledge, act, resolve])
def test_what_is_closed_stays_closed(move: object, documents: Documents, alert: str) -> None:
    closed = resolve(alert, "ana", "", START, documents)
    with pytest.raises(ConfigError, match="is resolved already, by ana, and cannot become"):
        move(alert, "bo", "", START, documents)  # type: ignore[operator]
    assert documents.get_alert(alert) == closed


def test_a_second_acknowledgement_is_told_who_was_first(documents: Documents, alert: str) -> None:
    acknowledge(alert, "ana", "", START, documents)
    with pytest.raises(ConfigError, match="is acknowledged already, by ana"):
        acknowledge(alert, "bo", "", START, documents)


@pytest.mark.parametrize("move", [acknowledge, act, resolve])
def test_an_alert_that_is_not_there(move: object, documents: Documents) -> None:
    with pytest.raises(ConfigError, match="alert nowhere: does not exist; see `andon alerts list`"):
        move("nowhere", "ana", "", START, documents)  # type: ignore[operator]


@pytest.mark.parametrize(("author", "says"), [(" ", "must not be blank"), ("assistant", "is the assistant itself")])
def test_somebody_must_say_so(author: str, says: str, documents: Documents, alert: str) -> None:
    for refused in (
        lambda: acknowledge(alert, author, "", START, documents),
        lambda: give_feedback(alert, "confirmed", author, "", START, documents),
    ):
        with pytest.raises(ConfigError, match=says):
            refused()
    assert documents.list_feedback() == []


def test_a_move_that_meets_another_is_made_after_it(documents: Documents, alert: str) -> None:
    class Crowded:
        """Someone else acknowledges just before the first transition."""

        def __getattr__(self, name: str) -> object:
            return getattr(documents, name)

        def transition_alert(self, alert_id: str, event: object, revision: int) -> object:
            if revision == 1:
                other = make_event(alert_id, AlertState.ACKNOWLEDGED, START, "bo")
                documents.transition_alert(alert_id, other, 1)
            return documents.transition_alert(alert_id, event, revision)  # type: ignore[arg-type]

    acted = act(alert, "ana", "", START, Crowded())  # type: ignore[arg-type]
    assert [one.actor for one in acted.events] == ["assistant", "bo", "ana"]


def test_verdicts_are_kept_with_their_history(documents: Documents, alert: str) -> None:
    resolve(alert, "ana", "", START, documents)
    for minute, verdict in enumerate(("rejected", "avoided")):
        give_feedback(alert, verdict, "ana", f"note {minute}", START + timedelta(minutes=minute), documents)
    assert [(one.verdict, one.note) for one in documents.list_feedback(alert)] == [
        ("rejected", "note 0"),
        ("avoided", "note 1"),
    ]
    shown = alert_json(documents.list_alerts()[0], documents.list_feedback(alert))
    assert [one["verdict"] for one in shown["feedback"]] == ["rejected", "avoided"]
    assert (shown["state"], shown["opened_at"], shown["alert"]) == ("resolved", "2026-01-01T00:00:00Z", "oil-too-hot")
    with pytest.raises(ConfigError, match="unknown verdict 'avoid'; did you mean 'avoided'"):
        give_feedback(alert, "avoid", "ana", "", START, documents)
    with pytest.raises(ConfigError, match="does not exist"):
        give_feedback("nowhere", "avoided", "ana", "", START, documents)


def test_lists_by_state_time_and_number(documents: Documents, alert: str) -> None:
    resolve(alert, "ana", "", START, documents)
    hours = [one.opened_at.hour for one in list_alerts(AlertSearch(states=parse_states(["open"])), documents)]
    assert hours == [1, 2, 3, 4]
    newest = list_alerts(AlertSearch(line=LINE, start=START, limit=2), documents)
    assert [one.opened_at.hour for one in newest] == [3, 4]
    assert list_alerts(AlertSearch(end=START), documents) == []
    assert parse_states([]) is None
    with pytest.raises(ConfigError, match="unknown state 'firring'; did you mean 'firing'"):
        parse_states(["firring"])
