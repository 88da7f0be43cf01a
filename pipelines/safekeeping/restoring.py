"""A backup back into stores, wherever these lie now: checked before, compared after, and nothing overwritten."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from andon.errors import StoreError
from andon.stores import open_documents, open_models, open_signals
from configs.settings import Settings
from pipelines.safekeeping.backup import check_backup
from pipelines.safekeeping.backup_models import read_models
from pipelines.safekeeping.migrating import Copied, Tell, migrate_signals
from pipelines.safekeeping.migrating_documents import migrate_documents


def restore_backup(settings: Settings, folder: Path, at: datetime, tell: Tell) -> list[Copied]:
    """Bring everything in a backup into the stores of these settings; given again, it goes on where it was broken off.

    Raises
    ------
    ConfigError
        If the folder is no whole backup.
    StoreError
        If a file of it is not what was written, or a store holds something else where the backup has something.
    """
    written = check_backup(folder)
    done = [
        *_bring(folder / "documents.db", open_documents, settings.documents, migrate_documents, tell),
        *_bring(folder / "signals.db", open_signals, settings.signals, migrate_signals, tell),
    ]
    models = open_models(settings.models)
    try:
        done += read_models(folder / "models", models, at, tell)
    finally:
        models.close()
    found = {one.kind: (one.count, one.digest) for one in done}
    for one in written["copied"]:
        if found.get(one["kind"]) != (one["count"], one["digest"]):
            raise StoreError(
                one["kind"],
                f"is {found.get(one['kind'])} in the stores, and {(one['count'], one['digest'])} in the backup",
                "restore into empty stores",
            )
    return done


def _bring(file: Path, opener: Callable[[str], Any], url: str, migrate: Any, tell: Tell) -> list[Copied]:
    if not file.exists():
        return []
    stores = opener(f"sqlite:///{file}"), opener(url)
    try:
        return list(migrate(*stores, tell))
    finally:
        for one in stores:
            one.close()
