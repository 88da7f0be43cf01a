"""How much of the simulated plant's faults a threshold, three models and the oracle see coming.

Learns from 14 days and tests on the 7 that follow. Prints the tables of docs/simulator.md, means of the evaluation
seeds: average precision of rows for an onset within 30 minutes, and the share of events that are foreseen by the lowest
cut that raises at most one false alarm a day. That cut is read off the test rows, for every method alike: it compares
rankings, and promises nothing for a cut that was chosen before. ``--seeds 0 1 2`` takes other seeds.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from andon.evaluation.metrics import average_precision, count_episodes
from andon.features.spec import feature_spec
from andon.frames import (
    MICROSECOND,
    Booleans,
    Floats,
    Integers,
    SignalFrame,
    TrainingFrame,
    signal_frame,
    to_microseconds,
)
from andon.labels import label_rows, onsets
from andon.models.classifiers import classifier
from andon.models.training import training_rows
from andon.simulate import MACHINES, SimulatedLine, plant_definitions, simulate_line
from configs.definitions import Alert, Features, VariableType

START = datetime(2026, 1, 5, tzinfo=UTC)
LEARN, TEST = timedelta(days=14), timedelta(days=7)
EVALUATION_SEEDS = (230, 231, 232, 233, 234)
"""Not 100 to 105, 200 to 204 and 210 to 221: those were looked at before the physics were what they are."""
METHODS = ("naive", "threshold", "current row", "logistic", "lightgbm", "oracle")
FALSE_ALARMS_A_DAY = 1.0


def main() -> int:
    """Print the tables; 1 where another method beats the oracle, or the threshold beats LightGBM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(EVALUATION_SEEDS))
    parser.add_argument("--machines", nargs="+", default=list(MACHINES))
    parser.add_argument("--each", action="store_true", help="print every seed")
    given = parser.parse_args()
    met, precisions, recalls = True, [], []
    for machine in given.machines:
        judged = []
        for seed in given.seeds:
            began = time.perf_counter()
            judged.append(judge(machine, seed))
            if given.each:
                shown = " ".join(f"{score:.3f}" for score in judged[-1].precisions)
                took = time.perf_counter() - began
                print(f"  {machine} {seed}: {shown} {judged[-1].rule} ({took:.1f} s)", file=sys.stderr, flush=True)
        mean = np.mean([one.precisions for one in judged], axis=0)
        events = sum(one.events for one in judged)
        found = np.sum([one.foreseen for one in judged], axis=0) / max(1, events)
        rules = "; ".join(sorted({one.rule for one in judged}))
        precisions.append(f"| {machine} | " + " | ".join(f"{score:.3f}" for score in mean) + f" | {rules} |")
        recalls.append(f"| {machine} | {events} | " + " | ".join(f"{share:.2f}" for share in found[1:]) + " |")
        threshold, oracle = mean[METHODS.index("threshold")], mean[-1]
        met &= bool(oracle >= max(mean[:-1]) and mean[METHODS.index("lightgbm")] > threshold)
    print("average precision\n| machine | " + " | ".join(METHODS) + " | the threshold |")
    print("|---|" + "---|" * (len(METHODS) + 1), *precisions, sep="\n")
    print(f"\nevents foreseen at {FALSE_ALARMS_A_DAY:g} false alarm a day\n| machine | events | ", end="")
    print(" | ".join(METHODS[1:]) + " |\n|---|" + "---|" * len(METHODS), *recalls, sep="\n")
    print("\nthe oracle is the best, and LightGBM beats the threshold: ", end="")
    print("met" if met else "NOT MET")
    return 0 if met else 1


@dataclass(frozen=True, slots=True)
class Judged:
    """One line: scores in the order of `METHODS`, events of the test days, and how many each method foresees."""

    precisions: tuple[float, ...]
    events: int
    foreseen: tuple[int, ...]
    rule: str


def judge(machine: str, seed: int) -> Judged:
    """Learn from the first days of one line, and judge every method on the same rows of the others."""
    line = simulate_line(machine, START, (LEARN + TEST) / timedelta(days=1), seed)
    frame = line_frame(line)
    alert = next(
        Alert.model_validate(body)
        for body in plant_definitions([line])
        if body["kind"] == "Alert" and body["type"] == "classifier"
    )
    assert alert.target is not None and alert.horizon is not None
    split = START + LEARN
    learn = frame.between(None, split)
    spec = feature_spec(Features(), [learn], alert.horizon, None, (), alert.target)
    training = training_rows([learn], spec, alert.target, alert.horizon)
    testing = training_rows([frame], spec, alert.target, alert.horizon, start=split)
    # Both from frames that end where learning ends: no label of a learning row knows of a test day.
    seen = label_rows(learn, alert.target, alert.horizon)
    labels = label_rows(frame, alert.target, alert.horizon)
    tested, learnt = np.isin(frame.times, testing.times), ~np.isnan(seen)
    learnt = np.concatenate((learnt, np.zeros(len(frame) - len(learn), dtype=np.bool_)))
    reading, rule = best_threshold(frame, labels, learnt)
    rows = current_rows(frame, learn, alert.target.variables, labels)
    scores = [np.zeros(len(testing)), reading[tested], fit_and_score("logistic_regression", rows, learnt, tested)]
    for name in ("logistic_regression", "lightgbm"):
        learner = classifier(name)
        scores.append(learner.fit(training, learner.cheapest(), seed=0, threads=1).predict(testing.values))
    scores.append(line.hazard[tested])
    starts = onsets(frame, alert.target)
    starts = starts[starts > to_microseconds(split)]
    return Judged(
        tuple(average_precision(testing.labels, score) for score in scores),
        len(starts),
        tuple(foreseen(testing, score, starts, alert.horizon) for score in scores),
        rule,
    )


def foreseen(testing: TrainingFrame, scores: Floats, starts: Integers, horizon: timedelta) -> int:
    """Count events foreseen by the lowest cut with few enough false alarms; those within one horizon are one."""
    allowed = FALSE_ALARMS_A_DAY * (TEST / timedelta(days=1))
    before = horizon // MICROSECOND
    best = 0
    for cut in np.unique(np.quantile(scores, np.linspace(0.5, 1.0, 501))):
        flags = scores >= cut
        if count_episodes(testing.times, flags & (testing.labels == 0), horizon) <= allowed:
            raised = testing.times[flags & (testing.labels == 1)]
            best = max(best, sum(bool(((raised < at) & (raised >= at - before)).any()) for at in starts))
    return best


def current_rows(frame: SignalFrame, learn: SignalFrame, target: frozenset[str], labels: Floats) -> TrainingFrame:
    """Return the readings of every row as they are, the last one where a cell is empty; categories as 0 and 1."""
    columns, names = [], []
    for name, kind in frame.types.items():
        if name in target:
            continue
        if kind == "category":
            for word in sorted(learn.data[name].drop_nulls().unique()):
                columns.append((frame.data[name] == word).cast(pl.Float64).fill_null(0.0).to_numpy())
                names.append(f"{name}={word}")
        else:
            columns.append(_filled(frame, name))
            names.append(name)
    groups = np.zeros(len(frame), dtype=np.int64)
    return TrainingFrame(np.column_stack(columns), labels, frame.times, groups, (frame.line,), tuple(names))


def fit_and_score(name: str, rows: TrainingFrame, learnt: Booleans, tested: Booleans) -> Floats:
    """Fit a learner's cheapest configuration on some rows, and return its scores of others."""
    learner = classifier(name)
    fitted = learner.fit(rows.rows(learnt), learner.cheapest(), seed=0, threads=1)
    return fitted.predict(np.ascontiguousarray(rows.values[tested]))


def line_frame(line: SimulatedLine) -> SignalFrame:
    """Return the readings as the store would hand them out."""
    types: dict[str, VariableType] = {one["name"]: one["type"] for one in line.definition["variables"]}
    return signal_frame(line.name, line.data, types, timedelta(minutes=1))


def best_threshold(frame: SignalFrame, labels: Floats, learnt: Booleans) -> tuple[Floats, str]:
    """Return the variable and direction that rank learning rows best, as scores of all rows, and their names.

    All cuts of one variable are allowed at once, so no single cut does better than this.
    """
    best, chosen, rule = -1.0, np.zeros(0), ""
    for name, kind in frame.types.items():
        if kind != "number":
            continue
        values = _filled(frame, name)
        for direction, word in ((1.0, "high"), (-1.0, "low")):
            score = average_precision(labels[learnt], direction * values[learnt])
            if score > best:
                best, chosen, rule = score, direction * values, f"{name} {word}"
    return chosen, rule


def _filled(frame: SignalFrame, name: str) -> Floats:
    """Readings, the last one where a cell is empty."""
    filled = frame.data[name].fill_null(strategy="forward").fill_null(strategy="backward").cast(pl.Float64)
    return filled.to_numpy()


if __name__ == "__main__":
    sys.exit(main())
