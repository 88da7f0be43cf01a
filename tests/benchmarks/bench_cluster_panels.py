"""Every Grafana panel's query, and every alert rule, on a real Prometheus that scrapes a running Andon.

The demo's plant trains, serves and replays a day on few simulated days, while Prometheus scrapes `andon metrics`, the
API and Ray's nodes by the configuration in ``cluster/monitoring``. A panel passes if its query returned data
at any time of the run, or if it says why it may be empty.

Usage: ``python -m tests.benchmarks.bench_cluster_panels [--days 4] [--time 20s]``
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from cluster.monitoring.dashboards import DASHBOARDS
from tests.servers.waiting import free_port

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "cluster" / "monitoring"


def configuration(folder: Path, serving: int, metrics: int, home: Path) -> Path:
    """Write the shipped configuration with this run's addresses, scraped every 2 s."""
    body = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    body["global"] = {"scrape_interval": "2s", "evaluation_interval": "2s"}
    body["rule_files"] = [str(MONITORING / "alerts.yml")]
    jobs = {one["job_name"]: one for one in body["scrape_configs"]}
    jobs["andon"]["static_configs"] = [{"targets": [f"127.0.0.1:{metrics}"]}]
    jobs["andon-serving"]["static_configs"] = [{"targets": [f"127.0.0.1:{serving}"]}]
    jobs["andon-serving"]["authorization"] = {"credentials_file": str(home / "api-token")}
    home.mkdir(parents=True, exist_ok=True)
    (home / "api-token").touch(0o600)  # Prometheus reads it again at each scrape.
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(body))
    return path


def ask(port: int, path: str, **arguments: object) -> Any:
    """Ask Prometheus's API."""
    query = urllib.parse.urlencode(arguments)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/{path}?{query}", timeout=30) as answer:
        return json.loads(answer.read())["data"]


def main(days: int, search: str, seconds: float) -> int:
    """Run the plant, ask every query, print what came back; return how many bars were missed."""
    if shutil.which("prometheus") is None:
        print("Prometheus is not installed: apt-get install prometheus")
        return 1
    folder = Path(tempfile.mkdtemp(prefix="panels"))
    home, began = folder / "home" / "demo", time.time()
    serving, metrics, server = free_port(), free_port(), free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANDON_")}
    environment = kept | {"ANDON_HOME": str(home.parent), "ANDON_SERVE_PORT": str(serving)}
    with ExitStack() as started:
        started.callback(shutil.rmtree, folder, ignore_errors=True)

        def start(name: str, *command: str, **more: str) -> subprocess.Popen[bytes]:
            log = (folder / f"{name}.log").open("wb")
            process = subprocess.Popen(command, cwd=ROOT, env=environment | more, stdout=log, stderr=log)
            started.callback(log.close)
            started.callback(process.wait)
            started.callback(process.terminate)
            return process

        demo = [sys.executable, "-m", "pipelines", "demo", "--serve", "--days", str(days), "--time", search]
        plant = start("demo", *demo)
        said = folder / "demo.log"
        _until(lambda: "training alerts" in said.read_text(), plant, said, seconds)
        start("metrics", sys.executable, "-m", "pipelines", "metrics", "--port", str(metrics), ANDON_HOME=str(home))
        prometheus = ["prometheus", f"--config.file={configuration(folder, serving, metrics, home)}"]
        prometheus += [f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address=127.0.0.1:{server}"]
        start("prometheus", *prometheus)
        _until(lambda: "stop with Ctrl-C" in said.read_text() or "Ctrl-C" in said.read_text(), plant, said, seconds)
        for _ in range(20):
            _score(serving, home)
            time.sleep(0.5)  # while Prometheus scrapes
        return report(server, began)


def _score(port: int, home: Path) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/lines/fryer-1/score",
        data=b"",
        headers={"Authorization": f"Bearer {(home / 'api-token').read_text()}"},
    )
    urllib.request.urlopen(request, timeout=30).read()


def _until(ready: Any, process: subprocess.Popen[bytes], log: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"the demo did not get there:\n{log.read_text()[-2000:]}")
        time.sleep(0.2)  # until it says so


def report(server: int, began: float) -> int:
    """Ask every panel's query over the whole run; print and count those without data and without a reason."""
    missed = counted = empty = 0
    for dashboard in DASHBOARDS:
        for panel in dashboard.panels:
            for expression, _ in panel.queries:
                counted += 1
                found = ask(server, "query_range", query=expression, start=began, end=time.time(), step=2)["result"]
                if found:
                    continue
                empty += 1
                missed += not panel.empty_when
                why = f"empty when {panel.empty_when}" if panel.empty_when else "NO DATA, and no reason stated"
                print(f"  {dashboard.title}: {panel.title}: {why}")
    rules = [rule for group in ask(server, "rules")["groups"] for rule in group["rules"]]
    broken = [rule["name"] for rule in rules if rule["health"] != "ok"]
    targets = ask(server, "targets")["activeTargets"]
    down = [f"{one['labels']['job']}: {one['lastError']}" for one in targets if one["health"] != "up"]
    print(f"targets: {len(targets)}, of which down: {down or 'none'}")
    print(f"rules evaluated: {len(rules)}, of which broken: {broken or 'none'}")
    print(f"firing or pending: {sorted({rule['name'] for rule in rules if rule['state'] != 'inactive'}) or 'none'}")
    verdict = "met" if not missed and not broken and not down else "MISSED"
    print(f"queries with data: {counted - empty} of {counted}, {empty - missed} empty for a stated reason: {verdict}")
    return missed + len(broken) + len(down)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=4)
    parser.add_argument("--time", default="20s")
    parser.add_argument("--seconds", type=float, default=240.0, help="longest wait for each step")
    given = parser.parse_args()
    sys.exit(min(1, main(given.days, given.time, given.seconds)))
