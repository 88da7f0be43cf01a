"""Hosts on one machine: network namespaces on a bridge, each with its own Ray, its own /tmp, and links that can be cut.

Needs root and iproute2. A folder outside /tmp is shared by all, as a plant's shared disk is. Ray is started by the
unit of ``cluster/hosts``; a loop stands for systemd, which runs in no network namespace, and starts it anew as that
says.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from configs.cluster import ClusterPlan, Duty

ROOT = Path(__file__).parents[1]
_UP = re.compile(r"^(?:head|node of) \S+:6379", re.MULTILINE)
"""What `andon cluster up` says once Ray answers."""
UNIT = ROOT / "cluster" / "hosts" / "andon-node.service"
# A name and a /tmp of its own: hosts do not see each other's sockets and session folders.
_OWN = 'hostname "$0" && mount --bind "$1" /tmp && shift && exec "$@"'
_SYSTEMD = """
import subprocess, sys, time
pause, *command = sys.argv[1:]
while True:
    subprocess.run(command)
    time.sleep(float(pause))
"""


def lacking() -> str:
    """Return why there can be no hosts here; empty: there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None or shutil.which("unshare") is None:
        return "ip or unshare is not installed: apt-get install iproute2 util-linux"
    probe = f"andon-{secrets.token_hex(3)}"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True).returncode:
        return "network namespaces cannot be made here"
    subprocess.run(["ip", "netns", "delete", probe], check=True)
    return ""


def require_hosts() -> None:
    """Skip a test where there can be no hosts."""
    if reason := lacking():
        pytest.skip(reason)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@dataclass
class Host:
    """One host: a namespace with an address."""

    name: str
    namespace: str
    address: str
    link: str
    environment: Mapping[str, str]
    folder: Path
    ray: subprocess.Popen[bytes] | None = None

    def command(self, *command: str) -> list[str]:
        """Return a command that runs on this host."""
        own = self.folder / f"tmp-{self.name}"
        own.mkdir(exist_ok=True)
        inside = ["unshare", "--uts", "--mount", "--propagation", "private", "sh", "-c", _OWN, self.name, str(own)]
        return ["ip", "netns", "exec", self.namespace, *inside, *command]

    def popen(self, name: str, *command: str, **more: str) -> subprocess.Popen[bytes]:
        """Start a command on this host; its words go to a file of the shared folder."""
        with (self.folder / f"{self.name}-{name}.log").open("ab") as log:
            return subprocess.Popen(
                self.command(*command), cwd=ROOT, env={**self.environment, **more}, stdout=log, stderr=log
            )

    def run(self, *command: str, timeout: float = 240, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command on this host."""
        return subprocess.run(
            self.command(*command), cwd=ROOT, env={**self.environment, **more}, capture_output=True, text=True,
            timeout=timeout,
        )  # fmt: skip

    def said(self, name: str) -> str:
        """Return what a command that was started said."""
        path = self.folder / f"{self.name}-{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def kill_ray(self) -> None:
        """Kill all processes but what stands for systemd."""
        kept = {self.ray.pid} if self.ray is not None else set()
        self._kill(kept)

    def _kill(self, kept: set[int]) -> None:
        found = subprocess.run(["ip", "netns", "pids", self.namespace], capture_output=True, text=True, check=True)
        for pid in {int(one) for one in found.stdout.split()} - kept:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def kill(self) -> None:
        """End all its processes at once; to take the power away, cut its cable first: nobody is told then."""
        self._kill(set())
        if self.ray is not None:
            self.ray.wait(30)
            self.ray = None
        # As after a start of the machine: what lay in /tmp is gone.
        shutil.rmtree(self.folder / f"tmp-{self.name}", ignore_errors=True)

    def cut(self, off: bool = True) -> None:
        """Cut its cable, or put it back."""
        _ip("-n", self.namespace, "link", "set", "eth0", "down" if off else "up")
        if not off:
            _ip("-n", self.namespace, "route", "replace", "default", "dev", "eth0")  # it went with the link


@dataclass
class Hosts:
    """Hosts on one bridge; the first is the head."""

    folder: Path
    token: Path
    mark: str
    hub: str
    hosts: dict[str, Host] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def start(self, name: str, *, cpus: int, duty: Duty = "all", redis: str | None = None, **more: str) -> Host:
        """Start Ray on a host; return once it has joined."""
        host, head = self.hosts[name], next(iter(self.hosts.values()))
        is_head = host is head
        plan = ClusterPlan(
            profile="node", host=host.address, cpus=cpus, duty=duty, redis=redis, object_store_bytes=100 * 1024**2
        )
        environment = {
            "ANDON_CLUSTER": plan.model_dump_json(exclude_none=True),
            "ANDON_HOME": str(self.folder / "home"),
        }
        join = [] if is_head else ["--join", f"{head.address}:6379"]
        before = len(_UP.findall(host.said("unit")))
        host.ray = host.popen("unit", sys.executable, "-c", _SYSTEMD, *unit(join), **environment, **more)
        deadline = time.monotonic() + 180
        while len(_UP.findall(host.said("unit"))) == before:
            if host.ray.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Ray on {name} did not start:\n{host.said('unit')[-2000:]}")
            time.sleep(0.1)  # until it says so
        return host


def unit(join: list[str]) -> list[str]:
    """Return after how many seconds systemd starts the unit's command anew, and the command."""
    said = dict(line.split("=", 1) for line in UNIT.read_text().splitlines() if "=" in line and line[0] != "#")
    assert said["Restart"] == "always"
    program, *arguments = said["ExecStart"].split()
    assert arguments[-1] == "$JOIN"
    return [said["RestartSec"], str(Path(sys.executable).with_name(Path(program).name)), *arguments[:-1], *join]


@contextlib.contextmanager
def outside(made: Hosts) -> Iterator[str]:
    """Link this machine to the bridge as well; yield its address there."""
    link = f"v{made.mark}0"
    _ip("-n", made.hub, "link", "add", link, "type", "veth", "peer", "name", f"{link}h", "netns", str(os.getpid()))
    try:
        _ip("-n", made.hub, "link", "set", link, "master", "bridge", "up")
        _ip("addr", "add", "10.77.0.254/24", "dev", f"{link}h")
        _ip("link", "set", f"{link}h", "up")
        yield "10.77.0.254"
    finally:
        _ip("link", "delete", f"{link}h")


@contextlib.contextmanager
def hosts(*names: str) -> Iterator[Hosts]:
    """Make hosts, linked by a bridge in a namespace of its own; everything goes with the block."""
    mark = secrets.token_hex(2)
    folder = Path(tempfile.mkdtemp(prefix="andon-hosts-", dir="/var/tmp"))
    token = folder / "ray-token"
    token.write_text(secrets.token_hex(32))
    hub = f"andon-{mark}-hub"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANDON_", "RAY_"))}
    environment = kept | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
        "HOME": str(folder),
    }
    made = Hosts(folder, token, mark, hub)
    # Told to end, a benchmark leaves neither hosts nor their processes.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        _ip("netns", "add", hub)
        _ip("-n", hub, "link", "add", "bridge", "type", "bridge")
        _ip("-n", hub, "link", "set", "bridge", "up")
        for number, name in enumerate(names, 1):
            namespace, link = f"andon-{mark}-{name}", f"v{mark}{number}"
            _ip("netns", "add", namespace)
            address = f"10.77.0.{number}"
            made.hosts[name] = Host(name, namespace, address, link, environment, folder)
            _ip("-n", hub, "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", namespace)
            _ip("-n", hub, "link", "set", link, "master", "bridge", "up")
            _ip("-n", namespace, "addr", "add", f"{address}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                _ip("-n", namespace, "link", "set", device, "up")
            _ip("-n", namespace, "route", "add", "default", "dev", "eth0")
        yield made
    finally:
        for host in made.hosts.values():
            with contextlib.suppress(subprocess.SubprocessError, OSError):
                host.kill()
            subprocess.run(["ip", "netns", "delete", host.namespace], capture_output=True)
        subprocess.run(["ip", "netns", "delete", hub], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)
        signal.signal(signal.SIGTERM, before)
