"""A plant of any size, simulated on measured costs: from how many lines on a part of a cluster no longer keeps up.

Time passes in steps of a second over the hour of a shift's start and over a night; arrivals are their means (a fluid
approximation), so that what is said of waiting is the waiting that a shortage makes, without that of chance. Replicas
come and go by the rule of Ray Serve's autoscaler: as many as hold the requests under way at their target, averaged over
the look-back, once that has been so for the delay. What a cluster has is read from the overlays of
``cluster/kubernetes``.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PERIOD, ASKED = 60.0, 10.0
"""Seconds between two readings and ticks of a line; between two questions of a client about it."""
MODELS, VALUES = 2, 30
"""A line has an alert and a monitor, and writes ten variables with a forecast and its bounds a period."""
CONFIGURATIONS, NIGHT = 60, 6 * 3600.0
"""Of a retraining of both its models; the hours in which it may happen."""
RUSH, RUSH_SECONDS = 3.0, 600
"""At the start of a shift, people and screens ask so many times as often, for so long."""
BASE_BYTES, USED, NODE_SECONDS = 0.6e9, 0.85, 120.0
"""Of a replica without models; what a search uses of its cores; until a node of the cloud is there."""


@dataclass(frozen=True)
class Costs:
    """Measured, of one line or model; seconds and bytes, and what a replica and a store do in a second."""

    value_bytes: float
    model_bytes: float
    model_seconds: float
    scrape_seconds: float
    definition_seconds: float
    tick_seconds: float
    configuration_seconds: float
    answers: float
    store_values: float
    store_documents: float


@dataclass(frozen=True)
class Cluster:
    """What there is at most: assistants, replicas with their memory and rule of growth, cores of a search."""

    assistants: int
    least_replicas: int
    most_replicas: int
    replica_bytes: float
    target: float
    upscale_delay: float
    look_back: float
    search_cores: int
    node_cores: int
    max_ongoing: int = 128


def read_overlay(folder: Path) -> Cluster:
    """Read what an overlay of ``cluster/kubernetes`` gives, over its base."""
    base = folder.parents[1] / "base"
    search, serving, assistant = (_documents(base / f"{name}.yaml", kind) for name, kind in
                                  (("search", "RayCluster"), ("serving", "RayService"),
                                   ("assistant", "Deployment")))  # fmt: skip
    patches = yaml.safe_load((folder / "serving.yaml").read_text())
    config = yaml.safe_load(next(one["value"] for one in patches if one["path"] == "/spec/serveConfigV2"))
    scaling = config["applications"][0]["deployments"][0]["autoscaling_config"]
    group, assistants = search["spec"]["workerGroupSpecs"][0], assistant["spec"]["replicas"]
    nodes = group["maxReplicas"]
    for patch in yaml.safe_load((folder / "kustomization.yaml").read_text())["patches"]:
        for one in yaml.safe_load(patch.get("patch", "")) or []:
            if isinstance(one, dict) and one.get("path") == "/spec/workerGroupSpecs/0/maxReplicas":
                nodes = one["value"]
            elif isinstance(one, dict) and one.get("path") == "/spec/replicas":
                assistants = one["value"] if patch["target"].get("name") in {None, "assistant"} else assistants
    cores = int(_requests(group)["cpu"])
    pod = _requests(serving["spec"]["rayClusterConfig"]["workerGroupSpecs"][0])
    memory = float(pod["memory"].removesuffix("Gi")) * 2**30 / int(pod["cpu"])
    return Cluster(
        assistants, scaling["min_replicas"], scaling["max_replicas"], memory, scaling["target_ongoing_requests"],
        scaling["upscale_delay_s"], scaling["look_back_period_s"], nodes * cores, cores,
    )  # fmt: skip


def _documents(path: Path, kind: str) -> dict[str, Any]:
    return next(one for one in yaml.safe_load_all(path.read_text()) if one["kind"] == kind)


def _requests(group: dict[str, Any]) -> dict[str, str]:
    requests: dict[str, str] = group["template"]["spec"]["containers"][0]["resources"]["requests"]
    return requests


def shift_start(costs: Costs, cluster: Cluster, lines: int) -> tuple[float, float, int]:
    """Simulate the hour of a shift's start; return the share that waited over half a second or was refused, the longest
    wait in seconds, and the replicas in the end.

    Examples
    --------
    >>> costs = Costs(32, 6e5, 0.01, 1e-4, 1e-4, 0.0035, 0.19, 1500, 4e5, 7e3)
    >>> cluster = Cluster(1, 1, 2, 4 * 2**30, 4, 5, 30, 16, 4)
    >>> shift_start(costs, cluster, 100), shift_start(costs, cluster, 20_000)[0] > 0.4
    ((0.0, 0.0, 1), True)
    """
    rate = 0.5 * costs.answers  # the other half is for what shares the machine
    start = 5.0 + min(10.0, MODELS * lines * costs.model_seconds / 2)
    replicas, coming, waiting = cluster.least_replicas, deque[float](), 0.0
    seen: deque[float] = deque(maxlen=int(cluster.look_back))
    above, asked, bad, longest = 0, 0.0, 0.0, 0.0
    for second in range(3600):
        while coming and coming[0] <= second:
            coming.popleft()
            replicas += 1
        arrive = lines / ASKED * (RUSH if 300 <= second < 300 + RUSH_SECONDS else 1.0)
        served = min(waiting + arrive, replicas * rate)
        waiting += arrive - served
        refused = max(0.0, waiting - replicas * cluster.max_ongoing)
        waiting -= refused
        wait = waiting / (replicas * rate)
        longest, asked = max(longest, wait), asked + arrive
        bad += arrive if wait > 0.5 else refused
        seen.append(waiting + served / rate)
        wanted = math.ceil(sum(seen) / len(seen) / cluster.target)
        above = above + 1 if wanted > replicas + len(coming) else 0
        if above > cluster.upscale_delay:
            coming.extend([second + start] * (min(wanted, cluster.most_replicas) - replicas - len(coming)))
    return min(1.0, bad / asked), longest, replicas


def night(costs: Costs, cluster: Cluster, lines: int) -> float:
    """Simulate a night in which every line is retrained; return the seconds it takes."""
    left, second, cores = lines * CONFIGURATIONS * costs.configuration_seconds, 0.0, 0
    while left > 0 and cores < cluster.search_cores:  # nodes come side by side, after the first minutes
        wanted = min(cluster.search_cores, max(cluster.node_cores, math.ceil(left / 300)))
        left -= cores * USED * NODE_SECONDS
        second += NODE_SECONDS
        cores = max(cores, wanted)
        if wanted < cluster.search_cores:
            break
    return second + max(0.0, left) / max(1.0, cores * USED)


PARTS: dict[str, tuple[str, Callable[[Costs, Cluster, int], float]]] = {
    "memory of a replica": (
        "what its pod has",
        lambda costs, cluster, n: (BASE_BYTES + n * MODELS * costs.model_bytes) / cluster.replica_bytes,
    ),
    "answers at a shift's start": (
        "1 % refused, or over 0.5 s",
        lambda costs, cluster, n: shift_start(costs, cluster, n)[0] / 0.01,
    ),
    "assistants": (
        "10 min away caught up in 1 h",
        lambda costs, cluster, n: n * costs.tick_seconds / PERIOD / cluster.assistants / (6 / 7),
    ),
    "a night's retraining": ("6 h", lambda costs, cluster, n: night(costs, cluster, n) / NIGHT),
    "a scrape of andon metrics": ("Prometheus waits 10 s", lambda costs, cluster, n: n * costs.scrape_seconds / 10),
    "definitions, read anew": ("a tick, 60 s", lambda costs, cluster, n: n * costs.definition_seconds / PERIOD),
    "signals store": (
        "values written a second",
        lambda costs, cluster, n: n * VALUES / PERIOD / costs.store_values,
    ),
    "documents store": (
        "2 writes a tick",
        lambda costs, cluster, n: n * 2 / PERIOD / costs.store_documents,
    ),
}
"""Each part, its limit in words, and its load as a share of that limit: above 1, it does not keep up."""


def breaks_at(part: str, costs: Costs, cluster: Cluster, most: int = 10**7) -> int:
    """Return the greatest number of lines at which a part keeps up, to one in a hundred, found by bisection."""
    load = PARTS[part][1]
    if load(costs, cluster, most) <= 1:
        return most
    low, high = 1, most
    while high > low * 1.01 + 1:
        middle = int(math.sqrt(low * high)) if low * high > 0 else (low + high) // 2
        middle = min(max(middle, low + 1), high - 1)
        low, high = (middle, high) if load(costs, cluster, middle) <= 1 else (low, middle)
    return low
