"""``andon dashboards``: TensorBoard on the searches, MLflow's pages on the models, and where Ray's dashboard is."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from andon.errors import AndonError, ConfigError
from andon.stores.mlflow_names import without_secret
from configs.settings import Settings

if TYPE_CHECKING:
    from pipelines.terminal import Terminal

HOST = "127.0.0.1"
TENSORBOARD_PORT, MLFLOW_PORT = 6006, 5000
READY_SECONDS = 120.0

# Pages only: without the runners of jobs of its own, seven processes, that MLflow starts.
_QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
# TensorBoard imports TensorFlow where it is installed, seconds and 600 MB, for what it can do without.
_TENSORBOARD = """
import sys, types
sys.modules["tensorboard.compat.notf"] = types.ModuleType("tensorboard.compat.notf")
from tensorboard.main import run_main
sys.argv[0] = "tensorboard"
sys.exit(run_main())
"""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the pages are; ``ray`` is empty where no cluster is joined."""

    tensorboard: str
    mlflow: str
    ray: str


def show_dashboards(
    settings: Settings,
    terminal: Terminal,
    *,
    port_tensorboard: int | None = None,
    port_mlflow: int | None = None,
    as_json: bool = False,
) -> None:
    """Start the pages, print their addresses, and stay until interrupted or terminated.

    Raises
    ------
    ConfigError
        If a port that was given is taken.
    AndonError
        If a page does not come up, or ends by itself.
    """
    stop = threading.Event()
    before = {kind: signal.signal(kind, lambda *_: stop.set()) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        with contextlib.ExitStack() as opened:
            pages = _open(settings, opened, stop, port_tensorboard, port_mlflow)
            if stop.is_set():
                return
            addresses, servers = pages
            if as_json:
                terminal.json(asdict(addresses))
            else:
                terminal.text(f"TensorBoard      {addresses.tensorboard}/#hparams")
                terminal.text(f"MLflow           {addresses.mlflow}/#/experiments")
                terminal.text(f"Ray's dashboard  {addresses.ray or '- (ANDON_RAY_ADDRESS names no cluster)'}")
            terminal.say("Ctrl-C stops what was started here")
            while not stop.wait(1.0):
                for server in servers:
                    server.check()
            terminal.say("stopping")
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _open(
    settings: Settings,
    opened: contextlib.ExitStack,
    stop: threading.Event,
    port_tensorboard: int | None,
    port_mlflow: int | None,
) -> tuple[Addresses, list[_Server]]:
    searches, logs = settings.home / "searches", settings.home / "logs"
    for folder in (searches, logs):
        folder.mkdir(parents=True, exist_ok=True)
    first = free_port(port_tensorboard, TENSORBOARD_PORT, "--port-tensorboard")
    remote = settings.models.startswith(("http://", "https://"))
    if remote and port_mlflow is not None:
        raise ConfigError(
            "--port-mlflow", f"is given, and MLflow is at {without_secret(settings.models)}", "leave it out"
        )
    second = None if remote else free_port(port_mlflow, MLFLOW_PORT, "--port-mlflow", first)
    ray = _ray_dashboard(settings)
    command = [sys.executable, "-c", _TENSORBOARD, "--logdir", str(searches), "--host", HOST, "--port", str(first)]
    servers = [opened.enter_context(_serving("TensorBoard", command, first, logs / "tensorboard.log"))]
    if second is not None:
        command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", settings.models, "--workers", "1"]
        command += ["--host", HOST, "--port", str(second)]
        servers.append(opened.enter_context(_serving("MLflow", command, second, logs / "mlflow-ui.log")))
    for server in servers:
        server.wait(stop.is_set)
    mlflow = without_secret(settings.models) if second is None else f"http://{HOST}:{second}"
    return Addresses(f"http://{HOST}:{first}", mlflow, ray), servers


def free_port(given: int | None, usual: int, option: str, *taken: int) -> int:
    """Return the port that was given, or else the usual one or the next that is free.

    Raises
    ------
    ConfigError
        If the given port is taken.
    """
    if given is not None:
        if given in taken or not _is_free(given):
            raise ConfigError(option, f"{HOST}:{given} is taken", "give another port, or leave it out")
        return given
    for port in range(usual, usual + 100):
        if port not in taken and _is_free(port):
            return port
    raise ConfigError(option, f"no port from {usual} to {usual + 99} is free", "give one")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


@dataclass(frozen=True, slots=True)
class _Server:
    name: str
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def check(self) -> None:
        if self.process.poll() is not None:
            lines = self.log.read_text("utf-8", "replace").strip().splitlines() or ["it said nothing"]
            raise AndonError(self.name, f"ended: {lines[-1]}", f"see {self.log}")

    def wait(self, stopped: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not stopped():
            self.check()
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{HOST}:{self.port}/", timeout=5):
                return
            if time.monotonic() > deadline:
                raise AndonError(self.name, f"does not answer within {READY_SECONDS:g} s", f"see {self.log}")
            time.sleep(0.1)


@contextlib.contextmanager
def _serving(name: str, command: list[str], port: int, log: Path) -> Iterator[_Server]:
    with log.open("wb") as sink:
        # A session of its own, so that all its processes end with it, and Ctrl-C reaches it through us alone.
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            env=os.environ | _QUIET,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    try:
        yield _Server(name, process, port, log)
    finally:
        for kind in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, kind)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)


def _ray_dashboard(settings: Settings) -> str:
    if not settings.ray_address:
        return ""
    from cluster.session import ray_session

    with ray_session(settings) as session:
        return f"http://{session.dashboard}" if session.dashboard else ""
