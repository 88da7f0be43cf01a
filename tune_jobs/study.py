"""One study: a definition's model on one line, or one pooled model of a family. Runs anywhere; knows nothing of Ray."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from configs.definitions import Alert, Line, Monitor
from tune_jobs.sampling import Configuration, Sampler, seed_of

log = logging.getLogger(__name__)


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

    @property
    def title(self) -> str:
        """How people call it."""
        return f"{self.definition['name']} on {self.line or 'family ' + str(self.family)}"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is tuned: learners, a measure for a configuration, and the way to end."""

    learners: dict[str, tuple[Callable[[], dict[str, Any]], Callable[[Any], dict[str, Any]]]]
    direction: str
    evaluate: Callable[[str, dict[str, Any]], float]
    """Learner, parameters -> metric on validation rows."""
    finish: Callable[[list[Configuration], Path], dict[str, Any]]
    """Write the winner's bundle into a folder; return its summary."""


class OpenSubject(Protocol):
    """Reads the data of a study and returns what is tuned."""

    def __call__(self, spec: StudySpec) -> Subject: ...  # noqa: D102


@dataclass(slots=True)
class Study:
    """A study in progress; ``advance`` until ``done``. Its journal lets a killed one go on where it stopped."""

    spec: StudySpec
    limit: float
    """Seconds it may use beyond the cheapest configuration of every learner."""
    tried: list[Configuration] = field(default_factory=list)
    _subject: Subject | None = None
    _sampler: Sampler | None = None
    _started: float = 0.0

    @property
    def folder(self) -> Path:
        """Where its journal, its result and its bundle are."""
        return Path(self.spec.folder)

    def start(self, open_subject: OpenSubject) -> None:
        """Read the data, and what an earlier process tried."""
        self._started = time.monotonic()
        self.folder.mkdir(parents=True, exist_ok=True)
        subject = open_subject(self.spec)
        self._subject = subject
        self._sampler = Sampler(subject.learners, seed_of(self.spec.seed, self.spec.title), subject.direction)
        journal = self.folder / "configurations.jsonl"
        if journal.exists():
            for row in journal.read_bytes().splitlines():
                try:
                    configuration = Configuration(**json.loads(row))
                except (ValueError, TypeError):
                    break
                if configuration.number != len(self.tried):
                    break
                self._sampler.restore(configuration)
                self.tried.append(configuration)
            journal.write_text("".join(json.dumps(asdict(c)) + "\n" for c in self.tried))

    @property
    def done(self) -> bool:
        """Whether the budget in trials or in time is used up."""
        if self._sampler is None or len(self.tried) < self._sampler.cheapest:
            return False
        return len(self.tried) >= self.spec.trials or time.monotonic() - self._started >= self.limit

    @property
    def best(self) -> Configuration | None:
        """The best configuration so far; the earlier of two equals."""
        measured = [c for c in self.tried if c.metric is not None]
        if not measured or self._subject is None:
            return None
        sign = 1.0 if self._subject.direction == "maximize" else -1.0
        return max(measured, key=lambda c: (sign * (c.metric or 0.0), -c.number))

    def advance(self) -> Configuration:
        """Try one configuration and write it down."""
        if self._subject is None or self._sampler is None:
            raise RuntimeError("start the study first")
        number = len(self.tried)
        learner, params = self._sampler.ask(number)
        started = time.perf_counter()
        metric: float | None = None
        error = ""
        try:
            metric = float(self._subject.evaluate(learner, params))
        except Exception as problem:
            error = str(problem) or type(problem).__name__
            log.exception("%s: configuration %d of %s failed", self.spec.title, number, learner)
        sampled = self._sampler.tell(number, metric)
        configuration = Configuration(
            number, learner, params, metric, round(time.perf_counter() - started, 4), error, sampled
        )
        with (self.folder / "configurations.jsonl").open("a") as journal:
            journal.write(json.dumps(asdict(configuration)) + "\n")
        self.tried.append(configuration)
        return configuration

    def finish(self) -> dict[str, Any]:
        """Write the bundle and the result; return the summary."""
        from andon.errors import ModelError

        if self._subject is None or self.best is None:
            reasons = sorted({c.error for c in self.tried if c.error}) or ["nothing was tried"]
            raise ModelError(self.spec.title, f"no configuration could be fitted: {reasons[0]}", "see the log")
        return self._subject.finish(self.tried, self.folder / "bundle")


def typed(spec: StudySpec) -> Alert | Monitor:
    """Return the definition of a study."""
    kind: type[Alert] | type[Monitor] = Alert if spec.definition["kind"] == "Alert" else Monitor
    return kind.model_validate(spec.definition)


def line_of(spec: StudySpec, name: str) -> Line | None:
    """Return a line's definition, if it has one."""
    body = spec.lines[name]
    return None if body is None else Line.model_validate(body)
