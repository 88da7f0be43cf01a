"""XGBoost pooled over two workers against one process: as good on held-out lines, not lost when a worker is hurt."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from andon.errors import AndonError
from andon.evaluation.metrics import average_precision
from andon.frames import Floats, TrainingFrame
from andon.models import xgboost
from cluster.session import ray_session
from configs.settings import load_settings
from tests.benchmarks.timing import verdict
from tests.descendants import descendants
from tune_jobs.distributed_xgboost import fit_distributed

LINES, HELD_OUT, ROWS, FEATURES = 12, 4, 20_000, 40
SEEDS = (0, 1, 2)
HURTS = ("killed", "killed", "frozen", "killed before its first round")
PATIENCE = 120.0
"""Seconds without progress after which a fit is begun again; starting processes takes long on a busy machine."""
PARAMS = {**xgboost.cheapest(), "rounds": 200, "learning_rate": 0.05}
SAMPLING = {"whole rows and columns": {"subsample": 1.0, "colsample": 1.0}, "samples of them": {}}
ACTOR = "ray::_RemoteRayXGBoostActor"


def plant(seed: int) -> list[TrainingFrame]:
    """Return lines that share what leads to an event, each with a level and a spread of its own; 5 % of it missing."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=6)
    return [line(np.random.default_rng((seed, number)), number, weights) for number in range(LINES + HELD_OUT)]


def line(rng: np.random.Generator, number: int, weights: Floats) -> TrainingFrame:
    values = rng.normal(size=(ROWS, FEATURES)) * rng.uniform(0.7, 1.4) + 0.3 * rng.normal(size=FEATURES)
    risk = values[:, :6] @ weights + values[:, 6] * values[:, 7] + np.maximum(values[:, 8], 0) ** 2
    chance = 1 / (1 + np.exp(-(risk - np.quantile(risk, 0.95)) * 1.5))
    labels = (rng.random(ROWS) < chance).astype(float)
    values[rng.random(values.shape) < 0.05] = np.nan
    names = tuple(f"v{index}" for index in range(FEATURES))
    return TrainingFrame(values, labels, np.arange(ROWS), np.full(ROWS, number), (), names)


def together(lines: list[TrainingFrame]) -> TrainingFrame:
    parts = (np.concatenate([getattr(one, part) for one in lines]) for part in ("values", "labels", "times", "groups"))
    return TrainingFrame(*parts, lines[0].lines, lines[0].names)


def write(lines: list[TrainingFrame], folder: Path) -> list[str]:
    files = []
    for number, one in enumerate(lines):
        files.append(str(folder / f"{number:02}.parquet"))
        numbers = {f"f{index}": one.values[:, index] for index in range(FEATURES)}
        pl.DataFrame({"time": one.times, "label": one.labels, **numbers}).write_parquet(files[-1])
    return files


def quality_met(folder: Path) -> bool:
    """Compare on the same rows and rounds; where rows and columns are drawn, chance alone moves one process too."""
    met = []
    for what, changed in SAMPLING.items():
        params, differences, chance = PARAMS | changed, [], []
        for seed in SEEDS:
            lines = plant(seed)
            training, held_out = together(lines[:LINES]), together(lines[LINES:])
            began = time.perf_counter()
            alone = xgboost.fit(training, params, seed=seed, threads=1)
            between = time.perf_counter()
            pooled = fit_distributed(write(lines[:LINES], folder), params, seed=seed, patience=PATIENCE)
            ended = time.perf_counter()
            again = xgboost.fit(training, params, seed=seed + 1000, threads=1)
            one, two, other = (
                average_precision(held_out.labels, m.predict(held_out.values)) for m in (alone, pooled, again)
            )
            differences.append(two - one)
            chance.append(abs(other - one))
            print(
                f"{what}, seed {seed}: average precision {one:.4f} by one process in {between - began:.1f} s,", end=" "
            )
            print(f"{other:.4f} with another seed, {two:.4f} by two workers in {ended - between:.1f} s", flush=True)
        print(f"{what}: another seed alone moves one process by up to {max(chance):.4f}")
        off = max(map(abs, differences)) if changed else abs(float(np.mean(differences)))
        word = "greatest" if changed else "mean"
        met.append(verdict(f"{what}: {word} difference of 2 workers to 1 process", off, "<= .005", off <= 0.005))
    return all(met)


def hurt_met(folder: Path) -> bool:
    files = write(plant(0)[:LINES], folder)
    began = time.perf_counter()
    whole = fit_distributed(files, PARAMS, seed=0, patience=PATIENCE)
    undisturbed = time.perf_counter() - began
    # Every attempt may start anew and may wait once for what never comes.
    bound = 3 * (undisturbed + PATIENCE)
    took = []
    good = fit_distributed(files, PARAMS, seed=0, patience=PATIENCE).booster.save_raw() == whole.booster.save_raw()
    print(f"undisturbed: {undisturbed:.1f} s; again with the same seed: {'the same' if good else 'ANOTHER'} model")
    for how in HURTS:
        hurt: list[int] = []

        def hurt_one(rounds: int, how: str = how, hurt: list[int] = hurt) -> None:
            early = how == "killed before its first round"
            if not hurt and (early or rounds > 10) and descendants(ACTOR):
                hurt.append(descendants(ACTOR)[-1])
                os.kill(hurt[0], signal.SIGSTOP if how == "frozen" else signal.SIGKILL)

        began = time.perf_counter()
        try:
            model = fit_distributed(files, PARAMS, seed=0, patience=PATIENCE, report=hurt_one)
            rounds = model.booster.num_boosted_rounds()
            end, ended = f"finished with {rounds} rounds", rounds == PARAMS["rounds"]
        except AndonError as error:
            end, ended = f"one error: {error}", True
        took.append(time.perf_counter() - began)
        good = good and ended and bool(hurt)
        print(f"a worker {how if hurt else 'WAS NOT HURT'}: {end} after {took[-1]:.1f} s", flush=True)
    longest = max(took)
    within = verdict(
        "a worker hurt: longest until finished or refused, s", longest, f"<= {bound:.0f}", longest <= bound
    )
    return within and verdict("a worker hurt: lost or wrong", float(not good), "0", good)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, ray_session(load_settings(home=folder, workers=2)):
        met = [quality_met(Path(folder)), hurt_met(Path(folder))]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
