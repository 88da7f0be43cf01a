"""Recommendations of a shift, 200 alerts on 20 lines: Ray Data on two cores against a single process.

The lines are copies of a simulated packer, oven, fryer and pasteuriser under other names, each with its own readings in
the embedded stores and a model of its own. Both sides start from stores without recommendations, and gather what
history teaches anew; Ray's start is printed and not counted. Run with ``python -m
tests.benchmarks.bench_recommend_shift [--lines 20] [--alerts 200]``; exits 1 where the bar is missed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from andon.alerts.life_cycle import open_alert
from andon.frames import SignalFrame
from andon.models.bundle import write_bundle
from andon.records import AlertRecord, ModelKey
from andon.services.recommended import state_key, to_state
from andon.services.recommending import Advisor
from andon.stores import open_documents, open_models, open_signals
from cluster.session import QUIET, ray_session
from configs.settings import Settings, load_settings
from pipelines.recommending import advice_folder, recommend_shift
from tests.benchmarks.advised_lines import advised_line
from tests.benchmarks.timing import verdict

WORKERS, FASTER = 2, 1.7
MACHINES = ("packer", "oven", "fryer", "pasteuriser")
LEARN, TEST = 28, 7


def main() -> int:
    """Fill the stores, run both sides, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=20)
    parser.add_argument("--alerts", type=int, default=200)
    parser.add_argument("--alone", type=Path, help="explain in one process, and print the seconds")
    given = parser.parse_args()
    if given.alone:
        print(alone(load_settings(home=given.alone)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(home=Path(folder), workers=WORKERS)
        each = given.alerts // given.lines
        every = fill(settings, given.lines + WORKERS, each)
        alerts, first = parted(every)
        forget(settings, every)
        command = [sys.executable, "-m", "tests.benchmarks.bench_recommend_shift", "--alone", folder]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **QUIET})
        single = float(done.stdout.split()[-1])
        forget(settings, every)
        began = time.perf_counter()
        with ray_session(settings) as session:
            start_workers(session.workers)
            recommend_shift(settings, first, session.workers)
            print(f"Ray, its workers and a first small job took {time.perf_counter() - began:.1f} s")
            began = time.perf_counter()
            advice = recommend_shift(settings, alerts, session.workers)
            together = time.perf_counter() - began
    print(f"{len(alerts)} alerts: one process {single:.1f} s, Ray Data {together:.1f} s; {len(advice.failed)} failed")
    good = not advice.failed and advice.made == len(alerts)
    return 0 if verdict("times faster", single / together, f">= {FASTER}", good and single / together >= FASTER) else 1


def parted(alerts: list[AlertRecord]) -> tuple[list[AlertRecord], list[AlertRecord]]:
    """Return the alerts that are timed, and one of each of the last lines, which are for the first small job alone.

    Nobody has seen the other lines when the time is taken.
    """
    lines = sorted({alert.line for alert in alerts}, key=lambda line: int(line.rpartition("-")[2]))
    timed = [alert for alert in alerts if alert.line in lines[:-WORKERS]]
    return timed, list({alert.line: alert for alert in alerts if alert.line in lines[-WORKERS:]}.values())


def start_workers(count: int) -> None:
    """Have a process for each worker before the first job, or one would take all of its tasks."""
    import ray

    def stay() -> None:
        time.sleep(3.0)  # while the others start

    ray.get([ray.remote(num_cpus=1)(stay).remote() for _ in range(count)])


def fill(settings: Settings, lines: int, each: int) -> list[AlertRecord]:
    """Store readings, definitions, champions and alerts of many lines."""
    documents, signals = open_documents(settings.documents), open_signals(settings.signals)
    models = open_models(settings.models)
    at = datetime.now(UTC)
    known = {machine: advised_line(machine, 217, LEARN, TEST) for machine in MACHINES}
    alerts: list[AlertRecord] = []
    for number in range(lines):
        advised = known[MACHINES[number % len(MACHINES)]]
        name = f"{MACHINES[number % len(MACHINES)]}-{number}"
        alert = advised.alert.model_copy(
            update={"name": f"soon-{number}", "lines": advised.alert.lines.model_copy(update={"names": (name,)})}
        )
        documents.put_definitions([advised.line.to_json() | {"name": name}, alert.to_json()], at)
        frame = advised.frame
        signals.append_signals(SignalFrame(name, frame.data, frame.types, frame.sampling))
        bundle = replace(advised.bundle, key=ModelKey(alert.name, name))
        write_bundle(bundle, settings.home / "bundle")
        version = models.publish(bundle.key, settings.home / "bundle", bundle.card)
        models.promote(bundle.key, version, "first", at)
        shutil.rmtree(settings.home / "bundle")
        moments = advised.alerts(timedelta(minutes=5))
        for place in range(each):
            moment = moments[place % len(moments)] + timedelta(minutes=place // len(moments))
            opened = open_alert(
                name, alert.name, "high", moment, {}, score=0.9, threshold=bundle.threshold, version=version
            )
            documents.open_alert(opened)
            alerts.append(opened)
    documents.close()
    signals.close()
    return list({alert.id: alert for alert in alerts}.values())


def forget(settings: Settings, alerts: list[AlertRecord]) -> None:
    """Remove what was found for alerts, and what was gathered of lines."""
    import sqlite3

    shutil.rmtree(advice_folder(settings), ignore_errors=True)
    path = settings.documents.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM states WHERE key LIKE 'recommendation/%'")
    connection.close()
    documents = open_documents(settings.documents)
    assert all(documents.get_state(state_key(alert.id)) is None for alert in alerts)
    documents.close()


def alone(settings: Settings) -> float:
    """Return the seconds in which this process explains every alert, one after the other."""
    documents = open_documents(settings.documents)
    advisor = Advisor(documents, open_signals(settings.signals), open_models(settings.models), advice_folder(settings))
    alerts, first = parted(documents.list_alerts())
    # What Ray's workers have done before they are timed: imports, and kernels read from their cache.
    advisor.explain(first[0])
    began = time.perf_counter()
    for alert in alerts:
        documents.put_state(state_key(alert.id), to_state(advisor.explain(alert)))
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
