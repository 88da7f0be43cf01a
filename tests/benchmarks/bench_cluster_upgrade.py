"""A rolling upgrade of the Serve application under load, by the Serve config of the manifests: 0 failed requests.

The application of `cluster/kubernetes` is deployed on a Ray that `andon cluster up` starts; eight clients score lines
without ever trying twice, while a new release of it is deployed over the old one.

Usage: ``python -m tests.benchmarks.bench_cluster_upgrade [--seconds 40]``
"""

from __future__ import annotations

import argparse
import copy
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from configs.settings import Settings
from tests.servers.waiting import free_port

ROOT = Path(__file__).parents[2]
CLIENTS = 8
TOKEN = "a-token-of-the-benchmark-alone"


def serve_config(port: int, release: str, environment: dict[str, str]) -> dict[str, Any]:
    """Return the config of the small overlay, for one machine: without labels, and two replicas of half a core."""
    patch = yaml.safe_load((ROOT / "cluster" / "kubernetes" / "overlays" / "small" / "serving.yaml").read_text())
    (text,) = [one["value"] for one in patch if one["path"] == "/spec/serveConfigV2"]
    config = copy.deepcopy(yaml.safe_load(text))
    config["http_options"] |= {"host": "127.0.0.1", "port": port}
    (application,) = config["applications"]
    application["runtime_env"] = {"env_vars": environment | {"RELEASE": release}}
    (deployment,) = application["deployments"]
    deployment["ray_actor_options"] = {"num_cpus": 0.4}
    deployment["autoscaling_config"] |= {"min_replicas": 2, "initial_replicas": 2, "max_replicas": 2}
    return config


class Clients:
    """Clients that score lines over kept connections and count every answer, or why there was none."""

    def __init__(self, port: int, lines: list[str]) -> None:
        self._port, self._lines = port, lines
        self.answers: Counter[str] = Counter()
        self._stop = threading.Event()
        self._guard = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self) -> Clients:
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for one in self._threads:
            one.join()

    def _run(self, number: int) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self._stop.is_set():
            line = self._lines[number % len(self._lines)]
            try:
                connection.request("POST", f"/v1/lines/{line}/score", headers=headers)
                answer = connection.getresponse()
                answer.read()
                told = str(answer.status)
            except (OSError, http.client.HTTPException) as error:
                told = type(error).__name__
                connection.close()
            with self._guard:
                self.answers[told] += 1


def main(seconds: float) -> int:
    """Print what was answered; return whether a request failed."""
    from tests.benchmarks.serving_plant import build_lines

    folder = Path(tempfile.mkdtemp(prefix="upgrade"))
    home, port = folder / "home", free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANDON_", "RAY_"))}
    ours = kept | {
        "ANDON_HOME": str(home),
        "HOME": str(folder),
        "ANDON_CLUSTER": '{"cpus": 2}',
        "ANDON_API_TOKEN": TOKEN,
    }
    lines = [name.rpartition("~")[2] for name in build_lines(Settings(home=home), 4)]
    try:
        node = json.loads(_andon(ours, "cluster", "up", "--json"))
        theirs = ours | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(home / "ray-token"),
            "PYTHONPATH": str(ROOT),
        }
        settings = {"ANDON_HOME": str(home), "ANDON_API_TOKEN": TOKEN, "PYTHONPATH": str(ROOT)}

        def deploy(release: str) -> None:
            path = folder / f"{release}.yaml"
            path.write_text(yaml.safe_dump(serve_config(port, release, settings)))
            serve = str(Path(sys.executable).with_name("serve"))
            command = [serve, "deploy", str(path), "--address", node["dashboard"]]
            done = subprocess.run(command, env=theirs, capture_output=True, text=True, timeout=120)
            if done.returncode:
                raise SystemExit(f"serve deploy: {done.stdout}{done.stderr}")

        began = time.monotonic()
        deploy("one")
        first = _replicas(node["dashboard"], home, set(), 120)
        print(f"first release: {len(first)} replicas after {time.monotonic() - began:.0f} s", flush=True)
        with Clients(port, lines) as clients:
            time.sleep(3)  # of load before
            began = time.monotonic()
            deploy("two")
            second = _replicas(node["dashboard"], home, first, 150)
            taken = time.monotonic() - began
            time.sleep(max(3.0, seconds - taken))  # of load after
        failed = sum(count for told, count in clients.answers.items() if told != "200")
        print(f"second release: {len(second)} other replicas after {taken:.0f} s")
        print(f"answers: {dict(clients.answers)}")
        total = sum(clients.answers.values())
        verdict = "MISSED" if failed else "met"
        print(f"rolling upgrade under load: {failed} of {total} requests failed (bar: 0): {verdict}")
        return int(failed > 0)
    finally:
        _andon(ours, "cluster", "down")
        shutil.rmtree(folder, ignore_errors=True)


def _andon(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "pipelines", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200)
    if done.returncode:
        raise SystemExit(f"andon {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def _replicas(dashboard: str, home: Path, before: set[str], patience: float) -> set[str]:
    """Wait until the application runs on replicas none of which was there before; return them."""
    import urllib.request

    request = urllib.request.Request(
        f"{dashboard}/api/serve/applications/", headers={"Authorization": f"Bearer {(home / 'ray-token').read_text()}"}
    )
    deadline, told = time.monotonic() + patience, "nothing"
    while time.monotonic() < deadline:
        with urllib.request.urlopen(request, timeout=30) as answer:
            application = json.loads(answer.read())["applications"].get("andon", {})
        found = {
            one["replica_id"]: one["state"]
            for deployment in application.get("deployments", {}).values()
            for one in deployment["replicas"]
        }
        told = f"{application.get('status')} {application.get('message', '')} {found}"
        running = {name for name, state in found.items() if state == "RUNNING"}
        if (
            application.get("status") == "RUNNING"
            and len(running) >= 2
            and not running & before
            and len(found) == len(running)
        ):
            return running
        time.sleep(0.3)  # until it is so
    raise SystemExit(f"the application does not run: {told[:1500]}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="of load from the second release on, at least")
    sys.exit(main(parser.parse_args().seconds))
