"""Assistants that share lines on MongoDB's protocol and InfluxDB, killed, or cut off from both, while rows come.

``python -m tests.benchmarks.bench_assistant_fleet [kills] [--assistants 4] [--lines 40] [--seconds 180] [--every 10]``
kills one of them with SIGKILL every so often; ``outages [--times 5] [--outage 60]`` kills both database servers and
starts them anew after a while. What is in the stores in the end is compared with what one undisturbed pass writes to
embedded stores: forecasts, anomalies, alerts with every event, reasons, and messages by key. ``--short`` is for a look.
"""

from __future__ import annotations

import argparse
import contextlib
import secrets
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from andon.stores import open_models
from configs.settings import Settings
from tests.benchmarks.timing import verdict
from tests.e2e.fleet import Fleet, Plan, alone, compare, publish, random_victims
from tests.servers import adapters
from tests.servers.forwarder import forwarding
from tests.servers.influx import influxdb
from tests.servers.mongo import mongodb

PATIENCE = 240.0


def main(arguments: list[str]) -> int:
    """Print the figures beside their bars, and return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["publish", "kills", "outages"], nargs="?", default="kills")
    parser.add_argument("--assistants", type=int, default=4)
    parser.add_argument("--lines", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--every", type=float, default=10.0)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--outage", type=float, default=60.0)
    parser.add_argument("--pause", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--registry", type=Path, help="Folder of the models: made where it is not there, and kept.")
    parser.add_argument("--short", action="store_true")
    asked = parser.parse_args(arguments)
    if asked.short:
        asked.lines, asked.seconds, asked.times, asked.outage = 8, 40.0, 1, 15.0
    adapters.require_influx()
    adapters.require_mongo()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        return run(asked, Path(folder), stack)


def run(asked: argparse.Namespace, folder: Path, stack: contextlib.ExitStack) -> int:
    """Set up, disturb, and compare."""
    plan = Plan(asked.assistants, asked.lines, rows=2000, pause=asked.pause)
    home = asked.registry or folder / "registry"
    registry = Settings(home=home).models
    if not home.exists():
        began = time.monotonic()
        publish(open_models(registry), plan, folder / "bundles")
        print(f"published {2 * plan.lines} models in {time.monotonic() - began:.0f} s", flush=True)
    if asked.what == "publish":
        return 0
    mongo, influx = stack.enter_context(mongodb(folder / "mongo")), stack.enter_context(influxdb(folder / "influx"))
    forwarder = stack.enter_context(forwarding(("127.0.0.1", influx.port)))
    urls = {
        "documents_url": f"mongodb://127.0.0.1:{mongo.port}/t{secrets.token_hex(6)}",
        "signals_url": adapters.fresh_influx_url(influx.port, forwarder.port),
    }
    fleet = Fleet(folder / "fleet", registry, plan, urls)
    stack.callback(fleet.stop)
    for number in range(plan.assistants):
        fleet.start(number)
    took = fleet.wait(lambda: len(fleet.documents.list_leases("assistant/line/")) == plan.lines, PATIENCE)
    print(f"{plan.assistants} assistants share {plan.lines} lines after {took:.0f} s", flush=True)
    fleet.bring()
    fleet.wait(lambda: fleet.behind() == 0, PATIENCE)
    lags: list[float] = []
    if asked.what == "kills":
        kill_by_turns(fleet, asked)
        lags.append(fleet.wait(lambda: fleet.behind() == 0, PATIENCE))
    else:
        for _ in range(asked.times):
            bring_for(fleet, 10.0)
            mongo.kill()
            influx.kill()
            time.sleep(asked.outage)  # the outage itself
            mongo = stack.enter_context(mongodb(folder / "mongo", mongo.port))
            influx = stack.enter_context(influxdb(folder / "influx", influx.port))
            fleet.bring()
            lags.append(fleet.wait(lambda: fleet.behind() == 0, PATIENCE))
            print(f"outage of {asked.outage:.0f} s: current again {lags[-1]:.1f} s after it", flush=True)
    fleet.wait(fleet.told, PATIENCE)
    found = fleet.dump()
    fleet.stop()
    expected = alone(folder / "alone", registry, replace(plan, assistants=0), fleet.came)
    print(f"{fleet.came} rows came to each line")
    good = True
    for kind, one in compare(found, expected).items():
        print(f"{kind}: {one.expected} expected")
        good &= verdict(f"{kind} lost or wrong", one.lost, "0", one.lost == 0)
        good &= verdict(f"{kind} too many", one.more, "0", one.more == 0)
    if asked.what == "outages":
        bar = 2 * asked.outage
        good &= verdict("seconds until current again, the longest", max(lags), f"<= {bar:g}", max(lags) <= bar)
    else:
        print(f"current again {lags[-1]:.1f} s after the last row")
    return 0 if good else 1


def kill_by_turns(fleet: Fleet, asked: argparse.Namespace) -> None:
    """Bring rows; every so often kill one, and start it anew at once."""
    victim = random_victims(asked.seed, asked.assistants)
    began, kills = time.monotonic(), 0
    while (passed := time.monotonic() - began) < asked.seconds:
        fleet.bring()
        if passed > asked.every * (kills + 1):
            number = victim()
            fleet.kill(number)
            fleet.start(number)
            kills += 1
        time.sleep(asked.pause)
    print(f"killed {kills} times in {asked.seconds:.0f} s", flush=True)


def bring_for(fleet: Fleet, seconds: float) -> None:
    """Bring rows for a while."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        fleet.bring()
        time.sleep(fleet.plan.pause)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
