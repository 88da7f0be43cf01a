"""``andon recommend``: what it refuses, and its review of advice."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from andon.alerts.life_cycle import open_alert
from andon.records import Feedback, MoveOption, Recommendation
from andon.services.recommended import state_key, to_state
from andon.stores import open_documents, open_signals
from configs.definitions import Alert
from configs.settings import load_settings
from pipelines.cli import app
from tests.advised_line import JAM, LINE, MINUTE, NAME, START, rows

HOT = {"name": "hot", "lines": {"names": [NAME]}, "type": "threshold", "when": "shaking > 3"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    documents = open_documents(settings.documents)
    documents.put_definitions([LINE.to_json(), JAM.to_json(), Alert.model_validate(HOT).to_json()], START)
    signals = open_signals(settings.signals)
    signals.append_signals(rows().between(None, START + timedelta(hours=6)))
    for place in range(3):
        moment = START + timedelta(hours=1 + place)
        alert = open_alert(NAME, JAM.name, "high", moment, {})
        documents.open_alert(alert)
        changes = (("speed", 70.0, 50.0),)
        option = MoveOption(changes, moment - MINUTE, 0.4, 0.1, 1.0, 0.8)
        found = Recommendation(alert.id, changes, 0.4, 0.1, 0.2, moment, (option,))
        documents.put_state(state_key(alert.id), to_state(found))
        if place < 2:
            documents.add_feedback(Feedback(alert.id, "avoided", "ann", datetime(2026, 11, 23, tzinfo=UTC)))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--alert", "jam-soon"], "--line: is missing"),
        (["--line", NAME], "--alert: is missing"),
        (["--line", NAME, "--alert", "nothing"], "is not defined"),
        (["--line", NAME, "--alert", "hot"], "only a classifier's risk"),
        (["--line", "press-9", "--alert", "jam-soon"], "has no readings"),
        (["--line", NAME, "--alert", "jam-soon"], "has no champion"),
        (["--line", NAME, "--alert", "jam-soon", "--at", "noon"], "--at"),
    ],
)
def test_what_cannot_be_explained_is_refused_with_one_error(asked: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["recommend", *asked])
    assert done.exit_code == 2 and said in done.output and done.output.count("error:") == 1


def test_a_review_tells_what_became_of_advice() -> None:
    asked = ["recommend", "--review", "--start", START.isoformat(), "--end", "2026-04-01"]
    (outcome,) = json.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)
    assert (outcome["alert"], outcome["line"], outcome["withdrawn"]) == (JAM.name, NAME, [])
    assert outcome["followed"] >= 2 and outcome["followed"] + outcome["not_followed"] + outcome["unknown"] == 3
    table = CliRunner().invoke(app, asked)
    assert table.exit_code == 0 and "stayed away" in table.stdout and NAME in table.stdout
