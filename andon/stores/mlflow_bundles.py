"""Where a version's bundle and card lie: in the embedded registry's folder, or in a cache of what a server holds."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from andon.errors import StoreError
from andon.record_json import card_from
from andon.records import ModelKey, PublishedModel
from andon.stores.mlflow_client import Connection
from andon.stores.pointers import Alias

MODEL = "model"
"""Folder of a run's artifacts that is the MLflow model; it holds the bundle and the card."""


def bundle_folder(connection: Connection, version: Any) -> Path:
    """Return the local folder of the bundle of MLflow's ``version``; a server's is fetched once."""
    # Versions of Andon 0.1 registered the bundle itself, with the card one folder up in the run's artifacts.
    inside = f"{MODEL}/bundle" if str(version.source).rstrip("/").endswith(f"/{MODEL}") else "bundle"
    if connection.folder is not None:
        source = Path(unquote(str(version.source).removeprefix("file://")))
        found = source / "bundle" if inside != "bundle" else source
        # The registry may have been moved, with the artifacts beside it.
        return found if found.is_dir() else connection.folder / str(version.run_id) / "artifacts" / inside
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    kept = cache / "andon" / "models" / str(version.run_id)
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.mkdtemp(prefix=f"{kept.name}.", dir=kept.parent)
        try:
            connection.client.download_artifacts(version.run_id, "" if inside == "bundle" else MODEL, temporary)
            Path(temporary).rename(kept)
        except OSError:
            if not kept.is_dir():
                raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return kept / inside


def published(key: ModelKey, version: int, path: Path, alias: Alias | None) -> PublishedModel:
    """Return a version whose bundle is in ``path``.

    Raises
    ------
    StoreError
        If the bundle or its card is not whole.
    """
    try:
        if not path.is_dir():
            raise FileNotFoundError(f"the bundle {path} is missing")
        card = card_from(json.loads((path.parent / "card.json").read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = "restore the folder from a backup, or promote another version: `andon models promote`"
        raise StoreError(f"{key}, version {version}", f"is damaged: {error}", remedy) from error
    return PublishedModel(key, version, str(path), card, alias)
