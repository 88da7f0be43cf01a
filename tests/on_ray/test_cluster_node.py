"""``andon cluster up``, ``status`` and ``down`` on this machine: once, found again, with a token, and ended whole."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.nodes import MARK, node_file, running_node

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # Ray's sockets allow short paths only
    yield folder / "home"
    andon(folder / "home", "cluster", "down")
    shutil.rmtree(folder)


def andon(home: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANDON_", "RAY_"))}
    environment = kept | {"ANDON_HOME": str(home), "HOME": str(home.parent)} | more
    command = [sys.executable, "-m", "pipelines", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)


def marked(mark: str) -> list[str]:
    found = []
    for process in Path("/proc").iterdir():
        try:
            if f"{MARK}={mark}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def test_a_head_here_is_started_found_asked_and_ended_whole(home):
    plan = json.dumps({"cpus": 1})
    started = andon(home, "cluster", "up", "--json", ANDON_CLUSTER=plan)
    assert started.returncode == 0, started.stderr
    node = json.loads(started.stdout)
    assert node["head"]
    assert node["address"].startswith("127.0.0.1:")
    assert oct((home / "ray-token").stat().st_mode)[-3:] == "600"

    again = andon(home, "cluster", "up", ANDON_CLUSTER=plan)
    assert again.returncode == 2
    assert "Ray runs here already; see `andon cluster status`, or end it first" in again.stderr

    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{node['dashboard']}/api/jobs/", timeout=30)
    token = (home / "ray-token").read_text()
    request = urllib.request.Request(f"{node['dashboard']}/api/jobs/", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert json.loads(answer.read()) == []

    status = andon(home, "cluster", "status", "--json")
    assert status.returncode == 0, status.stderr
    state = json.loads(status.stdout)
    assert [(one["role"], one["duty"], one["alive"], one["cpus"]) for one in state["nodes"]] == [
        ("head", "all", True, 1)
    ]
    assert (state["cpus"], state["applications"]) == (1, {})

    other = home.parent / "other"
    other.mkdir()
    shutil.copy(home / "ray-token", other)
    joined = andon(other, "cluster", "up", "--join", node["address"], "--json", ANDON_CLUSTER=plan)
    assert joined.returncode == 0, joined.stderr
    state = json.loads(andon(home, "cluster", "status", "--json").stdout)
    assert [(one["role"], one["alive"]) for one in state["nodes"]] == [("head", True), ("node", True)]
    assert state["cpus"] == 2
    assert andon(other, "cluster", "down").returncode == 0
    assert marked(json.loads(joined.stdout)["mark"]) == []
    state = json.loads(andon(home, "cluster", "status", "--json").stdout)
    assert [(one["role"], one["alive"]) for one in state["nodes"]] == [("head", True), ("node", False)]

    examined = andon(home, "doctor", "--only", "ray", "--only", "tokens", "--json")
    assert examined.returncode == 0, examined.stdout
    assert "1 nodes, 1 of 1 cores free" in examined.stdout

    assert marked(node["mark"])
    os.kill(node["pid"], signal.SIGKILL)  # the hard way; the other node went the gentle one
    ended = andon(home, "cluster", "down")
    assert ended.returncode == 0, ended.stderr
    assert marked(node["mark"]) == []
    assert running_node(home) is None
    assert "none runs here" in andon(home, "cluster", "down").stderr
    assert andon(home, "cluster", "status").returncode == 2


def test_ray_that_a_supervisor_starts_ends_with_it_and_tells_it_when_it_ends():
    folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))
    home = folder / "home"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANDON_", "RAY_"))}
    environment = kept | {"ANDON_HOME": str(home), "HOME": str(folder), "ANDON_CLUSTER": '{"cpus": 1}'}
    command = [sys.executable, "-m", "pipelines", "cluster", "up", "--block", "--json"]

    def up() -> tuple[subprocess.Popen[str], dict[str, object]]:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        lines = ""
        while not lines.endswith("}\n"):
            lines += process.stdout.readline()
            assert process.poll() is None, process.stderr.read()
        return process, json.loads(lines)

    try:
        process, node = up()
        os.kill(node["pid"], signal.SIGKILL)
        assert process.wait(90) == 1
        assert "Ray on this machine: ended by itself; see" in process.stderr.read().replace("\n", " ")
        assert marked(node["mark"]) == []
        process, node = up()
        process.terminate()
        assert process.wait(90) == 0
        assert marked(node["mark"]) == []
        assert not node_file(home).exists()
    finally:
        andon(home, "cluster", "down")
        shutil.rmtree(folder)


def test_a_node_without_the_token_is_not_started(home):
    refused = andon(home.parent / "third", "cluster", "up", "--join", "127.0.0.1:1")
    assert refused.returncode == 2
    assert "ray-token: is not there, and the head asks for its token; copy it" in refused.stderr


def test_a_head_that_is_not_there_is_told_at_once(home):
    refused = andon(home, "cluster", "up", "--join", "127.0.0.1:1", RAY_AUTH_TOKEN="any")
    assert refused.returncode == 1
    assert "the head at 127.0.0.1:1: cannot be reached: [Errno 111] Connection refused" in refused.stderr
    assert not node_file(home).exists()


def test_an_open_cluster_is_refused(home):
    plan = json.dumps({"profile": "node", "access": "open"})
    refused = andon(home, "cluster", "up", ANDON_CLUSTER=plan)
    assert refused.returncode == 2
    assert "cluster.access: is open" in refused.stderr
    disabled = andon(home, "train", ANDON_CLUSTER=json.dumps({"profile": "node"}), RAY_AUTH_MODE="disabled")
    assert disabled.returncode == 2
