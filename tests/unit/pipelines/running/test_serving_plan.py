"""The plan of a server: from settings, from a Serve config, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from cluster.serve_fast_path import FAST_PATH, serve_fast_path
from configs.errors import ConfigError
from configs.serving import ServingLimits, ServingPlan
from configs.settings import load_settings
from pipelines.deployed import application
from pipelines.running.serving import serving_plan

EXAMPLE = Path(__file__).parents[4] / "configs" / "serve.yaml"


def test_limits_come_from_the_settings_and_from_what_is_given(tmp_path, monkeypatch):
    monkeypatch.setenv("ANDON_HOME", str(tmp_path))
    monkeypatch.setenv("ANDON_SERVING", '{"max_rows": 7, "timeout": "5s"}')
    plan = serving_plan(load_settings(), replicas=3)
    assert (plan.max_rows, plan.timeout.total_seconds(), plan.replicas) == (7, 5, 3)
    assert plan.access_log == str(tmp_path / "logs")
    assert ServingPlan.model_validate(plan.model_dump(mode="json")) == plan


def test_the_example_says_the_defaults():
    (given,) = yaml.safe_load(EXAMPLE.read_text())["applications"]
    assert ServingLimits.model_validate(given["args"]) == ServingLimits()


@pytest.mark.parametrize("wrong", [{"max_row": 1}, {"timeout": "soon"}, {"documents": "sqlite:///x"}])
def test_a_wrong_argument_is_named(tmp_path, monkeypatch, wrong):
    monkeypatch.setenv("ANDON_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        application(wrong)


def test_the_fast_path_is_set_for_the_block_and_leaves_nothing(monkeypatch):
    monkeypatch.setenv("RAY_SERVE_HAPROXY_NBTHREAD", "2")
    before = dict(os.environ)
    with serve_fast_path() as one, serve_fast_path() as other:
        assert os.environ["RAY_SERVE_ENABLE_HA_PROXY"] == "1"
        assert one["RAY_SERVE_HAPROXY_NBTHREAD"] == "2"
        assert set(FAST_PATH) <= set(one)
        assert other.keys() == one.keys()
        folder = Path(one["RAY_SERVE_HAPROXY_CONFIG_FILE_LOC"]).parent
        assert folder.is_dir()
        assert len(one["RAY_SERVE_HAPROXY_SOCKET_PATH"]) < 100
        assert one["RAY_SERVE_HAPROXY_METRICS_PORT"] != one["RAY_SERVE_HAPROXY_STATS_PORT"]
    assert not folder.exists()
    assert dict(os.environ) == before


def test_replicas_of_two_clusters_on_a_machine_never_take_the_same_port(monkeypatch):
    least, most = "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT", "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT"
    with serve_fast_path() as one:
        for name in (least, most):
            monkeypatch.delenv(name)  # as in another process
        with serve_fast_path() as other:
            ranges = [range(int(of[least]), int(of[most]) + 1) for of in (one, other)]
    assert all(len(ports) > 100 for ports in ranges)
    assert not set(ranges[0]) & set(ranges[1])
