"""Ray Serve's fast path: HAProxy in front of replicas that answer themselves. Its variables count before Ray starts.

Each is read by processes of the cluster as they start, so they stand in the environment of ``ray start`` or
``ray.init``; one that a person has set stays.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FAST_PATH = {
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    # One thread passes on more than a replica can answer, and does not take its core away.
    "RAY_SERVE_HAPROXY_NBTHREAD": "1",
    # A replica that leaves is out of HAProxy's list at once; Serve would wait half a minute for slower balancers.
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",
    "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": "60",
    # A connection that was refused is tried on another replica; a request that began is never sent twice.
    "RAY_SERVE_HAPROXY_RETRIES": "3",
    # A machine without power refuses nothing; within a cluster, who does not answer in a second is not there.
    "RAY_SERVE_HAPROXY_TIMEOUT_CONNECT_S": "1",
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "cluster.serve_fast_path:middlewares",
}
"""What makes Serve answer in a tenth of the time, whatever the machine."""
_REPLICA_PORTS = range(20_000, 30_000, 200)
"""First ports of ranges, between those of Ray's workers and those that systems give out."""
_PORTS = ("RAY_SERVE_HAPROXY_METRICS_PORT", "RAY_SERVE_HAPROXY_STATS_PORT")
_FILES = {
    "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": "haproxy.cfg",
    "RAY_SERVE_HAPROXY_SOCKET_PATH": "admin.sock",
    "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": "",
    "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": "server-state",
}


@contextlib.contextmanager
def serve_fast_path() -> Iterator[Mapping[str, str]]:
    """Set the variables for a cluster that starts and ends within the block, on this machine; yield them.

    Ports and files that HAProxy keeps are this cluster's own, and so are the ports of replicas: two on one machine
    would take each other's, and one that a killed process left behind would keep the next from starting.
    """
    with (
        tempfile.TemporaryDirectory(prefix="andon-haproxy-", ignore_cleanup_errors=True) as folder,
        _own_replica_ports() as ports,
    ):
        wanted = FAST_PATH | own_haproxy(Path(folder)) | ports
        own = {name: value for name, value in wanted.items() if name not in os.environ}
        os.environ.update(own)
        try:
            yield {name: os.environ[name] for name in wanted}
        finally:
            for name in own:
                os.environ.pop(name, None)


def own_haproxy(folder: Path) -> dict[str, str]:
    """Return the variables by which HAProxy keeps its files in a folder, and takes ports that are free now."""
    files = {name: str(folder / file) for name, file in _FILES.items()}
    return files | {name: str(port) for name, port in zip(_PORTS, _free_ports(len(_PORTS)), strict=True)}


@contextlib.contextmanager
def _own_replica_ports() -> Iterator[dict[str, str]]:
    """Yield the variables of a range of ports for replicas, held by a socket on the port before it.

    By Serve's own range the first replica of each cluster is given the same port; HAProxy of the one that cannot have
    it passes requests on to the other's until Serve has tried the next.
    """
    with socket.socket() as claim:
        for first in _REPLICA_PORTS:
            with contextlib.suppress(OSError):
                claim.bind(("127.0.0.1", first))
                break
        else:
            yield {}
            return
        yield {
            "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(first + 1),
            "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(first + _REPLICA_PORTS.step - 1),
        }


class _ToTheEnd:
    """Lets every request run to its end: to watch for clients that go away takes two tasks of the event loop a request.

    The application has limits of its own to how long an answer may take.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on, with Serve's own header that says so."""
        if scope["type"] == "http":
            scope["headers"] = [*scope["headers"], (b"x-request-disconnect-disabled", b"?1")]
        await self._app(scope, receive, send)


def middlewares() -> list[Any]:
    """Return what Serve puts around every replica; it calls this by the import path in `FAST_PATH`."""
    from starlette.middleware import Middleware

    return [Middleware(_ToTheEnd)]


def haproxies_left() -> list[int]:
    """Return the processes of HAProxy that Serve started and whose own parent is gone: they hold its ports."""
    left = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            status = (process / "stat").read_text()
        except OSError:
            continue
        name, _, fields = status.rpartition(")")
        parent = int(fields.split()[1])
        if "haproxy" in name and b"haproxy" in command and b"-sock" not in command and parent == 1:
            left.append(int(process.name))
    return sorted(left)


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


if __name__ == "__main__":
    for name, value in FAST_PATH.items():
        print(f"export {name}={shlex.quote(value)}")
