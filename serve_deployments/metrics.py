"""What Prometheus scrapes: requests by route, and of models and lines what is old, missing or damaged.

Models are counted by kind, never named one label each; lines are, by the time since their newest reading.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from andon.models.bundle import AlertBundle
from serve_deployments.scorer import LineScorer

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds up to which a request belongs to each bucket."""


class RequestMetrics:
    """Counts requests; kept as plain numbers, because a labelled counter costs as much as to score a row."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, int]] = Counter()
        self.buckets: dict[str, list[int]] = {}
        self.seconds: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.ongoing = 0

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        self.requests[route, method, status] += 1
        buckets = self.buckets.get(route)
        if buckets is None:
            buckets = self.buckets[route] = [0] * (len(BOUNDS) + 1)
        buckets[bisect_left(BOUNDS, seconds)] += 1
        self.seconds[route] += seconds  # type: ignore[assignment]


class ServingCollector(Collector):
    """Collects when Prometheus asks, from what counts and what serves at that moment."""

    def __init__(self, scorer: LineScorer, requests: RequestMetrics, replica: str) -> None:
        self._scorer = scorer
        self._requests = requests
        self._replica = replica
        self.newest: dict[str, datetime] = {}
        """Time of each line's newest reading, as last looked at."""
        self.refreshed: float | None = None
        """When definitions and champions were last looked at, in seconds of the Unix epoch."""

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        yield from self._of_requests()
        yield from self._of_models()
        if self.newest:
            age = _gauge("andon_line_staleness_seconds", "Since the newest reading of a line.", "line", "replica")
            now = datetime.now().astimezone()
            for line, last in self.newest.items():
                age.add_metric([line, self._replica], (now - last).total_seconds())
            yield age

    def _of_requests(self) -> Iterator[Metric]:
        told, replica = self._requests, self._replica
        labels = ["route", "method", "status", "replica"]
        requests = CounterMetricFamily("andon_requests", "Requests answered.", labels=labels)
        for (route, method, status), count in list(told.requests.items()):
            requests.add_metric([route, method, str(status), replica], count)
        yield requests
        seconds = HistogramMetricFamily(
            "andon_request_seconds", "From a request's head to its answer.", labels=["route", "replica"]
        )
        for route, buckets in list(told.buckets.items()):
            total, rising = 0, []
            for bound, count in zip([*map(str, BOUNDS), "+Inf"], buckets, strict=True):
                total += count
                rising.append((bound, total))
            seconds.add_metric([route, replica], rising, float(told.seconds[route]))
        yield seconds
        rejected = CounterMetricFamily(
            "andon_rejected_requests", "Requests not taken on.", labels=["reason", "replica"]
        )
        for reason, count in list(told.rejected.items()):
            rejected.add_metric([reason, replica], count)
        yield rejected
        ongoing = _gauge("andon_ongoing_requests", "Requests in work and waiting.", "replica")
        ongoing.add_metric([replica], told.ongoing)
        yield ongoing

    def _of_models(self) -> Iterator[Metric]:
        snapshot, replica = self._scorer.snapshot, self._replica
        resident = _gauge("andon_resident_models", "Models in memory.", "kind", "replica")
        ages = _gauge("andon_model_age_seconds", "Since the newest row a model has learnt.", "kind", "of", "replica")
        now = datetime.now().astimezone()
        by_kind: dict[str, list[float]] = {"classifier": [], "monitor": []}
        for one in snapshot.models.values():
            kind = "classifier" if isinstance(one.bundle, AlertBundle) else "monitor"
            by_kind[kind].append((now - one.bundle.card.data_end).total_seconds())
        for kind, found in by_kind.items():
            resident.add_metric([kind, replica], len(found))
            if found:
                ages.add_metric([kind, "oldest", replica], max(found))
                ages.add_metric([kind, "newest", replica], min(found))
        yield resident
        yield ages
        states = {
            "andon_failed_models": ("Champions that could not be loaded.", len(snapshot.failed)),
            "andon_loading_lines": ("Lines that wait for a model.", len(snapshot.loading())),
            "andon_known_lines": ("Lines that are served.", len(snapshot.lines)),
            "andon_stores_unreachable": ("1 while a store cannot be asked.", int(bool(self._scorer.residents.problem))),
        }
        for name, (text, value) in states.items():
            gauge = _gauge(name, text, "replica")
            gauge.add_metric([replica], value)
            yield gauge
        loads = CounterMetricFamily("andon_model_loads", "Models loaded since the start.", labels=["replica"])
        loads.add_metric([replica], self._scorer.residents.loads)
        yield loads
        if self.refreshed is not None:
            gauge = _gauge("andon_refresh_timestamp_seconds", "When champions were last looked at.", "replica")
            gauge.add_metric([replica], self.refreshed)
            yield gauge


def registry_of(collector: ServingCollector) -> CollectorRegistry:
    """Return a registry of this process's own metrics."""
    from prometheus_client import GCCollector, ProcessCollector

    registry = CollectorRegistry()
    registry.register(collector)
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def _gauge(name: str, text: str, *labels: str) -> Any:
    return GaugeMetricFamily(name, text, labels=list(labels))
