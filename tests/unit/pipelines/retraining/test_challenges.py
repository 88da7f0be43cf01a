"""How new data are parted between what a challenger learns from and what judges, and when a retrain is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from andon.frames import TIME, signal_frame
from andon.ports import Documents, Signals
from andon.records import Decision, ModelCard, ModelKey, PublishedModel
from andon.services.definitions import apply_definitions
from andon.stores import open_documents, open_models, open_signals
from pipelines.retraining.challenges import (
    FEWEST_OWN_EVENTS,
    Challenge,
    Contest,
    against_newest,
    contests,
    is_due,
    part_data,
)
from pipelines.selecting import select, stored_lines

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY, HORIZON = timedelta(days=1), timedelta(hours=1)
READ, AT = START + 10 * DAY, START + 90 * DAY
KEY = ModelKey("jam-soon", "press-1")

DEFINITIONS = """
kind: Line
name: press-1
family: presses
timezone: Europe/Paris
variables: [{name: jam, type: number}, {name: heat}]
---
kind: Line
name: press-2
family: presses
variables: [{name: jam, type: number}, {name: heat}]
---
kind: Alert
name: jam-soon
lines: {names: [press-1]}
type: classifier
target: jam == 1
horizon: 1h
retrain: "0 2 * * 1"
---
kind: Alert
name: jam-anywhere
lines: {family: presses}
type: classifier
target: jam == 1
horizon: 1h
model: pooled
---
kind: Monitor
name: normal
lines: {names: [press-1]}
"""


class Plant:
    """Stores with a press that jams at noon of some days, hourly read."""

    def __init__(self, folder: Path) -> None:
        self.documents: Documents = open_documents(f"sqlite:///{folder}/documents.db")
        self.signals: Signals = open_signals(f"sqlite:///{folder}/signals.db")
        (folder / "all.yaml").write_text(DEFINITIONS)
        apply_definitions([folder / "all.yaml"], self.documents, self.signals, START)
        self.folder = folder

    def run(self, days: int, jams: int, line: str = "press-1") -> None:
        """Store so many days, with a jam at noon of the last ``jams`` of them."""
        hours = np.arange(24 * days)
        jam = (hours % 24 == 12) & (hours // 24 >= days - jams)
        times = pl.Series(1_767_225_600_000_000 + 3_600_000_000 * hours).cast(TIME)
        data = pl.DataFrame({"time": times, "jam": jam.astype(float), "heat": 1.0})
        self.signals.append_signals(signal_frame(line, data, {"jam": "number", "heat": "number"}))

    def contest(self, read_until: datetime = READ, version: int = 1) -> Contest:
        """Return the contest for the place of a champion that has read so far."""
        selected = next(one for one in select(self.documents) if one.stored.name == KEY.definition)
        champion = PublishedModel(KEY, version, "bundle", card(read_until), "champion")
        return Contest(selected, KEY, ("press-1",), champion, tuple(self.documents.list_decisions(KEY)))

    def part(self, contest: Contest | None = None) -> Challenge | Decision:
        return part_data(contest or self.contest(), self.signals, stored_lines(self.documents), AT)


def card(read_until: datetime) -> ModelCard:
    return ModelCard("classifier", "lightgbm", {}, {"ap": 0.5}, {}, 1, START, read_until, 0)


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return Plant(tmp_path)


def test_the_newest_half_judges_where_it_holds_enough(plant: Plant) -> None:
    plant.run(days=70, jams=60)
    found = plant.part()
    assert isinstance(found, Challenge)
    last = START + 70 * DAY - timedelta(hours=1)
    assert found.end - last == timedelta(microseconds=1)
    assert found.judged_from == START + 10 * DAY + (found.end - START - 10 * DAY) / 2
    assert found.learnt_until == found.judged_from - HORIZON
    assert found.start == START
    spans = found.periods
    assert spans["train"]["start"] == "2026-01-01T00:00:00Z"
    assert spans["train"]["end"] == spans["validation"]["start"]
    assert datetime.fromisoformat(spans["validation"]["end"]) == found.learnt_until


def test_more_judges_where_half_is_not_enough(plant: Plant) -> None:
    plant.run(days=26, jams=20)
    found = plant.part()
    assert isinstance(found, Challenge)
    assert found.judged_from == START + 16 * DAY, "the tenth last day, and the tenth last jam"


@pytest.mark.parametrize(
    ("days", "jams", "said"),
    [
        (30, 9, "hold 9 events and 20 line-days"),
        (18, 8, "hold 8 events and 8 line-days"),
        (21, 11, "must hold 10 events"),
    ],
)
def test_too_little_is_new(plant: Plant, days: int, jams: int, said: str) -> None:
    plant.run(days, jams)
    found = plant.part()
    assert isinstance(found, Decision)
    assert (found.verdict, found.champion, found.challenger) == ("kept", 1, None)
    assert said in found.reason


def test_what_chose_a_champion_is_not_new_to_it(plant: Plant) -> None:
    plant.run(days=60, jams=50)
    first = plant.part()
    assert isinstance(first, Challenge)
    plant.documents.add_decision(Decision(KEY, 1, 2, AT, first.end, "promoted", "better"))
    then = plant.part(plant.contest(first.learnt_until, version=2))
    assert isinstance(then, Decision)
    assert then.reason.startswith("nothing new")
    plant.run(days=90, jams=80)
    later = plant.part(plant.contest(first.learnt_until, version=2))
    assert isinstance(later, Challenge)
    assert later.judged_from >= first.end


def test_a_decision_on_the_same_data_stands(plant: Plant) -> None:
    plant.run(days=60, jams=50)
    challenge = plant.part()
    assert isinstance(challenge, Challenge)
    made = Decision(KEY, 1, 2, AT, challenge.end, "kept", "no better")
    plant.documents.add_decision(made)
    assert plant.part() == made
    assert isinstance(plant.part(plant.contest(version=3)), Challenge), "another champion, another decision"


def test_a_retrain_is_due_once_its_hour_has_come_on_the_line(plant: Plant) -> None:
    plant.run(days=60, jams=50)
    lines = stored_lines(plant.documents)
    monday = datetime(2026, 1, 12, 1, 0, tzinfo=UTC)  # 02:00 in Paris
    contest = plant.contest()
    assert not is_due(contest, lines, monday - timedelta(minutes=1))
    assert is_due(contest, lines, monday)
    plant.documents.add_decision(Decision(KEY, 1, None, monday, START, "kept", "too little"))
    contest = plant.contest()
    assert not is_due(contest, lines, monday + 7 * DAY - timedelta(minutes=1))
    assert is_due(contest, lines, monday + 7 * DAY)


def test_a_line_contests_its_familys_model_once_it_has_events_to_learn_from(plant: Plant) -> None:
    models, lines = open_models(f"sqlite:///{plant.folder}/mlflow.db"), stored_lines(plant.documents)
    plant.run(days=60, jams=50)
    plant.run(days=60, jams=11, line="press-2")
    none, untrained = contests(select(plant.documents), (), plant.documents, models)
    assert none == []
    family = ModelKey("jam-anywhere", family="presses")
    assert set(untrained) == {KEY, ModelKey("normal", "press-1"), family}
    (plant.folder / "bundle").mkdir()
    models.promote(family, models.publish(family, plant.folder / "bundle", card(READ)), "first model", START)

    first, second = (ModelKey("jam-anywhere", line) for line in ("press-1", "press-2"))
    found = {one.key: one for one in contests(select(plant.documents), (), plant.documents, models)[0]}
    assert set(found) == {family, first, second}
    asked, _ = contests(select(plant.documents, lines=["press-1"]), ["press-1"], plant.documents, models)
    assert {one.key for one in asked} == {family, first}
    assert (found[first].champion.key, found[first].holder) == (family, None)
    parted = {key: part_data(one, plant.signals, lines, AT) for key, one in found.items()}
    challenge = parted[first]
    assert isinstance(challenge, Challenge)
    assert against_newest(challenge, models) == challenge
    whole, few = parted[family], parted[second]
    assert isinstance(whole, Challenge) and whole.contest.lines == ("press-1", "press-2")
    assert isinstance(few, Decision)
    assert f"needed are {FEWEST_OWN_EVENTS}" in few.reason

    read = challenge.judged_from + DAY
    models.promote(family, models.publish(family, plant.folder / "bundle", card(read)), "better", AT)
    newest = against_newest(challenge, models)
    assert (newest.contest.champion.version, newest.contest.key, newest.judged_from) == (2, first, read)
    assert newest.learnt_until == challenge.learnt_until
    assert against_newest(whole, models) == whole, "the family's own contest is with the champion it was planned for"
