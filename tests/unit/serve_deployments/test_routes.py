"""Roles, alerts, silences, definitions, readings, metrics and request ids over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from andon.records import AlertEvent, AlertRecord, AlertState, Anomaly, alert_id
from tests.served import LINE, NOON, OPERATOR, READER, SCORE

THRESHOLD = {"lines": {"names": [LINE]}, "type": "threshold", "when": "level > 5", "for": "5m"}


def as_(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def alert(served) -> AlertRecord:
    opened = datetime.now(UTC)
    identity = alert_id(LINE, "jam-soon", opened)
    event = AlertEvent(f"{identity}-1", opened, AlertState.FIRING, "assistant", evidence={"score": 0.7})
    record = AlertRecord(
        line=LINE, definition="jam-soon", opened_at=opened, state=AlertState.FIRING, severity="high", events=(event,),
        version=1, score=0.7, threshold=0.4,
    )  # fmt: skip
    assert served.scorer.documents.open_alert(record)
    return record


@pytest.mark.parametrize(
    ("method", "path", "token", "status"),
    [
        ("GET", "/v1/lines", READER, 200),
        ("POST", SCORE, READER, 200),
        ("GET", "/metrics", READER, 200),
        ("POST", "/v1/alerts/x/acknowledge", READER, 403),
        ("POST", "/v1/alerts/x/acknowledge", OPERATOR, 422),
        ("POST", "/v1/silences", READER, 403),
        ("PUT", "/v1/definitions/alert/hot", READER, 403),
        ("PUT", "/v1/definitions/alert/hot", OPERATOR, 403),
    ],
)
def test_each_role_may_do_what_it_may(served, method, path, token, status):
    answer = served.client.request(method, path, headers=as_(token))
    assert answer.status_code == status
    if status == 403:
        assert "does not include" in answer.json()["detail"]


def test_an_alert_is_answered_step_by_step(served, alert):
    path = f"/v1/alerts/{alert.id}"
    assert served.get(path).json()["state"] == "firing"
    assert alert.id in [one["id"] for one in served.get(f"/v1/alerts?line={LINE}&state=open").json()]
    seen = served.post(f"{path}/acknowledge", {"author": "ada", "note": "looking"}, **{"X-Request-ID": "a-7"}).json()
    assert seen["events"][-1]["evidence"] == {"request_id": "a-7"}
    assert (seen["state"], seen["events"][-1]["actor"]) == ("acknowledged", "ada")
    assert served.post(f"{path}/acknowledge", {"author": "bo"}).status_code == 409
    assert served.post(f"{path}/act", {"author": "bo", "note": "slowed down"}).json()["state"] == "acted"
    judged = served.post(f"{path}/feedback", {"author": "bo", "verdict": "avoided"}).json()
    assert [one["verdict"] for one in judged["feedback"]] == ["avoided"]
    assert served.post(f"{path}/feedback", {"author": "bo", "verdict": "perhaps"}).status_code == 422
    assert served.post(f"{path}/act", {"author": "assistant"}).status_code == 409
    assert served.get(f"{path}/recommendations").status_code == 200
    for_nobody = [("GET", ""), ("GET", "/recommendations"), ("POST", "/act"), ("POST", "/feedback")]
    for method, part in for_nobody:
        body = {"author": "bo", "verdict": "avoided"} if part == "/feedback" else {"author": "bo"}
        answer = served.client.request(
            method, f"/v1/alerts/nothing{part}", headers=served.headers, json=body if method == "POST" else None
        )
        assert answer.status_code == 404, part


def test_performance_counts_verdicts(served, alert):
    served.post(f"/v1/alerts/{alert.id}/feedback", {"author": "bo", "verdict": "confirmed"})
    end = (alert.opened_at + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    told = served.get(f"/v1/lines/{LINE}/performance?end={end}").json()
    (jam,) = [one for one in told["alerts"] if one["alert"] == "jam-soon"]
    assert jam["confirmed"] >= 1
    assert jam["alerts"] == jam["reviewed"] + jam["unreviewed"]
    assert served.get(f"/v1/lines/{LINE}/performance?start=2026-02-01&end=2026-01-01").status_code == 422


def test_silences(served):
    body = {
        "author": "ada",
        "reason": "maintenance",
        "line": LINE,
        "end": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
    }
    made = served.post("/v1/silences", body)
    assert made.status_code == 201, made.text
    assert made.json()["id"] in [one["id"] for one in served.get("/v1/silences").json()]
    assert served.post("/v1/silences", {**body, "end": "2001-01-01T00:00:00Z"}).status_code == 422
    assert served.post("/v1/silences", {**body, "end": "soon"}).status_code == 422


def test_a_definition_is_stored_shown_and_refused(served):
    path = "/v1/definitions/alert/too-high"
    stored = served.client.put(path, json=THRESHOLD, headers=served.headers)
    assert (stored.status_code, stored.json()["change"], stored.json()["version"]) == (200, "created", 1)
    again = served.client.put(path, json=THRESHOLD, headers=served.headers).json()
    assert (again["change"], again["version"]) == ("unchanged", 1)
    shown = served.get(path).json()
    assert (shown["when"], shown["clear"]) == ("level > 5", "not (level > 5)")
    assert "too-high" in [one["name"] for one in served.get("/v1/definitions/alerts").json()]
    for body, named in [
        ({**THRESHOLD, "when": "levle > 5"}, "levle"),
        ({**THRESHOLD, "name": "other"}, "name"),
        ({"type": "threshold"}, "lines"),
    ]:
        refused = served.client.put(path, json=body, headers=served.headers)
        assert refused.status_code == 422, refused.text
        assert named in refused.json()["detail"]
    assert served.get("/v1/definitions/alert/nothing").status_code == 404
    assert served.get("/v1/definitions/thing/nothing").status_code == 404


def test_readings_forecasts_and_anomalies(served):
    told = served.get(f"/v1/lines/{LINE}/signals?limit=7&variables=level").json()
    assert (len(told["rows"]), set(told["rows"][0])) == (7, {"time", "level"})
    last = served.frame.data["time"][-1]
    some = served.get(f"/v1/lines/{LINE}/signals?start={(last - timedelta(minutes=30)).isoformat()}").json()
    assert 0 < len(some["rows"]) <= 40
    anomaly = Anomaly(LINE, "normal-running", "level", NOON, 5.0, 3.0, "high", 1, 9.0, 1.0, "high")
    served.scorer.documents.add_anomalies([anomaly])
    (found,) = served.get(f"/v1/lines/{LINE}/anomalies?monitor=normal-running").json()
    assert (found["variable"], found["time"]) == ("level", "2026-01-01T12:00:00Z")
    assert served.get(f"/v1/lines/{LINE}/forecasts").json() == []
    for part in ("signals", "forecasts", "anomalies", "performance"):
        assert served.get(f"/v1/lines/nowhere/{part}").status_code == 404
        assert served.get(f"/v1/lines/{LINE}/{part}?start=yesterday").status_code == 422


def test_many_lines_are_scored_each_for_itself(served):
    rows = served.rows(1000)
    lines = [{"line": LINE}, {"line": "nowhere"}, {"line": LINE, "rows": rows}, {"line": LINE, "rows": rows[:2]}]
    results = served.post("/v1/score", {"lines": lines, "names": ["jam-soon"]}).json()["results"]
    assert [one["problem"]["status"] if "problem" in one else 200 for one in results] == [200, 404, 200, 422]
    assert results[0]["alerts"] == results[2]["alerts"]
    everything = served.post("/v1/score").json()["results"]
    assert [one["line"] for one in everything] == [LINE]
    assert served.post("/v1/score", {"lines": [{"line": LINE}] * 1001}).status_code == 422


def test_metrics_are_prometheus_s(served):
    served.post(SCORE)
    text = served.get("/metrics").text
    assert 'andon_requests_total{method="POST",' in text
    assert 'route="/v1/lines/{line}/score"' in text
    assert 'andon_resident_models{kind="classifier"' in text
    assert "andon_request_seconds_bucket" in text
    assert "press-07" not in text.replace(f'andon_line_staleness_seconds{{line="{LINE}"', "")


def test_every_answer_bears_the_request_s_id(served):
    for path, headers in [(SCORE, {}), ("/v1/nothing", {}), ("/v2/models/x/infer", {})]:
        answer = served.post(path, {}, **{"X-Request-ID": "ask-7", **headers})
        assert answer.headers.get_list("x-request-id") == ["ask-7"]
    made = [served.post(SCORE).headers["x-request-id"] for _ in range(2)]
    assert made[0] != made[1]
    strange = served.post("/v1/nothing", {}, **{"X-Request-ID": "a b\t<script>"})
    assert "script" not in strange.headers["x-request-id"] + strange.text


def test_readiness_of_a_line(served):
    assert served.client.get(f"/readyz?line={LINE}").json() == {"line": LINE, "ready": True}
    assert served.client.get("/readyz?line=nowhere").status_code == 404


def test_encoded_bodies_are_refused(served):
    assert served.post(SCORE, {}, **{"Content-Encoding": "gzip"}).status_code == 415
