"""Ten thousand random orders of rows, gaps, people, silences, clocks and deaths: no illegal state, closed stays closed.

``python -m tests.benchmarks.bench_alert_stories [orders]``: each is played with the deaths it holds and once more
without them, and both must come to the same.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings

from tests.alert_stories import ORDERS, Step, play
from tests.benchmarks.timing import verdict


def main(orders: int = 10_000) -> int:
    """Play; print how many alerts went through which states; return the exit code."""
    seen: Counter[str] = Counter()
    began = time.monotonic()
    memory = Path("/dev/shm")

    @settings(
        max_examples=orders,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=[*HealthCheck],
    )
    @given(ORDERS)
    def each(order: list[tuple[Step, tuple[int, bool] | None]]) -> None:
        with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
            for alert in play(Path(folder), order):
                seen[" ".join(str(event.state) for event in alert.events)] += 1
        seen["orders"] += 1

    failed = ""
    try:
        each()
    except AssertionError as error:
        failed = str(error)
    played = seen.pop("orders")
    print(f"{played} orders in {time.monotonic() - began:.0f} s; {seen.total()} alerts, {len(seen)} different lives")
    for life, count in seen.most_common(12):
        print(f"  {count}: {life}")
    if failed:
        print(failed)
    return 0 if verdict("orders that led to an illegal state", float(bool(failed)), "0", not failed) else 1


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in sys.argv[1:])))
