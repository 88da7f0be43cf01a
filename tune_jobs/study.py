"""What a study is about: a definition's model on one line, or one pooled model of a family."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from andon.frames import Floats
from configs.definitions import Alert, Line, Monitor
from tune_jobs.pooled import pooled_learners
from tune_jobs.sampling import Configuration, Learner

Watch = Callable[[int, float], bool]
"""Told of a step and of the metric by then; True stops a configuration that is not worth its time."""


@dataclass(frozen=True, slots=True)
class StudySpec:
    """What a worker needs to know: names, URLs and JSON forms only.

    ``lines`` maps each line to the JSON form of its definition, or None where it has none.
    """

    definition: dict[str, Any]
    definition_version: int
    lines: dict[str, dict[str, Any] | None]
    line: str | None
    family: str | None
    signals_url: str
    folder: str
    trials: int
    seed: int
    variables: tuple[str, ...] = ()
    """For a monitor: a model of these variables only; of all that the definition names where empty."""
    periods: dict[str, dict[str, str]] | None = None
    """``train`` and ``validation``, each with ``start`` and ``end``, instead of the definition's own."""
    features_folder: str = ""
    """Where features are kept from one search to the next; empty: in ``folder``, and gone with it."""
    sample: tuple[str, ...] = ()
    """For a pooled model whose rows outgrow one worker: the lines that are searched; empty: all."""
    reviewed: dict[str, list[list[float]]] = field(default_factory=dict)
    """By line, spans of alerts that people have judged, and the label of their rows: see `andon.labels.Reviewed`."""

    @property
    def title(self) -> str:
        """How people call it."""
        return f"{self.definition['name']} on {self.line or 'family ' + str(self.family)}"

    @property
    def family_of_line(self) -> str | None:
        """The family that its line is of, or all its lines where it is pooled."""
        if self.line is None:
            return self.family
        body = self.lines.get(self.line) or {}
        return body.get("family")

    @property
    def kind(self) -> str:
        """``Alert`` or ``Monitor``."""
        return str(self.definition["kind"])


@dataclass(frozen=True, slots=True)
class Evaluated:
    """How a configuration did on validation rows.

    ``params`` are those it came out with (rounds that early stopping kept); ``scores`` those of the validation rows,
    float64 (n_rows,), where the kind of model has them; ``pruned`` says that not all of it was measured.
    """

    metric: float
    params: dict[str, Any]
    scores: Floats | None = None
    pruned: bool = False
    fitting: float = 0.0
    """Seconds inside the learner's own fit and predict."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is tuned: learners, a measure for a configuration, and the way to end."""

    learners: Mapping[str, Learner]
    direction: str
    """``maximize`` or ``minimize``."""
    evaluate: Callable[[str, dict[str, Any], Watch], Evaluated]
    """Learner, parameters -> what it reached on validation rows."""
    finish: Callable[[list[Configuration], Callable[[Configuration], Floats | None], Path], dict[str, Any]]
    """Every configuration, the kept scores of one, a folder -> write the winner's bundle there; return its summary."""
    signature: Mapping[str, float] = field(default_factory=dict)
    """What the data look like, by feature; lines with similar signatures teach each other."""


class OpenSubject(Protocol):
    """Reads the data of a study and returns what is tuned."""

    def __call__(self, spec: StudySpec) -> Subject: ...  # noqa: D102


def typed(spec: StudySpec) -> Alert | Monitor:
    """Return the definition of a study, with the study's periods."""
    return _typed(spec.kind, json.dumps({**spec.definition, **(spec.periods or {})}))


@lru_cache(64)
def _typed(kind: str, body: str) -> Alert | Monitor:
    """Check a definition once, which takes a millisecond: a search asks for that of each line again and again."""
    model: type[Alert] | type[Monitor] = Alert if kind == "Alert" else Monitor
    return model.model_validate(json.loads(body))


def line_of(spec: StudySpec, name: str) -> Line | None:
    """Return a line's definition, if it has one."""
    body = spec.lines[name]
    return None if body is None else Line.model_validate(body)


def lanes_of(spec: StudySpec) -> list[tuple[str, ...]]:
    """Return the learners of each lane: one learner a lane for an alert; a monitor's share one.

    A lane has a sampler and a journal of its own, so lanes may run side by side and in any order. A monitor chooses a
    learner for each variable, and so keeps the fits of all in one process.
    """
    definition = typed(spec)
    if not isinstance(definition, Alert):
        return [tuple(definition.learners)]
    return [(name,) for name in (pooled_learners(definition.learners) if spec.sample else definition.learners)]


def lane_folder(spec: StudySpec, learners: tuple[str, ...]) -> Path:
    """Return where a lane keeps its journal."""
    return Path(spec.folder) / "-".join(learners)


def search_id(spec: StudySpec) -> str:
    """Return which search, and which study of it: a model that is published twice under one is the same."""
    folder = Path(spec.folder)
    return f"{folder.parent.name}/{folder.name}"
