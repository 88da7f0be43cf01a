"""What was learned on one line starts the next ones: similar lines' configurations, read from the search's folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from tune_jobs.lane import best_of, read_journal
from tune_jobs.sampling import Lessons
from tune_jobs.study import StudySpec, lane_folder

SIGNATURE = "signature.json"
PUPILS = (4, 16, 64, 256, 1024, 4096)
"""From each of these places in the order of studies on, lines learn from the first three quarters of that many."""
TEACHERS = 3
"""The most similar lines, whose configurations a line is told of."""


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
    signature: Mapping[str, float], teachers: Sequence[StudySpec], learners: tuple[str, ...], direction: str, most: int
) -> Lessons:
    """Return what the teachers found with a lane's learners in their first ``most`` configurations.

    A teacher that failed teaches nothing.
    """
    ranked = []
    for order, teacher in enumerate(teachers):
        try:
            theirs = json.loads((Path(teacher.folder) / SIGNATURE).read_text())
        except (OSError, ValueError):
            continue
        ranked.append((-similarity(signature, theirs), order, teacher))
    observed, starts = [], []
    for _, _, teacher in sorted(ranked)[:TEACHERS]:
        tried = read_journal(lane_folder(teacher, learners))[:most]
        if not tried or tried[0].metric is None:
            continue
        whole = [one for one in tried if one.sampled is not None and one.metric is not None and not one.pruned]
        observed += [(one.sampled, one.metric - tried[0].metric) for one in whole if one.sampled and one.metric]
        best = best_of(tried, direction)
        start = None if best is None or best.sampled is None else best.sampled["params"]
        if start is not None and start not in starts:
            starts.append(start)
    return Lessons(tuple(observed), tuple(starts))


def similarity(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    """Return the cosine of two signatures over the features of both; 0 where they share none.

    Examples
    --------
    >>> similarity({"a": 0.5, "b": -0.5}, {"a": 0.2, "b": -0.2, "c": 0.9})
    1.0
    >>> similarity({"a": 0.5}, {"b": 0.5})
    0.0
    """
    names = sorted(first.keys() & second.keys())
    norm = (sum(first[n] ** 2 for n in names) * sum(second[n] ** 2 for n in names)) ** 0.5
    return sum(first[n] * second[n] for n in names) / norm if norm else 0.0
