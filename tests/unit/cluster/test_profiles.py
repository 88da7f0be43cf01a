"""Profiles: what a machine gives, what is refused, and the command that Ray is started with."""

from __future__ import annotations

import doctest
import json
from pathlib import Path

import pytest

import cluster.environment
import cluster.profiles
import cluster.tokens
from cluster.profiles import Machine, node_options, start_command, start_environment, this_machine
from configs.cluster import ClusterPlan, Ports, is_loopback
from configs.errors import ConfigError
from configs.settings import load_settings

GIB = 1024**3
SERVER = Machine(cores=16, memory=64 * GIB, shared_memory=32 * GIB, host="10.0.0.7")


@pytest.mark.parametrize("module", [cluster.environment, cluster.profiles, cluster.tokens])
def test_examples(module):
    assert doctest.testmod(module).failed == 0


def test_a_laptop_listens_to_itself_only_on_any_port():
    options = node_options(ClusterPlan(), SERVER, head=True)
    assert options.host == "127.0.0.1"
    assert options.cpus == 16
    assert options.object_store_bytes == 256 * 1024**2
    assert options.ports.gcs == options.ports.dashboard == 0


def test_a_head_of_many_nodes_gives_no_cores_and_a_node_all():
    plan = ClusterPlan(profile="node")
    assert node_options(plan, SERVER, head=True).cpus == 0
    assert node_options(plan, SERVER, head=False).cpus == 16
    assert node_options(ClusterPlan(profile="node", cpus=3), SERVER, head=True).cpus == 3


def test_shared_memory_is_what_there_is_and_no_more_than_helps():
    plan = ClusterPlan(profile="node")
    small = Machine(cores=2, memory=4 * GIB, shared_memory=64 * 1024**2, host="10.0.0.8")
    assert node_options(plan, SERVER, head=False).object_store_bytes == 8 * GIB
    assert node_options(plan, small, head=False).object_store_bytes == int(64 * 1024**2 * 0.9)
    with pytest.raises(ConfigError, match=r"cluster.object_store_bytes: is 1024 MiB, and /dev/shm has 57 MiB"):
        node_options(ClusterPlan(profile="node", object_store_bytes=GIB), small, head=False)


@pytest.mark.parametrize(
    "plan",
    [
        ClusterPlan(profile="node", access="open"),
        ClusterPlan(access="open", host="0.0.0.0"),
        ClusterPlan(access="open", host="plant.example"),
        ClusterPlan(access="open", host="::"),
    ],
)
def test_open_to_other_machines_is_refused(plan):
    with pytest.raises(ConfigError, match=r"cluster.access: is open, and .* whoever does may run any code"):
        node_options(plan, SERVER, head=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1", "[::1]"])
def test_open_to_this_machine_alone_is_allowed(host):
    assert is_loopback(host)
    plan = ClusterPlan(access="open", host=host)
    options = node_options(plan, SERVER, head=True)
    assert start_environment(plan, options, head=True)["RAY_AUTH_MODE"] == "disabled"


def test_nodes_of_kubernetes_are_started_by_kuberay():
    with pytest.raises(ConfigError, match=r"cluster.profile: is kubernetes.*kubectl apply"):
        node_options(ClusterPlan(profile="kubernetes"), SERVER, head=False)


def test_the_command_of_a_head_and_of_a_node():
    plan = ClusterPlan(profile="node", spill=Path("/spill"), duty="search", threads=2, redis="redis:6379")
    options = node_options(plan, SERVER, head=False)
    head, node = (start_command("ray", options, join=join) for join in (None, "10.0.0.1:6379"))
    assert {"--head", "--port=6379", "--dashboard-host=10.0.0.7", "--dashboard-port=8265"} <= set(head)
    assert "--address=10.0.0.1:6379" in node
    assert not any(one.startswith(("--head", "--port=", "--dashboard-host")) for one in node)
    for command in (head, node):
        assert {"--num-cpus=16", "--metrics-export-port=8080", "--min-worker-port=10100", "--block"} <= set(command)
        assert {"--object-spilling-directory=/spill", "--labels=andon.io/duty=search"} <= set(command)
    environment = start_environment(plan, options, head=True)
    assert environment["RAY_AUTH_MODE"] == "token"
    assert environment["OMP_NUM_THREADS"] == environment["POLARS_MAX_THREADS"] == "2"
    assert environment["RAY_USAGE_STATS_ENABLED"] == "0"
    assert environment["RAY_REDIS_ADDRESS"] == "redis:6379"
    assert "RAY_REDIS_ADDRESS" not in start_environment(plan, options, head=False)


def test_no_port_is_given_twice():
    ports = Ports().model_dump()
    first, last = ports.pop("workers")
    assert len(set(ports.values())) == len(ports)
    assert not any(first <= port <= last for port in ports.values())


def test_this_machine_is_measured():
    machine = this_machine()
    assert machine.cores >= 1
    assert machine.memory > 256 * 1024**2
    assert machine.host.count(".") == 3


def test_the_plan_comes_from_andon_toml_or_the_environment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "andon.toml").write_text('[cluster]\nprofile = "node"\nduty = "serving"\nports = {gcs = 7000}\n')
    plan = load_settings().cluster
    assert (plan.profile, plan.duty, plan.ports.gcs) == ("node", "serving", 7000)
    monkeypatch.setenv("ANDON_CLUSTER", json.dumps({"profile": "node", "cpus": -1}))
    with pytest.raises(ConfigError, match=r"settings: cluster.cpus: .*got -1; set ANDON_CLUSTER or andon.toml right"):
        load_settings()
