"""What was learned on one line starts the next ones: similar lines' configurations, read from the search's folder."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from andon.frames import Floats
from tune_jobs.planning import own_targets, read_tried
from tune_jobs.proposing import Lessons, place_of
from tune_jobs.sampling import prefixed
from tune_jobs.study import StudySpec

SIGNATURE = "signature.json"
PUPILS = (4, 16, 64, 256, 1024, 4096)
"""From each of these places in the order of studies on, lines learn from the first three quarters of that many."""
TEACHERS = 24
"""The most similar lines, whose configurations a line is told of: each makes proposals slower."""


def teachers_of(studies: Sequence[StudySpec], index: int) -> list[int]:
    """Return the studies that study ``index`` may learn from: earlier ones of the same definition.

    Which ones depends on the order of studies alone, never on the time they take or on the number of workers, so that
    a search gives the same configurations wherever it runs. There are few generations, so that many workers are not
    kept waiting, and the last quarter of a generation teaches nobody, so that few workers are not either.
    """
    place, same = _same(studies, index)
    return same[: max((bound * 3 // 4 for bound in PUPILS if bound <= place), default=0)]


def others_of(studies: Sequence[StudySpec], index: int) -> list[int]:
    """Return all other studies that study ``index`` may learn from, once they are through with their own share."""
    place, same = _same(studies, index)
    return same[:place] + same[place + 1 :]


def _same(studies: Sequence[StudySpec], index: int) -> tuple[int, list[int]]:
    """Return a study's place among those of the same definition, and these; none of a pooled model or a monitor."""
    if studies[index].line is None or studies[index].kind != "Alert":
        return 0, []
    same = [i for i, spec in enumerate(studies) if spec.definition["name"] == studies[index].definition["name"]]
    return same.index(index), same


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
        ranked.append((-similarity(signature, theirs), order, theirs, teacher, taught))
    signatures, distributions = [signature], dict[str, dict[str, Any]]()
    found: list[tuple[int, Mapping[str, Any], float]] = []
    for _, _, theirs, teacher, taught in sorted(ranked, key=lambda one: one[:2])[:TEACHERS]:
        targets = own_targets(teacher, taught=taught, across=True)
        tried = [
            one
            for one in read_tried(teacher, {learners: targets[learners]})[learners]
            if one.metric is not None and (one.sampled is not None or one.source == "default")
        ]
        if not any(one.sampled for one in tried):
            continue
        for one in tried:
            if one.sampled is not None:
                distributions = distributions or one.sampled["distributions"]
            params = prefixed(one.learner, one.params) if one.sampled is None else one.sampled["params"]
            found.append((len(signatures), params, float(one.metric or 0.0)))
        signatures.append(theirs)
    found = [one for one in found if distributions.keys() <= one[1].keys()]
    if not found or not distributions:
        return Lessons()
    return Lessons(
        distributions,
        np.array([place_of(params, distributions) for _, params, _ in found]),
        np.array([metric for _, _, metric in found]),
        np.array([line for line, _, _ in found], np.int64),
        _directions(signatures),
    )


def _directions(signatures: Sequence[Mapping[str, float]]) -> Floats:
    """Return signatures as vectors of length 1, float64 (n_lines, n_features); 0 where a line lacks a feature."""
    names = sorted(set().union(*signatures))
    vectors = np.array([[one.get(name, 0.0) for name in names] for one in signatures]).reshape(len(signatures), -1)
    lengths = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


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
