"""The gate on 200 simulated retrains: how often an equal challenger is promoted, and one that costs 15 % less.

The process: a row every 5 minutes, an event about twice a day with a precursor of random strength in the half hour
before it, as many false precursors, and a background that wanders. Both models read the same log odds (signal,
background, one shared disturbance); each adds a disturbance of its own, which lasts about `MEMORY` rows. Equal models
have disturbances of the same size; the worse champion's is as large as makes its true cost, on a huge sample, 15 %
higher. The log odds of the two then correlate by about .97 and .84: two fits of LightGBM or logistic regression on
overlapping data of such a process gave .90 and .98 (120 events, and the same with 40 more) and .66 to .90 (30 events,
and 110 or 400). Each model's threshold is its best on the huge sample, so that true costs are known.

``python -m tests.benchmarks.bench_promotion [RETRAINS]``
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import numpy as np
from numpy.typing import NDArray

from andon.evaluation.promotion import Comparison, Judged, compare
from configs.definitions import Costs
from tests.benchmarks.timing import verdict

STEP = 300_000_000
HORIZON, HORIZON_ROWS = timedelta(minutes=30), 6
EVENTS, GAP_ROWS = 80, 144
MEMORY = 3
OWN = 0.2
RETRAINS = 200
HUGE = 4_000

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Process:
    """Rows of one line: log odds that both models see, labels, and when events begin."""

    shared: Floats
    labels: Floats

    @property
    def times(self) -> NDArray[np.int64]:
        return 1_767_225_600_000_000 + STEP * np.arange(len(self.labels))


@dataclass(frozen=True, slots=True)
class Model:
    """A disturbance of a size, and the threshold that costs least with it."""

    own: float
    threshold: float
    cost: float


def wandering(rng: np.random.Generator, rows: int, memory: float, size: float) -> Floats:
    """Return a first-order autoregression of standard deviation ``size``."""
    from scipy.signal import lfilter

    keep = np.exp(-1 / memory)
    steps = rng.normal(size=rows) * size * np.sqrt(1 - keep**2)
    steps[0] = rng.normal() * size
    return np.asarray(lfilter([1.0], [1.0, -keep], steps))


def simulate(rng: np.random.Generator, events: int) -> Process:
    rows = events * GAP_ROWS
    signal = wandering(rng, rows, 24, 1.0) + wandering(rng, rows, 12, 0.3)
    ramp = np.linspace(0.4, 1.0, HORIZON_ROWS)
    labels = np.zeros(rows)
    # One event in each stretch of GAP_ROWS, so that there are as many as asked for, apart from each other.
    for onset in np.arange(events) * GAP_ROWS + rng.integers(3 * HORIZON_ROWS, GAP_ROWS, events):
        signal[onset - HORIZON_ROWS : onset] += rng.gamma(4, 3 / 4) * ramp
        labels[onset - HORIZON_ROWS : onset] = 1.0
    for onset in rng.integers(HORIZON_ROWS, rows, events):
        signal[onset - HORIZON_ROWS : onset] += rng.gamma(2, 1.0) * ramp
    return Process(signal, labels)


def probabilities(log_odds: Floats) -> Floats:
    """Return calibrated probabilities: slope and level are those of a logistic regression on a huge sample."""
    return 1 / (1 + np.exp(-(1.1 * log_odds - 4.4)))


def cost_of(process: Process, scores: Floats, threshold: float) -> float:
    """Return the cost of a model at a threshold, by the gate's own count."""
    judged = Judged(scores, threshold)
    found = compare(process.times, zeros(process), process.labels, HORIZON, judged, judged, Costs(), seed=0)
    return found.champion.counted_cost


def zeros(process: Process) -> NDArray[np.int64]:
    return np.zeros(len(process.labels), dtype=np.int64)


def best(process: Process, disturbance: Floats, own: float) -> Model:
    scores = probabilities(process.shared + own * disturbance)
    thresholds = probabilities(np.linspace(1.5, 4.5, 25))
    costs = [cost_of(process, scores, float(threshold)) for threshold in thresholds]
    at = int(np.argmin(costs))
    return Model(own, float(thresholds[at]), costs[at])


def models(ratio: float) -> tuple[Model, Model]:
    """Return a champion and a challenger of `OWN`, whose true cost is ``ratio`` of the champion's."""
    rng = np.random.default_rng(2026)
    process = simulate(rng, HUGE)
    disturbance = wandering(rng, len(process.labels), MEMORY, 1.0)
    challenger = best(process, disturbance, OWN)
    low, high = OWN, 2.0
    champion = challenger
    while ratio < 1.0 and high - low > 0.01:
        champion = best(process, disturbance, (low + high) / 2)
        if challenger.cost / champion.cost < ratio:
            high = champion.own
        else:
            low = champion.own
    return champion, challenger


def retrain(pair: tuple[Model, Model], seed: int) -> Comparison:
    rng = np.random.default_rng(seed)
    process = simulate(rng, EVENTS)
    champion, challenger = (
        Judged(probabilities(process.shared + wandering(rng, len(process.labels), MEMORY, model.own)), model.threshold)
        for model in pair
    )
    return compare(process.times, zeros(process), process.labels, HORIZON, champion, challenger, Costs(), seed=seed)


def main() -> int:
    """Print the share of retrains that promoted beside the bars; return 1 on a miss."""
    retrains = int(sys.argv[1]) if len(sys.argv) > 1 else RETRAINS
    shares = {}
    with ProcessPoolExecutor(2) as pool:
        for ratio in (1.0, 0.85):
            pair = models(ratio)
            true = (pair[1].cost - pair[0].cost) * EVENTS / HUGE
            found = list(pool.map(partial(retrain, pair), range(retrains), chunksize=10))
            inside = sum(one.low <= true <= one.high for one in found) / retrains
            missed = sum(one.champion.missed for one in found) / retrains / EVENTS
            alarms = sum(one.champion.false_alarms for one in found) / retrains / EVENTS
            print(
                f"true cost {pair[1].cost / pair[0].cost:.3f} of the champion's, own disturbances {pair[0].own:.2f} "
                f"and {pair[1].own:.2f}; champion misses {missed:.2f}, {alarms:.2f} false alarms an event; true "
                f"difference {true:+.1f} inside {inside:.3f} of the 95 % intervals",
                flush=True,
            )
            shares[ratio] = sum(one.verdict == "promoted" for one in found) / retrains
    good = [
        verdict(f"equal models promoted, of {retrains}", shares[1.0], "<= 0.05", shares[1.0] <= 0.05),
        verdict(f"15 % less costly on {EVENTS} events promoted", shares[0.85], ">= 0.80", shares[0.85] >= 0.80),
    ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
