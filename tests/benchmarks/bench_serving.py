"""V2 inference over HTTP, side by side: Andon on Serve's fast path, MLServer, FastAPI on uvicorn, Serve's own proxy.

Each answers for the same LightGBM of 200 trees and 60 features, one replica, its garbage collector frozen; Andon with
its token checked. ``wrk`` sends from the same machine, so it and HAProxy take their share of the cores.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from configs.settings import Settings
from tests.benchmarks.contenders import python_with
from tests.benchmarks.http_load import Load, call, free_port, process, require_wrk, wrk
from tests.benchmarks.serving_plant import FEATURES, build_lines
from tests.benchmarks.timing import verdict

MLSERVER = ("mlserver==1.7.1", "mlserver-lightgbm==1.7.1")
CONTENDERS = ("andon", "mlserver", "bare", "default")


def body() -> str:
    """One row of features, as the protocol wants it."""
    values = np.random.default_rng(0).normal(size=FEATURES).tolist()
    tensor = {"name": "features", "shape": [1, FEATURES], "datatype": "FP64", "data": values}
    return json.dumps({"inputs": [tensor]})


@contextlib.contextmanager
def served(kind: str, home: Path) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Run a contender; yield its address, the path of its model and the headers that it takes."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    headers = {"Content-Type": "application/json"}
    if kind == "mlserver":
        with _mlserver(home, port):
            yield address, "/v2/models/jam/infer", headers
        return
    ready = f"{address}/ready" if kind == "bare" else f"{address}/v2/health/ready"
    command = [sys.executable, "-m", "tests.benchmarks.serving_process", kind, str(home), str(port)]
    with process(command, ready, timeout=180, ANDON_HOME=str(home)):
        token = (home / "api-token").read_text() if kind != "bare" else ""
        yield address, "/v2/models/jam-soon~line-000/infer", headers | {"Authorization": f"Bearer {token}"}


@contextlib.contextmanager
def _mlserver(home: Path, port: int) -> Iterator[None]:
    """Serve the same trees by MLServer's own runtime, in one process: without its workers it is faster."""
    python, folder = python_with(*MLSERVER), home / "mlserver"
    folder.mkdir(exist_ok=True)
    (folder / "frozen.py").write_text(
        "import gc\nfrom mlserver_lightgbm import LightGBMModel\n\n\nclass Frozen(LightGBMModel):\n"
        "    async def load(self):\n        loaded = await super().load()\n"
        "        gc.collect()\n        gc.freeze()\n        return loaded\n"
    )
    text = (home / "made" / "line-000" / "lightgbm.txt").read_text()
    (folder / "model.bst").write_text(text)
    settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    (folder / "settings.json").write_text(json.dumps(settings | {"parallel_workers": 0, "debug": False}))
    model = {"name": "jam", "implementation": "frozen.Frozen", "parameters": {"uri": "./model.bst"}}
    (folder / "model-settings.json").write_text(json.dumps(model))
    ready = f"http://127.0.0.1:{port}/v2/models/jam/ready"
    command = [str(python.with_name("mlserver")), "start", str(folder)]
    with process(command, ready, PYTHONPATH=str(folder), OMP_NUM_THREADS="1"):
        yield


def measure(kind: str, home: Path, seconds: float) -> tuple[Load, Load]:
    """Return the load at 1 connection and at 32."""
    with served(kind, home) as (address, path, headers):
        status, answer = call(address + path, body().encode(), headers)
        assert status == 200, (kind, status, answer)
        for connections in (1, 32):
            wrk(address, [path], [body()], connections=connections, seconds=1.5, headers=headers)
        one = wrk(address, [path], [body()], connections=1, seconds=seconds, headers=headers)
        many = wrk(address, [path], [body()], connections=32, seconds=seconds, headers=headers)
    print(f"{kind}: 1 connection: {one}; 32: {many}", flush=True)
    assert not one.errors + many.errors, kind
    return one, many


def main() -> int:
    """Measure the contenders in turn, several times, and compare medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=CONTENDERS, default=CONTENDERS)
    options = parser.parse_args()
    require_wrk()
    found: dict[str, list[tuple[Load, Load]]] = {kind: [] for kind in options.only}
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "home"
        build_lines(Settings(home=home), 1)
        for _ in range(options.rounds):
            for kind in options.only:
                found[kind].append(measure(kind, home, options.seconds))

    def median(kind: str, at: int, field: str) -> float:
        return statistics.median(getattr(pair[at], field) for pair in found[kind])

    good = []
    if "andon" in found:
        p99 = median("andon", 0, "p99")
        good.append(verdict("p99 at 1 connection, ms", p99, "<= 3", p99 <= 3))
    if {"andon", "mlserver"} <= set(found):
        ratio = median("andon", 0, "p50") / median("mlserver", 0, "p50")
        good.append(verdict("p50 at 1 connection to MLServer's", ratio, "<= 0.9", ratio <= 0.9))
        ratio = median("andon", 1, "rate") / median("mlserver", 1, "rate")
        good.append(verdict("requests/s at 32 to MLServer's", ratio, ">= 1.5", ratio >= 1.5))
    if {"andon", "bare"} <= set(found):
        ratio = median("andon", 1, "rate") / median("bare", 1, "rate")
        good.append(verdict("requests/s at 32 to bare FastAPI's", ratio, ">= 0.85", ratio >= 0.85))
    if {"andon", "default"} <= set(found):
        ratio = median("andon", 1, "rate") / median("default", 1, "rate")
        good.append(verdict("requests/s at 32 to Serve's own proxy's", ratio, ">= 9", ratio >= 9))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
