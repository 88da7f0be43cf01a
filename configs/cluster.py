"""How Ray runs on one machine: a profile, and what of it is told otherwise (``[cluster]`` of ``andon.toml``)."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Profile = Literal["laptop", "node", "kubernetes"]
Access = Literal["token", "open"]
Duty = Literal["all", "search", "serving", "none"]


class Ports(BaseModel):
    """Ports that a firewall must let through between the nodes of a cluster; 0: any that is free."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gcs: int = Field(default=6379, ge=0, le=65535, description="the head's; other nodes join here")
    dashboard: int = Field(default=8265, ge=0, le=65535, description="the head's; `ray job submit` asks here")
    client: int = Field(default=10001, ge=0, le=65535)
    node_manager: int = Field(default=6380, ge=0, le=65535)
    object_manager: int = Field(default=6381, ge=0, le=65535)
    metrics: int = Field(default=8080, ge=0, le=65535, description="what Prometheus scrapes of each node")
    agent: int = Field(default=52365, ge=0, le=65535)
    agent_grpc: int = Field(default=52366, ge=0, le=65535)
    runtime_env: int = Field(default=52367, ge=0, le=65535)
    workers: tuple[int, int] | None = Field(
        default=(10100, 10999), description="first and last port of worker processes"
    )


class ClusterPlan(BaseModel):
    """What one machine gives to Ray. What is left out comes from the profile."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: Profile = Field(
        default="laptop", description="laptop: for itself; node: one of many; kubernetes: KubeRay's"
    )
    host: str | None = Field(default=None, description="address of this machine that the other nodes reach")
    cpus: int | None = Field(default=None, ge=0, description="cores for work; a head of many nodes has 0")
    object_store_bytes: int | None = Field(default=None, ge=80 * 1024**2, description="shared memory of Ray's objects")
    spill: Path | None = Field(default=None, description="folder for objects that do not fit into memory")
    threads: int = Field(default=1, ge=1, description="of numerical libraries, in each worker process")
    duty: Duty = Field(default="all", description="which work is placed here: all, search, serving or none")
    access: Access = Field(
        default="token", description="open: whoever reaches the ports may run anything; loopback only"
    )
    ports: Ports | None = None
    quotas: dict[str, Annotated[int, Field(ge=1)]] = Field(
        default={}, description="by family, the cores that a search may use for it at a time; others: all there are"
    )
    redis: str | None = Field(default=None, description="host:port of the Redis that keeps the head's state")


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("10.0.0.7")
    (True, True, False, False)
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
