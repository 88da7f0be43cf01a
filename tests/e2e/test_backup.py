"""Backup, wipe, restore: every store as it was, wherever it lies then; and what is broken or half is refused."""

from __future__ import annotations

import json
import secrets
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from andon.errors import ConfigError, StoreError
from andon.records import ModelCard, ModelKey
from andon.stores import open_documents, open_models, open_signals
from configs.settings import Settings, load_settings
from pipelines.safekeeping.backup import Backup, check_backup, held, write_backup
from pipelines.safekeeping.backup_models import models_digests
from pipelines.safekeeping.restoring import restore_backup
from tests.contracts.test_stores_migrate import fill_documents, fill_signals
from tests.series import awkward
from tests.servers import adapters

AT = datetime(2026, 6, 1, 2, tzinfo=UTC)
KEY, FAMILY = ModelKey("jam-soon", "press-07"), ModelKey("jam-soon", family="presses")
CARD = ModelCard("classifier", "lightgbm", {"leaves": 31}, {"ap": 0.9}, {"kind": "Alert"}, 1, AT, AT, 7)


def quiet(what: str, number: int) -> None:
    """Nobody watches."""


def fill(settings: Settings, folder: Path) -> None:
    fill_documents(open_documents(settings.documents))
    fill_signals(open_signals(settings.signals), 500)
    models = open_models(settings.models)
    for key in (KEY, FAMILY):
        for number in range(3):
            bundle = folder / f"{key.family}-{number}"
            (bundle / "learner").mkdir(parents=True)
            (bundle / "bundle.json").write_text(f"{key} {number}")
            (bundle / "learner" / "weights.npy").write_bytes(bytes(range(256)) * (number + 1))
            models.publish(key, bundle, CARD)
    for version in (1, 3, 2):
        models.promote(KEY, version, "better", AT)
    models.set_challenger(KEY, 3)
    models.promote(FAMILY, 2, "first", AT)
    models.close()


def everything(settings: Settings) -> dict[str, tuple[int, str]]:
    """Return counts and digests of all that the stores hold."""
    models = open_models(settings.models)
    found = [*held("documents", settings.documents), *held("signals", settings.signals), *models_digests(models)]
    models.close()
    return {one.kind: (one.count, one.digest) for one in found}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One home with everything in it, which tests leave as it is."""
    folder = tmp_path_factory.mktemp("filled")
    settings = load_settings(home=folder / "home")
    fill(settings, folder / "bundles")
    return settings


@pytest.fixture(scope="module")
def kept(filled: Settings, tmp_path_factory: pytest.TempPathFactory) -> Backup:
    """Its backup, which tests leave as it is."""
    return write_backup(filled, tmp_path_factory.mktemp("kept"), AT, quiet)


@pytest.fixture
def settings(filled: Settings, tmp_path: Path) -> Settings:
    """A copy to write to."""
    shutil.copytree(filled.home, tmp_path / "home")
    return load_settings(home=tmp_path / "home")


@pytest.fixture
def backup(kept: Backup, tmp_path: Path) -> Backup:
    """A copy to damage."""
    shutil.copytree(kept.folder, tmp_path / "backup")
    return replace(kept, folder=tmp_path / "backup")


def test_what_was_backed_up_is_restored_as_it_was_and_twice_changes_nothing(filled, kept, tmp_path):
    before = everything(filled)
    assert before["model jam-soon on press-07"][0] == 3, before.keys()
    assert {one.kind: (one.count, one.digest) for one in kept.copied} == before
    other = load_settings(home=tmp_path / "elsewhere")
    restored = restore_backup(other, kept.folder, AT, quiet)
    assert everything(other) == before == {one.kind: (one.count, one.digest) for one in restored}
    again = restore_backup(other, kept.folder, AT, quiet)
    assert [one.new for one in again] == [0] * len(again)
    models = open_models(other.models)
    assert (models.pointer(KEY), models.pointer(FAMILY)) == (2, 2)
    assert models.challenger(KEY).version == 3
    assert [models.rollback(KEY, "worse", AT) for _ in range(2)] == [3, 1]


@pytest.fixture
def mongo_url(tmp_path: Path) -> Iterator[str]:
    with adapters.mongo_server(tmp_path / "mongo") as port:
        yield f"mongodb://127.0.0.1:{port}/t{secrets.token_hex(6)}"


def test_from_files_to_a_server_and_back(filled, kept, tmp_path, mongo_url):
    before = everything(filled)
    server = load_settings(home=tmp_path / "plant", documents_url=mongo_url)
    restore_backup(server, kept.folder, AT, quiet)
    assert everything(server) == before
    second = write_backup(server, tmp_path / "backups", AT + timedelta(hours=1), quiet)
    third = load_settings(home=tmp_path / "third")
    restore_backup(third, second.folder, AT, quiet)
    assert everything(third) == before


def test_while_others_write_it_is_of_one_moment(settings, tmp_path):
    stop = threading.Event()
    signals = open_signals(settings.signals)

    def write() -> None:
        for number in range(10_000):
            if stop.is_set():
                return
            signals.append_signals(awkward(np.random.default_rng(number), 50, line=f"line-{number:05d}"))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        backup = write_backup(settings, tmp_path / "backups", AT, quiet)
    finally:
        stop.set()
        writer.join()
    copied = open_signals(f"sqlite:///{backup.folder}/signals.db")
    lines = [one for one in copied.list_lines() if one.startswith("line-")]
    assert {one.kind: one.count for one in backup.copied if one.kind.startswith("readings of line-")} == {
        f"readings of {line}": copied.count_readings(line) for line in lines
    }
    assert lines == [f"line-{number:05d}" for number in range(len(lines))]


def test_nothing_stored_is_a_backup_too(tmp_path):
    empty = load_settings(home=tmp_path / "home")
    backup = write_backup(empty, tmp_path / "backups", AT, quiet)
    assert backup.copied == []
    assert restore_backup(empty, backup.folder, AT, quiet) == []


@pytest.mark.parametrize("part", ["documents.db", "signals.db", "models/00000/1/bundle/learner/weights.npy"])
def test_a_byte_that_changed_is_told_before_anything_is_written(backup, tmp_path, part):
    content = bytearray((backup.folder / part).read_bytes())
    content[len(content) // 2] ^= 1
    (backup.folder / part).write_bytes(content)
    other = load_settings(home=tmp_path / "other")
    with pytest.raises(StoreError, match="is not what was written; take another backup"):
        restore_backup(other, backup.folder, AT, quiet)
    assert not other.home.exists()
    (backup.folder / part).unlink()
    with pytest.raises(StoreError, match="is missing; take another backup"):
        check_backup(backup.folder)


def test_stores_that_hold_something_else_are_not_overwritten(settings, backup, tmp_path):
    open_documents(settings.documents).put_state("assistant/press-99", {"last": 1})
    with pytest.raises(StoreError, match="states of the target"):
        restore_backup(settings, backup.folder, AT, quiet)
    other = load_settings(home=tmp_path / "other")
    models = open_models(other.models)
    (tmp_path / "another").mkdir()
    (tmp_path / "another" / "bundle.json").write_text("another")
    models.publish(KEY, tmp_path / "another", CARD)
    models.close()
    with pytest.raises(StoreError, match=r"jam-soon.*version 1, in the registry: is another than that of the backup"):
        restore_backup(other, backup.folder, AT, quiet)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "backup.json").unlink(), "is no backup"),
        (lambda folder: (folder / "backup.json").write_text("{"), "is no backup"),
        (lambda folder: (folder / "backup.json").write_text(json.dumps({"format": 9})), "has format 9, this version"),
    ],
)
def test_what_is_no_whole_backup_is_refused(tmp_path, change, said):
    empty = load_settings(home=tmp_path / "home")
    folder = write_backup(empty, tmp_path / "backups", AT, quiet).folder
    change(folder)
    with pytest.raises(ConfigError, match=said):
        restore_backup(empty, folder, AT, quiet)


def test_a_backup_beside_what_it_saves_is_refused(tmp_path):
    settings = load_settings(home=tmp_path)
    with pytest.raises(ConfigError, match="would be lost with it; name another disk"):
        write_backup(settings, settings.home / "backups", AT, quiet)


def test_backup_wipe_restore_by_the_commands(settings, tmp_path, andon):
    shutil.move(settings.home, andon.home)
    done = andon.json("backup", tmp_path / "backups")
    assert andon.run("restore", done["folder"], "--check").strip().endswith("files")
    shutil.rmtree(andon.home)
    restored = andon.json("restore", done["folder"])
    told = [{name: one[name] for name in ("kind", "count", "digest")} for one in restored]
    assert told == [{name: one[name] for name in ("kind", "count", "digest")} for one in done["copied"]]
    assert everything(load_settings(home=andon.home)) == {one["kind"]: (one["count"], one["digest"]) for one in told}
    assert "is no backup" in andon.run("restore", tmp_path, code=2)
