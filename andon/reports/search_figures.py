"""The figures of a search: who leads, what learners and sources gave, what lines cost, what failed. Plain rows."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from andon.searches import SearchRecord, StudyRecord, TriedConfiguration


@dataclass(frozen=True, slots=True)
class Leader:
    """The best configuration of a study; ``gain`` is what it is better by than the best default configuration."""

    study: StudyRecord
    best: TriedConfiguration
    gain: float | None
    found: int
    """After how many configurations it was found."""


@dataclass(frozen=True, slots=True)
class LearnerRow:
    """What a learner gave in the studies of a definition; ``wins`` are studies that it leads."""

    definition: str
    learner: str
    configurations: int
    wins: int
    studies: int
    median: float | None
    """Of its best metrics, one a study."""
    seconds: float
    """Median seconds of a configuration."""
    pruned: int
    failed: int


@dataclass(frozen=True, slots=True)
class LineRow:
    """What a line (or a family) cost; ``fitting`` is the share of its seconds inside fit and predict, if known."""

    where: str
    studies: int
    configurations: int
    seconds: float
    share: float
    pruned: float
    """Share of its seconds that went into configurations that were pruned."""
    failed: float
    fitting: float | None
    by_learner: dict[str, float]


@dataclass(frozen=True, slots=True)
class SourceRow:
    """Configurations by where they came from; ``standing``: their mean rank in their studies, from 0 to 1, the best."""

    source: str
    configurations: int
    standing: float | None
    wins: int
    pruned: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Failure:
    """An error, how often it came, and for example where; ``whole`` studies failed by it, or configurations."""

    error: str
    times: int
    whole: bool
    example: str


def standings(study: StudyRecord) -> dict[int, float]:
    """Return position in ``study.configurations`` -> rank among those measured whole: 1 the best, 0 the worst.

    Equals share their mean rank; a configuration that is alone has 1.
    """
    whole = [place for place, one in enumerate(study.configurations) if one.metric is not None and not one.pruned]
    sign = 1.0 if study.maximize else -1.0
    values = np.array([sign * float(study.configurations[place].metric or 0.0) for place in whole])
    below = (values[None, :] < values[:, None]).sum(axis=1)
    equal = (values[None, :] == values[:, None]).sum(axis=1) - 1
    ranks = (below + equal / 2) / max(1, len(whole) - 1) if len(whole) > 1 else np.ones(len(whole))
    return dict(zip(whole, ranks.tolist(), strict=True))


def best_so_far(study: StudyRecord) -> list[float]:
    """Return the best metric after each configuration, from the first that was measured whole on."""
    best: float | None = None
    curve: list[float] = []
    better = max if study.maximize else min
    for one in study.configurations:
        if one.metric is not None and not one.pruned:
            best = one.metric if best is None else better(best, one.metric)
        if best is not None:
            curve.append(best)
    return curve


def leaders(search: SearchRecord) -> list[Leader]:
    """Return the leaders by definition, the best metric first."""
    found = []
    for study in search.studies:
        best = study.best
        if best is None:
            continue
        defaults = [
            one.metric
            for one in study.configurations
            if one.source == "default" and one.metric is not None and not one.pruned
        ]
        gain = None
        if defaults and best.metric is not None:
            gain = best.metric - max(defaults) if study.maximize else min(defaults) - best.metric
        found.append(Leader(study, best, gain, study.configurations.index(best) + 1))
    return sorted(
        found,
        key=lambda one: (one.study.definition, (one.best.metric or 0.0) * (-1 if one.study.maximize else 1)),
    )


def learner_rows(search: SearchRecord) -> list[LearnerRow]:
    """Return one row a definition and learner, the most wins first within a definition."""
    rows = []
    for definition, studies in by_definition(search).items():
        bests = {id(study): study.best for study in studies}
        for learner in sorted({one.learner for study in studies for one in study.configurations}):
            mine = [[one for one in study.configurations if one.learner == learner] for study in studies]
            metrics = [best_metric(some, study.maximize) for some, study in zip(mine, studies, strict=True)]
            tops = [metric for metric in metrics if metric is not None]
            tried = [one for some in mine for one in some]
            rows.append(
                LearnerRow(
                    definition,
                    learner,
                    len(tried),
                    sum(best is not None and best.learner == learner for best in bests.values()),
                    len(studies),
                    statistics.median(tops) if tops else None,
                    statistics.median(one.seconds for one in tried),
                    sum(one.pruned for one in tried),
                    sum(one.metric is None for one in tried),
                )
            )
    return sorted(rows, key=lambda row: (row.definition, -row.wins, row.learner))


def line_rows(search: SearchRecord) -> list[LineRow]:
    """Return what each line cost, the dearest first."""
    grouped: dict[str, list[StudyRecord]] = defaultdict(list)
    for study in search.studies:
        grouped[study.where].append(study)
    total = sum(one.seconds for study in search.studies for one in study.configurations)
    rows = []
    for where, studies in grouped.items():
        tried = [one for study in studies for one in study.configurations]
        seconds, by_learner = sum(one.seconds for one in tried), defaultdict[str, float](float)
        for one in tried:
            by_learner[one.learner] += one.seconds
        fitting = sum(one.fitting for one in tried)
        rows.append(
            LineRow(
                where,
                len(studies),
                len(tried),
                seconds,
                _share(seconds, total),
                _share(sum(one.seconds for one in tried if one.pruned), seconds),
                _share(sum(one.seconds for one in tried if one.metric is None), seconds),
                _share(fitting, seconds) if fitting else None,
                dict(by_learner),
            )
        )
    return sorted(rows, key=lambda row: (-row.seconds, row.where))


def source_rows(search: SearchRecord) -> list[SourceRow]:
    """Return one row for default, transferred and sampled configurations."""
    found: dict[str, list[tuple[TriedConfiguration, float | None]]] = defaultdict(list)
    wins: Counter[str] = Counter()
    for study in search.studies:
        ranks, best = standings(study), study.best
        for place, one in enumerate(study.configurations):
            found[one.source].append((one, ranks.get(place)))
        if best is not None:
            wins[best.source] += 1
    order = ("default", "transfer", "sampled")
    return [
        SourceRow(
            source,
            len(rows),
            statistics.fmean(known) if (known := [rank for _, rank in rows if rank is not None]) else None,
            wins[source],
            sum(one.pruned for one, _ in rows),
            sum(one.seconds for one, _ in rows),
        )
        for source, rows in sorted(found.items(), key=lambda item: order.index(item[0]) if item[0] in order else 9)
    ]


def failures(search: SearchRecord) -> list[Failure]:
    """Return what failed: whole studies first, then configurations, the most frequent error first."""
    whole: dict[str, list[str]] = defaultdict(list)
    single: dict[str, list[str]] = defaultdict(list)
    for study in search.studies:
        if study.error:
            whole[study.error].append(study.title)
        for one in study.configurations:
            if one.metric is None:
                single[one.error or "no metric"].append(f"{study.title}, {one.learner}")
    return [
        Failure(error, len(places), kind, places[0])
        for kind, grouped in ((True, whole), (False, single))
        for error, places in sorted(grouped.items(), key=lambda item: -len(item[1]))
    ]


def by_definition(search: SearchRecord) -> dict[str, list[StudyRecord]]:
    """Group the studies that tried something by their definition, in order of name."""
    grouped: dict[str, list[StudyRecord]] = defaultdict(list)
    for study in search.studies:
        if study.configurations:
            grouped[study.definition].append(study)
    return dict(sorted(grouped.items()))


def best_metric(tried: Iterable[TriedConfiguration], maximize: bool) -> float | None:
    """Return the best metric of configurations that were measured whole."""
    metrics = [one.metric for one in tried if one.metric is not None and not one.pruned]
    return (max(metrics) if maximize else min(metrics)) if metrics else None


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
