"""A host cut off from its databases and from the other assistants for a minute, then back: no line is acted on twice.

Hosts are network namespaces (root and iproute2), each with an assistant; lines are shared by leases in a server of
MongoDB's protocol, and rows come through InfluxDB. One host's cable is cut while rows come. Bars: the other takes all
lines over and is current during the outage; the leases are shared again afterwards; what is in the stores in the end
is what one undisturbed pass writes. The registry's files lie on a disk that is not cut off.

Usage: ``python -m tests.benchmarks.bench_cluster_cut [--lines 8] [--outage 60] [--pause 2]``
"""

from __future__ import annotations

import argparse
import contextlib
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from andon.stores import open_models
from configs.settings import Settings
from tests.benchmarks.timing import verdict
from tests.e2e.fleet import Fleet, Plan, alone, compare, publish
from tests.nodes import Hosts, hosts, lacking, outside
from tests.servers import adapters
from tests.servers.forwarder import forwarding
from tests.servers.influx import influxdb
from tests.servers.mongo import mongodb

PATIENCE = 120.0
FLOORS = ("floor1", "floor2")


@dataclass
class Spread(Fleet):
    """A fleet whose assistants run on hosts of their own."""

    made: Hosts | None = field(default=None, kw_only=True)

    def on(self, number: int) -> list[str]:
        """Return what puts an assistant's command on its host."""
        assert self.made is not None
        return self.made[FLOORS[number]].command()

    def shares(self) -> Counter[str]:
        """Return how many lines each assistant holds by a lease that has not run out."""
        now = time.time()
        leases = self.documents.list_leases("assistant/line/")
        return Counter(one.holder for one in leases if one.until.timestamp() > now)


def main(arguments: list[str]) -> int:
    """Print the figures beside their bars, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=8)
    parser.add_argument("--outage", type=float, default=60.0)
    parser.add_argument("--pause", type=float, default=2.0)
    asked = parser.parse_args(arguments)
    if reason := lacking():
        print(reason)
        return 0
    adapters.require_influx()
    adapters.require_mongo()
    with contextlib.ExitStack() as stack:
        return run(asked, stack)


def run(asked: argparse.Namespace, stack: contextlib.ExitStack) -> int:
    """Set up, cut, and compare."""
    plan = Plan(2, asked.lines, rows=2000, pause=asked.pause)
    made = stack.enter_context(hosts(*FLOORS))
    here = stack.enter_context(outside(made))
    folder: Path = made.folder
    registry = Settings(home=folder / "registry").models
    publish(open_models(registry), plan, folder / "bundles")
    mongo = stack.enter_context(mongodb(folder / "mongo", host=here))
    influx = stack.enter_context(influxdb(folder / "influx"))
    forwarder = stack.enter_context(forwarding(("127.0.0.1", influx.port), host=here))
    signals = adapters.fresh_influx_url(influx.port, forwarder.port).replace("127.0.0.1", here, 1)
    urls = {"documents_url": f"mongodb://{here}:{mongo.port}/t{secrets.token_hex(6)}", "signals_url": signals}
    fleet = Spread(folder / "fleet", registry, plan, urls, made=made)
    stack.callback(fleet.stop)
    for number in range(plan.assistants):
        fleet.start(number)

    def shared() -> bool:
        return sorted(fleet.shares().values()) == [plan.lines // 2] * 2

    print(f"two hosts share {plan.lines} lines after {fleet.wait(shared, PATIENCE):.0f} s", flush=True)
    bring(fleet, lambda: fleet.came >= 5 and fleet.behind() == 0)
    before = set(fleet.shares())
    made["floor2"].cut()
    began = time.monotonic()
    moved = bring(fleet, lambda: list(fleet.shares().values()) == [plan.lines] and fleet.behind() == 0)
    print(f"cut off: the other holds all lines and is current after {moved:.0f} s", flush=True)
    (holder,) = fleet.shares()
    bring(fleet, lambda: time.monotonic() - began >= asked.outage)
    made["floor2"].cut(off=False)
    back = bring(fleet, lambda: shared() and fleet.behind() == 0)
    print(
        f"{time.monotonic() - began - back:.0f} s later its cable is back: shared again after {back:.0f} s", flush=True
    )
    again = set(fleet.shares())
    bring(fleet, lambda: fleet.came % 5 == 0 and fleet.behind() == 0)
    fleet.wait(fleet.told, PATIENCE)
    found = fleet.dump()
    fleet.stop()
    expected = alone(folder / "alone", registry, replace(plan, assistants=0), fleet.came)
    print(f"{fleet.came} rows came to each line")
    good = verdict("the host that stayed took all lines over", holder in before, "yes", holder in before)
    good &= verdict("and gave half of them back", holder in again, "yes", holder in again)
    for kind, one in compare(found, expected).items():
        print(f"{kind}: {one.expected} expected")
        good &= verdict(f"{kind} lost or wrong", one.lost, "0", one.lost == 0)
        good &= verdict(f"{kind} too many", one.more, "0", one.more == 0)
    return 0 if good else 1


def bring(fleet: Spread, done: Callable[[], bool]) -> float:
    """Bring rows until something is so; return how long that took."""
    began = time.monotonic()
    while not done():
        if time.monotonic() - began > PATIENCE:
            raise SystemExit(f"{fleet.shares()}, {fleet.behind()} lines behind:\n{fleet.said()}")
        fleet.bring()
        time.sleep(fleet.plan.pause)
    return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
