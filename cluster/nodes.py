"""Ray on this machine, in the background: started once, found again by another process, ended whole."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from cluster.profiles import NodeOptions, node_options, start_command, start_environment, this_machine
from cluster.serve_fast_path import FAST_PATH, own_haproxy
from cluster.tokens import PATH, TOKEN, find_token, make_token, token_file
from configs.errors import AndonError, ConfigError
from configs.settings import Settings

UP_SECONDS, DOWN_SECONDS = 120.0, 60.0
MARK = "ANDON_NODE_MARK"


@dataclass(frozen=True, slots=True)
class Node:
    """A Ray that runs here: its process, when that began (clock ticks since boot), and where it is reached.

    ``mark`` is in the environment of all that Ray started here.
    """

    pid: int
    began: int
    mark: str
    address: str
    dashboard: str
    head: bool


@dataclass(frozen=True, slots=True)
class Launch:
    """What would be started, without secrets."""

    command: list[str]
    environment: dict[str, str]
    options: NodeOptions


def node_file(home: Path) -> Path:
    """Return where it is kept which Ray runs on this machine; machines may share the home."""
    return home / "cluster" / socket.gethostname() / "node.json"


def node_log(home: Path) -> Path:
    """Return where it is kept what Ray said as it started on this machine."""
    return home / "logs" / f"ray-node-{socket.gethostname()}.log"


def running_node(home: Path) -> Node | None:
    """Return the Ray that was started with this home and still runs."""
    node = _noted(home)
    return node if node is not None and _began(node.pid) == node.began else None


def _noted(home: Path) -> Node | None:
    try:
        return Node(**json.loads(node_file(home).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def plan_node(settings: Settings, join: str | None = None) -> Launch:
    """Work out what `start_node` starts.

    Raises
    ------
    ConfigError
        If the plan cannot be; see `cluster.profiles.node_options`.
    """
    plan = settings.cluster
    options = node_options(plan, this_machine(), head=join is None)
    if join is None:
        options = _with_free_ports(options)
    ray = str(Path(sys.executable).with_name("ray"))
    environment = start_environment(plan, options, head=join is None) | _serve_environment(settings)
    return Launch(start_command(ray, options, join=join), environment, options)


def _haproxy_folder(home: Path) -> Path:
    """Return a folder that only this home has; Serve adds 68 characters, and a socket's path has 97 at most."""
    return Path("/tmp") / f"andon-{hashlib.sha256(str(home).encode()).hexdigest()[:10]}"


def _serve_environment(settings: Settings) -> dict[str, str]:
    """Return Serve's fast path; on a laptop with ports and files of its own, since more than one cluster may run."""
    wanted = dict(FAST_PATH)
    if settings.cluster.profile == "laptop":
        wanted |= own_haproxy(_haproxy_folder(settings.home))
    return {name: value for name, value in wanted.items() if name not in os.environ}


def start_node(settings: Settings, join: str | None = None) -> Node:
    """Start a head here, or a node that joins one; return once it answers.

    Raises
    ------
    ConfigError
        If one runs here already, or the token to join with is not there.
    AndonError
        If Ray does not come up; nothing of it stays.
    """
    home = settings.home
    folder = node_file(home).parent
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        if running_node(home) is not None:
            raise ConfigError(
                str(node_file(home)), "Ray runs here already", "see `andon cluster status`, or end it first"
            )
        stop_node(home)  # what one that was killed has left
        _haproxy_folder(home).mkdir(mode=0o700, exist_ok=True)
        launch = plan_node(settings, join)
        token = _token(settings, join)
        if join is not None:
            _reach(join, "the head")
        log = node_log(home)
        log.parent.mkdir(parents=True, exist_ok=True)
        mark = secrets.token_hex(8)
        environment = {**os.environ, **launch.environment, **token, "ANDON_HOME": str(home), MARK: mark}
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment.get('PATH', '')}"
        with log.open("wb") as sink:
            process = subprocess.Popen(
                launch.command,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )
        host, ports = launch.options.host, launch.options.ports
        address = join or f"{host}:{ports.gcs}"
        dashboard = f"http://{host}:{ports.dashboard}" if join is None else ""
        node = Node(process.pid, _began(process.pid) or 0, mark, address, dashboard, join is None)
        _write(node_file(home), json.dumps(asdict(node)))
        try:
            _wait(process, node, log)
        except BaseException:
            stop_node(home)
            raise
        return node


def stay_until_ended(home: Path, node: Node, tell: Callable[[], object]) -> None:
    """Stay until this process is told to end, which ends Ray here whole, or until Ray ends by itself.

    What supervises this process then starts it anew, as systemd does by ``cluster/hosts/andon-node.service``.
    ``tell`` is called once this process can be told to end.

    Raises
    ------
    AndonError
        If Ray ended by itself: it was killed, or the head holds this node for lost.
    """
    told = threading.Event()
    for kind in (signal.SIGTERM, signal.SIGINT):
        signal.signal(kind, lambda *_: told.set())
    tell()
    while running_node(home) == node and not told.wait(0.5):
        pass
    stop_node(home)
    if not told.is_set():
        raise AndonError("Ray on this machine", "ended by itself", f"see {node_log(home)}, and start it anew")


def stop_node(home: Path) -> bool:
    """End the Ray that runs here, with all that it started; return whether there was anything to end.

    Also where its own process was killed, and others were left.
    """
    node = _noted(home)
    if node is None:
        return False
    there = _began(node.pid) == node.began
    if there:
        _signal(node.pid, signal.SIGTERM)
        deadline = time.monotonic() + DOWN_SECONDS
        while _began(node.pid) == node.began and time.monotonic() < deadline:
            time.sleep(0.1)  # until it has gone
    # Ray puts some of its processes into groups of their own, and Serve's proxy may outlive it; all carry the mark.
    left = _marked(node.mark)
    for pid in left:
        _signal(pid, signal.SIGKILL)
    shutil.rmtree(_haproxy_folder(home), ignore_errors=True)
    node_file(home).unlink(missing_ok=True)
    return there or bool(left)


def _token(settings: Settings, join: str | None) -> dict[str, str]:
    """Return the variables by which Ray finds its token."""
    if settings.cluster.access == "open":
        return {}
    found = find_token(settings.home, os.environ)
    if found:
        return found
    if join is None:
        return {PATH: str(make_token(settings.home))}
    raise ConfigError(
        str(token_file(settings.home)),
        "is not there, and the head asks for its token",
        f"copy it from the head's ANDON_HOME (chmod 600), or set {TOKEN} or {PATH}",
    )


def _with_free_ports(options: NodeOptions) -> NodeOptions:
    """Give a head that takes any port those that others must know; refuse a named port that is taken."""
    from dataclasses import replace

    ports = options.ports
    with contextlib.ExitStack() as held:
        named = {}
        for name in ("gcs", "dashboard", "client"):
            probe = held.enter_context(socket.socket())
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((options.host, getattr(ports, name)))
            except OSError as error:
                raise ConfigError(
                    f"cluster.ports.{name}",
                    f"{options.host}:{getattr(ports, name)} cannot be bound: {error.strerror}",
                    "stop what holds it (another Ray?), or name another port",
                ) from None
            named[name] = int(probe.getsockname()[1])
    return replace(options, ports=ports.model_copy(update=named))


def _reach(address: str, what: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, ValueError) as error:
        raise AndonError(
            f"{what} at {address}", f"cannot be reached: {error}", "give HOST:PORT of a head that runs"
        ) from None


def _wait(process: subprocess.Popen[bytes], node: Node, log: Path) -> None:
    """Return once Ray answers: the head's dashboard, or, of a node that joins, its own word."""
    deadline = time.monotonic() + UP_SECONDS
    while True:
        said = log.read_text("utf-8", "replace") if log.exists() else ""
        if process.poll() is not None:
            lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it said nothing"]
            raise AndonError("Ray on this machine", f"ended: {lines[-1]}", f"see {log}")
        if "Ray runtime started" in said and (not node.head or _answers(node.dashboard)):
            return
        if time.monotonic() > deadline:
            raise AndonError("Ray on this machine", f"does not answer within {UP_SECONDS:g} s", f"see {log}")
        time.sleep(0.1)  # until it answers


def _answers(url: str) -> bool:
    host, _, port = url.rpartition("/")[2].rpartition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=5):
        return True
    return False


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Of two that start Ray here at once, the second is told."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(str(folder / "lock"), "another process starts Ray here", "wait for it") from None
        yield


def _write(path: Path, text: str) -> None:
    made = path.with_suffix(".new")
    made.write_text(text)
    os.replace(made, path)


def _began(pid: int) -> int | None:
    """Return when a process began; None where there is none, or only its remains."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def _marked(mark: str) -> list[int]:
    """Return the processes that began with a mark."""
    found = []
    wanted = f"{MARK}={mark}".encode()
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            with contextlib.suppress(OSError):
                if wanted in (process / "environ").read_bytes().split(b"\0"):
                    found.append(int(process.name))
    return found


def _signal(pid: int, kind: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, kind)
