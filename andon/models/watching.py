"""A fit that grows in steps is watched on validation rows, and ends where they gain no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from andon.frames import Floats, TrainingFrame
from andon.models.ranking import average_precision

Watch = Callable[[int, float], bool]
"""Is told the steps done so far and what they reach: a classifier's rounds and their average precision on validation
rows, a network's epochs and its error on the rows that stop it. True: not worth finishing."""

STEP = 10
"""Rounds (or trees of a forest) between two looks at the validation rows, where a look is cheap."""
LEAST = 40
"""Rounds that are always kept: the average precision of fewer is mostly chance where events are rare."""
PATIENCE = 30
"""Rounds without a gain after which a fit ends."""


@dataclass(frozen=True, slots=True)
class WatchedFit:
    """A fit, and how it did on validation rows.

    ``scores`` are the model's probabilities of the validation rows, float64 (n_rows,), to 1e-12. ``params`` is the
    configuration as it came out: `ClassifierLearner.fit` with it and the same seed gives this very model.
    """

    model: Any
    scores: Floats
    params: dict[str, Any]


class Pruned(Exception):
    """A fit was stopped because its watcher saw no use in it; ``metric`` is the last that the watcher was told."""

    def __init__(self, metric: float) -> None:
        super().__init__(metric)
        self.metric = metric

    def __str__(self) -> str:
        return f"stopped at {self.metric:.4f}"


def steps(rounds: int, step: int = STEP) -> Iterator[tuple[int, int]]:
    """Cut rounds into steps, each its first round and the one after its last.

    Examples
    --------
    >>> list(steps(25))
    [(0, 10), (10, 20), (20, 25)]
    """
    return ((begin, min(begin + step, rounds)) for begin in range(0, rounds, step))


def best_rounds(
    rounds: int,
    grow: Callable[[int, int], Floats],
    validation: TrainingFrame,
    watch: Watch | None,
    step: int = STEP,
) -> int:
    """Grow a model step by step and return how many rounds to keep: those with the best average precision.

    Growing ends when `PATIENCE` rounds brought nothing after the first `LEAST`; rounds fewer than `LEAST` are
    never kept alone. Without a positive validation row there is nothing to watch, and all rounds are kept.

    Parameters
    ----------
    rounds
        The most rounds.
    grow
        Given the first round and the one after the last, grows them and returns the scores of the validation rows by
        all rounds so far, float64 (n_rows,), on any rising scale.
    watch
        Is asked after each step.
    step
        Rounds between two looks at the validation rows.

    Raises
    ------
    Pruned
        If ``watch`` says so.
    """
    ranked = bool(validation.labels.any())
    best, kept = -1.0, 0
    for begin, end in steps(rounds, step):
        scores = grow(begin, end)
        if not ranked:
            kept = end
            continue
        metric = average_precision(validation.labels, scores)
        if watch is not None and watch(end, metric):
            raise Pruned(metric)
        if end < min(LEAST, rounds):
            continue
        if metric > best:
            best, kept = metric, end
        elif end - kept >= PATIENCE:
            break
    return kept
