"""A line's full score: features from rows, a classifier of each learner, 20 monitors of 3 variables each.

In process with a profile of where the time goes, and over HTTP through Serve's HAProxy. As on a line that runs, each
request has one row that the one before it had not, and lacks its oldest.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import statistics
import sys
import tempfile
import time
from pathlib import Path

import orjson
import polars as pl

from andon.stores import open_documents, open_models, open_signals
from configs.settings import Settings
from serve_deployments.scorer import LineScorer
from tests.benchmarks.http_load import call, free_port, process, require_wrk, wrk
from tests.benchmarks.serving_plant import build_full_line
from tests.benchmarks.timing import verdict

LINE, ROWS, STEPS, MILLISECONDS = "press-07", 130, 100, 5.0


def in_process(settings: Settings, bodies: list[str], times: int) -> float:
    """Print where the time goes; return the median in milliseconds."""
    scorer = LineScorer(
        open_documents(settings.documents), open_signals(settings.signals), open_models(settings.models)
    )
    scorer.refresh()
    given = [orjson.loads(body)["rows"] for body in bodies]
    answer = scorer.score(LINE, given[-1])
    assert (len(answer["alerts"]), len(answer["monitors"]), answer["skipped"]) == (4, 20, []), answer["skipped"]
    took, stored, texts = [], [], []
    for turn in range(times):
        rows = given[turn % len(given)]
        began = time.perf_counter()
        answer = scorer.score(LINE, rows)
        took.append(1e3 * (time.perf_counter() - began))
        began = time.perf_counter()
        orjson.loads(bodies[turn % len(given)])
        orjson.dumps(answer)
        texts.append(1e3 * (time.perf_counter() - began))
        began = time.perf_counter()
        scorer.score(LINE)
        stored.append(1e3 * (time.perf_counter() - began))
    profile = cProfile.Profile()
    profile.enable()
    for turn in range(times):
        scorer.score(LINE, given[turn % len(given)])
    profile.disable()
    found: dict[str, float] = {}
    for (file, _, function), told in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        found[f"{Path(file).name}:{function}"] = told[3]
    whole = found["scorer.py:score"]
    parts = {
        "rows of the request": ("rows.py:read_rows",),
        "features": ("engine.py:compute_features",),
        "classifiers": ("bundle.py:probabilities",),
        "monitors": ("newest.py:judge",),
    }
    shares = {part: sum(found[name] for name in names) / whole for part, names in parts.items()}
    shares["the rest, most of it the answer"] = 1 - sum(shares.values())
    print(f"in process, {ROWS} rows in the request: p50 {statistics.median(took):.2f} ms")
    print(f"JSON to rows, and the answer to JSON: p50 {statistics.median(texts):.2f} ms")
    print(f"in process, rows of the store, nothing new: p50 {statistics.median(stored):.2f} ms")
    print("share of the time: " + ", ".join(f"{part} {share:.0%}" for part, share in shares.items()))
    return statistics.median(took)


def over_http(settings: Settings, bodies: list[str], seconds: float) -> float:
    """Return the median over HTTP in milliseconds."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "tests.benchmarks.serving_process", "andon", str(settings.home), str(port)]
    with process(command, f"{address}/readyz", timeout=180, ANDON_HOME=str(settings.home)):
        token = (settings.home / "api-token").read_text()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        path = f"/v1/lines/{LINE}/score"
        status, answer = call(address + path, bodies[0].encode(), headers)
        assert (status, answer["skipped"]) == (200, []), answer
        wrk(address, [path], bodies, connections=1, seconds=2, headers=headers)
        load = wrk(address, [path], bodies, connections=1, seconds=seconds, headers=headers)
        many = wrk(address, [path], bodies, connections=32, seconds=seconds, headers=headers)
    print(f"over HTTP, 1 connection: {load}; 32: {many}", flush=True)
    assert not load.errors + many.errors
    return load.p50


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--times", type=int, default=300)
    parser.add_argument("--no-http", action="store_true")
    options = parser.parse_args()
    require_wrk()
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(home=Path(name) / "home")
        frame = build_full_line(settings)
        rows = frame.data.tail(ROWS + STEPS).with_columns(pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%SZ")).to_dicts()
        bodies = [json.dumps({"rows": rows[step : step + ROWS]}) for step in range(1, STEPS + 1)]
        print(f"a request has {len(bodies[0]):,} bytes")
        found = in_process(settings, bodies, options.times)
        if not options.no_http:
            found = over_http(settings, bodies, options.seconds)
    good = verdict("a line's full score, ms p50", found, "<= 5", found <= MILLISECONDS)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
