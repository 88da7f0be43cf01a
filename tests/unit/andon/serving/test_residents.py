"""Champions in memory: swapped, kept where a new one is damaged, taken out when there is none any more."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from andon.records import ModelKey
from andon.serving.residents import Residents
from andon.stores import open_documents, open_signals
from tests.watched_line import JAM, LINE, NORMAL, START, define, history, jam_bundle, normal_bundle
from tests.watched_stores import FolderModels

NAME = f"{JAM.name}~{LINE}"


@pytest.fixture
def residents(tmp_path: Path):
    documents = open_documents(f"sqlite:///{tmp_path}/documents.db")
    signals = open_signals(f"sqlite:///{tmp_path}/signals.db")
    define(documents, at=START)
    signals.append_signals(history())
    models = FolderModels(tmp_path / "models")
    models.put(jam_bundle(), 1)
    models.put(normal_bundle(), 1)
    yield Residents(documents, signals, models)
    documents.close()
    signals.close()


def versions(residents: Residents) -> dict[str, int]:
    return {name: one.version for name, one in residents.snapshot.models.items()}


def test_nothing_serves_before_the_first_look(residents):
    assert not residents.snapshot.begun
    assert residents.refresh().begun
    assert versions(residents) == {NAME: 1, f"{NORMAL.name}~{LINE}": 1}
    assert residents.snapshot.loading() == ()


def test_a_request_keeps_the_snapshot_that_it_began_with(residents):
    began = residents.refresh()
    residents.models.put(jam_bundle(), 2)
    residents.refresh()
    assert began.models[NAME].version == 1
    assert versions(residents)[NAME] == 2


def test_nothing_new_is_the_very_same_snapshot(residents):
    assert residents.refresh() is residents.refresh()
    assert residents.loads == 2


def test_a_damaged_champion_leaves_the_one_before_and_is_told_of(residents, caplog):
    residents.refresh()
    path = residents.models.put(jam_bundle(), 2)
    (path / "bundle.json").write_text("{}")
    with caplog.at_level(logging.ERROR):
        residents.refresh()
        residents.refresh()
    assert versions(residents)[NAME] == 1
    assert "damaged" in residents.snapshot.failed[NAME]
    (record,) = [one for one in caplog.records if "cannot be loaded" in one.message]
    assert "version 1 serves on" in record.message
    residents.models.put(jam_bundle(), 3)
    residents.refresh()
    assert versions(residents)[NAME] == 3
    assert residents.snapshot.failed == {}


def test_a_champion_whose_store_was_away_is_loaded_once_it_is_back(residents, caplog):
    residents.refresh()
    path = residents.models.put(jam_bundle(), 2)
    away = path.rename(path.with_name("away"))
    residents.refresh()
    assert versions(residents)[NAME] == 1 and "gone" in residents.snapshot.failed[NAME]
    away.rename(path)
    residents.refresh()
    assert versions(residents)[NAME] == 1, "not at every look"
    residents.again = 0.0
    residents.refresh()
    assert versions(residents)[NAME] == 2 and residents.snapshot.failed == {}


def test_what_stays_damaged_is_told_of_once(residents, caplog):
    path = residents.models.put(jam_bundle(), 2)
    (path / "bundle.json").write_text("{}")
    residents.again = 0.0
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            residents.refresh()
    assert len([one for one in caplog.records if "cannot be loaded" in one.message]) == 1


def test_a_damaged_first_champion_is_a_reason(residents):
    path = residents.models.put(jam_bundle(), 1)
    (path / "bundle.json").write_text("{}")
    residents.refresh()
    (jam,) = [one for one in residents.snapshot.lines[LINE] if one.definition.name == JAM.name]
    assert jam.resident is None
    assert "cannot be loaded" in jam.reason
    assert not jam.waiting


def test_a_champion_that_is_gone_serves_no_more(residents):
    residents.refresh()
    del residents.models.champions[ModelKey(JAM.name, LINE)]
    residents.refresh()
    assert NAME not in versions(residents)


def test_stores_that_are_away_leave_what_serves(residents, tmp_path):
    residents.refresh()
    residents.documents.close()
    database = tmp_path / "documents.db"
    moved = database.rename(tmp_path / "away.db")
    database.mkdir()
    with pytest.raises(Exception, match=r"documents\.db"):
        residents.refresh()
    assert versions(residents)[NAME] == 1
    assert residents.problem
    database.rmdir()
    moved.rename(database)
    residents.refresh()
    assert residents.problem == ""


def test_a_model_that_only_has_to_be_loaded_is_told_apart(residents):
    seen = []

    class Watched(FolderModels):
        def get(self, key, version):
            seen.append(residents.snapshot)
            return super().get(key, version)

    watched = Watched(residents.models.folder, residents.models.champions)
    residents.models = watched
    residents.refresh()
    assert NAME in seen[0].waiting
    assert seen[0].loading() == (LINE,)
    assert residents.snapshot.waiting == frozenset()
