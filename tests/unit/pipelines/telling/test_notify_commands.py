"""``andon notify`` and ``andon report``, as people type them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from andon.frames import signal_frame
from andon.records import AlertEvent, AlertRecord, AlertState, make_id
from andon.stores import open_documents, open_signals
from pipelines.cli import app
from tests.servers.mail import MailServer, answering, mail_server

AT = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
LINE = {"kind": "Line", "name": "press-07", "shifts": ["06:00"], "variables": [{"name": "oil", "type": "number"}]}
ROUTE = {"kind": "Route", "name": "floor", "alerts": "all", "email": ["lead@plant.example"]}
HOT = {"kind": "Alert", "name": "hot", "lines": {"names": ["press-07"]}, "type": "threshold", "when": "oil > 80"}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
    documents = open_documents(f"sqlite:///{tmp_path}/home/documents.db")
    documents.put_definitions([LINE, ROUTE, HOT], AT)
    times = [AT + timedelta(hours=hour) for hour in range(-40, 2)]
    frame = signal_frame("press-07", pl.DataFrame({"time": times, "oil": [70.0] * len(times)}), {"oil": "number"})
    open_signals(f"sqlite:///{tmp_path}/home/signals.db").append_signals(frame)
    event = AlertEvent(make_id("x"), AT, AlertState.FIRING, "assistant")
    documents.open_alert(AlertRecord("press-07", "hot", AT, AlertState.FIRING, "high", (event,)))
    with mail_server() as running:
        smtp = {"host": "127.0.0.1", "port": running.port, "security": "none", "sender": "andon@plant.example"}
        monkeypatch.setenv("ANDON_SMTP", json.dumps(smtp))
        yield running


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_from_refused_to_delivered(server: MailServer) -> None:
    server.on_recipient = answering("550 nobody here", "550 nobody here")
    assert "1 given up" in run("notify", "deliver").output
    (dead,) = json.loads(run("notify", "list", "--json").output)
    assert (dead["state"], dead["to"], dead["about"]) == ("dead", "floor: lead@plant.example", "press-07: hot firing")
    tried = run("notify", "test", "floor")
    assert (tried.exit_code, "550 nobody here" in tried.output) == (1, True)
    assert run("notify", "test", "floor").exit_code == 0
    assert run("notify", "retry").output == "1 messages will be tried again\n"
    assert "1 messages delivered in 1 parcels" in run("notify", "deliver").output
    assert "sent" in run("notify", "list", "--state", "sent").output
    assert server.recipients == ["lead@plant.example"] * 2
    wrong = run("notify", "list", "--state", "lost")
    assert (wrong.exit_code, "unknown state 'lost'" in wrong.stderr) == (2, True)


def test_reports_of_a_shift_and_of_performance(server: MailServer, tmp_path: Path) -> None:
    shift = run("report", "anomalies", "--shift", "--line", "press-07", "--out", "s.xlsx", "--route", "floor")
    assert shift.exit_code == 0, shift.stderr
    assert (tmp_path / "s.xlsx").exists()
    # The newest reading is of the first of March, half past seven: the shift of the day before is over.
    assert len(list((tmp_path / "home" / "reports").rglob("20260228T060000Z_20260301T060000Z*"))) == 2
    assert [one["Subject"] for one in server.mails if "alerts" in one["Subject"]] == ["Anomalies and alerts: press-07"]
    measured = run("report", "performance", "--out", "p.xlsx", "--out", "p.html", "--json")
    figures = json.loads(measured.stdout)["figures"]
    assert {one["part"] for one in figures} == {"alert", "line", "shift", "week"}
    assert (figures[0]["alerts"], figures[0]["unreviewed"]) == (1, 1)
    assert (tmp_path / "p.html").exists()
    assert len(json.loads(run("report", "list", "--json").stdout)) == 4
    for wrong in (("--shift",), ("--shift", "--line", "press-07", "--start", "2026-01-01"), ("--route", "flor")):
        assert run("report", "anomalies", *wrong).exit_code == 2
