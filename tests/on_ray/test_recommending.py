"""A shift's recommendations on Ray Data are those of one process, kept once; and the command prints them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from andon.alerts.life_cycle import open_alert
from andon.frames import SignalFrame, from_microseconds
from andon.models.bundle import write_bundle
from andon.records import AlertRecord, ModelKey
from andon.scoring.alerts import score_alert
from andon.services.recommended import stored_recommendation
from andon.stores import open_documents, open_models, open_signals
from cluster.session import ray_session
from configs.settings import Settings, load_settings
from pipelines.cli import app
from pipelines.recommending import advisor_of, recommend_shift
from tests.advised_line import JAM, LINE, MINUTE, START, TRAINED, bundle, rows

pytestmark = pytest.mark.ray

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
LINES = ("press-1", "press-2", "press-3")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("home")
    settings = load_settings(home=home, workers=2)
    signals, models = open_signals(settings.signals), open_models(settings.models)
    alert = JAM.model_copy(update={"lines": JAM.lines.model_copy(update={"names": LINES})})
    definitions = [LINE.to_json() | {"name": name} for name in LINES]
    open_documents(settings.documents).put_definitions([*definitions, alert.to_json()], NOW)
    for name in LINES:
        signals.append_signals(SignalFrame(name, rows().data, rows().types, MINUTE))
        own = replace(bundle(), key=ModelKey(JAM.name, name))
        write_bundle(own, home / name)
        models.promote(own.key, models.publish(own.key, home / name, own.card), "test", NOW)
    return settings


@pytest.fixture(scope="module")
def alerts(settings: Settings) -> list[AlertRecord]:
    scores = score_alert(bundle(), rows(), START + TRAINED * MINUTE)
    moments = [from_microseconds(int(time)) for time in scores.times[scores.flag]][:30:10]
    documents = open_documents(settings.documents)
    opened = [open_alert(line, JAM.name, "high", moment, {}) for line in LINES for moment in moments]
    # No window before the first rows: this one cannot be explained, and stops no other.
    opened.append(open_alert(LINES[0], JAM.name, "high", START + MINUTE, {}))
    assert sum(documents.open_alert(one) for one in opened) == len(opened)
    return opened


@pytest.fixture(scope="module")
def workers(settings: Settings) -> Iterator[int]:
    with ray_session(settings) as session:
        yield session.workers


def test_a_shift_is_explained_as_one_process_would_and_once(
    settings: Settings, alerts: list[AlertRecord], workers: int
) -> None:
    advice = recommend_shift(settings, alerts, workers)
    assert (advice.made, advice.known, list(advice.failed)) == (len(alerts) - 1, 0, [alerts[-1].id])
    assert "no full window" in advice.failed[alerts[-1].id]
    advisor = advisor_of(settings)
    for alert in alerts[:-1]:
        assert stored_recommendation(alert.id, advisor.documents) == advisor.explain(alert)
    again = recommend_shift(settings, alerts, workers)
    assert (again.made, again.known, len(again.failed)) == (0, len(alerts) - 1, 1)


def test_the_command_prints_what_would_have_avoided_it(
    settings: Settings, alerts: list[AlertRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDON_HOME", str(settings.home))
    asked = ["recommend", "--line", LINES[1], "--alert", JAM.name, "--at", alerts[0].opened_at.isoformat()]
    done = CliRunner().invoke(app, [*asked, "--json", "--plot", str(tmp_path / "why.png")])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["options"][0]["changes"][0]["variable"] == "speed" and told["risk"] >= told["threshold"]
    assert (tmp_path / "why.png").read_bytes().startswith(b"\x89PNG")
    said = CliRunner().invoke(app, asked)
    assert said.exit_code == 0 and "pushed the risk up" in said.stdout and "at the latest" in said.stdout
    early = (START + timedelta(minutes=2)).isoformat()
    refused = CliRunner().invoke(app, ["recommend", "--line", LINES[1], "--alert", JAM.name, "--at", early])
    assert refused.exit_code in (1, 2)
    assert "no full window" in refused.output
    lacking = CliRunner().invoke(app, ["recommend", "--alert", JAM.name])
    assert lacking.exit_code == 2 and "--line: is missing" in lacking.output
