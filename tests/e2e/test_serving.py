"""A simulated line through the commands: train, back-test, serve; the API answers as the back-test did."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
import yaml

from andon.simulate import plant_definitions, simulate_line


def call(address: str, path: str, token: str | None, body: Any = None, method: str = "GET") -> tuple[int, Any]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{address}{path}", data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


@pytest.fixture
def server(andon, tmp_path):
    line = simulate_line("oven", datetime(2026, 1, 6, tzinfo=UTC), 8, seed=7)
    line.data.write_csv(tmp_path / "oven.csv")
    definitions = [
        one
        for one in plant_definitions([line])
        if one["kind"] == "Line" or one.get("type") == "classifier" or one["kind"] == "Monitor"
    ]
    for one in definitions:
        if one["kind"] == "Alert":
            one |= {"learners": ["lightgbm", "logistic_regression"], "search": {"trials": 3}}
        elif one["kind"] == "Monitor":
            one |= {"learners": ["linear"], "search": {"trials": 2}}
    (tmp_path / "oven.yaml").write_text(yaml.safe_dump_all(definitions))
    andon.run("apply", tmp_path / "oven.yaml")
    andon.run("import", tmp_path / "oven.csv", "--line", line.name)
    trained = andon.json("train", timeout=300)
    assert {one["result"] for one in trained} == {"champion"}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines", "serve", "--port", str(port)],
        env=andon.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            assert process.poll() is None, process.stdout.read().decode()
            with contextlib.suppress(OSError, ValueError):
                if call(address, "/readyz", None)[0] == 200:
                    break
            time.sleep(0.2)  # until it is ready
        yield address, line, [one["name"] for one in definitions if one["kind"] != "Line"]
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
    assert process.returncode == 0


@pytest.mark.ray
def test_the_api_answers_as_the_back_test_did(andon, server, tmp_path):
    address, line, names = server
    token = (andon.home / "api-token").read_text()
    assert call(address, "/healthz", None)[0] == 200
    assert call(address, "/v1/lines", None)[0] == 401
    assert call(address, "/v1/lines", "wrong")[0] == 401
    status, lines = call(address, "/v1/lines", token)
    assert (status, [one["name"] for one in lines]) == (200, [line.name])

    status, newest = call(address, f"/v1/lines/{line.name}/score", token, method="POST")
    assert (status, newest["skipped"]) == (200, [])
    assert sorted(one["name"] for one in newest["alerts"] + newest["monitors"]) == sorted(names)
    for one in newest["alerts"] + newest["monitors"]:
        kind = "--alert" if one in newest["alerts"] else "--monitor"
        out = tmp_path / f"{one['name']}.parquet"
        andon.run("backtest", "--line", line.name, kind, one["name"], "--out", out)
        rows = pl.read_parquet(out)
        said = rows.filter(pl.col("variable").is_null()).row(-1, named=True)
        assert said["score"] == pytest.approx(one["score"], abs=1e-9)
        assert said["flag"] == one["flag"]

    tail = line.data.tail(200).with_columns(pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ")).to_dicts()
    status, given = call(address, f"/v1/lines/{line.name}/score", token, {"rows": tail}, "POST")
    assert status == 200
    for mine, theirs in zip(given["alerts"] + given["monitors"], newest["alerts"] + newest["monitors"], strict=True):
        assert mine["score"] == pytest.approx(theirs["score"], abs=1e-9)

    status, refused = call(address, f"/v1/lines/{line.name}/score", token, {"rows": tail[-3:]}, "POST")
    assert status == 422
    assert "needs" in refused["detail"]
    assert call(address, "/v1/lines/nowhere/score", token, method="POST")[0] == 404
    status, described = call(address, "/openapi.json", None)
    assert "/v1/lines/{line}/score" in described["paths"]
