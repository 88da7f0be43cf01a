"""Configurations of one lane: Optuna's sampler, seeded by lane and number, so that a resumed lane goes on alike."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tune_jobs.proposing import Lessons, Proposer

if TYPE_CHECKING:
    import optuna

STARTUP = 4
"""Configurations that are drawn at random, and that a median is taken over, before a lane trusts what it has seen."""
WARM_UP = 40
"""Steps of a fit before it may be pruned."""
Learner = tuple[Callable[[], dict[str, Any]], Callable[[Any], dict[str, Any]]]
"""The configuration that every model gets at least, and the one that a trial suggests."""


class Prefixed:
    """A trial whose parameters carry a prefix, so that learners may use the same names for different ranges."""

    def __init__(self, trial: optuna.Trial, prefix: str) -> None:
        self._trial, self._prefix = trial, prefix

    def suggest_float(self, name: str, low: float, high: float, **options: Any) -> float:
        """Suggest a number."""
        return self._trial.suggest_float(f"{self._prefix}.{name}", low, high, **options)

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """Suggest a whole number: a number, rounded. Optuna's own whole numbers take it several times as long."""
        value = self._trial.suggest_float(f"{self._prefix}.{name}", low - 0.5, high + 0.5, log=log)
        return min(max(round(value), low), high)

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Suggest one of ``choices``."""
        return self._trial.suggest_categorical(f"{self._prefix}.{name}", choices)


def prefixed(learner: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a learner's parameters by the names that a trial has them by."""
    return {f"{learner}.{name}": value for name, value in params.items()}


@dataclass(frozen=True, slots=True)
class Configuration:
    """One configuration that was tried; ``metric`` is None where it failed, and ``error`` says why."""

    number: int
    learner: str
    params: dict[str, Any]
    metric: float | None
    seconds: float
    error: str = ""
    sampled: dict[str, Any] | None = None
    """What Optuna needs to be told of it again: parameters, their distributions, and the metric at each step."""
    pruned: bool = False
    """Stopped early: ``metric`` is what it had reached, and it cannot win."""
    source: Literal["default", "transfer", "sampled"] = "sampled"
    at: float = 0.0
    """When it ended, seconds since the Unix epoch."""
    fitting: float = 0.0
    """Seconds inside the learner's own fit and predict."""


class Sampler:
    """Proposes learner and parameters.

    First the default configuration of each learner. Then what is expected to gain most, by what similar lines and the
    lane itself have found (`Proposer`); a lane that nobody teaches draws a few at random before. Where learners share a
    lane, whose ranges are not one space, Optuna's tree-structured Parzen estimator (Bergstra et al. 2011) proposes.
    A fit is pruned where its metric at a step is below the median of those before it.

    Parameters
    ----------
    learners
        Name -> (default, suggest) of each learner.
    seed
        Seed of the lane.
    direction
        ``maximize`` or ``minimize``.
    lessons
        What similar lines found; only where there is one learner.
    """

    def __init__(
        self, learners: Mapping[str, Learner], seed: int, direction: str, lessons: Lessons | None = None
    ) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._learners = dict(learners)
        self._names = list(learners)
        self._seed = seed
        self._lessons = lessons if lessons is not None and len(self._names) == 1 else Lessons()
        self._sign = 1.0 if direction == "maximize" else -1.0
        self._study = optuna.create_study(
            direction=direction,
            pruner=optuna.pruners.MedianPruner(
                n_startup_trials=0 if len(self._lessons) else STARTUP, n_warmup_steps=WARM_UP, n_min_trials=3
            ),
        )
        self._found: list[tuple[dict[str, Any], float | None]] = []
        self._proposer: Proposer | None = None
        self._trial: optuna.Trial | None = None

    @property
    def defaults(self) -> int:
        """How many configurations every lane tries whatever its budget: one a learner."""
        return len(self._names)

    def ask(self, number: int) -> tuple[str, dict[str, Any], Literal["default", "transfer", "sampled"]]:
        """Return learner, parameters and source of configuration ``number``; they are asked for in order."""
        import optuna

        self._trial = None
        if number < self.defaults:
            return self._names[number], self._learners[self._names[number]][0](), "default"
        seed = seed_of(self._seed, number)
        if len(self._names) == 1 and self._lessons.distributions and len(self._lessons) + len(self._found) >= STARTUP:
            self._proposer = self._proposer or Proposer(self._lessons)
            self._study.enqueue_trial(self._proposer.propose(self._found, np.random.default_rng(seed)))
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                self._study.sampler = optuna.samplers.TPESampler(
                    seed=seed, n_startup_trials=STARTUP * len(self._names), multivariate=True, n_ei_candidates=12
                )
        self._trial = trial = self._study.ask()
        learner = trial.suggest_categorical("learner", self._names) if len(self._names) > 1 else self._names[0]
        params = self._learners[learner][1](Prefixed(trial, learner))
        return learner, params, "transfer" if len(self._lessons) else "sampled"

    def watch(self, step: int, metric: float) -> bool:
        """Take note of the metric at a step of the configuration that was asked for; return whether to prune it."""
        if self._trial is None:
            return False
        self._trial.report(metric, step)
        return self._trial.should_prune()

    def tell(self, metric: float | None, pruned: bool = False) -> dict[str, Any] | None:
        """Report the metric of what was asked for last; return what `restore` needs."""
        import optuna

        trial, self._trial = self._trial, None
        if trial is None:
            self._note_default(metric)
            return None
        states = optuna.trial.TrialState
        state = states.FAIL if metric is None else states.PRUNED if pruned else None
        frozen = self._study.tell(trial, metric if state is None else None, state)
        sampled = {
            "params": frozen.params,
            "distributions": {name: json.loads(_to_json(one)) for name, one in frozen.distributions.items()},
            "steps": {str(step): value for step, value in frozen.intermediate_values.items()},
        }
        self._note(sampled, metric)
        return sampled

    def restore(self, configuration: Configuration) -> None:
        """Tell of a configuration that an earlier process tried."""
        if configuration.sampled is None:
            if configuration.number < self.defaults:
                self._note_default(configuration.metric)
        else:
            if configuration.metric is not None:
                self._add(configuration.sampled, configuration.metric, configuration.pruned)
            self._note(configuration.sampled, configuration.metric)

    def _note_default(self, metric: float | None) -> None:
        if metric is not None:
            name = self._names[0]
            self._found.append((prefixed(name, self._learners[name][0]()), self._sign * metric))

    def _note(self, sampled: Mapping[str, Any], metric: float | None) -> None:
        if not self._lessons.distributions:
            self._lessons = replace(self._lessons, distributions=sampled["distributions"])
        self._found.append((sampled["params"], None if metric is None else self._sign * metric))

    def _add(self, sampled: dict[str, Any], metric: float, pruned: bool) -> None:
        import optuna

        states = optuna.trial.TrialState
        self._study.add_trial(
            optuna.trial.create_trial(
                state=states.PRUNED if pruned else states.COMPLETE,
                params=sampled["params"],
                distributions={name: _from_json(json.dumps(one)) for name, one in sampled["distributions"].items()},
                value=None if pruned else metric,
                intermediate_values={int(step): value for step, value in sampled["steps"].items()},
            )
        )


@lru_cache
def _to_json(distribution: Any) -> str:
    import optuna

    return optuna.distributions.distribution_to_json(distribution)


@lru_cache
def _from_json(text: str) -> Any:
    import optuna

    return optuna.distributions.json_to_distribution(text)


def seed_of(*parts: object) -> int:
    """Derive a seed from parts; the same on every machine.

    Examples
    --------
    >>> seed_of(7, "jam-soon", "press-07") == seed_of(7, "jam-soon", "press-07")
    True
    """
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4], "big")
