"""What was learned on one line starts the next ones: similar lines' configurations, read from the search's folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Findings:
    """What a study found with a lane's learner in its own share of the budget; `Lessons` says what the parts are."""

    signature: dict[str, float]
    distributions: dict[str, dict[str, Any]]
    places: Floats
    values: Floats


def read_findings(teacher: StudySpec, learners: tuple[str, ...], *, taught: bool) -> Findings | None:
    """Read what a study that is through with its own share found; None where that is nothing.

    Parameters
    ----------
    taught
        Whether it was taught itself.
    """
    try:
        signature = json.loads((Path(teacher.folder) / SIGNATURE).read_text())
    except (OSError, ValueError):
        return None
    targets = own_targets(teacher, taught=taught, across=True)
    tried = read_tried(teacher, {learners: targets[learners]})[learners]
    about = next((one.sampled["distributions"] for one in tried if one.sampled), None)
    if not about:
        return None
    places, values = [], []
    for one in tried:
        default = prefixed(one.learner, one.params) if one.source == "default" else {}
        params = one.sampled["params"] if one.sampled else default
        if one.metric is not None and about.keys() <= params.keys():
            places.append(place_of(params, about))
            values.append(one.metric)
    return Findings(signature, about, np.array(places), np.array(values)) if values else None


def lessons_of(signature: Mapping[str, float], findings: Sequence[Findings]) -> Lessons:
    """Return what those of the most similar lines teach a line with a signature."""
    directions = directions_of([signature, *(one.signature for one in findings)])
    order = np.argsort(-(directions[1:] @ directions[0]), kind="stable")
    nearest = [place for place in order.tolist() if findings[place].distributions == findings[0].distributions]
    nearest = nearest[:TEACHERS]
    if not nearest:
        return Lessons()
    return Lessons(
        findings[0].distributions,
        np.concatenate([findings[place].places for place in nearest]),
        np.concatenate([findings[place].values for place in nearest]),
        np.concatenate([np.full(len(findings[place].values), line) for line, place in enumerate(nearest, 1)]),
        directions[[0, *(place + 1 for place in nearest)]],
    )


def directions_of(signatures: Sequence[Mapping[str, float]]) -> Floats:
    """Return signatures as vectors of length 1, float64 (n_lines, n_features); 0 where a line lacks a feature.

    Examples
    --------
    >>> first, second = directions_of([{"a": 0.5, "b": -0.5}, {"a": 0.25, "b": -0.25}])
    >>> round(float(first @ second), 9)
    1.0
    """
    names = sorted(set().union(*signatures))
    vectors = np.array([[one.get(name, 0.0) for name in names] for one in signatures]).reshape(len(signatures), -1)
    lengths = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
