"""Which model serves a definition on a line: its own once it has a champion, its family's until then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from andon.frames import SignalFrame
from andon.records import ModelKey
from andon.scoring.verdicts import Reason
from andon.services.assistant import Assistant
from andon.services.turns import Stores
from andon.services.watching import Cache, Watching, champion_of, is_for, model_keys, watches_of
from andon.stores import open_documents, open_signals
from configs.definitions import Line
from tests.family_alert import NEW_LINE, NOW, family_alert, family_bundle, fill, own_bundle
from tests.watched_line import ABNORMAL, AHEAD, DEFINED, HOT, JAM, LINE, NORMAL, START, normal_bundle
from tests.watched_stores import FolderModels

POOLED, PER_LINE = family_alert("pooled"), family_alert("per-line")


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    documents = open_documents(f"sqlite:///{tmp_path}/documents.db")
    signals = open_signals(f"sqlite:///{tmp_path}/signals.db")
    yield Stores(documents, signals, FolderModels(tmp_path / "models"))
    documents.close()
    signals.close()


@pytest.mark.parametrize("alert", [POOLED, PER_LINE], ids=["pooled", "per-line"])
def test_a_line_without_its_own_model_is_watched_by_its_family_s(stores: Stores, alert) -> None:
    rows = fill(stores.documents, stores.signals, [alert])
    models = stores.models
    assert isinstance(models, FolderModels)
    assistant = Assistant(stores, lines=(NEW_LINE,), since=START)

    def versions() -> set[int | None]:
        (done,) = assistant.run_pass(NOW)
        assert done.error == ""
        return {one.version for one in done.opened}

    models.put(family_bundle(), 1)
    assert versions() == {1}
    models.put(own_bundle(), 2)
    later = rows.data.with_columns(time=rows.data["time"] + (rows.data["time"][-1] - rows.data["time"][0]) * 2)
    stores.signals.append_signals(SignalFrame(NEW_LINE, later, rows.types, rows.sampling))
    assert versions() == {2}


def test_the_line_s_own_model_comes_before_its_family_s(tmp_path: Path) -> None:
    models = FolderModels(tmp_path)
    own, family = ModelKey(JAM.name, LINE), ModelKey(JAM.name, family="fryers")
    for alert in (POOLED, PER_LINE):
        assert model_keys(alert, LINE) == (own, family)
    assert champion_of(POOLED, LINE, models) is None
    models.champions[family] = 4
    assert champion_of(POOLED, LINE, models) == (family, 4)
    models.champions[own] = 2
    assert champion_of(POOLED, LINE, models) == (own, 2)


def test_what_names_its_lines_and_what_watches_readings_has_no_family_to_fall_back_on() -> None:
    assert model_keys(JAM, LINE) == (ModelKey(JAM.name, LINE),)
    assert model_keys(NORMAL, LINE) == (ModelKey(NORMAL.name, LINE),)


def test_an_alert_on_what_a_monitor_says_has_that_monitor_s_champion(tmp_path: Path) -> None:
    models = FolderModels(tmp_path)
    watching = Watching({LINE: DEFINED}, (ABNORMAL, AHEAD, NORMAL))
    for watch in watches_of(LINE, watching, models, Cache()):
        assert watch.bundle is None and watch.problem is not None
        of = "" if watch.definition is NORMAL else "monitor normal-frying: "
        assert watch.problem.text == f"{of}is not trained yet: run `andon train --monitor normal-frying`"
    models.put(normal_bundle(), 3)
    watches = watches_of(LINE, watching, models, Cache())
    assert [(one.definition, one.version) for one in watches] == [(ABNORMAL, 3), (AHEAD, 3), (NORMAL, 3)]
    assert len({id(one.bundle) for one in watches}) == 1, "loaded once"
    alone = Watching({LINE: DEFINED}, (AHEAD,))
    (watch,) = watches_of(LINE, alone, models, Cache())
    assert watch.problem == Reason("monitor", "monitor normal-frying does not watch this line")


def test_a_definition_is_for_lines_by_name_or_by_family() -> None:
    stranger = Line.model_validate(DEFINED.to_json() | {"name": "oven-1", "family": "ovens"})
    assert is_for(HOT, LINE, None) and is_for(HOT, LINE, DEFINED)
    assert not is_for(HOT, NEW_LINE, DEFINED)
    assert is_for(NORMAL, LINE, DEFINED)
    assert not is_for(NORMAL, "oven-1", stranger) and not is_for(NORMAL, LINE, None)
