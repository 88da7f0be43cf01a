"""``andon retrain``: a challenger from the newest data for each champion, and the place for the better of the two."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from andon.errors import AndonError, ConfigError
from andon.ports import Documents, Models, Signals
from andon.records import Decision, ModelKey
from andon.services.promoting import decision_body, settle
from configs.definitions import Line
from configs.settings import Settings
from pipelines.retraining.challenges import Challenge, against_newest, contests, is_due, part_data
from pipelines.retraining.judging import evidence_of, judge
from pipelines.retraining.runs import end_run, keep_run, kept_run
from pipelines.selecting import select, stored_lines
from pipelines.training.searches import search_folder
from pipelines.training.train import TrainRequest, is_trained, search_models, study_specs
from tune_jobs.evaluations import read_evaluation
from tune_jobs.search import StudyOutcome
from tune_jobs.study import StudySpec

if TYPE_CHECKING:
    from pipelines.terminal import Terminal


@dataclass(frozen=True, slots=True)
class RetrainRequest:
    """What to retrain. ``due``: only where the definition's ``retrain`` says that it is time."""

    lines: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    monitors: tuple[str, ...] = ()
    due: bool = False
    seconds: float | None = None
    trials: int | None = None
    seed: int = 0

    @property
    def state(self) -> str:
        """Key of the state in which a run of the same request is kept until it has ended."""
        return f"retrain/{hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class Retrained:
    """What became of one model: a decision, or why there is none."""

    key: ModelKey
    decision: Decision | None
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        decision = None if self.decision is None else decision_body(self.decision)
        return {"key": asdict(self.key), "decision": decision, "error": self.error}

    def as_row(self) -> tuple[object, ...]:
        """Return it for a table."""
        if self.decision is None:
            return str(self.key), None, None, "failed", self.error
        one = self.decision
        return str(self.key), one.champion, one.challenger, one.verdict, one.reason


@dataclass(frozen=True, slots=True)
class _Stores:
    documents: Documents
    signals: Signals
    models: Models
    lines: dict[str, Line]


def retrain_models(settings: Settings, request: RetrainRequest, terminal: Terminal, at: datetime) -> list[Retrained]:
    """Let challengers contest the places of champions; one that fails is reported and does not stop the others.

    What the run is about is kept until it has ended: killed anywhere, the same command goes on where it stopped, with
    the same data and champions, and fits, publishes and decides nothing twice.

    Parameters
    ----------
    at
        Time of the run, in UTC.

    Raises
    ------
    ConfigError
        If what was asked for is not defined, or nothing of it is trained.
    """
    from andon.stores import open_documents, open_models, open_signals

    documents = open_documents(settings.documents)
    stores = _Stores(documents, open_signals(settings.signals), open_models(settings.models), stored_lines(documents))
    try:
        begun = kept_run(request.state, documents, stores.models)
    except ConfigError as error:
        terminal.say(f"what was interrupted cannot go on: {error}")
        begun = None
    done: list[Retrained] = []
    if begun:
        at, challenges = begun
        terminal.say(f"going on with the retrain of {at:%Y-%m-%d %H:%M} UTC, which was interrupted")
    else:
        challenges, done = _plan(request, stores, terminal, at)
        if challenges:
            keep_run(request.state, at, challenges, documents)
    if challenges:
        done += _contest(settings, request, challenges, stores, terminal, at)
    return done


def _plan(
    request: RetrainRequest, stores: _Stores, terminal: Terminal, at: datetime
) -> tuple[list[Challenge], list[Retrained]]:
    chosen = select(
        stores.documents,
        lines=request.lines,
        families=request.families,
        alerts=request.alerts,
        monitors=request.monitors,
    )
    found, untrained = contests(
        [one for one in chosen if is_trained(one)], request.lines, stores.documents, stores.models
    )
    for key in untrained:
        terminal.say(f"{key}: has no champion yet; run `andon train`")
    if not found:
        raise ConfigError("selection", "holds no trained model", "run `andon train` first")
    if request.due:
        found = [one for one in found if is_due(one, stores.lines, at)]
    challenges: list[Challenge] = []
    done: list[Retrained] = []
    for contest in found:
        try:
            parted = part_data(contest, stores.signals, stores.lines, at)
            if isinstance(parted, Challenge):
                challenges.append(parted)
            else:
                done.append(Retrained(contest.key, settle(parted, stores.documents, stores.models)))
        except AndonError as error:
            terminal.say(f"{contest.key}: {error}")
            done.append(Retrained(contest.key, None, str(error)))
    return challenges, done


def _contest(
    settings: Settings,
    request: RetrainRequest,
    challenges: Sequence[Challenge],
    stores: _Stores,
    terminal: Terminal,
    at: datetime,
) -> list[Retrained]:
    """Train all challengers in one search, publish them, decide on each, and end the run."""
    seconds = request.seconds or max(one.contest.selected.definition.search.time.total_seconds() for one in challenges)
    drafts = _specs(challenges, request, settings, stores, Path())
    done = []
    with search_folder(settings.home / "searches", drafts) as kept:
        specs = _specs(challenges, request, settings, stores, kept.path)
        count = len(specs)
        terminal.say(f"training {count} challenger{'s' * (count != 1)}, at most {seconds:g} s of search")
        outcomes = search_models(settings, specs, seconds=seconds, terminal=terminal, folder=kept.path)
        for challenge, outcome in zip(challenges, outcomes, strict=True):
            try:
                # Families come before their lines: a line's own model is compared with what serves it by then.
                decision = _decide(against_newest(challenge, stores.models), outcome, request, stores, at)
                done.append(Retrained(challenge.contest.key, decision))
            except AndonError as error:
                terminal.say(f"{challenge.contest.key}: {error}")
                done.append(Retrained(challenge.contest.key, None, str(error)))
        # In this order: once its search is finished, a run that went on would have to search anew.
        end_run(request.state, stores.documents)
        kept.finish()
    return done


def _decide(
    challenge: Challenge, outcome: StudyOutcome, request: RetrainRequest, stores: _Stores, at: datetime
) -> Decision:
    from andon.errors import ModelError
    from andon.models.bundle import read_bundle

    contest, models = challenge.contest, stores.models
    if outcome.error:
        raise ModelError(str(contest.key), f"got no challenger: {outcome.error}", "see the log")
    folder = Path(outcome.spec.folder)
    bundle = folder / "bundle"
    version = models.publish(contest.key, bundle, read_bundle(bundle).card, read_evaluation(folder))
    if models.pointer(contest.key) != version:
        models.set_challenger(contest.key, version)
    published = models.get(contest.key, version)
    if published is None:
        raise ModelError(str(contest.key), f"version {version} is gone from the registry", "retrain again")
    found = judge(challenge, published, stores.signals, stores.lines, seed=request.seed)
    return settle(
        Decision(
            key=contest.key,
            champion=contest.holder,
            challenger=version,
            at=at,
            data_end=challenge.end,
            verdict=found.verdict,
            reason=found.reason,
            evidence=evidence_of(challenge, published, found, seed=request.seed),
        ),
        stores.documents,
        models,
    )


def _specs(
    challenges: Sequence[Challenge], request: RetrainRequest, settings: Settings, stores: _Stores, folder: Path
) -> list[StudySpec]:
    asked = TrainRequest(trials=request.trials, seed=request.seed)
    specs = []
    for number, challenge in enumerate(challenges):
        contest = challenge.contest
        one = replace(contest.selected, lines=contest.lines)
        (spec,) = study_specs([one], stores.documents, settings, asked, folder)
        specs.append(
            replace(
                spec,
                line=contest.key.line,
                family=contest.key.family,
                folder=str(folder / f"{number:05d}"),
                periods=challenge.periods,
            )
        )
    return specs
