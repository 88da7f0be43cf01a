"""What a cluster is made of at this moment: its nodes, what is free on them, and how Serve's applications fare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from configs.settings import Settings

GIB = 1024**3


@dataclass(frozen=True, slots=True)
class NodeState:
    """One node: cores and memory (GiB) that it gives, its duty, and whether it is there."""

    host: str
    role: str
    duty: str
    alive: bool
    cpus: float
    memory_gib: float
    objects_gib: float
    problem: str


@dataclass(frozen=True, slots=True)
class ClusterState:
    """The nodes, how many cores are free of how many, and the state of each Serve application by name."""

    address: str
    nodes: list[NodeState]
    cpus: float
    cpus_free: float
    applications: dict[str, str]


def cluster_state(settings: Settings, address: str) -> ClusterState:
    """Ask a cluster.

    Raises
    ------
    AndonError
        If it cannot be joined.
    """
    from cluster.session import ray_session

    with ray_session(settings.model_copy(update={"ray_address": address})):
        import ray

        total, free = ray.cluster_resources(), ray.available_resources()
        nodes = [_node(one) for one in ray.nodes()]
        return ClusterState(
            address,
            sorted(nodes, key=lambda one: (not one.alive, one.role != "head", one.host)),
            float(total.get("CPU", 0)),
            float(free.get("CPU", 0)),
            _applications(),
        )


def _node(found: dict[str, Any]) -> NodeState:
    from cluster.profiles import DUTY_LABEL

    given = found.get("Resources", {})
    return NodeState(
        host=str(found["NodeManagerAddress"]),
        role="head" if "node:__internal_head__" in given else "node",
        duty=str(found.get("Labels", {}).get(DUTY_LABEL, "all")),
        alive=bool(found["Alive"]),
        cpus=float(given.get("CPU", 0)),
        memory_gib=round(given.get("memory", 0) / GIB, 1),
        objects_gib=round(given.get("object_store_memory", 0) / GIB, 1),
        problem=str(found.get("DeathReasonMessage") or ""),
    )


def _applications() -> dict[str, str]:
    from ray import serve

    return {name: str(one.status.value) for name, one in serve.status().applications.items()}
