"""Kill -9 of the assistant at 50 random points of a replayed hour: the stores equal those of an undisturbed run.

``python -m tests.benchmarks.bench_assistant_kill [kills] [seed]``
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.e2e.killing import run


def main(kills: int = 50, seed: int = 1) -> int:
    """Print lost and doubled records beside their bar, and return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(
            Path(folder), kills, seed, lambda done: print(f"\r{done} of {kills} kills", end="", file=sys.stderr)
        )
    print(file=sys.stderr)
    print(f"kills: {outcome.kills}, of which {outcome.interrupted} left rows undone")
    wrong = 0
    for kind, alone in outcome.alone.items():
        killed = outcome.killed[kind]
        lost = sum(one not in killed for one in alone)
        more = len(killed) - (len(alone) - lost)
        wrong += lost + more
        print(f"{kind}: {len(alone)} undisturbed, {lost} lost or changed, {more} too many (bar: 0 and 0)")
    events = sum(alert.revision for alert in outcome.alone["alerts"])
    print(f"events of alerts: {events} undisturbed, {sum(a.revision for a in outcome.killed['alerts'])} killed")
    return 1 if wrong or outcome.alone != outcome.killed else 0


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in sys.argv[1:])))
