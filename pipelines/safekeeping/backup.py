"""A backup: one folder that holds every store, whole and checked, whatever servers they lie on.

    FOLDER/20261127T020000Z/
        backup.json        what is in it: counts, digests of every file, and what wrote it
        documents.db       the documents, as an embedded store
        signals.db         the signals, as an embedded store
        models/NAME/       each model: its versions' bundles and cards, its champions and decisions

A folder whose name ends in ``.partial`` was broken off, and is no backup. Nothing in a backup is a secret.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from andon.errors import ConfigError, StoreError
from andon.stores import open_documents, open_models, open_signals
from andon.stores.addresses import scheme_of, sqlite_path
from configs.periods import format_time
from configs.settings import Settings
from pipelines.safekeeping.backup_models import write_models
from pipelines.safekeeping.migrating import Copied, Tell, migrate_signals, signals_digests
from pipelines.safekeeping.migrating_documents import documents_digests, migrate_documents

MANIFEST, FORMAT = "backup.json", 1
TRIES = 5
"""A store on a server may be written to while it is copied; what is new is copied again, so often."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What was written where."""

    folder: Path
    at: datetime
    copied: list[Copied]
    bytes: int


def write_backup(settings: Settings, target: Path, at: datetime, tell: Tell) -> Backup:
    """Write a backup of every store into a new folder of ``target``.

    An embedded store is copied at one moment by SQLite itself, while others write to it.

    Raises
    ------
    ConfigError
        If there is one of this second already, or the folder lies in ``ANDON_HOME``.
    StoreError
        If a store fails, or goes on changing while it is copied.
    """
    if settings.home in (target.absolute(), *target.absolute().parents):
        raise ConfigError(str(target), f"lies in {settings.home}, and would be lost with it", "name another disk")
    folder = target.absolute() / f"{at:%Y%m%dT%H%M%SZ}"
    if folder.exists():
        raise ConfigError(str(folder), "is there already", "wait a second")
    made = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    copied = [
        *_copy(settings.documents, "documents", made, tell),
        *_copy(settings.signals, "signals", made, tell),
        *write_models(open_models(settings.models), made / "models", tell),
    ]
    files = {str(path.relative_to(made)): digest_of(path) for path in sorted(made.rglob("*")) if path.is_file()}
    body = {
        "format": FORMAT,
        "andon": _version(),
        "at": format_time(at),
        "copied": [asdict(one) for one in copied],
        "files": files,
    }
    _write(made / MANIFEST, body)
    os.replace(made, folder)
    _sync(folder.parent)
    total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Backup(folder, at, copied, total)


def check_backup(folder: Path) -> dict[str, Any]:
    """Return the manifest of a backup, once every file in it is what it was.

    Raises
    ------
    ConfigError
        If the folder is no whole backup, or of a newer format.
    StoreError
        Naming the file that is missing or has changed.
    """
    try:
        body = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(str(folder), f"is no backup: {error}", "name a folder that `andon backup` wrote") from None
    if body.get("format") != FORMAT:
        raise ConfigError(str(folder), f"has format {body.get('format')}, this version knows {FORMAT}", "use the newer")
    for name, digest in body["files"].items():
        path = folder / name
        if not path.is_file():
            raise StoreError(str(path), "is missing", "take another backup")
        if digest_of(path) != digest:
            raise StoreError(str(path), "is not what was written", "take another backup")
    return dict(body)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy(url: str, store: str, folder: Path, tell: Tell) -> list[Copied]:
    """Copy a store into an embedded one; return what that holds."""
    target = folder / f"{store}.db"
    if scheme_of(url) != "sqlite":
        _settled(url, store, f"sqlite:///{target}", tell)
    elif (source := sqlite_path(url, store)).exists():
        _snapshot(source, target)
    if not target.exists():  # nothing was ever stored
        return []
    found = held(store, f"sqlite:///{target}")
    for one in found:
        tell(one.kind, one.count)
    with closing(sqlite3.connect(target)) as connection:
        # One file, to be moved as one: what is in the log beside it comes in.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode = DELETE")
        whole = connection.execute("PRAGMA integrity_check").fetchone()[0]
    if whole != "ok":
        raise StoreError(str(target), f"is not whole: {whole}", "check the disk")
    return found


def held(store: str, url: str) -> list[Copied]:
    """Return what a store of ``documents`` or ``signals`` holds, with the digests that a copy of it has."""
    opener: Callable[[str], Any] = open_documents if store == "documents" else open_signals
    opened = opener(url)
    try:
        return documents_digests(opened) if store == "documents" else signals_digests(opened)
    finally:
        opened.close()


def _snapshot(source: Path, target: Path) -> None:
    try:
        with closing(sqlite3.connect(source, timeout=60)) as there, closing(sqlite3.connect(target)) as here:
            there.backup(here)  # in one step: of one moment, and writers are not kept waiting by a reader
    except sqlite3.Error as error:
        raise StoreError(
            str(source), f"cannot be copied: {error}", "see who holds it, and whether it is whole"
        ) from None


def _settled(source: str, store: str, target: str, tell: Tell) -> list[Copied]:
    """Copy, and again where the source changed meanwhile."""
    for left in reversed(range(TRIES)):
        try:
            return _migrated(source, store, target, tell)
        except StoreError:
            if left == 0:
                raise
    raise AssertionError("unreachable")


def _migrated(source: str, store: str, target: str, tell: Tell) -> list[Copied]:
    opener: Callable[[str], Any] = open_documents if store == "documents" else open_signals
    stores = opener(source), opener(target)
    try:
        return (migrate_documents if store == "documents" else migrate_signals)(*stores, tell)
    finally:
        for one in stores:
            one.close()


def _version() -> str:
    from importlib.metadata import version

    return version("andon")


def _write(path: Path, body: dict[str, Any]) -> None:
    with path.open("w", encoding="utf-8") as file:
        json.dump(body, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
