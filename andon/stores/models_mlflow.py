"""Models on MLflow: one registered model a key, a run and a bundle a version, aliases for champion and challenger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

from andon.errors import ConfigError
from andon.records import Evaluation, ModelCard, ModelKey, PublishedModel, make_id
from andon.stores.mlflow_bundles import MODEL, bundle_folder, published
from andon.stores.mlflow_client import Connection, or_none
from andon.stores.mlflow_names import SEARCH_TAG, decision_tags, model_name, model_tags
from andon.stores.mlflow_runs import log_model
from andon.stores.pointers import Alias, Pointer, Pointers
from configs.periods import format_time

CHAMPION: Alias = "champion"
CHALLENGER: Alias = "challenger"
_EXPERIMENT = "andon"


class MlflowModels:
    """See `andon.ports.Models`.

    MLflow's aliases are the truth. ``folder`` (embedded only) holds the artifacts, and beside them a small pointer file
    a model, so that scoring processes need not import MLflow at all. A change takes the pointer away before it moves
    an alias and writes the new one after, under a lock: killed in between, the pointer is missing and the aliases
    asked. An alias that somebody moves in MLflow's own pages is not seen until the next change: promote through Andon.

    A champion is never challenger too: between the two calls that MLflow needs to make a challenger champion, its
    second alias does not count.
    """

    def __init__(self, tracking_uri: str, folder: Path | None) -> None:
        self._connection = Connection(tracking_uri, folder)
        self._pointers = None if folder is None else Pointers(folder)

    def publish(self, key: ModelKey, bundle: Path, card: ModelCard, evaluation: Evaluation | None = None) -> int:
        """See the port."""
        name = model_name(key)
        with self._connection.errors(key):
            client = self._connection.client
            if card.search:
                known = self._published_by(key, card.search)
                if known is not None:
                    return known
            run = log_model(client, self._connection.experiment(_EXPERIMENT), key, bundle, card, evaluation)
            _create_model(client, key)
            source = f"{run.info.artifact_uri}/{MODEL}"
            version = client.create_model_version(name, source, run.info.run_id, tags=model_tags(key, card))
            return int(version.version)

    def champion(self, key: ModelKey) -> PublishedModel | None:
        """See the port."""
        return self._holder(key, CHAMPION)

    def challenger(self, key: ModelKey) -> PublishedModel | None:
        """See the port."""
        return self._holder(key, CHALLENGER)

    def get(self, key: ModelKey, version: int) -> PublishedModel | None:
        """See the port."""
        pointed = None if self._pointers is None else self._pointers.read(model_name(key))
        for alias, pointer in (pointed or {}).items():
            if pointer.version == version:
                return published(key, version, pointer.path, alias)
        with self._connection.errors(key):
            found = self._version(key, version)
            if found is None:
                return None
            return published(key, version, self._bundle(found), self._aliases(key).get(version))

    def list_models(self) -> list[ModelKey]:
        """See the port."""
        if self._connection.nothing_yet():
            return []
        with self._connection.errors():
            keys, token = [], None
            while True:
                page = self._connection.client.search_registered_models(max_results=1000, page_token=token)
                for model in page:
                    tags = model.tags
                    if "andon.definition" in tags and model.latest_versions:
                        keys.append(
                            ModelKey(tags["andon.definition"], tags.get("andon.line"), tags.get("andon.family"))
                        )
                token = page.token
                if not token:
                    return sorted(keys, key=lambda key: (key.definition, key.family or "", key.line or ""))

    def history(self, key: ModelKey) -> list[PublishedModel]:
        """See the port."""
        if self._connection.nothing_yet():
            return []
        with self._connection.errors(key):
            aliases = self._aliases(key)
            versions = sorted((int(one.version), one) for one in self._versions(key))
            return [published(key, version, self._bundle(one), aliases.get(version)) for version, one in versions]

    def promote(self, key: ModelKey, version: int, reason: str, at: datetime) -> None:
        """See the port."""
        with self._connection.errors(key), self._locked(key):
            found = self._required(key, version)
            published(key, version, self._bundle(found), CHAMPION)
            before = self._alias(key, CHAMPION)
            if before is not None and before != version:
                earlier = _earlier(found)
                if earlier[-1:] != [before]:
                    self._tag(key, version, previous=",".join(map(str, [*earlier, before][-100:])))
            self._tag(key, version, promoted_at=format_time(at), reason=reason)
            with self._moving(key):
                self._make_champion(key, version)

    def rollback(self, key: ModelKey, reason: str, at: datetime) -> int:
        """See the port."""
        with self._connection.errors(key), self._locked(key):
            now = self._alias(key, CHAMPION)
            found = None if now is None else self._version(key, now)
            earlier = [] if found is None else _earlier(found)
            back = self._version(key, earlier[-1]) if earlier else None
            if now is None or back is None:
                raise ConfigError(str(key), "has no earlier champion", "promote a version: `andon models promote`")
            published(key, earlier[-1], self._bundle(back), CHAMPION)
            self._tag(key, now, rolled_back_at=format_time(at), rolled_back_reason=reason)
            with self._moving(key):
                self._make_champion(key, earlier[-1])
            self._tag(key, now, previous=",".join(map(str, earlier[:-1])))
            return earlier[-1]

    def set_challenger(self, key: ModelKey, version: int | None) -> None:
        """See the port."""
        with self._connection.errors(key), self._locked(key):
            if version is None:
                if self._alias(key, CHALLENGER) is not None:
                    with self._moving(key):
                        self._connection.client.delete_registered_model_alias(model_name(key), CHALLENGER)
                return
            published(key, version, self._bundle(self._required(key, version)), CHALLENGER)
            if self._alias(key, CHAMPION) == version:
                raise ConfigError(str(key), f"version {version} is champion", "choose another as its challenger")
            with self._moving(key):
                self._connection.client.set_registered_model_alias(model_name(key), CHALLENGER, str(version))

    def log_decision(self, key: ModelKey, version: int, body: Mapping[str, Any]) -> None:
        """See the port."""
        with self._connection.errors(key):
            found = self._required(key, version)
            identity = str(body.get("id") or make_id("decision", sorted(body.items())))
            self._connection.client.log_dict(found.run_id, dict(body), f"decisions/{identity}.json")
            self._tag(key, version, **decision_tags(body))

    def pointer(self, key: ModelKey) -> int | None:
        """See the port."""
        if self._pointers is None:
            with self._connection.errors(key):
                return self._alias(key, CHAMPION)
        champion = self._pointed(key, self._pointers).get(CHAMPION)
        return None if champion is None else champion.version

    def close(self) -> None:
        """See the port."""
        self._connection.close()

    def _holder(self, key: ModelKey, alias: Alias) -> PublishedModel | None:
        if self._pointers is not None:
            pointer = self._pointed(key, self._pointers).get(alias)
            return None if pointer is None else published(key, pointer.version, pointer.path, alias)
        with self._connection.errors(key):
            version = {found: version for version, found in self._aliases(key).items()}.get(alias)
            return None if version is None else self.get(key, version)

    def _pointed(self, key: ModelKey, pointers: Pointers) -> Mapping[Alias, Pointer]:
        """Return what the pointer file says; one that an interrupted change took away is written again."""
        name = model_name(key)
        pointed: Mapping[Alias, Pointer] | None = pointers.read(name)
        if pointed is None and pointers.interrupted(name) and not self._connection.nothing_yet():
            with self._connection.errors(key), pointers.locked(name):
                pointed = self._point(key, pointers)
        return pointed or {}

    def _point(self, key: ModelKey, pointers: Pointers) -> Mapping[Alias, Pointer]:
        """Write the pointer file as MLflow has the aliases."""
        pointed = {}
        for version, alias in self._aliases(key).items():
            found = self._version(key, version)
            if found is not None:
                pointed[alias] = Pointer(version, self._bundle(found))
        pointers.write(model_name(key), pointed)
        return pointed

    def _locked(self, key: ModelKey) -> AbstractContextManager[None]:
        return nullcontext() if self._pointers is None else self._pointers.locked(model_name(key))

    @contextmanager
    def _moving(self, key: ModelKey) -> Iterator[None]:
        """Move aliases within, while the model is locked: the pointer file is away until they stand."""
        if self._pointers is not None:
            self._pointers.remove(model_name(key))
        yield
        if self._pointers is not None:
            self._point(key, self._pointers)

    def _make_champion(self, key: ModelKey, version: int) -> None:
        client, name = self._connection.client, model_name(key)
        client.set_registered_model_alias(name, CHAMPION, str(version))
        if self._alias(key, CHALLENGER) == version:
            client.delete_registered_model_alias(name, CHALLENGER)

    def _published_by(self, key: ModelKey, search: str) -> int | None:
        """Return the version that a search has published."""
        return next((int(one.version) for one in self._versions(key) if one.tags.get(SEARCH_TAG) == search), None)

    def _versions(self, key: ModelKey) -> list[Any]:
        return list(self._connection.client.search_model_versions(f"name='{model_name(key)}'", max_results=10_000))

    def _version(self, key: ModelKey, version: int) -> Any:
        """Return MLflow's model version, or None."""
        if self._connection.nothing_yet():
            return None
        return or_none(lambda: self._connection.client.get_model_version(model_name(key), str(version)))

    def _required(self, key: ModelKey, version: int) -> Any:
        found = self._version(key, version)
        if found is None:
            raise ConfigError(str(key), f"has no version {version}", "see `andon models list`")
        return found

    def _alias(self, key: ModelKey, alias: Alias) -> int | None:
        if self._connection.nothing_yet():
            return None
        name = model_name(key)
        found = or_none(lambda: self._connection.client.get_model_version_by_alias(name, alias))
        return None if found is None else int(found.version)

    def _aliases(self, key: ModelKey) -> dict[int, Alias]:
        """Return version -> alias; a champion counts as nothing else."""
        found: dict[int, Alias] = {}
        for alias in (CHALLENGER, CHAMPION):
            version = self._alias(key, alias)
            if version is not None:
                found[version] = alias
        return found

    def _tag(self, key: ModelKey, version: int, **tags: str) -> None:
        client, name = self._connection.client, model_name(key)
        for tag, value in tags.items():
            client.set_model_version_tag(name, str(version), f"andon.{tag}", value[:1000])

    def _bundle(self, found: Any) -> Path:
        return bundle_folder(self._connection, found)


def _create_model(client: Any, key: ModelKey) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(model_name(key), tags=model_tags(key, None))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _earlier(found: Any) -> list[int]:
    """Return the champions before this version became one, oldest first."""
    text = found.tags.get("andon.previous") or ""
    return [int(version) for version in text.split(",") if version]
