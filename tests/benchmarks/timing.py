"""Side-by-side timing of whole processes: medians over alternating runs, and the verdict on a bar."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable


def paired(first: Callable[[], object], second: Callable[[], object], runs: int = 7) -> tuple[float, float]:
    """Return the median seconds of both, run in turn after one warm-up each."""
    first(), second()
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for kept, run in zip(took, (first, second), strict=True):
            began = time.perf_counter()
            run()
            kept.append(time.perf_counter() - began)
    return statistics.median(took[0]), statistics.median(took[1])


def process(*command: str) -> Callable[[], object]:
    """Return a function that runs a Python command to its end."""
    return lambda: subprocess.run([sys.executable, *command], check=True, capture_output=True, timeout=120)


def verdict(what: str, found: float, bar: str, good: bool) -> bool:
    """Print a figure beside its bar."""
    print(f"{'met   ' if good else 'MISSED'} {what}: {found:.3f} (bar {bar})", flush=True)
    return good
