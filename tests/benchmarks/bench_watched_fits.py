"""What it costs to watch a fit: against a plain fit of the same rounds and one prediction, on the same binned rows.

8,000 training and 2,000 validation rows of 60 features, one thread. Both run in turn in this process, and each is given
its least processor time of several runs. Also prints the time that reusing prepared rows saves. Run with
``python -m tests.benchmarks.bench_watched_fits``; exits 1 where a bar is missed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

from andon.frames import TrainingFrame
from andon.models.classifiers import CLASSIFIERS, classifier
from tests.benchmarks.timing import verdict

TRAINING, VALIDATION, FEATURES, RUNS = 8_000, 2_000, 60, 7
OVERHEAD = 1.05


def rows(count: int, seed: int) -> TrainingFrame:
    """Rows of features that go together, with an event that a bent and a multiplied pair of them foretell."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(count, 12))
    values = hidden @ np.random.default_rng(99).normal(size=(12, FEATURES)) + rng.normal(size=(count, FEATURES))
    odds = 1.5 * np.tanh(hidden[:, 0]) + 0.8 * hidden[:, 1] * hidden[:, 2] - 3.5
    labels = (rng.random(count) < 1 / (1 + np.exp(-odds))).astype(float)
    names = tuple(f"x{index}" for index in range(FEATURES))
    return TrainingFrame(values, labels, np.arange(count) * 60_000_000, np.zeros(count, dtype=np.int64), ("a",), names)


def least(*functions: Callable[[], object]) -> list[float]:
    """Return the least processor seconds of each, run in turn."""
    took: list[list[float]] = [[] for _ in functions]
    for _ in range(RUNS):
        for kept, function in zip(took, functions, strict=True):
            began = time.process_time()
            function()
            kept.append(time.process_time() - began)
    return [min(one) for one in took]


def main() -> int:
    """Print each learner's figures; 1 where watching costs too much."""
    training, validation = rows(TRAINING, 0), rows(VALIDATION, 1)
    met = True
    for name in CLASSIFIERS:
        learner = classifier(name)
        prepared = learner.prepare(training)
        grown: list[int] = []
        params = learner.cheapest()
        size = next((key for key in ("rounds", "trees") if key in params), None)

        def watched(learner=learner, params=params, prepared=prepared, grown=grown) -> object:
            def watch(rounds: int, metric: float) -> bool:
                grown.append(rounds)
                return False

            return learner.fit_watched(training, validation, params, seed=1, prepared=prepared, watch=watch)

        watched()
        plain_params = params if size is None else {**params, size: grown[-1]}

        def plain(learner=learner, params=plain_params, prepared=prepared) -> object:
            return learner.fit(training, params, seed=1, prepared=prepared).predict(validation.values)

        def unprepared(learner=learner, params=plain_params) -> object:
            return learner.fit(training, params, seed=1).predict(validation.values)

        first, second, third = least(watched, plain, unprepared)
        print(f"{name}: fit and predict {second:.4f} s, without prepared rows {third:.4f} s", flush=True)
        met &= verdict(f"{name}: watched against plain", first / second, f"<= {OVERHEAD}", first <= OVERHEAD * second)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
