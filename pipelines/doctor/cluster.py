"""Ports, and the Ray that is joined: what listens where, and whether all nodes are there."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from andon.stores.checking import Finding
from configs.settings import Settings

SERVE_PROXY = {
    "HAProxy metrics": ("RAY_SERVE_HAPROXY_METRICS_PORT", 9101),
    "HAProxy": ("RAY_SERVE_HAPROXY_STATS_PORT", 8404),
}
"""Ports that Serve's proxy takes, the variables that move them, and where they are by default."""


def look_at_ports(settings: Settings, now: Callable[[], datetime]) -> Iterator[Finding]:
    """Yield of each port whether it is free, or who holds it."""
    from cluster.serve_fast_path import haproxies_left

    wanted = {"API": (settings.serve_host, settings.serve_port, "set ANDON_SERVE_PORT")}
    for name, (variable, usual) in SERVE_PROXY.items():
        wanted[name] = ("127.0.0.1", int(os.environ.get(variable, usual)), f"set {variable}")
    if settings.cluster.profile == "node":
        from configs.cluster import Ports

        host = settings.cluster.host or "0.0.0.0"
        for name, port in (settings.cluster.ports or Ports()).model_dump().items():
            if isinstance(port, int) and port:
                wanted[f"Ray: {name}"] = (host, port, f"set cluster.ports.{name}")
    for name, (host, port, remedy) in wanted.items():
        problem = _bind(host, port)
        if problem is None:
            yield Finding("ports", name, True, f"{host}:{port} is free")
            continue
        holder = holder_of(port)
        ours = holder is not None and any(word in holder for word in ("ray", "haproxy", "pipelines", "andon"))
        orphan = holder is not None and any(f"(process {one})" in holder for one in haproxies_left())
        if ours and not orphan:
            yield Finding("ports", name, True, f"{host}:{port} is held by Ray or Andon: {holder}")
        elif orphan:
            yield Finding(
                "ports", name, False, f"{host}:{port} is held by a proxy whose Ray is gone: {holder}; end that process"
            )
        else:
            yield Finding(
                "ports",
                name,
                False,
                f"{host}:{port}: {problem}, held by {holder or 'another user'}; end it, or {remedy}",
            )


def look_at_ray(settings: Settings, now: Callable[[], datetime]) -> Iterator[Finding]:
    """Yield what is found of the cluster that ``ANDON_RAY_ADDRESS`` or `andon cluster up` names."""
    from cluster.nodes import running_node

    here = running_node(settings.home)
    address = settings.ray_address or (here.address if here else None)
    if address is None:
        yield Finding("ray", "cluster", True, "none is named: commands start one for themselves")
        return
    from pipelines.running.cluster_status import cluster_state

    state = cluster_state(settings, address)
    lost = [one for one in state.nodes if not one.alive]
    there = [one for one in state.nodes if one.alive]
    yield Finding(
        "ray", "cluster", True, f"{address}: {len(there)} nodes, {state.cpus_free:g} of {state.cpus:g} cores free"
    )
    for one in lost:
        yield Finding("ray", f"node {one.host}", True, f"has gone: {one.problem or 'no reason known'}")
    if state.cpus == 0:
        yield Finding("ray", "cores", False, "no node gives a core for work; start one: andon cluster up --join ...")
    for name, found in state.applications.items():
        good = found in ("RUNNING", "DEPLOYING")
        yield Finding(
            "ray", f"application {name}", good, found if good else f"{found}; see `serve status` and Ray's dashboard"
        )


def holder_of(port: int) -> str | None:
    """Return the process that listens on a TCP port of this machine, as far as this user may see it."""
    sockets = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    sockets.add(f"socket:[{fields[9]}]")
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if any(os.readlink(one) in sockets for one in (process / "fd").iterdir()):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                return f"{command[:100]} (process {process.name})"
    return None


def _bind(host: str, port: int) -> str | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror or str(error)
    return None
