"""Models on MLflow: one registered model a key, a run and a bundle a version, aliases for champion and challenger."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from andon.errors import ConfigError
from andon.records import Evaluation, ModelCard, ModelKey, PublishedModel, make_id
from andon.stores.mlflow_aliases import CHALLENGER, CHAMPION, Aliases
from andon.stores.mlflow_bundles import MODEL, bundle_folder, published
from andon.stores.mlflow_client import Connection, or_none
from andon.stores.mlflow_names import SEARCH_TAG, decision_tags, model_name, model_tags
from andon.stores.mlflow_runs import log_model, unregistered_run
from andon.stores.pointers import Alias
from configs.periods import format_time

_EXPERIMENT = "andon"


class MlflowModels:
    """See `andon.ports.Models`. ``folder`` (embedded only) holds the artifacts; see `Aliases` for how it is asked."""

    def __init__(self, tracking_uri: str, folder: Path | None) -> None:
        self._connection = Connection(tracking_uri, folder)
        self._aliases = Aliases(self._connection)

    def publish(self, key: ModelKey, bundle: Path, card: ModelCard, evaluation: Evaluation | None = None) -> int:
        """See the port."""
        with self._connection.errors(key):
            if card.search:
                known = (one for one in self._versions(key) if one.tags.get(SEARCH_TAG) == card.search)
                version = next(known, None)
                if version is not None:
                    return int(version.version)
            client = self._connection.client
            experiment = self._connection.experiment(_EXPERIMENT)
            run = unregistered_run(client, experiment, key, card.search) if card.search else None
            if run is None:
                run = log_model(client, experiment, key, bundle, card, evaluation)
            _create_model(client, key)
            source = f"{run.info.artifact_uri}/{MODEL}"
            made = client.create_model_version(model_name(key), source, run.info.run_id, tags=model_tags(key, card))
            return int(made.version)

    def champion(self, key: ModelKey) -> PublishedModel | None:
        """See the port."""
        return self._holder(key, CHAMPION)

    def challenger(self, key: ModelKey) -> PublishedModel | None:
        """See the port."""
        return self._holder(key, CHALLENGER)

    def get(self, key: ModelKey, version: int) -> PublishedModel | None:
        """See the port."""
        for alias, pointer in (self._aliases.pointed(key) or {}).items():
            if pointer.version == version:
                return published(key, version, pointer.path, alias)
        with self._connection.errors(key):
            found = self._version(key, version)
            if found is None:
                return None
            return published(key, version, self._bundle(found), self._aliases.by_version(key).get(version))

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
            aliases = self._aliases.by_version(key)
            versions = sorted((int(one.version), one) for one in self._versions(key))
            return [published(key, version, self._bundle(one), aliases.get(version)) for version, one in versions]

    def promote(self, key: ModelKey, version: int, reason: str, at: datetime) -> None:
        """See the port."""
        with self._connection.errors(key), self._aliases.locked(key):
            found = self._required(key, version)
            published(key, version, self._bundle(found), CHAMPION)
            before = self._aliases.version(key, CHAMPION)
            if before is not None and before != version:
                earlier = _earlier(found)
                if earlier[-1:] != [before]:
                    self._tag(key, version, previous=",".join(map(str, [*earlier, before][-100:])))
            self._tag(key, version, promoted_at=format_time(at), reason=reason)
            self._aliases.make_champion(key, version)

    def rollback(self, key: ModelKey, reason: str, at: datetime) -> int:
        """See the port."""
        with self._connection.errors(key), self._aliases.locked(key):
            now = self._aliases.version(key, CHAMPION)
            found = None if now is None else self._version(key, now)
            earlier = [] if found is None else _earlier(found)
            back = self._version(key, earlier[-1]) if earlier else None
            if now is None or back is None:
                raise ConfigError(str(key), "has no earlier champion", "promote a version: `andon models promote`")
            published(key, earlier[-1], self._bundle(back), CHAMPION)
            self._tag(key, now, rolled_back_at=format_time(at), rolled_back_reason=reason)
            self._aliases.make_champion(key, earlier[-1])
            self._tag(key, now, previous=",".join(map(str, earlier[:-1])))
            return earlier[-1]

    def set_challenger(self, key: ModelKey, version: int | None) -> None:
        """See the port."""
        with self._connection.errors(key), self._aliases.locked(key):
            if version is not None:
                published(key, version, self._bundle(self._required(key, version)), CHALLENGER)
                if self._aliases.version(key, CHAMPION) == version:
                    raise ConfigError(str(key), f"version {version} is champion", "choose another as its challenger")
            self._aliases.make_challenger(key, version)

    def log_decision(self, key: ModelKey, version: int, body: Mapping[str, Any]) -> None:
        """See the port."""
        with self._connection.errors(key):
            found = self._required(key, version)
            identity = str(body.get("id") or make_id("decision", sorted(body.items())))
            self._connection.client.log_dict(found.run_id, dict(body), f"decisions/{identity}.json")
            self._tag(key, version, **decision_tags(body))

    def champions(self, key: ModelKey) -> list[int]:
        """See the port."""
        if self._connection.nothing_yet():
            return []
        with self._connection.errors(key):
            now = self._aliases.version(key, CHAMPION)
            before: dict[int, list[int]] = {}
            back: list[int] = []
            while now is not None:
                back.append(now)
                found = self._version(key, now)
                known = before.setdefault(now, [] if found is None else _earlier(found))
                now = known.pop() if known else None
            return back[::-1]

    def pointer(self, key: ModelKey) -> int | None:
        """See the port."""
        pointed = self._aliases.pointed(key)
        if pointed is None:
            with self._connection.errors(key):
                return self._aliases.version(key, CHAMPION)
        return pointed[CHAMPION].version if CHAMPION in pointed else None

    def close(self) -> None:
        """See the port."""
        self._connection.close()

    def _holder(self, key: ModelKey, alias: Alias) -> PublishedModel | None:
        pointed = self._aliases.pointed(key)
        if pointed is not None:
            pointer = pointed.get(alias)
            return None if pointer is None else published(key, pointer.version, pointer.path, alias)
        with self._connection.errors(key):
            version = {found: version for version, found in self._aliases.by_version(key).items()}.get(alias)
            return None if version is None else self.get(key, version)

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
