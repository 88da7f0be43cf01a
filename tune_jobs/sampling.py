"""Configurations of one study: Optuna's sampler, seeded by study and trial number: a resumed study goes on alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna


class Prefixed:
    """A trial whose parameters carry a prefix, so that learners may use the same names for different ranges."""

    def __init__(self, trial: optuna.Trial, prefix: str) -> None:
        self._trial, self._prefix = trial, prefix

    def suggest_float(self, name: str, low: float, high: float, **options: Any) -> float:
        """Suggest a number."""
        return self._trial.suggest_float(f"{self._prefix}.{name}", low, high, **options)

    def suggest_int(self, name: str, low: int, high: int, **options: Any) -> int:
        """Suggest a whole number."""
        return self._trial.suggest_int(f"{self._prefix}.{name}", low, high, **options)

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Suggest one of ``choices``."""
        return self._trial.suggest_categorical(f"{self._prefix}.{name}", choices)


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
    """What Optuna needs to be told of it again: parameters and their distributions."""


class Sampler:
    """Proposes learner and parameters: first the cheapest of each learner, then by tree-structured Parzen estimators.

    Parameters
    ----------
    learners
        Name -> (cheapest, suggest) of each learner.
    seed
        Seed of the study.
    direction
        ``maximize`` or ``minimize``.
    """

    def __init__(
        self,
        learners: Mapping[str, tuple[Callable[[], dict[str, Any]], Callable[[Any], dict[str, Any]]]],
        seed: int,
        direction: str,
    ) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._learners = dict(learners)
        self._seed = seed
        self._study = optuna.create_study(direction=direction)
        self._open: dict[int, optuna.Trial] = {}

    @property
    def cheapest(self) -> int:
        """How many configurations every study tries whatever its budget: one a learner."""
        return len(self._learners)

    def ask(self, number: int) -> tuple[str, dict[str, Any]]:
        """Return learner and parameters of configuration ``number``."""
        import optuna

        names = list(self._learners)
        if number < len(names):
            return names[number], self._learners[names[number]][0]()
        self._study.sampler = optuna.samplers.TPESampler(
            seed=seed_of(self._seed, number), n_startup_trials=2 * len(names)
        )
        trial = self._study.ask()
        self._open[number] = trial
        learner = trial.suggest_categorical("learner", names)
        return learner, self._learners[learner][1](Prefixed(trial, learner))

    def tell(self, number: int, metric: float | None) -> dict[str, Any] | None:
        """Report the metric of ``number``; return what `restore` needs."""
        import optuna

        trial = self._open.pop(number, None)
        if trial is None:
            return None
        if metric is None:
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
            return None
        self._study.tell(trial, metric)
        return {
            "params": trial.params,
            "distributions": {
                name: json.loads(optuna.distributions.distribution_to_json(distribution))
                for name, distribution in trial.distributions.items()
            },
        }

    def restore(self, configuration: Configuration) -> None:
        """Tell of a configuration that an earlier process tried."""
        import optuna

        if configuration.sampled is None or configuration.metric is None:
            return
        distributions = {
            name: optuna.distributions.json_to_distribution(json.dumps(distribution))
            for name, distribution in configuration.sampled["distributions"].items()
        }
        self._study.add_trial(
            optuna.trial.create_trial(
                params=configuration.sampled["params"], distributions=distributions, value=configuration.metric
            )
        )


def seed_of(*parts: object) -> int:
    """Derive a seed from parts; the same on every machine.

    Examples
    --------
    >>> seed_of(7, "jam-soon", "press-07") == seed_of(7, "jam-soon", "press-07")
    True
    """
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4], "big")
