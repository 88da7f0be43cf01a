"""Alert rules fire where they must and nowhere else; dashboards are what their code says; configurations are valid."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from cluster.monitoring.__main__ import written
from cluster.monitoring.dashboards import DASHBOARDS
from cluster.monitoring.panels import to_grafana
from tests.servers.adapters import lacking

ROOT = Path(__file__).parents[3]
MONITORING = ROOT / "cluster" / "monitoring"
RULES = [rule for group in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
HOUR = 240
"""Samples of an hour, one every 15 s."""

CALM = {
    "andon_lines": "40x{n}",
    'andon_line_reading_age_seconds{line="press-07"}': "30x{n}",
    'andon_line_sampling_seconds{line="press-07"}': "60x{n}",
    'andon_line_lag_seconds{line="press-07"}': "60x{n}",
    'andon_alerts_open{definition="jam-soon",severity="high",state="firing"}': "3x{n}",
    'andon_skips_1d{definition="jam-soon"}': "4x{n}",
    "andon_message_oldest_seconds": "20x{n}",
    'andon_messages{channel="email",state="sent"}': "90x{n}",
    'andon_store_up{store="documents"}': "1x{n}",
    'andon_requests_total{route="score",status="200",replica="a"}': "0+150x{n}",
    'andon_requests_total{route="score",status="500",replica="a"}': "0x{n}",
    'andon_rejected_requests_total{reason="busy",replica="a"}': "0x{n}",
    'andon_request_seconds_bucket{route="score",replica="a",le="0.05"}': "0+150x{n}",
    'andon_request_seconds_bucket{route="score",replica="a",le="5.0"}': "0+150x{n}",
    'andon_request_seconds_bucket{route="score",replica="a",le="+Inf"}': "0+150x{n}",
    'andon_failed_models{replica="a"}': "0x{n}",
    'andon_refresh_timestamp_seconds{replica="a"}': "0+15x{n}",
    'up{job="andon-serving",instance="api"}': "1x{n}",
    'up{job="ray",instance="node-1"}': "1x{n}",
    'ray_node_disk_free{instance="node-1"}': "80x{n}",
    'ray_node_disk_usage{instance="node-1"}': "20x{n}",
    'ray_node_mem_used{instance="node-1"}': "50x{n}",
    'ray_node_mem_total{instance="node-1"}': "100x{n}",
    'ray_node_manager_unexpected_worker_failure_total{instance="node-1"}': "1x{n}",
    'ray_object_store_memory{Location="SPILLED"}': "0x{n}",
    'andon_search_tried{definition="jam-soon",learner="lightgbm",outcome="measured"}': "90x{n}",
    'andon_search_tried{definition="jam-soon",learner="lightgbm",outcome="failed"}': "1x{n}",
}
"""An hour in which all is well."""

FIRES = {
    "LineSilent": ({'andon_line_reading_age_seconds{line="press-07"}': "1200x{n}"}, {"line": "press-07"}),
    "AssistantBehind": ({'andon_line_lag_seconds{line="press-07"}': "900x{n}"}, {"line": "press-07"}),
    "ManyAlerts": ({'andon_alerts_open{definition="jam-soon",severity="high",state="firing"}': "30x{n}"}, {}),
    "DefinitionSkipped": ({'andon_skips_1d{definition="jam-soon"}': "400x{n}"}, {"definition": "jam-soon"}),
    "MessagesWait": ({"andon_message_oldest_seconds": "3600x{n}"}, {}),
    "MessagesDead": ({'andon_messages{channel="email",state="dead"}': "2x{n}"}, {}),
    "StoreDown": ({'andon_store_up{store="documents"}': "0x{n}"}, {"store": "documents"}),
    "MetricsDown": ({"andon_lines": "_x{n}"}, {}),
    "RequestsFail": ({'andon_requests_total{route="score",status="500",replica="a"}': "0+10x{n}"}, {}),
    "RequestsRefused": ({'andon_rejected_requests_total{reason="busy",replica="a"}': "0+20x{n}"}, {}),
    "RequestsSlow": ({'andon_request_seconds_bucket{route="score",replica="a",le="0.05"}': "0+100x{n}"}, {}),
    "ModelsFail": ({'andon_failed_models{replica="a"}': "3x{n}"}, {}),
    "ServingStale": ({'andon_refresh_timestamp_seconds{replica="a"}': "0x{n}"}, {}),
    "ServingDown": (
        {'up{job="andon-serving",instance="api"}': "0x{n}"},
        {"job": "andon-serving", "instance": "api"},
    ),
    "NodeDown": ({'up{job="ray",instance="node-1"}': "0x{n}"}, {"job": "ray", "instance": "node-1"}),
    "NodeDiskFull": ({'ray_node_disk_free{instance="node-1"}': "1x{n}"}, {"instance": "node-1"}),
    "NodeMemoryFull": ({'ray_node_mem_used{instance="node-1"}': "96x{n}"}, {"instance": "node-1"}),
    "WorkersDie": (
        {'ray_node_manager_unexpected_worker_failure_total{instance="node-1"}': "0+1x{n}"},
        {"instance": "node-1"},
    ),
    "ObjectsSpill": ({'ray_object_store_memory{Location="SPILLED"}': "20000000000x{n}"}, {}),
    "SearchFails": (
        {'andon_search_tried{definition="jam-soon",learner="lightgbm",outcome="failed"}': "60x{n}"},
        {},
    ),
}
"""What goes wrong for each rule, and the labels of the alert."""


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        lacking("promtool is not installed: apt-get install prometheus")
    return str(found)


def run(*command: object) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr if done.returncode == 0 else f"FAILED\n{done.stdout}{done.stderr}"


def case(changes: dict[str, str], expected: str | None, labels: dict[str, str]) -> dict[str, object]:
    """Return a test of promtool: after an hour, only the expected alert stands."""
    series = [
        {"series": name, "values": values.format(n=HOUR)}
        for name, values in (CALM | changes).items()
        if not values.startswith("_")
    ]
    told = {rule["alert"]: rule for rule in RULES}
    checks = []
    for name, rule in told.items():
        stands = [{"exp_labels": labels | rule["labels"]}] if name == expected else []
        checks.append({"eval_time": "60m", "alertname": name, "exp_alerts": stands})
    return {"interval": "15s", "input_series": series, "alert_rule_test": checks}


def judged(promtool: str, folder: Path, cases: list[dict[str, object]], rules: Path = MONITORING / "alerts.yml") -> str:
    # Annotations hold the measured value; that they render is seen by their braces being gone, below.
    body = yaml.safe_load(rules.read_text())
    for group in body["groups"]:
        for rule in group["rules"]:
            rule.pop("annotations", None)
    (folder / "rules.yml").write_text(yaml.safe_dump(body))
    (folder / "tests.yml").write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "tests": cases}))
    return run(promtool, "test", "rules", folder / "tests.yml")


def test_rules_are_valid(promtool):
    assert f"SUCCESS: {len(RULES)} rules found" in run(promtool, "check", "rules", MONITORING / "alerts.yml")


def test_nothing_fires_while_all_is_well(promtool, tmp_path):
    assert "SUCCESS" in judged(promtool, tmp_path, [case({}, None, {})])


def test_each_rule_fires_for_its_reason_and_no_other_does(promtool, tmp_path):
    assert set(FIRES) == {rule["alert"] for rule in RULES}
    cases = [case(changes, name, labels) for name, (changes, labels) in FIRES.items()]
    said = judged(promtool, tmp_path, cases)
    assert "SUCCESS" in said, said


def test_a_rule_that_is_broken_is_told_of(promtool, tmp_path):
    text = (MONITORING / "alerts.yml").read_text()
    broken = tmp_path / "broken.yml"
    broken.write_text(text.replace("andon_store_up == 0", "andon_store_up == 7"))
    changes, labels = FIRES["StoreDown"]
    assert "FAILED" in judged(promtool, tmp_path, [case(changes, "StoreDown", labels)], broken)


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus-kubernetes.yml"])
def test_scrape_configurations_are_valid(promtool, tmp_path, name):
    for file in ("alerts.yml", name):
        shutil.copy(MONITORING / file, tmp_path)
    (tmp_path / "api-token").write_text("x")
    body = yaml.safe_load((tmp_path / name).read_text())
    for job in body["scrape_configs"]:
        if "authorization" in job:
            job["authorization"] = {"credentials_file": "api-token"}
        # Debian's Prometheus is built without the discovery of Kubernetes.
        if (found := job.pop("kubernetes_sd_configs", None)) is not None:
            assert found == [{"role": "pod", "namespaces": {"names": ["andon"]}}]
            job["static_configs"] = [{"targets": ["pod:1"]}]
    (tmp_path / name).write_text(yaml.safe_dump(body))
    said = run(promtool, "check", "config", tmp_path / name)
    assert "is valid prometheus config file syntax" in said, said


def test_the_runbook_has_a_place_for_every_rule():
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    assert sorted(headings) == sorted(rule["alert"] for rule in RULES)
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"


def test_dashboards_are_what_their_code_says():
    for path, text in written().items():
        assert path.read_text() == text, f"{path.name} is old: python -m cluster.monitoring"


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: one.uid)
def test_panels_lie_side_by_side_and_say_what_they_show(dashboard):
    body = to_grafana(dashboard)
    taken: set[tuple[int, int]] = set()
    for panel in body["panels"]:
        place = panel["gridPos"]
        cells = {(x, place["y"]) for x in range(place["x"], place["x"] + place["w"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
        assert panel["description"].endswith(".")
    assert len({panel["title"] for panel in body["panels"]}) == len(body["panels"])


def test_every_query_is_promql(promtool, tmp_path):
    expressions = [query for one in DASHBOARDS for panel in one.panels for query, _ in panel.queries]
    rules = [{"record": f"query:{number}", "expr": text} for number, text in enumerate(expressions)]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    assert f"SUCCESS: {len(rules)} rules found" in run(promtool, "check", "rules", path)
