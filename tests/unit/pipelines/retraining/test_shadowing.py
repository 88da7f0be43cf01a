"""Replaced champions in the shadow: when they are looked at, by what they come back, and that nothing happens twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from andon.frames import SignalFrame
from andon.models.bundle import AlertBundle, write_bundle
from andon.records import Decision, ModelKey, Skip
from andon.services.promoting import explain_champion, settle
from andon.services.turns import Stores
from andon.stores import open_documents, open_models, open_signals
from configs.settings import Settings
from pipelines.retraining.shadowing import look_into_shadows
from pipelines.running.scheduling import Scheduler
from tests.watched_line import DEFINED, JAM, LINE, SAMPLING, START, jam_bundle, make_rows

DAYS, DAY = 12, timedelta(days=1)
KEY = ModelKey(JAM.name, LINE)
PROMOTED = START + DAY
LENGTH = DAYS * DAY


@pytest.fixture(scope="module")
def signals_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Twelve days on which the line runs for an hour each, after the day that the promotion was decided on."""
    url = f"sqlite:///{tmp_path_factory.mktemp('signals')}/signals.db"
    signals = open_signals(url)
    for day in range(DAYS):
        frame = make_rows(720, seed=100 + day, holes=False)
        shifted = frame.data.with_columns(pl.col("time") + (day + 1) * DAY)
        signals.append_signals(SignalFrame(LINE, shifted, frame.types, SAMPLING))
    signals.close()
    return url


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('models')}/mlflow.db"


@pytest.fixture
def stores(tmp_path: Path, signals_url: str, registry: str) -> Iterator[Stores]:
    documents = open_documents(f"sqlite:///{tmp_path}/documents.db")
    documents.put_definitions([DEFINED.to_json(), JAM.to_json()], START)
    yield Stores(documents, open_signals(signals_url), open_models(registry))
    documents.close()


def promote(stores: Stores, folder: Path, old: AlertBundle, new: AlertBundle) -> Decision:
    """Replace one model by another, by a decision on the data before the twelve days."""
    versions = []
    for name, bundle in (("old", old), ("new", new)):
        write_bundle(bundle, folder / name)
        versions.append(stores.models.publish(KEY, folder / name, bundle.card))
    stores.models.promote(KEY, versions[0], "first", START)
    decision = Decision(KEY, *versions, PROMOTED, PROMOTED, "promoted", "better, it seemed")
    return settle(decision, stores.documents, stores.models)


def blind() -> AlertBundle:
    """A model that never says anything."""
    return replace(jam_bundle(), threshold=1.0)


def test_a_new_champion_that_does_worse_is_replaced_by_the_old_one(stores: Stores, tmp_path: Path) -> None:
    made = promote(stores, tmp_path, jam_bundle(), blind())
    at = (stores.documents, stores.signals, stores.models)
    assert look_into_shadows(*at, PROMOTED + LENGTH / 5, LENGTH) == []
    (look,) = look_into_shadows(*at, PROMOTED + LENGTH / 4, LENGTH)
    assert look.decision is not None
    assert look.decision.evidence["shadow"]["of"] == made.id
    assert look.as_json()["returned"]
    assert stores.models.pointer(KEY) == made.champion
    assert f"version {made.champion} comes back" in explain_champion(KEY, *at[::2])["why"]
    # It has nobody behind it: what was found wanting does not come back by itself.
    assert look_into_shadows(*at, PROMOTED + LENGTH, LENGTH) == []


def test_one_that_does_better_stays_and_is_looked_at_three_times(stores: Stores, tmp_path: Path) -> None:
    made = promote(stores, tmp_path, blind(), jam_bundle())
    at = (stores.documents, stores.signals, stores.models)
    shares = []
    for part in (0.1, 0.25, 0.3, 0.5, 0.9, 1.0, 1.1, 1.3):
        shares += [(part, one.share, one.decision) for one in look_into_shadows(*at, PROMOTED + part * LENGTH, LENGTH)]
    assert [one[:2] for one in shares] == [(0.25, 0.25), (0.5, 0.5), (1.0, 1.0)]
    assert [one[2] is not None for one in shares] == [False, False, True]
    last = shares[-1][2]
    assert last is not None
    assert (last.verdict, stores.models.pointer(KEY)) == ("kept", made.challenger)
    assert "leaves the shadow: no better beyond noise" in last.reason


def test_killed_after_the_decision_it_is_carried_out_the_next_time_and_no_other_is_made(
    stores: Stores, tmp_path: Path
) -> None:
    made = promote(stores, tmp_path, jam_bundle(), blind())
    at = (stores.documents, stores.signals, stores.models)
    (look,) = look_into_shadows(*at, PROMOTED + LENGTH, LENGTH)
    assert look.decision is not None
    stores.models.promote(KEY, int(str(made.challenger)), "as if it had not come so far", PROMOTED)
    stores.documents.put_state(f"decision/{look.decision.id}", {})
    stores.documents.put_state(f"shadow/{made.id}", {"looks": 0})
    decisions = len(stores.documents.list_decisions(KEY))
    assert settle(look.decision, stores.documents, stores.models) == look.decision
    assert stores.models.pointer(KEY) == made.champion
    assert len(stores.documents.list_decisions(KEY)) == decisions


def test_the_schedule_looks_every_hour(stores: Stores, tmp_path: Path) -> None:
    made = promote(stores, tmp_path, jam_bundle(), blind())
    now = [PROMOTED + LENGTH - timedelta(minutes=30)]
    plan = {"shadow": LENGTH}
    scheduler = Scheduler(Settings(home=tmp_path, assistant=plan), stores, clock=lambda: now[0])
    assert scheduler.run() == []
    now[0] = now[0].replace(minute=0) + timedelta(hours=1, minutes=7)
    (ran,) = scheduler.run()
    assert (ran.name, ran.error, ran.at.minute) == ("shadow", "", 7)
    assert stores.models.pointer(KEY) == made.champion
    assert scheduler.run() == []


def test_what_fails_is_told_and_stops_nothing(stores: Stores, tmp_path: Path) -> None:
    told = JAM.model_copy(update={"report": "0 6 * * *", "routes": ("nowhere",)})
    stores.documents.put_definitions([told.to_json()], START)
    now = [datetime(2026, 3, 5, 5, tzinfo=UTC)]
    scheduler = Scheduler(Settings(home=tmp_path), stores, ("report",), clock=lambda: now[0])
    assert scheduler.run() == []
    now[0] += timedelta(hours=1)
    (ran,) = scheduler.run()
    assert (ran.name, "route nowhere" in ran.error) == ("report/jam-soon", True)
    assert scheduler.run() == []
    stores.documents.put_definitions([told.model_copy(update={"routes": ()}).to_json()], START)
    now[0] += timedelta(minutes=5)
    assert [(one.name, one.error) for one in scheduler.run()] == [("report/jam-soon", "")]
    assert [one["period_end"] for one in stores.documents.list_reports()] == [datetime(2026, 3, 5, 6, tzinfo=UTC)]


def test_what_is_old_is_removed_where_the_settings_say_so(stores: Stores, tmp_path: Path) -> None:
    old, new = (Skip(LINE, JAM.name, START + day * DAY, "nothing was read of oil") for day in (0, 20))
    stores.documents.add_skips([old, new])
    now = [START + 29 * DAY]
    plan = {"compact": "0 3 * * *", "keep": "10d", "timezone": "Europe/Paris", "shadow": "0s"}
    scheduler = Scheduler(Settings(home=tmp_path, assistant=plan), stores, clock=lambda: now[0])
    assert scheduler.run() == []
    now[0] += timedelta(hours=1)
    assert [(one.name, one.error) for one in scheduler.run()] == [("compaction", "")]
    assert stores.documents.list_skips() == [new]
