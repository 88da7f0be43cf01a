"""Silences, what is pending, and how the assistants are: the functions behind the command and HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from andon.alerts.line_state import state_key
from andon.errors import ConfigError
from andon.frames import SignalFrame
from andon.records import AlertState
from andon.services.alerts import AlertSearch, acknowledge, list_alerts, list_pending, parse_states
from andon.services.assistant import Assistant
from andon.services.scheduling import Schedule
from andon.services.silences import end_silence, list_silences, silence, silence_json
from andon.services.status import assistant_status
from andon.services.turns import Stores
from andon.services.watching import Cache, read_watching
from andon.stores import open_documents, open_signals
from tests.unit.andon.test_assistant_loop import made
from tests.watched_line import DEFINED, HOT, LINE, SAMPLING, START, make_rows
from tests.watched_stores import FolderModels

NOW = START + timedelta(minutes=1)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    documents = open_documents(f"sqlite:///{tmp_path}/documents.db")
    signals = open_signals(f"sqlite:///{tmp_path}/signals.db")
    documents.put_definitions([DEFINED.to_json(), HOT.to_json()], NOW)
    yield Stores(documents, signals, FolderModels(tmp_path))
    documents.close()
    signals.close()


def silenced(stores: Stores, begin: int, end: int, **given: object) -> str:
    """Silence rows ``[begin, end)``; return the silence's id."""
    asked = {"line": LINE, "definition": HOT.name, "reason": " cleaning ", "author": "ana", "at": NOW} | given
    span = {"start": START + begin * SAMPLING, "end": START + end * SAMPLING}
    return silence(documents=stores.documents, **span, **asked).id  # type: ignore[arg-type]


def oil(stores: Stores, begin: int, values: list[float]) -> None:
    """Bring rows, and judge them."""
    frame = make_rows(len(values), holes=False)
    data = frame.data.with_columns(
        pl.Series("oil", values),
        pl.Series("time", [START + (begin + row) * SAMPLING for row in range(len(values))], frame.data.schema["time"]),
    )
    stores.signals.append_signals(SignalFrame(LINE, data, frame.types, SAMPLING))
    (done,) = Assistant(stores, since=START).run_pass(START + (begin + len(values)) * SAMPLING)
    assert done.error == ""


def story(stores: Stores) -> list[list[tuple[str, int]]]:
    """Of each alert: its events, as states and rows."""
    return [
        [(str(event.state), (event.time - START) // SAMPLING) for event in alert.events]
        for alert in stores.documents.list_alerts()
    ]


def test_an_alert_that_opens_in_a_silence_is_told_of_if_it_outlasts_it(stores: Stores) -> None:
    silenced(stores, 0, 20)
    oil(stores, 0, [190.0] * 30)
    assert story(stores) == [[("silenced", 3), ("firing", 20)]]
    (alert,) = stores.documents.list_alerts()
    assert alert.events[0].note == "silenced by ana: cleaning"
    assert alert.events[0].evidence["silence"]["reason"] == "cleaning"
    assert alert.events[0].evidence["values"] == {"oil": 190.0}
    oil(stores, 30, [170.0] * 10)
    assert story(stores) == [[("silenced", 3), ("firing", 20), ("resolved", 33)]]


def test_one_that_stands_is_silenced_and_one_that_is_acknowledged_is_left_alone(stores: Stores) -> None:
    oil(stores, 0, [190.0] * 10)
    silenced(stores, 12, 15)
    oil(stores, 10, [190.0] * 10)
    assert story(stores) == [[("firing", 3), ("silenced", 12), ("firing", 15)]]
    acknowledge(stores.documents.list_alerts()[0].id, "ana", "", START + 19 * SAMPLING, stores.documents)
    silenced(stores, 22, 25, definition=None)
    oil(stores, 20, [190.0] * 10 + [170.0] * 10)
    assert story(stores)[0][3:] == [("acknowledged", 19), ("resolved", 33)]


def test_of_another_line_or_alert_nothing_is_silenced(stores: Stores) -> None:
    stores.documents.put_definitions([DEFINED.model_copy(update={"name": "other"}).to_json()], NOW)
    silenced(stores, 0, 20, line="other", definition=None)
    oil(stores, 0, [190.0] * 10)
    assert story(stores) == [[("firing", 3)]]


def test_a_silence_that_is_ended_early_covers_nothing_after(stores: Stores) -> None:
    one = silenced(stores, 0, 100)
    assert end_silence(one, START + 10 * SAMPLING, stores.documents).ended_at == START + 10 * SAMPLING
    oil(stores, 0, [190.0] * 20)
    assert story(stores) == [[("silenced", 3), ("firing", 10)]]
    with pytest.raises(ConfigError, match="is over since"):
        end_silence(one, NOW, stores.documents)
    with pytest.raises(ConfigError, match="does not exist; see `andon alerts silences`"):
        end_silence("none", NOW, stores.documents)


def test_an_alert_that_flaps_is_told_of_again_once_it_is_calm(stores: Stores) -> None:
    up, down = [190.0] * 4, [170.0] * 8
    oil(stores, 0, (up + down) * 5 + up + [190.0] * 600)
    told = story(stores)
    assert [events[0][0] for events in told] == ["firing"] * 3 + ["silenced"] * 3
    assert [state for state, _ in told[-1]] == ["silenced", "firing"]
    flapping = stores.documents.list_alerts()[3].events[0]
    assert (flapping.note, flapping.evidence["openings"]) == ("flaps: opened 4 times in short order", 4)
    assert 15 * 60 < (told[-1][1][1] - told[-1][0][1]) * 5 < 60 * 60


def test_a_clock_that_is_far_ahead_of_the_rows_forgets_no_flapping(stores: Stores) -> None:
    up, down = [190.0] * 4, [170.0] * 8
    oil(stores, 0, up + down)
    late = START + timedelta(days=9)
    (idle,) = Assistant(stores).run_pass(late)
    assert (idle.rows, idle.error) == (0, "")
    oil(stores, 12, up + down)
    assert stores.documents.list_alerts(definition=HOT.name)[1].events[0].evidence["openings"] == 2


def test_alerts_that_stand_together_are_of_one_group(stores: Stores) -> None:
    for name in ("hotter", "hottest"):
        later = HOT.model_copy(update={"name": name, "for_": timedelta(seconds=30)})
        stores.documents.put_definitions([later.to_json()], NOW)
    oil(stores, 0, [190.0] * 10 + [170.0] * 20 + [190.0] * 5)
    alerts = stores.documents.list_alerts()
    assert [one.definition for one in alerts] == [HOT.name, "hotter", "hottest", HOT.name]
    assert [one.group for one in alerts] == [alerts[0].id] * 3 + [alerts[3].id]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"reason": " "}, "reason: must not be blank"),
        ({"author": "assistant"}, "author: 'assistant' is the assistant itself"),
        ({"line": "fryer-2"}, "line fryer-2: is not known; did you mean 'fryer-1'"),
        ({"definition": "oil-to-hot"}, "alert oil-to-hot: is not known; did you mean 'oil-too-hot'"),
        ({"at": START + timedelta(days=2)}, "end: .* is over"),
    ],
)
def test_what_is_refused(stores: Stores, given: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        silenced(stores, 0, 100, **given)
    assert list_silences(NOW, stores.documents, over=True) == []


def test_periods_that_are_refused(stores: Stores) -> None:
    with pytest.raises(ConfigError, match="is not after"):
        silenced(stores, 100, 100)
    with pytest.raises(ConfigError, match="silence 366 at most"):
        silenced(stores, 0, 400 * 17_280)


def test_silences_are_listed_while_they_are_in_force(stores: Stores) -> None:
    one, other = silenced(stores, 0, 100), silenced(stores, 10, 20, line=None)
    assert [found.id for found in list_silences(START, stores.documents)] == [one, other]
    end_silence(one, NOW, stores.documents)
    assert list_silences(NOW + SAMPLING * 10, stores.documents) == []
    (first, _) = list_silences(NOW, stores.documents, over=True)
    assert silence_json(first)["reason"] == "cleaning"
    assert silence_json(first)["ended_at"] == "2026-03-01T00:01:00Z"


def test_what_is_pending_is_shown_and_is_no_alert_yet(stores: Stores) -> None:
    oil(stores, 0, [170.0, 190.0, 190.0])
    (pending,) = list_pending(stores.documents)
    assert (pending.definition, pending.state, pending.opened_at) == (HOT.name, AlertState.PENDING, START + SAMPLING)
    assert pending.severity == HOT.severity
    asked = AlertSearch(LINE, states=parse_states(["pending", "open"]))
    assert list_alerts(asked, stores.documents) == [pending]
    assert list_alerts(replace(asked, end=START + SAMPLING), stores.documents) == []
    assert list_alerts(replace(asked, states=parse_states(["open"])), stores.documents) == []
    assert list_pending(stores.documents, line="other") == list_pending(stores.documents, definition="other") == []
    assert stores.documents.list_alerts() == []
    oil(stores, 3, [190.0] * 3)
    assert list_pending(stores.documents) == []


def status(stores: Stores, now: datetime) -> dict[str, object]:
    watching = read_watching(stores.documents, Cache())
    told = assistant_status(watching, [Schedule("x", "0 2 * * *")], now, stores.documents, stores.signals)
    (line,) = told["lines"]
    return {**line, "assistants": told["assistants"], "next": told["schedules"][0]["next"]}


def test_how_the_assistants_are(stores: Stores) -> None:
    now = datetime.now(UTC)
    assert {key: status(stores, now)[key] for key in ("state", "holder", "assistants")} == {
        "state": "new", "holder": None, "assistants": [],
    }  # fmt: skip
    oil(stores, 0, [190.0] * 10)
    told = status(stores, now)
    assert (told["state"], told["standing"], told["pending"], told["lag_seconds"]) == ("ok", [HOT.name], [], 0.0)
    stores.signals.append_signals(
        SignalFrame(LINE, make_rows(200, holes=False).data[100:], make_rows(2).types, SAMPLING)
    )
    assert status(stores, now)["state"] == "behind"
    loop = made(stores, "host:1:1")
    loop.membership.beat([LINE], now)
    told = status(stores, now)
    assert (told["holder"], told["assistants"][0]["lines"]) == ("host:1:1", 1)  # type: ignore[index]
    stores.documents.put_state(state_key(LINE), {"last": 1})
    assert (status(stores, now)["state"], "is damaged" in str(status(stores, now)["error"])) == ("error", True)
