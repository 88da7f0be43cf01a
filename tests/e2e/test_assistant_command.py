"""`andon assistant` and `andon alerts` as people type them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from andon.stores import open_documents
from configs.settings import Settings
from tests.e2e.conftest import Andon

PLANT = """
kind: Alert
name: too-hot
lines: {names: [press-07]}
type: threshold
when: oil > 80
severity: high
"""


@pytest.fixture
def plant(andon: Andon, tmp_path: Path) -> Andon:
    return planted(andon, tmp_path)


@pytest.fixture(scope="module")
def shared_plant(shared_andon: Andon, tmp_path_factory: pytest.TempPathFactory) -> Andon:
    return planted(shared_andon, tmp_path_factory.mktemp("tables"))


def planted(andon: Andon, folder: Path) -> Andon:
    bring(andon, folder, [70, 81, 82])
    (folder / "plant.yaml").write_text(PLANT)
    andon.run("apply", folder / "plant.yaml")
    return andon


def bring(andon: Andon, folder: Path, oil: list[int]) -> None:
    rows = "\n".join(f"2026-01-01T00:{minute:02}:00Z,{value}" for minute, value in enumerate(oil))
    (folder / "press-07.csv").write_text(f"time,oil\n{rows}\n")
    andon.run("import", folder / "press-07.csv", "--line", "press-07")


def test_once_then_by_hand(plant: Andon, tmp_path: Path) -> None:
    said = plant.run("assistant", "--once")
    assert "2026-01-01T00:02:00Z press-07: too-hot (high), alert " in said
    assert "press-07: 1 rows to 2026-01-01T00:02:00Z, 0 forecasts, 0 anomalies, 1 alerts opened, 0 resolved" in said
    (alert,) = plant.json("alerts", "list", "--state", "open")
    assert alert["events"][0]["evidence"] == {"when": "oil > 80", "values": {"oil": 82.0}}
    assert plant.json("alerts", "ack", alert["id"], "--author", "ana", "--note", "on it")["state"] == "acknowledged"
    assert "is acknowledged already, by ana" in plant.run("alerts", "ack", alert["id"], "--author", "bo", code=2)
    assert plant.json("alerts", "act", alert["id"], "--author", "ana")["state"] == "acted"
    bring(plant, tmp_path, [70, 81, 82, 83, 79])
    done = json.loads(plant.run("assistant", "--once", "--json"))
    assert (done["rows"], done["resolved"], done["opened"], done["error"]) == (2, 1, [], "")
    assert f"{alert['id']}: confirmed, by ana" in plant.run(
        "alerts", "feedback", alert["id"], "confirmed", "--author", "ana"
    )
    (closed,) = plant.json("alerts", "list", "--line", "press-07", "--alert", "too-hot")
    assert (closed["state"], closed["resolved_at"]) == ("resolved", "2026-01-01T00:04:00Z")
    assert [one["verdict"] for one in closed["feedback"]] == ["confirmed"]
    assert plant.json("alerts", "list", "--state", "open") == []


def test_since_judges_what_is_stored(plant: Andon) -> None:
    done = json.loads(plant.run("assistant", "--once", "--since", "2026-01-01", "--json"))
    assert (done["rows"], len(done["opened"])) == (3, 1)
    assert plant.json("alerts", "list")[0]["opened_at"] == "2026-01-01T00:01:00Z"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("assistant", "--once", "--every", "soon"), "--every: is not a duration: 'soon'"),
        (("assistant", "--every", "0s"), "--every: must be longer than 0"),
        (("assistant", "--once", "--since", "yesterday"), "--since: is not a time: 'yesterday'"),
        (("assistant", "--once", "--since", "2999-01-01"), "--since: 2999-01-01T00:00:00Z is still to come"),
        (("assistant", "--once", "--batch", "0"), "--batch: must be 1 or more, got 0"),
        (("assistant", "--once", "--line", "press-08"), "line press-08: no alert or monitor is for it; did you mean"),
        (("alerts", "ack", "nowhere", "--author", "ana"), "alert nowhere: does not exist; see `andon alerts list`"),
        (("alerts", "list", "--state", "shut"), "state: unknown state 'shut'"),
        (("alerts", "list", "--start", "then"), "--start: is not a time: 'then'"),
    ],
)
def test_what_is_wrong_is_told(arguments: tuple[str, ...], says: str, shared_plant: Andon) -> None:
    assert says in shared_plant.run(*arguments, code=2)


def test_without_definitions_there_is_nothing_to_do(andon: Andon) -> None:
    assert "apply definitions first" in andon.run("assistant", "--once", code=2)


def test_the_loop_ends_cleanly_when_told(plant: Andon) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines", "assistant", "--every", "50ms"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=plant.environment(),
    )  # fmt: skip
    documents = open_documents(Settings(home=plant.home).documents)
    deadline = time.monotonic() + 60
    while documents.get_state("assistant/press-07") is None and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr and process.stderr.read()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "too-hot (high), alert" in out
    assert "Traceback" not in err


def test_silences_status_and_what_is_due(plant: Andon, tmp_path: Path) -> None:
    assert "say what to silence" in plant.run("alerts", "silence", "cleaning", code=2)
    assert "line press-7: is not known; did you mean 'press-07'" in plant.run(
        "alerts", "silence", "cleaning", "--line", "press-7", code=2
    )
    made = plant.json("alerts", "silence", "cleaning", "--line", "press-07", "--for", "1h", "--author", "ana")
    assert (made["line"], made["alert"], made["reason"]) == ("press-07", None, "cleaning")
    assert plant.json("alerts", "silences") == [made]
    assert plant.json("alerts", "unsilence", made["id"])["ended_at"]
    assert plant.json("alerts", "silences") == []

    (tmp_path / "report.yaml").write_text(PLANT + 'report: "0 6 * * *"\n')
    plant.run("apply", tmp_path / "report.yaml")
    assert plant.json("run-due") == [], "what is new fires from now on"
    plant.run("assistant", "--once")
    told = plant.json("assistant", "status")
    assert told["assistants"] == []
    (line,) = told["lines"]
    assert (line["state"], line["holder"], line["standing"], line["lag_seconds"]) == (
        "no-data",
        None,
        ["too-hot"],
        0.0,
    ), "its rows are old"
    assert [(one["name"], one["cron"]) for one in told["schedules"]] == [("report/too-hot", "0 6 * * *")]
