"""The parts of manifests that rules look at: pods, containers, and the clusters of Ray in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Pod:
    """A pod template, and where it stands."""

    place: str
    owner: Manifest
    labels: dict[str, str]
    spec: dict[str, Any]

    @property
    def containers(self) -> list[dict[str, Any]]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]


@dataclass(frozen=True)
class RayGroup:
    """Pods of one kind in a cluster of Ray; ``group`` is None for its head."""

    cluster: str
    group: dict[str, Any]
    head: bool

    @property
    def pod(self) -> Pod:
        template = self.group["template"]
        place = f"{self.cluster}: {'head' if self.head else self.group['groupName']}"
        return Pod(place, self.group, template.get("metadata", {}).get("labels", {}), template["spec"])


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    return [one for one in manifests if one["kind"] in kinds]


def called(manifest: Manifest) -> str:
    return f"{manifest['kind']} {manifest['metadata'].get('name') or manifest['metadata'].get('generateName')}"


def ray_specs(manifests: list[Manifest]) -> dict[str, dict[str, Any]]:
    """Return the specification of each cluster of Ray, by the name of what makes it."""
    found = {}
    for one in of_kind(manifests, "RayCluster", "RayService"):
        found[called(one)] = one["spec"] if one["kind"] == "RayCluster" else one["spec"]["rayClusterConfig"]
    return found


def ray_groups(manifests: list[Manifest]) -> Iterator[RayGroup]:
    for name, spec in ray_specs(manifests).items():
        yield RayGroup(name, spec["headGroupSpec"], True)
        for group in spec["workerGroupSpecs"]:
            yield RayGroup(name, group, False)


def pods(manifests: list[Manifest]) -> Iterator[Pod]:
    for one in of_kind(manifests, "Deployment", "StatefulSet"):
        template = one["spec"]["template"]
        yield Pod(called(one), one, template["metadata"]["labels"], template["spec"])
    for group in ray_groups(manifests):
        yield group.pod


def bytes_of(quantity: str) -> int:
    """Return a quantity of memory in bytes."""
    units = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "Ti": 1024**4}
    return int(quantity[:-2]) * units[quantity[-2:]]


def walk(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value in a manifest with its place."""
    yield place, value
    if isinstance(value, dict):
        for name, one in value.items():
            yield from walk(one, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from walk(one, f"{place}.{number}")
