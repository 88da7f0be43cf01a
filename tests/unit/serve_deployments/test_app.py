"""The HTTP application: scores, lines, refusals and its own description."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from andon.models.bundle import write_bundle
from andon.scoring import forecast_next, score_alert, score_monitor
from tests.served import LINE, MINUTE, NOON, SCORE, TOKEN


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}, {"Authorization": f"Basic {TOKEN}"}],
    ids=["none", "wrong", "bare", "basic"],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/lines"), ("GET", f"/v1/lines/{LINE}"), ("POST", SCORE)])
def test_without_the_token_nothing_is_told(served, headers, method, path):
    answer = served.client.request(method, path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert LINE not in answer.json()["detail"]


def test_the_digest_is_no_token(served):
    answer = served.client.get("/v1/lines", headers={"Authorization": f"Bearer {served.plan.tokens[0].sha256}"})
    assert answer.status_code == 401


def test_health_needs_no_token(served):
    assert served.client.get("/healthz").json() == {"status": "ok"}
    ready = served.client.get("/readyz").json()
    assert (ready["status"], ready["lines"], ready["models"], ready["failed"]) == ("ready", 1, 2, [])


def test_lines_tell_their_data_and_models(served):
    (line,) = served.get("/v1/lines").json()
    assert served.get(f"/v1/lines/{LINE}").json() == line
    assert (line["name"], line["family"], line["rows"]) == (LINE, "presses", len(served.frame))
    assert line["variables"] == dict(served.frame.types)
    versions = {one["name"]: (one["kind"], one["version"]) for one in line["models"]}
    assert versions == {"jam-soon": ("Alert", 1), "normal-running": ("Monitor", 1), "untrained": ("Alert", None)}


def test_the_store_the_body_and_the_core_give_one_score(served):
    stored, given = served.post(SCORE), served.post(SCORE, {"rows": served.rows(1000)})
    assert (stored.status_code, given.status_code) == (200, 200)
    alerts, monitors = score_alert(served.alert, served.frame), score_monitor(served.monitor, served.frame)
    ahead = {one.variable: one.expected for one in forecast_next(served.monitor, served.frame)}
    for answer in (stored.json(), given.json()):
        (abnormal, alert, rising), (monitor,) = answer["alerts"], answer["monitors"]
        assert alert["score"] == pytest.approx(float(alerts.score[-1]), abs=1e-9)
        assert (alert["flag"], alert["threshold"]) == (bool(alerts.flag[-1]), 0.4)
        assert monitor["score"] == pytest.approx(float(monitors.line_score[-1]), abs=1e-9)
        assert monitor["flag"] == bool(monitors.line_flag[-1])
        for column, one in enumerate(monitor["variables"]):
            assert one["name"] == monitors.variables[column]
            assert one["expected"] == pytest.approx(float(monitors.expected[-1, column]), abs=1e-9)
        assert {one["variable"]: one["expected"] for one in monitor["forecasts"]} == pytest.approx(ahead, abs=1e-9)
        assert (abnormal["name"], abnormal["score"], abnormal["flag"]) == (
            "abnormal",
            monitor["score"],
            monitor["flag"],
        )
        assert (rising["name"], rising["score"], rising["flag"], rising["version"]) == ("will-rise", 1.0, True, 1)
        assert rising["expected"]["level"] == pytest.approx(ahead["level"], abs=1e-9)
        assert datetime.fromisoformat(rising["expected_at"]) == served.frame.data["time"][-1] + MINUTE
        assert {one["name"]: one["reason"] for one in answer["skipped"]} == {
            "lost": "monitor nobody does not watch this line",
            "untrained": "has no champion yet; train it",
        }
        assert datetime.fromisoformat(answer["time"]) == served.frame.data["time"][-1]


def test_only_what_is_named_is_scored(served):
    answer = served.post(SCORE, {"names": ["jam-soon"]}).json()
    assert [one["name"] for one in answer["alerts"]] == ["jam-soon"]
    assert (answer["monitors"], answer["skipped"]) == ([], [])


@pytest.mark.parametrize("path", ["/v1/lines/nowhere/score", "/v1/lines/%2e%2e/score"])
def test_an_unknown_line_is_404(served, path):
    answer = served.post(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_unknown_name_is_404_and_those_there_are_told(served):
    answer = served.post(SCORE, {"names": ["jam-later"]})
    assert answer.status_code == 404
    assert "jam-soon" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["jam-soon", "normal-running", "will-rise", "abnormal"])
def test_too_few_rows_is_422_with_the_number_needed(served, name):
    answer = served.post(SCORE, {"rows": served.rows(2), "names": [name]})
    assert answer.status_code == 422
    monitor = served.monitor
    own = {"jam-soon": served.alert.features.rows_needed, "will-rise": monitor.window}
    needed = own.get(name, monitor.rows_needed + 1)
    assert f"at least {needed} rows" in answer.json()["detail"]


TIME = "2026-01-01T06:00:00Z"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"rows": []}, "empty"),
        ({"rows": [{"level": 1.0}]}, "rows[0].time"),
        ({"rows": [{"time": "noon", "level": 1.0}]}, "'noon'"),
        ({"rows": [{"time": 5, "level": 1.0}]}, "rows[0].time"),
        ({"rows": [{"time": TIME, "level": "hot"}]}, "rows[0].level"),
        ({"rows": [{"time": TIME, "level": [1.0]}]}, "rows[0].level"),
        ({"rows": [{"time": TIME, "product": 3}]}, "rows[0].product"),
        ({"rows": [{"time": TIME, "open": 2}]}, "open"),
        ({"rows": [{"time": TIME, "unheard": 1.0}]}, "unheard"),
        ({"rows": [{"time": TIME}]}, "no reading"),
        ({"rows": [{"time": TIME, "level": 1.0}] * 2}, "times do not rise"),
        ({"rows": [{"time": "0001-01-01T00:00:00+10:00", "level": 1.0}]}, "rows[0].time"),
        ({"rows": "all"}, "rows"),
        ({"rows": [3]}, "rows"),
        ({"names": "jam-soon"}, "names"),
        ({"columns": []}, "columns"),
        ([], "body"),
    ],
)
def test_a_malformed_body_is_422_and_says_where(served, body, named):
    answer = served.post(SCORE, body)
    assert answer.status_code == 422, answer.text
    assert named in answer.json()["detail"]


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"\xff",
        b'{"rows": [{"time": "%s", "level": Infinity}]}' % TIME.encode(),
        b'{"rows": [{"time": "%s", "level": 1%s}]}' % (TIME.encode(), 400 * b"0"),
        rb'{"rows": [{"time": "2026-01-01T06:00:00Z", "product": "\ud83d"}]}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_json_is_refused(served, content):
    answer = served.client.post(SCORE, content=content, headers={**served.headers, "Content-Type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_another_method_is_refused_in_the_same_form(served):
    answer = served.client.delete("/v1/lines", headers=served.headers)
    assert answer.status_code == 405
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_without_a_length_is_refused(served):
    answer = served.client.post(SCORE, content=iter([b"{", b"}"]), headers=served.headers)
    assert answer.status_code == 411


def test_too_much_is_refused(served):
    rows = [{"time": TIME, "level": 1.0}] * 1201
    assert served.post(SCORE, {"rows": rows}).status_code == 422
    assert served.post(SCORE, {"rows": [{"time": "x" * 1_000_000}]}).status_code == 413


def test_a_promoted_version_is_scored_at_once(served, tmp_path):
    write_bundle(served.alert, tmp_path / "again")
    models = served.scorer.models
    version = models.publish(served.alert.key, tmp_path / "again", served.alert.card)
    models.promote(served.alert.key, version, "newer", NOON)
    served.scorer.refresh()
    try:
        assert served.post(SCORE, {"names": ["jam-soon"]}).json()["alerts"][0]["version"] == version
    finally:
        models.rollback(served.alert.key, "as it was", NOON)
        served.scorer.refresh()
    assert served.post(SCORE, {"names": ["jam-soon"]}).json()["alerts"][0]["version"] == 1


def test_open_api_tells_every_path_and_refers_to_nothing_missing(served):
    described = served.client.get("/openapi.json").json()
    assert described["openapi"].startswith("3.")
    of_line = ("", "/score", "/signals", "/forecasts", "/anomalies", "/performance")
    models = [f"/v2/models/{{model}}{version}" for version in ("", "/versions/{version}")]
    assert set(described["paths"]) == {
        "/healthz", "/readyz", "/metrics", "/v1/score", "/v1/lines", "/v1/alerts", "/v1/silences",
        "/v1/silences/{silence_id}/end",
        "/v2", "/v2/health/live", "/v2/health/ready",
        *(f"/v1/lines/{{line}}{part}" for part in of_line),
        *(f"/v1/alerts/{{alert_id}}{part}" for part in ("", "/acknowledge", "/act", "/feedback", "/recommendations")),
        "/v1/definitions/{kind}", "/v1/definitions/{kind}/{name}",
        *(f"{model}{part}" for model in models for part in ("", "/ready", "/infer")),
    }  # fmt: skip
    secured = [operation for path, of in described["paths"].items() if "/v1" in path for operation in of.values()]
    assert all(operation["security"] == [{"bearer": []}] for operation in secured)
    for reference in _references(described):
        target: Any = described
        for part in reference.removeprefix("#/").split("/"):
            assert part in target, reference
            target = target[part]


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from _references(one)
