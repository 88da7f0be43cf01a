"""The search over many lines: what it costs beyond the fits, and what lines learn from each other.

``python -m tests.benchmarks.bench_search [overhead] [across] [--lines N] [--trials N] [--seeds N] [--first N]``
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from cluster.session import QUIET, ray_session
from configs.settings import load_settings
from tests.benchmarks.many_lines import write_studies
from tests.benchmarks.timing import verdict
from tune_jobs.lane import best_of
from tune_jobs.search import StudyOutcome, run_search
from tune_jobs.study import StudySpec
from tune_jobs.trainable import all_tried

WORKERS = 2
FUNCTION_TRIALS = 20


def searched(studies: list[StudySpec], folder: Path, *, across: bool = True) -> tuple[list[StudyOutcome], float]:
    """Search in a Ray that is there already; return outcomes and seconds."""
    began = time.perf_counter()
    outcomes = run_search(
        studies, seconds=36_000.0, workers=WORKERS, folder=folder, report=lambda progress: None, across=across
    )
    seconds = time.perf_counter() - began
    failed = [outcome.error for outcome in outcomes if outcome.error]
    assert not failed, failed
    return outcomes, seconds


def plain(folder: Path) -> float:
    """Try the same configurations in two plain processes; return the seconds until both have ended."""
    environment = os.environ | QUIET
    began = time.perf_counter()
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.two_processes", str(folder), str(part), str(WORKERS)],
            env=environment,
        )
        for part in range(WORKERS)
    ]
    codes = [process.wait() for process in running]
    seconds = time.perf_counter() - began
    assert codes == [0] * WORKERS, codes
    return seconds


def function_trials(studies: list[StudySpec], folder: Path) -> float:
    """Fit one configuration a Tune function trial, without reuse; return the seconds a trial."""
    from ray import tune

    specs = [(spec.folder, one.learner, dict(one.params)) for spec in studies for one in all_tried(spec)]
    some = [specs[place] for place in np.linspace(0, len(specs) - 1, FUNCTION_TRIALS).astype(int)]

    def fit_one(config: dict) -> None:
        from andon.evaluation.metrics import average_precision
        from andon.evaluation.splits import split_rows
        from andon.models.classifiers import classifier
        from configs.durations import parse_duration
        from tune_jobs.files import read_rows

        path, learner, params = config["one"]
        rows = read_rows(Path(path)).rows
        training, validation = split_rows(rows, None, None, parse_duration("30m"), pooled=False)
        model = classifier(learner).fit(training, params, seed=1, threads=1)
        tune.report({"metric": average_precision(validation.labels, model.predict(validation.values))})

    began = time.perf_counter()
    tune.Tuner(
        tune.with_resources(fit_one, {"cpu": 1}),
        param_space={"one": tune.grid_search(some)},
        tune_config=tune.TuneConfig(max_concurrent_trials=WORKERS),
        run_config=tune.RunConfig(name="functions", storage_path=str(folder), verbose=0),
    ).fit()
    return (time.perf_counter() - began) / FUNCTION_TRIALS


def overhead(lines: int, trials: int) -> bool:
    """Measure one search beside a plain loop over the same configurations, and beside function trials."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        studies = write_studies(folder, lines, trials=trials, seed=1)
        with ray_session(load_settings(home=folder / "home", workers=WORKERS)):
            searched(write_studies(folder / "warm", 2, trials=4, seed=2), folder / "warm")
            outcomes, ours = searched(studies, folder)
            tried = [one for spec in studies for one in all_tried(spec)]
            each = function_trials(studies, folder)
        theirs = plain(folder)
        fitting = sum(one.fitting for one in tried) + sum(outcome.fitting for outcome in outcomes)
    print(f"{lines} lines, {len(tried)} configurations: {ours:.1f} s; plain loop in {WORKERS} processes {theirs:.1f} s")
    print(f"a function trial {each:.2f} s; pruned {sum(one.pruned for one in tried)}")
    share = fitting / (WORKERS * ours)
    return all(
        [
            verdict("share of the cores' time in fit and predict", share, ">= .90", share >= 0.9),
            verdict("wall time to the plain loop's", ours / theirs, "<= 1.15", ours / theirs <= 1.15),
            verdict(
                "times faster than a function trial a fit",
                each * len(tried) / ours,
                ">= 15",
                each * len(tried) / ours >= 15,
            ),
        ]
    )


def across(lines: int, trials: int, seeds: range) -> bool:
    """Search the same lines with half of the configurations and lessons, and with all of them and none."""
    half, whole = [], []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            taught = write_studies(folder / "taught", lines, trials=trials // 2, seed=100 + seed)
            alone = write_studies(folder / "alone", lines, trials=trials, seed=100 + seed)
            with ray_session(load_settings(home=folder / "home", workers=WORKERS)):
                for studies, kept, how in ((taught, half, True), (alone, whole, False)):
                    outcomes, seconds = searched(studies, Path(studies[0].folder).parent, across=how)
                    tried = sum(outcome.configurations for outcome in outcomes)
                    kept.append(float(np.mean([(outcome.summary or {})["metric"] for outcome in outcomes])))
                    best = [best_of(all_tried(spec), "maximize") for spec in studies]
                    single = np.mean([one.metric for one in best if one is not None])
                    print(
                        f"seed {seed}: across {how}: {tried} configurations, {seconds:.0f} s: models {kept[-1]:.4f}, "
                        f"best configurations alone {single:.4f}",
                        flush=True,
                    )
    gain = float(np.mean(half) - np.mean(whole))
    print(f"mean validation average precision: half with lessons {np.mean(half):.4f}, all without {np.mean(whole):.4f}")
    return verdict("half of the configurations with lessons, less all without", gain, ">= 0", gain >= 0)


def main() -> int:
    """Run what is asked for; everything by default."""
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", choices=["overhead", "across", []], default=[])
    parser.add_argument("--lines", type=int, default=60)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="the first seed of `across`, which takes minutes a seed")
    asked = parser.parse_args()
    parts = asked.parts or ["overhead", "across"]
    good = []
    if "overhead" in parts:
        good.append(overhead(asked.lines, asked.trials))
    if "across" in parts:
        good.append(across(asked.lines, asked.trials, range(asked.first, asked.first + asked.seeds)))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
