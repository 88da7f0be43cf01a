"""Kill -9 of a search's driver and workers at 10 random points: nothing is tried twice, and the winners are the same.

``python -m tests.benchmarks.bench_search_kill [kills] [seed]``
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.benchmarks.timing import verdict
from tests.e2e.search_killing import run

TRIALS = 60
"""Configurations a line: enough for the search to be at work at every kill."""


def main(kills: int = 10, seed: int = 1) -> int:
    """Print what was lost, repeated or changed beside its bar, and return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(
            Path(folder), kills, seed, lambda done: print(f"{done} of {kills} kills", file=sys.stderr), trials=TRIALS
        )
    print(f"kills that hit the work: {len(outcome.kills)} ({', '.join(outcome.kills)})")
    alone, killed = outcome.configurations
    changed = sum(one not in outcome.killed for one in outcome.alone) + abs(len(outcome.alone) - len(outcome.killed))
    good = [
        verdict("kills at work", len(outcome.kills), f"of {kills}, more than half", len(outcome.kills) > kills / 2),
        verdict("journals that began anew", len(outcome.repeated), "0", not outcome.repeated),
        verdict("configurations more than undisturbed", killed - alone, "0", killed == alone),
        verdict(f"winners of {len(outcome.alone)} that differ", changed, "0", changed == 0),
    ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in sys.argv[1:])))
