"""Cluster files of ``ray up``: ours are valid by Ray's own schema, and what is wrong is refused with its place."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from cluster.launcher import read_cluster_file
from configs.cluster import Ports
from configs.errors import ConfigError

HOSTS = Path(__file__).parents[2] / "cluster" / "hosts"
FILES = sorted(HOSTS.glob("*.yaml"))


@pytest.fixture
def changed(tmp_path):
    """Write the on-premises file with a change; return its path."""

    def write(change) -> Path:
        body = yaml.safe_load((HOSTS / "on-premises.yaml").read_text())
        change(body)
        path = tmp_path / "cluster.yaml"
        path.write_text(yaml.safe_dump(body))
        return path

    return write


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_ours_are_valid_and_start_with_a_token(path):
    complete = read_cluster_file(path)
    assert complete["head_node_type"] in complete["available_node_types"]
    for field in ("head_start_ray_commands", "worker_start_ray_commands"):
        (start,) = [one for one in complete[field] if "ray start" in one]
        assert "RAY_AUTH_MODE=token" in start
        assert "--disable-usage-stats" in start
        assert "-m cluster.serve_fast_path" in start
    (head,) = [one for one in complete["head_start_ray_commands"] if "ray start" in one]
    assert "--num-cpus=0" in head
    assert "--dashboard-host=0.0.0.0" not in head


def test_there_is_one_on_premises_and_one_in_a_cloud():
    assert {yaml.safe_load(path.read_text())["provider"]["type"] for path in FILES} == {"local", "aws"}


def test_the_ports_on_premises_are_those_of_the_profile():
    text, ports = (HOSTS / "on-premises.yaml").read_text(), Ports()
    for option, port in {
        "port": ports.gcs, "dashboard-port": ports.dashboard, "node-manager-port": ports.node_manager,
        "object-manager-port": ports.object_manager, "metrics-export-port": ports.metrics,
        "runtime-env-agent-port": ports.runtime_env, "min-worker-port": ports.workers[0],
        "max-worker-port": ports.workers[1],
    }.items():  # fmt: skip
        assert f"--{option}={port}" in text


def without_token(body):
    body["worker_start_ray_commands"][-1] = body["worker_start_ray_commands"][-1].replace("RAY_AUTH_MODE=token ", "")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda body: body.update(providers={}), r"cluster.yaml: the file: .*'providers' was unexpected"),
        (lambda body: body["provider"].pop("type"), r"cluster.yaml: "),
        (lambda body: body["provider"].update(worker_ips="10.0.0.11"), r"cluster.yaml: "),
        (lambda body: body.update(max_workers="many"), r"cluster.yaml: "),
        (lambda body: body["auth"].update(ssh_user=3), r"cluster.yaml: auth.ssh_user: 3 is not of type 'string'"),
        (without_token, r"worker_start_ray_commands: starts Ray without RAY_AUTH_MODE=token"),
        (lambda body: body.pop("head_start_ray_commands"), r"head_start_ray_commands: starts no Ray"),
        (lambda body: body.pop("file_mounts"), r"file_mounts: brings no token to the hosts"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(changed, change, said):
    with pytest.raises(ConfigError, match=said):
        read_cluster_file(changed(change))


@pytest.mark.parametrize(
    ("text", "said"), [("a: [", "is no YAML"), ("- a", "is not a mapping"), (None, "cannot be read: No such file")]
)
def test_what_is_no_cluster_file_is_told(tmp_path, text, said):
    path = tmp_path / "cluster.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        read_cluster_file(path)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_unit_of_a_node_is_systemds(tmp_path):
    unit = (HOSTS / "andon-node.service").read_text()
    here = tmp_path / "andon-node.service"
    here.write_text(unit.replace("/opt/andon/venv/bin/andon", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", str(here)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    here.write_text(unit.replace("/opt/andon/venv/bin/andon", "/bin/true").replace("Restart=always", "Restart=ever"))
    assert (
        "restart specifier"
        in subprocess.run(["systemd-analyze", "verify", str(here)], capture_output=True, text=True).stderr
    )
