"""One batched search over all variables of a line, beside keras-tuner doing the same trials one after another.

``python -m tests.benchmarks.bench_monitor_search [--variables N] [--configurations N] [--rows N]
[--folder F] [--seconds S]``

Dense networks, ten epochs each, the same configurations, rows, batch size and one thread for both; importing and
reading are left out of both times, tracing and building are not. Each picks a variable's best configuration on the same
newest 15 % of the training rows, and is judged on rows after them. Seconds are those of the processor, of which each
has one thread: what else runs on the machine does not count.

The full size takes keras-tuner a quarter of an hour. With ``--folder`` what was measured is kept there, and the same
command goes on with the next variable; with ``--seconds`` it begins none that would not end within so long.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from andon.models.monitors import dense, kernels
from andon.models.monitors.networks import Network, pack
from andon.models.monitors.neural import TAIL
from andon.simulate import simulate_line
from tests.benchmarks.contenders import python_with
from tests.benchmarks.timing import verdict

WINDOW, EPOCHS = 30, 10
KERAS_TUNER = ("keras-tuner==1.4.8", "tensorflow==2.21.0", "keras==3.15.1", "tensorboard==2.21.0")
FASTER = 8.0


def readings(variables: int, rows: int) -> np.ndarray:
    """Standardised readings of a simulated packer, float64 (rows, variables), gaps filled by the reading before."""
    data = simulate_line("packer", datetime(2026, 1, 5, tzinfo=UTC), rows / 1_440 + 0.5, 21).data
    names = [name for name, kind in data.schema.items() if kind.is_float() and name not in ("jam", "vacuum_setpoint")]
    values = data.select(names[:variables]).fill_null(strategy="forward").fill_null(strategy="backward").to_numpy()
    values = values[:rows]
    return (values - values.mean(axis=0)) / values.std(axis=0)


def drawn(count: int) -> list[dict[str, Any]]:
    """Configurations as the search draws them, with the epochs of the bar."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=5))
    return [dense.suggest(study.ask()) | {"epochs": EPOCHS} for _ in range(count)]


def ours(series: np.ndarray, rows: np.ndarray, test: np.ndarray, configurations: list[dict[str, Any]]) -> list[float]:
    """Fit every configuration for all variables at once; return the test RMSE of each variable's best."""
    tail = rows[len(rows) - round(len(rows) * TAIL) :]
    fitted: list[tuple[Network, ...]] = []
    judged = []
    for params in configurations:
        networks = dense.fit(series, rows, WINDOW, params, seed=0)
        first = int(tail[0])
        left = series[tail] - pack(networks).predict(series, WINDOW, first, int(tail[-1]) + 1)
        fitted.append(networks)
        judged.append(np.mean(left**2, axis=0))
    best = np.argmin(judged, axis=0)
    chosen = pack([fitted[which][column] for column, which in enumerate(best)])
    left = series[test] - chosen.predict(series, WINDOW, int(test[0]), int(test[-1]) + 1)
    return [float(error) for error in np.sqrt(np.mean(left**2, axis=0))]


def write_examples(
    folder: Path, series: np.ndarray, rows: np.ndarray, test: np.ndarray, configurations: list[dict[str, Any]]
) -> None:
    """Write what the contender learns from."""
    cut = len(rows) - round(len(rows) * TAIL)
    arrays: dict[str, Any] = {"window": np.array(WINDOW)}
    for part, which in (("train", rows[:cut]), ("judge", rows[cut:]), ("test", test)):
        seen = [kernels.lag_matrix(series, which, column, WINDOW, WINDOW, 1) for column in range(series.shape[1])]
        arrays |= {f"{part}_x": np.stack(seen, axis=1).astype(np.float32), f"{part}_y": series[which]}
    np.savez(folder / "examples.npz", **arrays)
    batch = 64 if cut < 4_000 else 256
    given = [params | {"widths": dense.widths(params), "batch": batch} for params in configurations]
    (folder / "configurations.json").write_text(json.dumps(given))


def contend(folder: Path, seconds: float) -> None:
    """Let keras-tuner search variable after variable, for as long as there is time, and show each."""
    script = Path(__file__).with_name("keras_tuner_trials.py")
    command = [str(python_with(*KERAS_TUNER)), str(script), str(folder), str(seconds)]
    errors = folder / "keras-tuner.err"
    with (
        errors.open("w") as noted,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=noted, text=True) as running,
    ):
        for row in running.stdout or ():
            if row.startswith("variable "):
                print(f"keras-tuner: {row.rstrip()}", flush=True)
    if running.returncode:
        raise RuntimeError(f"keras-tuner ended with {running.returncode}: {errors.read_text()[-2_000:]}")


def search(asked: argparse.Namespace, folder: Path) -> int:
    """Search with both and print how they compare; what ``folder`` holds of an earlier run is not done again."""
    began = time.perf_counter()
    series = readings(asked.variables, asked.rows)
    cut = round(0.8 * len(series))
    rows, test = np.arange(WINDOW, cut), np.arange(cut, len(series))
    configurations = drawn(asked.configurations)
    size = [asked.variables, asked.configurations, asked.rows]
    noted = folder / "ours.json"
    if not noted.exists():
        # Imports and the compiled loops are left out, as the contender's imports are.
        dense.fit(series[:200, :1], np.arange(WINDOW, 150), WINDOW, dense.cheapest() | {"epochs": 1}, seed=0)
        fitting = time.process_time()
        errors = ours(series, rows, test, configurations)
        spent = time.process_time() - fitting
        write_examples(folder, series, rows, test, configurations)
        noted.write_text(json.dumps({"size": size, "seconds": spent, "errors": errors}))
    measured = json.loads(noted.read_text())
    if measured["size"] != size:
        raise SystemExit(f"{noted} was measured at the size {measured['size']}, not {size}: give another --folder")
    ran, errors, trials = measured["seconds"], measured["errors"], asked.variables * asked.configurations
    print(f"{trials} trials of {EPOCHS} epochs on {len(rows)} rows: ours {ran:.1f} s", flush=True)
    contend(folder, asked.seconds - (time.perf_counter() - began))
    answers = [json.loads(path.read_text()) for path in sorted(folder.glob("answer-*.json"))]
    if len(answers) < asked.variables:
        print(f"keras-tuner has searched {len(answers)} of {asked.variables} variables: the same command goes on")
        return 1
    seconds, theirs = sum(one["seconds"] for one in answers), [one["error"] for one in answers]
    print(f"keras-tuner {seconds:.1f} s; test RMSE ours {np.round(errors, 3)}, theirs {np.round(theirs, 3)}")
    faster = seconds / ran
    worse = float(np.mean(errors) / np.mean(theirs))
    good = [
        verdict("times faster than keras-tuner", faster, f">= {FASTER}", faster >= FASTER),
        verdict("mean test RMSE to keras-tuner's", worse, "<= 1.00", worse <= 1.0),
    ]
    return 0 if all(good) else 1


def main() -> int:
    """Search as asked, in a folder that stays or in one of its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--variables", type=int, default=10)
    parser.add_argument("--configurations", type=int, default=20)
    parser.add_argument("--rows", type=int, default=3_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    asked = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    python_with(*KERAS_TUNER)
    if asked.folder is not None:
        asked.folder.mkdir(parents=True, exist_ok=True)
        return search(asked, asked.folder)
    with tempfile.TemporaryDirectory() as name:
        return search(asked, Path(name))


if __name__ == "__main__":
    sys.exit(main())
