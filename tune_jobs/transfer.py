"""What was learned on one line starts the next ones: similar lines' configurations, read from the search's folder."""

from __future__ import annotations

import json
import math
import os
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from andon.frames import Floats
from tune_jobs.planning import own_targets, read_tried
from tune_jobs.sampling import Configuration, Lessons
from tune_jobs.study import StudySpec

SIGNATURE = "signature.json"
PUPILS = (4, 16, 64, 256, 1024, 4096)
"""From each of these places in the order of studies on, lines learn from the first three quarters of that many."""
TEACHERS = 8
"""The most similar lines, whose configurations a line is told of."""
OBSERVED = 24
"""Configurations, of the most similar first, that the sampler is told of: each makes it slower."""
STARTS = 3
"""Configurations of theirs that a lane begins with."""
WIDTH = 0.25
"""Width of the kernel that smooths over configurations, in ranges of parameters."""
APART = 0.15
"""Configurations to begin with are at least so far from each other, in ranges of parameters."""


def teachers_of(studies: Sequence[StudySpec], index: int) -> list[int]:
    """Return the studies that study ``index`` may learn from: earlier ones of the same definition.

    Which ones depends on the order of studies alone, never on the time they take or on the number of workers, so that
    a search gives the same configurations wherever it runs. There are few generations, so that many workers are not
    kept waiting, and the last quarter of a generation teaches nobody, so that few workers are not either.
    """
    same = [i for i, spec in enumerate(studies) if spec.definition["name"] == studies[index].definition["name"]]
    if studies[index].line is None or studies[index].kind != "Alert":
        return []
    place = same.index(index)
    return same[: max((bound * 3 // 4 for bound in PUPILS if bound <= place), default=0)]


def write_signature(spec: StudySpec, signature: Mapping[str, float]) -> None:
    """Keep the signature of a study's data for those that may learn from it."""
    path = Path(spec.folder) / SIGNATURE
    temporary = path.with_name(f".{SIGNATURE}.{os.getpid()}")
    temporary.write_text(json.dumps(signature))
    temporary.replace(path)


def read_lessons(
    signature: Mapping[str, float], teachers: Sequence[tuple[StudySpec, bool]], learners: tuple[str, ...]
) -> Lessons:
    """Return what the most similar teachers found with a lane's learner, in their own share of the budget.

    Each configuration is valued by how far it was above the teacher's default configuration, in standard deviations of
    what the teacher tried. The value of a place among the parameters is the mean over all that was tried near it, by a
    Gaussian kernel and by similarity (Nadaraya 1964), drawn towards 0 where little was tried: one lucky draw counts for
    little. A lane begins with the places of highest value, apart from each other.

    Parameters
    ----------
    teachers
        Studies, and whether they were taught themselves.
    """
    ranked = []
    for order, (teacher, taught) in enumerate(teachers):
        try:
            theirs = json.loads((Path(teacher.folder) / SIGNATURE).read_text())
        except (OSError, ValueError):
            continue
        ranked.append((-similarity(signature, theirs), order, teacher, taught))
    told: list[tuple[dict[str, Any], float, float]] = []
    spreads = []
    for alike, _, teacher, taught in sorted(ranked, key=lambda one: one[:2])[:TEACHERS]:
        targets = own_targets(teacher, taught=taught, across=True)
        tried = read_tried(teacher, {learners: targets[learners]})[learners]
        values = [one.metric for one in tried if one.metric is not None]
        if not tried or tried[0].metric is None or len(values) < 3:
            continue
        spread = statistics.pstdev(values) or 1.0
        spreads.append(spread)
        told += [(one.sampled, (one.metric - tried[0].metric) / spread, max(-alike, 0.0)) for one in _whole(tried)]
    if not told:
        return Lessons()
    typical = statistics.median(spreads)
    observed = tuple((sampled, value * typical) for sampled, value, _ in told[:OBSERVED])
    return Lessons(observed, _starts(told))


def _whole(tried: Sequence[Configuration]) -> list[Configuration]:
    return [one for one in tried if one.sampled is not None and one.metric is not None]


def _starts(told: Sequence[tuple[dict[str, Any], float, float]]) -> tuple[dict[str, Any], ...]:
    """Return the parameters of highest smoothed value above that of the default, the highest first."""
    places = np.array([_place(sampled) for sampled, _, _ in told])
    values = np.array([value for _, value, _ in told])
    weights = np.array([0.1 + alike for _, _, alike in told])
    distances = np.sqrt(((places[:, None] - places[None]) ** 2).mean(axis=2))
    kernel = np.exp(-0.5 * (distances / WIDTH) ** 2) * weights
    smoothed: Floats = kernel @ values / (kernel.sum(axis=1) + weights.mean())
    chosen: list[int] = []
    for index in np.argsort(-smoothed, kind="stable"):
        if len(chosen) == STARTS or smoothed[index] <= 0.0:
            break
        if values[index] > 0.0 and all(distances[index, other] >= APART for other in chosen):
            chosen.append(int(index))
    return tuple(told[index][0]["params"] for index in chosen)


def _place(sampled: Mapping[str, Any]) -> list[float]:
    """Return parameters as numbers in [0, 1], on a logarithmic scale where they are drawn on one."""
    found = []
    for name in sorted(sampled["params"]):
        value, about = sampled["params"][name], sampled["distributions"][name]["attributes"]
        if "choices" in about:
            found.append(about["choices"].index(value) / max(1, len(about["choices"]) - 1))
            continue
        low, high = about["low"], about["high"]
        scale = math.log if about["log"] else float
        found.append((scale(value) - scale(low)) / ((scale(high) - scale(low)) or 1.0))
    return found


def similarity(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    """Return the cosine of two signatures over the features of both; 0 where they share none.

    Examples
    --------
    >>> similarity({"a": 0.5, "b": -0.5}, {"a": 0.25, "b": -0.25, "c": 0.9})
    1.0
    >>> similarity({"a": 0.5}, {"b": 0.5})
    0.0
    """
    names = sorted(first.keys() & second.keys())
    norm = math.sqrt(sum(first[n] ** 2 for n in names) * sum(second[n] ** 2 for n in names))
    return sum(first[n] * second[n] for n in names) / norm if norm else 0.0
