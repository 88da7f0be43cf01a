"""What people read of an event."""

from __future__ import annotations

from typing import Any

from andon.records import Recommendation
from andon.reports.alert_mail import alert_html, alert_text
from andon.reports.alert_words import say_event, subject_of


def body(state: str = "firing", name: str = "hot", **more: Any) -> dict[str, Any]:
    alert = {
        "id": "7e11", "line": "press-07", "alert": name, "state": state, "severity": "high", "version": None,
        "opened_at": "2026-03-01T06:30:00Z", "score": None, "threshold": None, "group": "",
    }  # fmt: skip
    event = {
        "id": "e",
        "time": "2026-03-01T07:42:30Z",
        "state": state,
        "actor": "assistant",
        "note": "",
        "evidence": {},
    }
    return {
        "alert": alert | more.pop("alert", {}),
        "event": event | more.pop("event", {}),
        "definition": {"type": "threshold", "condition": "oil > 80", "horizon_seconds": None},
        "timezone": "Europe/Paris",
        "units": {"oil": "°C"},
        **more,
    }


def test_states_in_words():
    said = {state: say_event(body(state)).headline for state in ("firing", "acknowledged", "acted", "resolved")}
    assert said == {
        "firing": "press-07: hot is firing",
        "acknowledged": "press-07: hot was seen",
        "acted": "press-07: hot was acted upon",
        "resolved": "press-07: hot is over",
    }
    assert say_event(body("no-data", "(no data)")).headline == "press-07: no data"
    assert say_event(body("error", "(error)")).headline == "press-07: cannot be evaluated"
    assert subject_of([body("no-data", "(no data)")]) == "[high] press-07: no data"
    assert subject_of([body("resolved")]) == "[resolved] press-07: hot is over"


def test_the_end_of_an_alert_tells_how_long_it_stood_and_who_ended_it():
    words = say_event(body("resolved", event={"actor": "Zoë", "note": "pump changed"}))
    facts = {fact.name: fact.value for fact in words.facts}
    assert facts["opened"] == "2026-03-01 07:30:00 (Europe/Paris), 1h12m30s before"
    assert (facts["by"], words.note) == ("Zoë", "pump changed")
    assert "pump changed" in alert_text([words])


def test_those_to_blame_come_first_and_the_rest_only_where_there_are_few():
    few = {"values": {"speed": 60.0, "oil": 81.5}, "blamed": [{"variable": "oil", "share": 0.75}]}
    words = say_event(body(event={"evidence": few}))
    assert words.readings == (("oil", "81.5 °C", "75 %"), ("speed", "60", ""))
    many = {"values": {f"v{number}": float(number) for number in range(40)}, "top": [{"variable": "v7", "share": 0.4}]}
    assert [name for name, _, _ in say_event(body(event={"evidence": many})).readings] == ["v7"]
    expected = {"values": {"oil": 70.0}, "expected": {"oil": 82.25}, "expected_at": "2026-03-01T07:50:00Z"}
    words = say_event(body(event={"evidence": expected}))
    assert words.readings == (("oil", "70 °C, 82.25 expected", ""),)
    assert ("expected", "2026-03-01 08:50:00 (Europe/Paris)") in [(fact.name, fact.value) for fact in words.facts]


def test_no_feasible_change_is_an_answer():
    nothing = Recommendation("7e11", (), 0.9, 0.9, 0.4, reason="speed is at its bound")
    assert say_event(body(), nothing).advice == ("Nothing that could be moved: speed is at its bound.",)


def test_names_and_notes_are_shown_and_never_run():
    words = say_event(
        body(name="<b>hot</b>", event={"note": "<script>alert(1)</script>"}), link="https://op.example/{id}"
    )
    page = alert_html([words])
    assert "<script>" not in page
    assert "<b>hot" not in page
    assert 'href="https://op.example/7e11"' in page
    assert "cid:" not in page
    assert "cid:chart" in alert_html([words], ["chart"])


def test_what_is_evidence_of_another_version_breaks_nothing():
    odd = {"top": ["oil", {"variable": "oil"}], "values": None, "expected": "oil"}
    words = say_event(body(event={"evidence": odd}))
    assert words.readings == (("oil", "no reading", ""),)
