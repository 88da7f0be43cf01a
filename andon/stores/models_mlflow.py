"""Models on MLflow: one registered model a key, a run and a bundle a version, an alias for the champion."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NoReturn
from urllib.parse import unquote

from andon.errors import AndonError, ConfigError, StoreError
from andon.record_json import card_from, to_body
from andon.records import ModelCard, ModelKey, PublishedModel
from andon.stores.mlflow_names import entity_name, model_name, model_tags, without_secret
from andon.stores.pointers import Pointers
from configs.periods import format_time

CHAMPION: Literal["champion"] = "champion"
_EXPERIMENT = "andon"
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # Seven, its default, wait for minutes on a server that is away; whoever asks here asks again at the next tick.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}


class MlflowModels:
    """See `andon.ports.Models`.

    MLflow's alias is the truth. ``folder`` (embedded only) holds the artifacts, and beside them a small pointer file a
    model, so that scoring processes need not import MLflow at all. A promotion takes the pointer away before it moves
    the alias and writes the new one after, under a lock: killed in between, the pointer is missing and the alias asked.
    An alias that somebody moves in MLflow's own pages is not seen until the next promotion: promote through Andon.
    """

    def __init__(self, tracking_uri: str, folder: Path | None) -> None:
        self._uri = tracking_uri
        self._folder = folder
        self._pointers = None if folder is None else Pointers(folder)
        self._local = threading.local()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"the store {without_secret(self._uri)} is never pickled: send its URL and open it there")

    def publish(self, key: ModelKey, bundle: Path, card: ModelCard) -> int:
        """See the port."""
        name = model_name(key)
        with self._errors(key):
            from mlflow.entities import Metric, Param
            from mlflow.exceptions import MlflowException

            client = self._client()
            run = client.create_run(self._experiment(client), run_name=str(key), tags=model_tags(key, card))
            identity, moment = run.info.run_id, int(card.data_end.timestamp() * 1000)
            try:
                metrics = [Metric(entity_name(name), value, moment, 0) for name, value in card.metrics.items()]
                params = [Param(entity_name(name), str(value)[:6000]) for name, value in card.params.items()]
                # A parameter is written once, and two names may become one.
                params = list({param.key: param for param in params}.values())
                for start in range(0, max(len(metrics), len(params)), 100):
                    rows = slice(start, start + 100)
                    client.log_batch(identity, metrics=metrics[rows], params=params[rows])
                client.log_dict(identity, to_body(card), "card.json")
                client.log_artifacts(identity, str(bundle), "bundle")
                client.set_terminated(identity)
            except BaseException:
                client.set_terminated(identity, "FAILED")
                raise
            try:
                client.create_registered_model(name, tags=model_tags(key, None))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            source = f"{run.info.artifact_uri}/bundle"
            version = client.create_model_version(name, source, identity, tags=model_tags(key, card))
            return int(version.version)

    def champion(self, key: ModelKey) -> PublishedModel | None:
        """See the port."""
        version = self.pointer(key)
        return None if version is None else self.get(key, version)

    def get(self, key: ModelKey, version: int) -> PublishedModel | None:
        """See the port."""
        pointed = None if self._pointers is None else self._pointers.read(model_name(key))
        if pointed is not None and pointed.version == version:
            return _published(key, version, pointed.path, CHAMPION)
        with self._errors(key):
            found = self._version(key, version)
            if found is None:
                return None
            alias = CHAMPION if self._alias(key) == version else None
            return _published(key, version, self._bundle(found), alias)

    def list_models(self) -> list[ModelKey]:
        """See the port."""
        if self._nothing_yet():
            return []
        with self._errors(None):
            keys, token = [], None
            while True:
                page = self._client().search_registered_models(max_results=1000, page_token=token)
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
        if self._nothing_yet():
            return []
        with self._errors(key):
            champion = self._alias(key)
            found = self._client().search_model_versions(f"name='{model_name(key)}'", max_results=10_000)
            versions = sorted((int(one.version), one) for one in found)
            return [
                _published(key, version, self._bundle(one), CHAMPION if version == champion else None)
                for version, one in versions
            ]

    def promote(self, key: ModelKey, version: int, reason: str, at: datetime) -> None:
        """See the port."""
        with self._errors(key), self._moving(key):
            found = self._version(key, version)
            if found is None:
                raise ConfigError(str(key), f"has no version {version}", "see `andon models list`")
            path = self._bundle(found)
            _published(key, version, path, CHAMPION)
            before = self._alias(key)
            if before is not None and before != version:
                earlier = _earlier(found)
                if earlier[-1:] != [before]:
                    self._tag(key, version, previous=",".join(map(str, [*earlier, before][-100:])))
            self._tag(key, version, promoted_at=format_time(at), reason=reason)
            self._move(key, version, path)

    def rollback(self, key: ModelKey, reason: str, at: datetime) -> int:
        """See the port."""
        with self._errors(key), self._moving(key):
            now = self._alias(key)
            found = None if now is None else self._version(key, now)
            earlier = [] if found is None else _earlier(found)
            back = self._version(key, earlier[-1]) if earlier else None
            if now is None or back is None:
                raise ConfigError(str(key), "has no earlier champion", "promote a version: `andon models promote`")
            path = self._bundle(back)
            _published(key, earlier[-1], path, CHAMPION)
            self._tag(key, now, rolled_back_at=format_time(at), rolled_back_reason=reason)
            self._move(key, earlier[-1], path)
            self._tag(key, now, previous=",".join(map(str, earlier[:-1])))
            return earlier[-1]

    def pointer(self, key: ModelKey) -> int | None:
        """See the port."""
        if self._pointers is None:
            with self._errors(key):
                return self._alias(key)
        pointed = self._pointers.read(model_name(key))
        if pointed is not None:
            return pointed.version
        if self._nothing_yet() or not self._pointers.interrupted(model_name(key)):
            return None
        with self._errors(key), self._moving(key):
            version = self._alias(key)
            found = None if version is None else self._version(key, version)
            if version is None or found is None:
                return None
            self._pointers.write(model_name(key), version, self._bundle(found))
            return version

    def close(self) -> None:
        """See the port."""
        self._local.client = None

    def _client(self) -> Any:
        if getattr(self._local, "pid", None) != os.getpid() or self._local.client is None:
            for name, value in _QUIET.items():
                os.environ.setdefault(name, value)
            for noisy in ("mlflow", "alembic"):
                logging.getLogger(noisy).setLevel(logging.ERROR)
            if self._folder is not None:
                self._folder.parent.mkdir(parents=True, exist_ok=True)
                with suppress(FileExistsError):
                    os.close(os.open(self._database(), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            from mlflow.tracking import MlflowClient

            self._local.client = MlflowClient(self._uri, self._uri)
            self._local.pid = os.getpid()
        return self._local.client

    def _database(self) -> Path:
        return Path(self._uri.removeprefix("sqlite:///"))

    def _nothing_yet(self) -> bool:
        """Whether there is no registry at all: looking must not make one."""
        return self._folder is not None and not self._database().exists()

    def _experiment(self, client: Any) -> str:
        from mlflow.exceptions import MlflowException

        found = client.get_experiment_by_name(_EXPERIMENT)
        if found is None:
            location = None if self._folder is None else self._folder.as_uri()
            try:
                return str(client.create_experiment(_EXPERIMENT, artifact_location=location))
            except MlflowException:
                found = client.get_experiment_by_name(_EXPERIMENT)
        return str(found.experiment_id)

    def _version(self, key: ModelKey, version: int) -> Any:
        """Return MLflow's model version, or None."""
        if self._nothing_yet():
            return None
        return _or_none(lambda: self._client().get_model_version(model_name(key), str(version)))

    def _alias(self, key: ModelKey) -> int | None:
        if self._nothing_yet():
            return None
        found = _or_none(lambda: self._client().get_model_version_by_alias(model_name(key), CHAMPION))
        return None if found is None else int(found.version)

    def _tag(self, key: ModelKey, version: int, **tags: str) -> None:
        for name, value in tags.items():
            self._client().set_model_version_tag(model_name(key), str(version), f"andon.{name}", value[:1000])

    def _move(self, key: ModelKey, version: int, path: Path) -> None:
        """Make a version champion; call it while `_moving`."""
        name = model_name(key)
        if self._pointers is not None:
            self._pointers.remove(name)
        self._client().set_registered_model_alias(name, CHAMPION, str(version))
        if self._pointers is not None:
            self._pointers.write(name, version, path)

    def _moving(self, key: ModelKey) -> AbstractContextManager[None]:
        return nullcontext() if self._pointers is None else self._pointers.locked(model_name(key))

    def _bundle(self, found: Any) -> Path:
        """Return the local folder of a version's bundle; a server's is fetched once."""
        if self._folder is not None:
            source = Path(unquote(str(found.source).removeprefix("file://")))
            # The registry may have been moved, with the artifacts beside it.
            return source if source.is_dir() else self._folder / str(found.run_id) / "artifacts" / "bundle"
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        kept = cache / "andon" / "models" / str(found.run_id)
        if not kept.is_dir():
            kept.parent.mkdir(parents=True, exist_ok=True)
            temporary = tempfile.mkdtemp(prefix=f"{kept.name}.", dir=kept.parent)
            try:
                self._client().download_artifacts(found.run_id, "", temporary)
                Path(temporary).rename(kept)
            except OSError:
                if not kept.is_dir():
                    raise
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
        return kept / "bundle"

    @contextmanager
    def _errors(self, key: ModelKey | None) -> Iterator[None]:
        try:
            yield
        except AndonError:
            raise
        except Exception as error:
            place = f"models at {without_secret(self._uri)}" + (f": {key}" if key else "")
            raise StoreError(place, without_secret(str(error))[:500], "check the registry") from error


def _or_none(ask: Callable[[], Any]) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return ask()
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _published(key: ModelKey, version: int, path: Path, alias: Literal["champion"] | None) -> PublishedModel:
    try:
        if not path.is_dir():
            raise FileNotFoundError(f"the bundle {path} is missing")
        card = card_from(json.loads((path.parent / "card.json").read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = "restore the folder from a backup, or promote another version: `andon models promote`"
        raise StoreError(f"{key}, version {version}", f"is damaged: {error}", remedy) from error
    return PublishedModel(key, version, str(path), card, alias)


def _earlier(found: Any) -> list[int]:
    """Return the champions before this version became one, oldest first."""
    text = found.tags.get("andon.previous") or ""
    return [int(version) for version in text.split(",") if version]
