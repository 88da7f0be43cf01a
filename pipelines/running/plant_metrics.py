"""The plant as Prometheus sees it: lines, alerts, anomalies, models and searches, read from the stores when it asks.

Names and units follow Prometheus's conventions. What is counted is counted over a window that its name tells, since an
exporter that starts anew must not begin at nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from andon.errors import AndonError
from andon.frames import from_microseconds
from andon.ports import Documents, Models, Signals
from andon.records import AlertState
from andon.services.storing import state_key
from andon.services.watching import Cache, Watching, champion_of, read_watching
from configs.definitions import Alert

DAY = timedelta(days=1)
LINES = 2_000
"""Lines that get series of their own: beyond, the oldest readings only."""
OPEN = [state for state in AlertState if state is not AlertState.RESOLVED]
Family = Any
"""`prometheus_client.core.GaugeMetricFamily`."""


@dataclass(slots=True, eq=False)
class PlantCollector:
    """Collects on each scrape, at most once in ``every`` seconds, so that no scraper can press the stores."""

    documents: Documents
    signals: Signals
    models: Models
    searches: Path
    now: Callable[[], datetime]
    every: float = 10.0
    _cache: Cache = field(default_factory=Cache)
    _kept: tuple[float, list[Family]] | None = None

    def collect(self) -> Iterator[Family]:
        """Yield what Prometheus asks for; a store that fails is told by ``andon_store_up``."""
        if self._kept is None or time.monotonic() - self._kept[0] >= self.every:
            self._kept = time.monotonic(), list(self._fresh())
        yield from self._kept[1]

    def _fresh(self) -> Iterator[Family]:
        began = time.monotonic()
        up = _gauge("andon_store_up", "Whether a store answers", "store")
        at = self.now()
        parts: dict[str, Callable[[], list[Family]]] = {
            "documents": lambda: [
                *_of_alerts(self.documents, at),
                *_of_records(self.documents, at),
                *_of_messages(self.documents, at),
            ],
            "signals": lambda: _of_lines(self._watching(), self.documents, self.signals, at),
            "models": lambda: _of_models(self._watching(), self.models),
        }
        for store, part in parts.items():
            try:
                yield from part()
                up.add_metric([store], 1)
            except AndonError:
                up.add_metric([store], 0)
        yield from _of_searches(self.searches, at)
        yield up
        taken = _gauge("andon_collect_seconds", "What the stores took to answer")
        taken.add_metric([], time.monotonic() - began)
        yield taken

    def _watching(self) -> Watching:
        return read_watching(self.documents, self._cache)


def _gauge(name: str, text: str, *labels: str) -> Family:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(name, text, labels=labels)


def _counted(name: str, text: str, labels: tuple[str, ...], counts: Mapping[tuple[str, ...], int]) -> Family:
    gauge = _gauge(name, text, *labels)
    for values, count in sorted(counts.items()):
        gauge.add_metric(list(values), count)
    return gauge


def _of_lines(watching: Watching, documents: Documents, signals: Signals, at: datetime) -> list[Family]:
    names = watching.names()
    total = _gauge("andon_lines", "Lines that are watched by an alert or a monitor")
    total.add_metric([], len(names))
    newest = signals.newest_readings(names)
    states = documents.get_states([state_key(name) for name in names])
    age = _gauge("andon_line_reading_age_seconds", "Since the newest reading of a line", "line")
    sampling = _gauge("andon_line_sampling_seconds", "Usual time between readings of a line", "line")
    lag = _gauge("andon_line_lag_seconds", "Newest reading of a line after the last that was judged", "line")
    for name in sorted(newest, key=lambda one: (newest[one], one))[:LINES]:
        age.add_metric([name], (at - newest[name]).total_seconds())
        declared = watching.lines.get(name)
        if declared is not None and declared.sampling is not None:
            sampling.add_metric([name], declared.sampling.total_seconds())
        state = states.get(state_key(name))
        if state is not None and isinstance(state.get("last"), int):
            judged = from_microseconds(int(state["last"]))
            lag.add_metric([name], max(0.0, (newest[name] - judged).total_seconds()))
    silent = _gauge("andon_lines_without_readings", "Lines that are watched and have no reading at all")
    silent.add_metric([], len(set(names) - set(newest)))
    return [total, silent, age, sampling, lag]


def _of_alerts(documents: Documents, at: datetime) -> list[Family]:
    standing = Counter((one.definition, one.severity, str(one.state)) for one in documents.list_alerts(states=OPEN))
    opened = documents.list_alerts(start=at - DAY, end=at)
    return [
        _counted("andon_alerts_open", "Alerts that stand", ("definition", "severity", "state"), standing),
        _counted(
            "andon_alerts_opened_1d",
            "Alerts that were opened within a day",
            ("definition", "severity"),
            Counter((one.definition, one.severity) for one in opened),
        ),
    ]


def _of_records(documents: Documents, at: datetime) -> list[Family]:
    anomalies = Counter((one.monitor, one.severity) for one in documents.list_anomalies(start=at - DAY, end=at))
    skips = Counter((one.definition,) for one in documents.list_skips(start=at - DAY, end=at))
    verdicts = Counter((str(one.verdict),) for one in documents.list_feedback() if one.time >= at - DAY)
    decisions = Counter((one.verdict,) for one in documents.list_decisions())
    return [
        _counted("andon_anomalies_1d", "Anomalies of a day", ("monitor", "severity"), anomalies),
        _counted("andon_skips_1d", "Definitions that could not be evaluated, of a day", ("definition",), skips),
        _counted("andon_feedback_1d", "Verdicts that people gave within a day", ("verdict",), verdicts),
        _counted("andon_promotion_decisions", "What became of challengers", ("verdict",), decisions),
    ]


def _of_messages(documents: Documents, at: datetime) -> list[Family]:
    waiting = documents.list_messages(state="waiting")
    settled = documents.list_messages(settled_since=at - DAY)
    counts = Counter(
        (one.channel, one.state) for one in [*waiting, *(one for one in settled if one.state != "waiting")]
    )
    oldest = _gauge("andon_message_oldest_seconds", "Since the oldest message that waits was written")
    oldest.add_metric([], max(((at - one.created_at).total_seconds() for one in waiting), default=0.0))
    text = "Messages that wait, and those of a day that were sent or given up"
    return [_counted("andon_messages", text, ("channel", "state"), counts), oldest]


def _of_models(watching: Watching, models: Models) -> list[Family]:
    served, lacking = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for line in watching.names():
        for definition in watching.of(line):
            if isinstance(definition, Alert) and (definition.type == "threshold" or definition.monitor is not None):
                continue
            (lacking if champion_of(definition, line, models) is None else served)[(definition.name,)] += 1
    return [
        _counted("andon_models_served", "Lines on which a definition has a champion", ("definition",), served),
        _counted("andon_models_lacking", "Lines on which a definition has no model yet", ("definition",), lacking),
    ]


def _of_searches(folder: Path, at: datetime) -> list[Family]:
    from tune_jobs.journal import list_searches, read_search

    found = list_searches(folder)
    count = _gauge("andon_searches", "Searches that are kept")
    count.add_metric([], len(found))
    if not found:
        return [count]
    search = read_search(found[0])
    studies = Counter((study.state,) for study in search.studies)
    tried = Counter[tuple[str, ...]]()
    for study in search.studies:
        for one in study.configurations:
            tried[study.definition, one.learner, "failed" if one.metric is None else "measured"] += 1
    best = _gauge("andon_search_best", "Best metric of a definition in the newest search", "definition", "metric")
    for name in sorted({study.definition for study in search.studies}):
        of_it = [study for study in search.studies if study.definition == name]
        values = [study.best.metric for study in of_it if study.best is not None and study.best.metric is not None]
        if values:
            best.add_metric([name, of_it[0].metric_name], sum(values) / len(values))
    age = _gauge("andon_search_age_seconds", "Since the newest search wrote its last")
    age.add_metric([], (at - search.ended).total_seconds())
    return [
        count,
        age,
        _counted("andon_search_studies", "Studies of the newest search", ("state",), studies),
        _counted(
            "andon_search_tried", "Configurations of the newest search", ("definition", "learner", "outcome"), tried
        ),
        best,
    ]
