"""VUS-PR against aeon's implementation of the published measure: the same values, and how much sooner.

Run it with ``python -m tests.benchmarks.bench_vus``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from andon.evaluation.volumes import volume_under_pr
from tests.benchmarks.contenders import python_with
from tests.benchmarks.timing import verdict

SERIES = 40
THEIRS = """
import json, sys, time
import numpy as np
from aeon.benchmarking.metrics.anomaly_detection import range_pr_vus_score
found, took = [], 0.0
with np.load(sys.argv[1]) as given:
    for number in range(int(sys.argv[2])):
        truth, scores, buffer = (given[f"{name}{number}"] for name in ("truth", "scores", "buffer"))
        began = time.perf_counter()
        found.append(range_pr_vus_score(truth.astype(int), scores, int(buffer)))
        took += time.perf_counter() - began
print(json.dumps([found, took]))
"""


def series(rng: np.random.Generator, number: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Draw labels, scores and a buffer; every third has ties, every fifth is anomalous at both ends."""
    rows = int(rng.integers(100, 4_000))
    truth = np.zeros(rows, bool)
    for begin in rng.integers(0, rows, int(rng.integers(1, 9))):
        truth[begin : begin + int(rng.integers(1, 80))] = True
    if number % 5 == 0:
        truth[[0, -1]] = True
    scores = rng.normal(size=rows) + 2 * truth * (rng.random(rows) < 0.5)
    return truth, np.round(scores) if number % 3 == 0 else scores, int(rng.integers(0, 120))


def main() -> int:
    """Compare on the same series."""
    rng = np.random.default_rng(0)
    drawn = [series(rng, number) for number in range(SERIES)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "series.npz"
        arrays = {
            f"{name}{i}": value
            for i, one in enumerate(drawn)
            for name, value in zip(("truth", "scores", "buffer"), one, strict=True)
        }
        np.savez(file, **arrays)
        python = str(python_with("aeon==1.6.0"))
        done = subprocess.run(
            [python, "-c", THEIRS, str(file), str(SERIES)], capture_output=True, text=True, check=True
        )
    theirs, took = json.loads(done.stdout)
    began = time.perf_counter()
    ours = [volume_under_pr(*one) for one in drawn]
    mine = time.perf_counter() - began
    apart = float(np.max(np.abs(np.array(ours) - np.array(theirs))))
    good = verdict("VUS-PR, greatest difference from aeon 1.6.0", apart, "<= 1e-9", apart <= 1e-9)
    good &= verdict("VUS-PR, times as fast as aeon 1.6.0", took / mine, ">= 5", took / mine >= 5)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
