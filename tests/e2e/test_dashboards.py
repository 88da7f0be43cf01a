"""``andon dashboards``: pages that answer, on ports that are free, and nothing left of them afterwards."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import processes_of
from tune_jobs.tensorboard import write_configuration


@contextlib.contextmanager
def dashboards(andon, *options: str) -> Iterator[tuple[dict[str, str], subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "pipelines", "dashboards", "--json", *options]
    environment = andon.environment(PYTHONPATH=str(Path(__file__).parents[2]))
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        said = ""
        while not said.endswith("}\n"):
            line = process.stdout.readline()
            assert line, process.stderr.read()
            said += line
        yield json.loads(said), process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def post(address: str, body: Any) -> Any:
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def test_pages_answer_and_end_with_the_command(andon):
    search = andon.home / "searches" / "abc"
    for number in range(3):
        write_configuration(search, "jam-soon on press-1", "lightgbm", {"rounds": 10}, 0.5, 1.0, number)
    with dashboards(andon) as (addresses, process):
        assert addresses["ray"] == ""
        query = {"experimentName": "", "sliceSize": 10, "colParams": [], "allowedStatuses": ["STATUS_SUCCESS"]}
        answer = post(f"{addresses['tensorboard']}/data/plugin/hparams/session_groups", query)
        assert [row["hparams"]["Line"] for row in answer["sessionGroups"]] == ["press-1"] * 3
        found = post(f"{addresses['mlflow']}/api/2.0/mlflow/experiments/search", {"max_results": 10})
        assert found["experiments"]
        assert len(processes_of(andon.home)) >= 3
    assert process.returncode == 0
    assert processes_of(andon.home) == []


@pytest.mark.parametrize("option", ["--port-tensorboard", "--port-mlflow"])
def test_a_given_port_that_is_taken_is_refused(andon, option):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        said = andon.run("dashboards", option, port, code=2)
    assert f"error: {option}: 127.0.0.1:{port} is taken" in said


def test_an_mlflow_that_is_elsewhere_is_not_started_again(andon):
    url = "http://me:hidden@127.0.0.1:1/models"
    said = andon.run("dashboards", "--port-mlflow", 5005, code=2, ANDON_MODELS_URL=url)
    assert "--port-mlflow: is given, and MLflow is at http://127.0.0.1:1/models" in said
    assert "hidden" not in said


def test_a_cluster_that_is_not_there_is_told_at_once(andon):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{holder.getsockname()[1]}"
        said = andon.run("dashboards", code=1, ANDON_RAY_ADDRESS=address, timeout=60)
    assert f"error: Ray at {address}: cannot be reached: " in said
    assert "unset ANDON_RAY_ADDRESS" in said
    assert processes_of(andon.home) == []
