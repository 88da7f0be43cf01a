"""``ray job submit``: it trains on a running cluster, is refused without stores, and stopped leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from andon.records import ModelKey
from andon.services.definitions import apply_definitions
from andon.stores import open_documents, open_models, open_signals
from configs.settings import Settings, load_settings
from tests.processes import processes_of
from tests.series import awkward

ROOT = Path(__file__).parents[2]
PORTS = (
    *("port", "dashboard-port", "dashboard-agent-listen-port", "dashboard-agent-grpc-port", "runtime-env-agent-port"),
    *("node-manager-port", "object-manager-port", "ray-client-server-port", "metrics-export-port"),
)
DEFINITIONS = """
kind: Line
name: press-1
family: presses
variables: [{name: level}, {name: step}, {name: sparse}, {name: open}, {name: product, type: category}, {name: jam}]
---
kind: Monitor
name: normal
lines: {family: presses}
learners: [linear]
"""

pytestmark = pytest.mark.ray


@dataclass(frozen=True)
class Cluster:
    """A cluster of its own, with token authentication, as a platform team starts one."""

    address: str
    folder: Path
    environment: dict[str, str]

    def job(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run ``ray job``."""
        return subprocess.run(
            [ray_command(), "job", *arguments],
            cwd=ROOT,
            env=self.environment | {"RAY_ADDRESS": self.address},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )

    def submit(self, name: str, *command: str, wait: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
        """Submit the working directory and a command."""
        given = json.dumps({"env_vars": variables})
        options = ["--submission-id", name, "--working-dir", ".", "--runtime-env-json", given]
        options += [] if wait else ["--no-wait"]
        deadline = time.monotonic() + 120
        while True:
            done = self.job("submit", *options, "--", "python", "-m", "pipelines", *command)
            # The agent, which runs jobs, comes after the dashboard, on a busy machine much later: Ray says to try anew.
            if "No available agent" not in done.stdout or time.monotonic() > deadline:
                return done

    def ask(self, path: str) -> Any:
        """Ask the dashboard."""
        token = Path(self.environment["RAY_AUTH_TOKEN_PATH"]).read_text()
        request = urllib.request.Request(f"{self.address}{path}", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def living_actors(self) -> list[str]:
        listed = self.ask("/api/v0/actors?limit=1000")["data"]["result"]["result"]
        return [f"{one['class_name']} {one['state']}" for one in listed if one["state"] != "DEAD"]


def ray_command() -> str:
    return str(Path(sys.executable).with_name("ray"))


def wait_for(what: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)  # until it is so


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # Ray's sockets allow short paths only
    (folder / "token").write_text(secrets.token_hex(32))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANDON_", "RAY_"))}
    environment = kept | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(folder / "token"),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    with contextlib.ExitStack() as probes:
        sockets = [probes.enter_context(socket.socket()) for _ in PORTS]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        ports = {name: one.getsockname()[1] for name, one in zip(PORTS, sockets, strict=True)}
    command = [ray_command(), "start", "--head", "--block", "--include-dashboard=true", "--dashboard-host=127.0.0.1"]
    command += ["--num-cpus=2", "--object-store-memory=200000000", f"--temp-dir={folder}"]
    command += [f"--{name}={port}" for name, port in ports.items()]
    with (folder / "head.log").open("wb") as log:
        head = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    running = Cluster(f"http://127.0.0.1:{ports['dashboard-port']}", folder, environment)

    def ready() -> bool:
        assert head.poll() is None, (folder / "head.log").read_text()
        with contextlib.suppress(OSError, ValueError):
            return running.ask("/api/jobs/") == []
        return False

    try:
        wait_for(ready)
        yield running
    finally:
        head.send_signal(signal.SIGTERM)
        try:
            head.wait(60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(head.pid, signal.SIGKILL)
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = load_settings(home=tmp_path / "home")
    signals = open_signals(settings.signals)
    signals.append_signals(awkward(np.random.default_rng(1), 1500, line="press-1"))
    (tmp_path / "presses.yaml").write_text(DEFINITIONS)
    at = datetime(2026, 2, 1, tzinfo=UTC)
    apply_definitions([tmp_path / "presses.yaml"], open_documents(settings.documents), signals, at)
    return settings


def test_a_job_trains_on_the_cluster_that_it_runs_on(cluster, settings):
    done = cluster.submit("train", "train", "--family", "presses", "--trials", "1", ANDON_HOME=str(settings.home))
    assert done.returncode == 0, done.stdout
    assert "training 1 model" in done.stdout
    assert "normal on press-1\t1\tlinear" in done.stdout
    champion = open_models(settings.models).champion(ModelKey("normal", "press-1"))
    assert champion is not None and champion.version == 1
    (unpacked,) = (cluster.folder / "session_latest/runtime_resources/working_dir_files").glob("_ray_pkg_*/pipelines")
    uploaded = [file for file in unpacked.parent.rglob("*") if file.suffix not in {".pyc", ".nbi", ".nbc"}]
    assert not {".venv", ".git", ".andon", "tests"} & {file.name for file in unpacked.parent.iterdir()}
    assert sum(file.stat().st_size for file in uploaded if file.is_file()) < 3_000_000


def test_a_job_without_stores_is_refused(cluster):
    done = cluster.submit("nowhere", "train", "--family", "presses")
    assert done.returncode != 0
    assert "error: stores of this job: neither ANDON_HOME nor" in done.stdout
    assert "Traceback" not in done.stdout
    assert cluster.ask("/api/jobs/nowhere")["driver_exit_code"] == 2


def test_a_job_that_is_stopped_leaves_nothing_behind(cluster, settings):
    home = str(settings.home)
    begun = cluster.submit(
        *("stopped", "train", "--family", "presses", "--trials", "1000000", "--time", "1h"),
        wait=False,
        ANDON_HOME=home,
        RAY_JOB_STOP_WAIT_TIME_S="60",
    )
    assert begun.returncode == 0, begun.stdout
    wait_for(lambda: any(settings.home.glob("searches/**/configurations.jsonl")))
    assert processes_of(settings.home)
    stopped = cluster.job("stop", "stopped")
    assert stopped.returncode == 0, stopped.stdout
    assert cluster.ask("/api/jobs/stopped")["status"] == "STOPPED"
    logs = cluster.job("logs", "stopped").stdout
    assert "\nstopped\n" in logs, logs
    assert "Traceback" not in logs
    wait_for(lambda: not cluster.living_actors(), 60)
    wait_for(lambda: not processes_of(settings.home), 60)
    assert open_models(settings.models).list_models() == []
