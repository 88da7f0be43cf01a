"""What it costs a worker to show a configuration in TensorBoard: 1,200 of 60 lines, each with a point of the curve."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.benchmarks.timing import verdict
from tune_jobs.tensorboard import write_best, write_configuration

LINES, CONFIGURATIONS = 60, 20


def main() -> int:
    rng = np.random.default_rng(0)
    took = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(CONFIGURATIONS):
            for line in range(LINES):
                params = {f"parameter_{place}": float(value) for place, value in enumerate(rng.random(8))}
                title = f"jam-soon on press-{line:02d}"
                began = time.perf_counter()
                write_configuration(Path(folder), title, "lightgbm", params, 0.5, 1.0, number, at=1.0e9)
                write_best(Path(folder), title, number, 0.5, at=1.0e9)
                took.append(1000 * (time.perf_counter() - began))
        written = len(list(Path(folder).rglob("lightgbm-*/events.*")))
    print(f"{written} entries; the first, with the imports, took {took[0]:.0f} ms, the median {np.median(took):.3f} ms")
    mean = float(np.mean(took))
    met = [
        verdict("mean milliseconds a configuration", mean, "<= 2", mean <= 2),
        verdict("entries written", written, f"= {LINES * CONFIGURATIONS}", written == LINES * CONFIGURATIONS),
    ]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
