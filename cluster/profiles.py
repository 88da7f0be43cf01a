"""What a machine gives to Ray, worked out from its profile and its size: plain values, and the command made of them."""

from __future__ import annotations

import os
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from cluster.environment import worker_environment
from configs.cluster import ClusterPlan, Duty, Ports, is_loopback
from configs.errors import ConfigError

MIB = 1024**2
LAPTOP_OBJECTS = 256 * MIB
LARGEST_OBJECTS = 8 * 1024 * MIB
ANY_PORT = Ports(
    gcs=0, dashboard=0, client=0, node_manager=0, object_manager=0, metrics=0, agent=0, agent_grpc=0, runtime_env=0,
    workers=None,
)  # fmt: skip
DUTY_LABEL = "andon.io/duty"
"""Ray's label of a node: what is placed by duty asks for it."""
HEAD_AWAY_SECONDS = 600
"""How long a node goes on without its head; what KubeRay sets where the head's state outlives it."""
FOR_SEARCH = {DUTY_LABEL: "!in(serving,none)"}
"""Where workers of a search may be: on nodes that neither serve alone nor do nothing; nodes without a label do all."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is: cores, bytes of memory, bytes free for shared memory, and the address others reach it at."""

    cores: int
    memory: int
    shared_memory: int
    host: str


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """What Ray is started with on one machine."""

    host: str
    cpus: int
    object_store_bytes: int
    spill: Path | None
    threads: int
    duty: Duty
    ports: Ports
    redis: str | None


def this_machine() -> Machine:
    """Measure this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    shared = shutil.disk_usage("/dev/shm").free if Path("/dev/shm").is_dir() else memory // 2
    return Machine(len(os.sched_getaffinity(0)), memory, shared, _address())


def _address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1: nothing is sent, the route tells the address
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def node_options(plan: ClusterPlan, machine: Machine, *, head: bool) -> NodeOptions:
    """Work out what this machine gives.

    Raises
    ------
    ConfigError
        If the plan cannot be: open to others, more shared memory than there is, or nodes that KubeRay starts.

    Examples
    --------
    >>> machine = Machine(cores=16, memory=64 * 1024**3, shared_memory=32 * 1024**3, host="10.0.0.7")
    >>> node = node_options(ClusterPlan(profile="node"), machine, head=False)
    >>> node.host, node.cpus, node.object_store_bytes // 1024**2
    ('10.0.0.7', 16, 8192)
    >>> node_options(ClusterPlan(profile="node"), machine, head=True).cpus
    0
    """
    if plan.profile == "kubernetes":
        raise ConfigError(
            "cluster.profile",
            "is kubernetes, where KubeRay starts the nodes",
            "kubectl apply -k cluster/kubernetes/...",
        )
    laptop = plan.profile == "laptop"
    host = plan.host or ("127.0.0.1" if laptop else machine.host)
    refuse_open(plan, host)
    room = int(machine.shared_memory * 0.9)
    usual = LAPTOP_OBJECTS if laptop else min(LARGEST_OBJECTS, int(machine.memory * 0.2))
    objects = plan.object_store_bytes or min(usual, room)
    if objects > room:
        raise ConfigError(
            "cluster.object_store_bytes",
            f"is {objects // MIB} MiB, and /dev/shm has {room // MIB} MiB to give",
            "ask for less, or give the machine (or container) more shared memory",
        )
    # A head of many nodes is kept free: when work fills it, the whole cluster stands still.
    cpus = plan.cpus if plan.cpus is not None else (0 if head and not laptop else machine.cores)
    ports = plan.ports or (ANY_PORT if laptop else Ports())
    return NodeOptions(host, cpus, objects, plan.spill, plan.threads, plan.duty, ports, plan.redis)


def refuse_open(plan: ClusterPlan, host: str) -> None:
    """Refuse a cluster without a token that others could reach.

    Raises
    ------
    ConfigError
        Naming the setting.
    """
    if plan.access == "open" and not is_loopback(host):
        raise ConfigError(
            "cluster.access",
            f"is open, and {host} is reached from other machines: whoever does may run any code",
            'leave access = "token", or set host = "127.0.0.1"',
        )


def start_command(ray: str, options: NodeOptions, *, join: str | None, folder: Path | None = None) -> list[str]:
    """Return the ``ray start`` of a head (``join`` None) or of a node that joins ``join``, kept in the foreground."""
    ports = options.ports
    command = [ray, "start", "--block", "--disable-usage-stats", f"--node-ip-address={options.host}"]
    command += [f"--num-cpus={options.cpus}", f"--object-store-memory={options.object_store_bytes}"]
    command += [f"--labels={DUTY_LABEL}={options.duty}"]
    named = {
        "node-manager-port": ports.node_manager,
        "object-manager-port": ports.object_manager,
        "metrics-export-port": ports.metrics,
        "dashboard-agent-listen-port": ports.agent,
        "dashboard-agent-grpc-port": ports.agent_grpc,
        "runtime-env-agent-port": ports.runtime_env,
    }
    if join is None:
        command += ["--head", "--include-dashboard=true", f"--dashboard-host={options.host}"]
        named |= {"port": ports.gcs, "dashboard-port": ports.dashboard, "ray-client-server-port": ports.client}
        if folder is not None:  # the other nodes take the head's
            command.append(f"--temp-dir={folder}")
    else:
        command.append(f"--address={join}")
    command += [f"--{name}={port}" for name, port in named.items()]
    if ports.workers is not None:
        command += [f"--min-worker-port={ports.workers[0]}", f"--max-worker-port={ports.workers[1]}"]
    if options.spill is not None:
        command.append(f"--object-spilling-directory={options.spill}")
    return command


def start_environment(plan: ClusterPlan, options: NodeOptions, *, head: bool) -> dict[str, str]:
    """Return the variables that Ray is started with; the token travels apart, by the path of its file."""
    made = worker_environment(options.threads) | {"RAY_AUTH_MODE": "token" if plan.access == "token" else "disabled"}
    # Without a word from the head, Ray's processes would end after a minute: less than a machine needs to start anew.
    made["RAY_gcs_rpc_server_reconnect_timeout_s"] = str(HEAD_AWAY_SECONDS)
    if head and options.redis:
        made["RAY_REDIS_ADDRESS"] = options.redis
    return made
