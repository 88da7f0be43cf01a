"""What `andon.ports.Documents` promises, on every adapter."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from andon.errors import ConfigError
from andon.ports import Documents
from andon.records import AlertEvent, AlertRecord, AlertState, Anomaly, Decision, Feedback, ModelKey, Skip, make_id
from andon.stores import open_documents

AT = datetime(2026, 3, 1, 6, 30, 0, 123456, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def url(documents_url: str) -> str:
    return documents_url


@pytest.fixture
def documents(url: str) -> Documents:
    return open_documents(url)


def definition(name: str, kind: str = "Line", **fields: object) -> dict[str, object]:
    return {"kind": kind, "name": name, **fields}


def anomaly(minute: int, variable: str | None = None, line: str = "press-07", monitor: str = "normal") -> Anomaly:
    return Anomaly(line, monitor, variable, AT + minute * MINUTE, 2.5, 1.0, "medium", 1)


def event(name: str, state: AlertState = AlertState.ACKNOWLEDGED, minute: int = 1) -> AlertEvent:
    return AlertEvent(make_id(name), AT + minute * MINUTE, state, "Zoë", "vu à l'écran 🛠", {"speed": 81.5, "hot": True})


def alert(minute: int = 0, line: str = "press-07", name: str = "jam-soon") -> AlertRecord:
    opened = AT + minute * MINUTE
    first = AlertEvent(make_id(line, name, minute), opened, AlertState.FIRING, "assistant", "", {"score": 0.9})
    return AlertRecord(line, name, opened, AlertState.FIRING, "high", (first,), version=2, score=0.9, threshold=0.4)


def skip(minute: int, line: str = "press-07", name: str = "jam-soon") -> Skip:
    return Skip(line, name, AT + minute * MINUTE, "only 3 of 60 rows")


def decision(challenger: int | None = 2, key: ModelKey | None = None, minute: int = 0) -> Decision:
    evidence = {"difference": -12.5, "high": None, "champion": {"missed": 3}, "why": "moins d'alarmes 🛠"}
    at = AT + minute * MINUTE
    return Decision(key or ModelKey("jam-soon", "press-07"), 1, challenger, at, AT, "promoted", "better", evidence)


def test_an_empty_store_is_read_as_empty(documents: Documents) -> None:
    assert documents.get_definition("Line", "a") is None
    assert documents.get_alert("a") is None
    assert documents.get_state("a") is None
    lists = (documents.list_definitions, documents.list_anomalies, documents.list_alerts)
    assert [ask() for ask in lists] == [[], [], []]
    assert [ask() for ask in (documents.list_feedback, documents.list_skips, documents.list_reports)] == [[], [], []]
    assert documents.list_decisions() == []


def test_definitions_are_versioned_by_change(documents: Documents) -> None:
    one, other = definition("a", unit="°C", n=[1, {"x": None}]), definition("a", unit="°F")
    first = documents.put_definitions([one], AT)[0]
    assert (first.kind, first.name, first.version, first.body, first.applied_at) == ("Line", "a", 1, one, AT)
    reordered = dict(reversed(list(one.items())))
    assert documents.put_definitions([reordered], AT + MINUTE) == [first]
    second, third = (documents.put_definitions([body], AT + 2 * MINUTE)[0] for body in (other, one))
    assert (second.version, third.version) == (2, 3)
    assert documents.get_definition("Line", "a") == third
    assert [documents.get_definition("Line", "a", version) for version in (1, 2, 3, 4)] == [first, second, third, None]
    assert documents.get_definition("Alert", "a") is None


def test_definitions_are_listed_by_kind_and_name_newest_only(documents: Documents) -> None:
    bodies = [definition("b"), definition("a"), definition("z", "Alert")]
    stored = documents.put_definitions(bodies, AT)
    assert [(one.kind, one.name) for one in stored] == [("Line", "b"), ("Line", "a"), ("Alert", "z")]
    newer = documents.put_definitions([definition("a", family="presses")], AT)[0]
    assert documents.list_definitions() == [stored[2], newer, stored[0]]
    assert documents.list_definitions("Line") == [newer, stored[0]]


def test_definitions_are_stored_all_or_none(documents: Documents) -> None:
    with pytest.raises(KeyError):
        documents.put_definitions([definition("a"), {"kind": "Line"}], AT)
    assert documents.list_definitions() == []
    assert [one.version for one in documents.put_definitions([definition("a"), definition("a", n=1)], AT)] == [1, 2]


def test_anomalies_come_back_as_they_were(documents: Documents) -> None:
    of_line = replace(anomaly(0), blamed=("température", "b"), score=float("inf"))
    of_variable = replace(anomaly(0, "température"), actual=1e-300, expected=-0.1, direction="low")
    assert documents.add_anomalies([of_variable, of_line]) == 2
    assert documents.list_anomalies() == [of_line, of_variable]


def test_an_anomaly_is_added_once_and_stays_as_it_is(documents: Documents) -> None:
    assert documents.add_anomalies([anomaly(0), anomaly(0, "a")]) == 2
    assert documents.add_anomalies(iter([replace(anomaly(0), score=9.0), anomaly(1), anomaly(1)])) == 1
    assert documents.add_anomalies([]) == 0
    assert documents.list_anomalies() == [anomaly(0), anomaly(0, "a"), anomaly(1)]


def test_anomalies_are_chosen_by_line_monitor_and_span(documents: Documents) -> None:
    every = [
        anomaly(minute, variable, line, monitor)
        for minute in range(4)
        for line in ("oven", "press-07")
        for monitor in ("m", "n")
        for variable in (None, "a", "b")
    ]
    shuffled = random.Random(0).sample(every, len(every))
    documents.add_anomalies(shuffled)
    assert documents.list_anomalies() == every
    assert documents.list_anomalies(limit=0) == []
    chosen = [one for one in every if one.line == "oven" and one.monitor == "n" and AT < one.time < AT + 3 * MINUTE]
    assert documents.list_anomalies("oven", "n", AT + MINUTE, AT + 3 * MINUTE) == chosen
    assert (
        documents.list_anomalies(monitor="n", end=AT + MINUTE, limit=2)
        == [one for one in every if one.monitor == "n"][:2]
    )


def test_an_alert_is_opened_once(documents: Documents) -> None:
    assert documents.open_alert(alert()) is True
    assert documents.open_alert(replace(alert(), score=0.1)) is False
    assert documents.get_alert(alert().id) == alert()


def test_an_alert_takes_the_state_of_each_event(documents: Documents) -> None:
    opened = alert()
    documents.open_alert(opened)
    seen, solved = event("seen"), event("solved", AlertState.RESOLVED, 5)
    after = documents.transition_alert(opened.id, seen, 1)
    assert after == replace(opened, state=AlertState.ACKNOWLEDGED, events=(*opened.events, seen))
    last = documents.transition_alert(opened.id, solved, 2)
    assert last is not None
    assert (last.state, last.resolved_at, last.revision) == (AlertState.RESOLVED, solved.time, 3)
    assert documents.get_alert(opened.id) == last
    assert documents.list_alerts(states=[AlertState.RESOLVED]) == [last]


def test_an_event_is_added_once_and_only_to_what_was_seen(documents: Documents) -> None:
    opened = alert()
    documents.open_alert(opened)
    after = documents.transition_alert(opened.id, event("seen"), 1)
    assert documents.transition_alert(opened.id, event("other"), 1) is None
    assert documents.transition_alert(opened.id, event("other"), 3) is None
    assert documents.transition_alert(opened.id, event("seen"), 1) == after
    assert documents.transition_alert(opened.id, event("seen"), 2) == after
    assert documents.get_alert(opened.id) == after
    with pytest.raises(ConfigError, match=r"alert nobody: does not exist; see"):
        documents.transition_alert("nobody", event("seen"), 0)


def test_a_resolved_alert_stays_resolved(documents: Documents) -> None:
    opened = alert()
    documents.open_alert(opened)
    solved = documents.transition_alert(opened.id, event("solved", AlertState.RESOLVED, 5), 1)
    for state in AlertState:
        late = event(f"late {state}", state, 9)
        assert documents.transition_alert(opened.id, late, 2) == solved
    assert documents.get_alert(opened.id) == solved


def test_alerts_are_chosen_by_line_definition_state_and_span(documents: Documents) -> None:
    every = [alert(minute, line, name) for minute in range(3) for line in ("oven", "press-07") for name in ("a", "b")]
    for one in random.Random(0).sample(every, len(every)):
        documents.open_alert(one)
    assert documents.list_alerts() == every
    assert documents.list_alerts("oven", "b", [AlertState.FIRING], AT + MINUTE, AT + 2 * MINUTE) == [
        alert(1, "oven", "b")
    ]
    assert documents.list_alerts(start=AT + MINUTE, limit=3) == every[4:7]
    assert documents.list_alerts(states=[AlertState.RESOLVED, AlertState.ACTED]) == []
    assert documents.list_alerts(states=[]) == []
    assert documents.list_alerts("oven' OR 1=1 --") == []


def test_feedback_is_kept_as_history(documents: Documents) -> None:
    said = [
        Feedback(name, verdict, "Zoë", AT - i * MINUTE, "…")
        for i, (name, verdict) in enumerate([("a", "confirmed"), ("b", "rejected"), ("a", "avoided"), ("a", "avoided")])
    ]
    for one in said:
        documents.add_feedback(one)
    assert documents.list_feedback() == said
    assert documents.list_feedback("a") == [said[0], said[2], said[3]]
    assert documents.list_feedback("c") == []


def test_text_that_no_encoding_knows_comes_back(documents: Documents) -> None:
    said = Feedback("a", "rejected", "x", AT, "half a character: \ud83d; a zero: \x00")
    documents.add_feedback(said)
    assert documents.list_feedback() == [said]


def test_bodies_of_any_json_come_back(documents: Documents) -> None:
    body = {"a.b": {"$set": 1, "": [None, 2**70, {"$json": "x"}]}, "\x00é": "half: \ud83d", "n": [[1.5, True], []]}
    documents.put_state("odd", body)
    assert documents.get_state("odd") == body
    stored = documents.put_definitions([definition("a", evidence=body)], AT)
    assert documents.put_definitions([definition("a", evidence=body)], AT + MINUTE) == stored
    assert documents.get_definition("Line", "a") == stored[0]
    assert stored[0].body["evidence"] == body


def test_states_are_listed_by_key(documents: Documents) -> None:
    for key in ("b/é", "a b", "b.1"):
        documents.put_state(key, {})
    assert documents.list_states() == ["a b", "b.1", "b/é"]


def test_a_skip_is_added_once(documents: Documents) -> None:
    assert documents.add_skips([skip(1), skip(0), skip(0, "oven")]) == 3
    assert documents.add_skips([replace(skip(1), reason="other"), skip(2)]) == 1
    assert documents.list_skips() == [skip(0, "oven"), skip(0), skip(1), skip(2)]
    assert documents.list_skips("press-07", AT + MINUTE, AT + 2 * MINUTE) == [skip(1)]


def test_a_decision_is_kept_once_as_it_was(documents: Documents) -> None:
    first, second = decision(), decision(3, minute=-9)
    assert [documents.add_decision(one) for one in (first, second)] == [True, True]
    assert documents.add_decision(replace(first, verdict="kept", reason="later", at=AT + MINUTE)) is False
    assert documents.list_decisions() == [first, second]


def test_decisions_are_chosen_by_model(documents: Documents) -> None:
    keys = [ModelKey("jam-soon", "oven"), ModelKey("jam-soon", family="oven"), ModelKey("jam", "oven")]
    made = [decision(None, key, minute) for minute, key in enumerate(keys)]
    for one in made:
        documents.add_decision(one)
    assert [documents.list_decisions(key) for key in keys] == [[one] for one in made]
    assert documents.list_decisions(ModelKey("jam-soon", "press-07")) == []


def test_a_state_is_replaced(documents: Documents) -> None:
    documents.put_state("assistant/press 07", {"last": 1, "open": {"é": [None, True, 1.5, float("nan")]}})
    got = documents.get_state("assistant/press 07")
    assert got is not None
    assert got["open"]["é"][:3] == [None, True, 1.5]
    documents.put_state("assistant/press 07", {"last": 2})
    assert documents.get_state("assistant/press 07") == {"last": 2}
    assert documents.get_state("assistant/oven") is None


def test_reports_are_logged_in_order(documents: Documents) -> None:
    for index in range(3):
        documents.log_report("anomalies", AT, AT + MINUTE, f"out/{index}.xlsx", AT - index * MINUTE)
    got = documents.list_reports()
    assert [one["path"] for one in got] == ["out/0.xlsx", "out/1.xlsx", "out/2.xlsx"]
    assert got[0] == {
        "name": "anomalies",
        "period_start": AT,
        "period_end": AT + MINUTE,
        "path": "out/0.xlsx",
        "at": AT,
    }


def test_a_closed_store_can_be_used_again(documents: Documents) -> None:
    documents.close()
    documents.put_state("a", {"b": 1})
    documents.close()
    documents.close()
    assert documents.get_state("a") == {"b": 1}


def test_a_store_is_never_pickled(documents: Documents) -> None:
    with pytest.raises(TypeError, match="never pickled: send its URL"):
        pickle.dumps(documents)


def test_threads_share_a_store(documents: Documents) -> None:
    def work(index: int) -> int:
        return documents.add_skips([skip(index), skip(index + 1)])

    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(work, range(100)))
    assert sum(added) == 101
    assert documents.list_skips() == [skip(index) for index in range(101)]


def claim(url: str, who: str, barrier: object, out: object) -> None:
    """Open each alert and acknowledge it: of all that do so at once, one succeeds at each."""
    documents = open_documents(url)
    barrier.wait(60)  # type: ignore[attr-defined]
    won = []
    for minute in range(60):
        opened = documents.open_alert(alert(minute))
        moved = documents.transition_alert(alert(minute).id, event(f"{who} {minute}"), 1)
        won.append((opened, moved is not None))
    out.put(won)  # type: ignore[attr-defined]


def test_processes_that_race_for_an_alert_win_it_once(url: str) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, out = context.Barrier(3), context.Queue()
    processes = [context.Process(target=claim, args=(url, str(i), barrier, out)) for i in range(3)]
    for process in processes:
        process.start()
    results = [out.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(60)
    for minute in range(60):
        assert sum(won[minute][0] for won in results) == 1
        assert sum(won[minute][1] for won in results) == 1
    assert {one.revision for one in open_documents(url).list_alerts()} == {2}


def put(url: str, who: int, barrier: object) -> None:
    """Put the same definition with ever other bodies."""
    documents = open_documents(url)
    barrier.wait(60)  # type: ignore[attr-defined]
    for number in range(30):
        documents.put_definitions([definition("press-07", by=[who, number]), definition(f"own-{who}")], AT)


def test_processes_that_put_definitions_at_once_lose_no_version(url: str) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    processes = [context.Process(target=put, args=(url, who, barrier)) for who in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    documents = open_documents(url)
    bodies = [documents.get_definition("Line", "press-07", version) for version in range(1, 61)]
    assert documents.get_definition("Line", "press-07", 61) is None
    written = [tuple(one.body["by"]) for one in bodies if one is not None]
    assert sorted(written) == [(who, number) for who in range(2) for number in range(30)]
    assert [one.version for one in documents.list_definitions() if one.name.startswith("own")] == [1, 1]


def test_a_fork_gets_a_connection_of_its_own(documents: Documents) -> None:
    documents.put_state("parent", {"at": 0})
    child = os.fork()
    if child == 0:
        code = 1
        try:
            documents.put_state("child", {"at": 1})
            code = 0 if documents.get_state("parent") is not None else 2
        finally:
            os._exit(code)
    documents.put_state("parent", {"at": 2})
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (documents.get_state("parent"), documents.get_state("child")) == ({"at": 2}, {"at": 1})


WRITER = """
import sys
from datetime import UTC, datetime, timedelta
sys.path.insert(0, sys.argv[2])
from test_documents_contract import alert, event, open_documents, Feedback, AT
documents = open_documents(sys.argv[1])
for minute in range(int(sys.argv[3]), 1_000_000):
    documents.open_alert(alert(minute))
    documents.transition_alert(alert(minute).id, event("seen"), 1)
    documents.add_feedback(Feedback(alert(minute).id, "confirmed", "Zoë", AT))
    print(minute, flush=True)
"""


def test_a_killed_writer_loses_nothing_acknowledged(url: str) -> None:
    done, documents = -1, open_documents(url)
    for seed in range(3):
        command = [sys.executable, "-c", WRITER, url, str(Path(__file__).parent), str(done + 1)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            acknowledged = [int(process.stdout.readline()) for _ in range(2)]
            try:
                process.wait(random.Random(seed).uniform(0, 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
            acknowledged += [int(line) for line in process.stdout if line.endswith("\n")]
        alerts, said = documents.list_alerts(), {one.alert_id for one in documents.list_feedback()}
        assert [one.opened_at for one in alerts] == [AT + minute * MINUTE for minute in range(len(alerts))]
        safe = alerts[: acknowledged[-1] + 1]
        assert len(safe) == acknowledged[-1] + 1
        assert len(alerts) <= len(safe) + 1
        assert all(one.revision == 2 and one.id in said for one in safe)
        done = acknowledged[-1] + 1
        # The one that was cut short is written again from its start: nothing of it is doubled.
        documents.open_alert(alert(done))
        documents.transition_alert(alert(done).id, event("seen"), 1)
        documents.add_feedback(Feedback(alert(done).id, "confirmed", "Zoë", AT))
        again = documents.get_alert(alert(done).id)
        assert again is not None
        assert again.revision == 2
