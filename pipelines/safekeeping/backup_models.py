"""The models in a backup: versions as their bundles and cards, champions in the order in which they were."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from andon.errors import StoreError
from andon.ports import Models
from andon.record_json import card_from, to_body
from andon.records import ModelKey, PublishedModel
from pipelines.safekeeping.migrating import Copied, Tell

INDEX = "model.json"


def write_models(models: Models, folder: Path, tell: Tell) -> list[Copied]:
    """Write every version of every model; return what was written.

    Raises
    ------
    StoreError
        If the registry fails, or a bundle is not whole.
    """
    folder.mkdir()
    try:
        for number, key in enumerate(models.list_models()):
            place = folder / f"{number:05d}"
            place.mkdir()
            versions = models.history(key)
            for one in versions:
                into = place / f"{one.version}"
                shutil.copytree(one.path, into / "bundle")
                (into / "card.json").write_text(json.dumps(to_body(one.card), sort_keys=True), "utf-8")
            challenger = next((one.version for one in versions if one.alias == "challenger"), None)
            index = {"key": asdict(key), "champions": models.champions(key), "challenger": challenger}
            (place / INDEX).write_text(json.dumps(index, sort_keys=True), "utf-8")
            tell("models", len(versions))
        return models_digests(models)
    finally:
        models.close()


def read_models(folder: Path, models: Models, at: datetime, tell: Tell) -> list[Copied]:
    """Bring every version into a registry; what is there already is left, so that it goes on where it was broken off.

    Raises
    ------
    StoreError
        If the registry holds another version where the backup has one.
    """
    for place in sorted(folder.iterdir()) if folder.is_dir() else ():
        index = json.loads((place / INDEX).read_text("utf-8"))
        key = ModelKey(**index["key"])
        known = {one.version: one for one in models.history(key)}
        for version in sorted(int(one.name) for one in place.iterdir() if one.is_dir()):
            made = place / str(version)
            if version in known:
                if _bundle_digest(Path(known[version].path)) != _bundle_digest(made / "bundle"):
                    raise StoreError(
                        f"{key}, version {version}, in the registry",
                        "is another than that of the backup",
                        "restore into an empty registry",
                    )
                continue
            card = card_from(json.loads((made / "card.json").read_text("utf-8")))
            given = models.publish(key, made / "bundle", card)
            if given != version:
                raise StoreError(
                    f"{key} in the registry", f"numbers version {version} as {given}", "restore into an empty registry"
                )
            tell("models", 1)
        _champions(key, index, models, at)
    return models_digests(models)


def _champions(key: ModelKey, index: dict[str, Any], models: Models, at: datetime) -> None:
    """Promote in the order of the backup, so that a rollback goes back as it did."""
    before = models.champions(key)
    if before != index["champions"]:
        if before and before != index["champions"][: len(before)]:
            raise StoreError(
                f"{key} in the registry", f"had the champions {before}, the backup {index['champions']}",
                "restore into an empty registry",
            )  # fmt: skip
        for version in index["champions"][len(before) :]:
            models.promote(key, version, "restored from a backup", at)
    if index["challenger"] is not None:
        models.set_challenger(key, index["challenger"])


def models_digests(models: Models) -> list[Copied]:
    """Return what a registry holds of each model: how many versions, and a digest of them and of its champions."""
    return [_described(key, models) for key in models.list_models()]


def _described(key: ModelKey, models: Models) -> Copied:
    digest = hashlib.sha256(json.dumps([asdict(key), models.champions(key)], sort_keys=True).encode())
    versions = models.history(key)
    for part in _parts(versions):
        digest.update(part.encode())
    return Copied(f"model {key}", len(versions), 0, digest.hexdigest()[:16])


def _parts(versions: list[PublishedModel]) -> Iterator[str]:
    for one in versions:
        yield f"{one.version} {one.alias} {_bundle_digest(Path(one.path))}"
        yield json.dumps(to_body(one.card), sort_keys=True)


def _bundle_digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        digest.update(f"{path.relative_to(folder)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
