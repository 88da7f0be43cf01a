"""Models on MLflow: one registered model a key, a run and a bundle a version, an alias for the champion."""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NoReturn

from andon.errors import ConfigError, StoreError
from andon.record_json import card_from, to_body
from andon.records import ModelCard, ModelKey, PublishedModel
from configs.periods import format_time

CHAMPION: Literal["champion"] = "champion"
_EXPERIMENT = "andon"


class MlflowModels:
    """See `andon.ports.Models`.

    MLflow's alias is the truth. ``folder`` (embedded only) holds the artifacts, and beside them a small pointer file a
    model, rewritten after the alias, so that scoring processes need not import MLflow at all.
    """

    def __init__(self, tracking_uri: str, folder: Path | None) -> None:
        self._uri = tracking_uri
        self._folder = folder
        self._local = threading.local()

    def __reduce__(self) -> NoReturn:
        raise TypeError("MlflowModels is never pickled: send its URL and open it there")

    def publish(self, key: ModelKey, bundle: Path, card: ModelCard) -> int:
        """See the port."""
        name = model_name(key)
        with self._errors(key):
            from mlflow.entities import Metric, Param
            from mlflow.exceptions import MlflowException

            client = self._client()
            run = client.create_run(self._experiment(client), run_name=str(key), tags=_tags(key, card))
            moment = int(card.data_end.timestamp() * 1000)
            client.log_batch(
                run.info.run_id,
                metrics=[Metric(metric, value, moment, 0) for metric, value in card.metrics.items()],
                params=[Param(param, str(value)[:500]) for param, value in list(card.params.items())[:90]],
            )
            client.log_dict(run.info.run_id, to_body(card), "card.json")
            client.log_artifacts(run.info.run_id, str(bundle), "bundle")
            client.set_terminated(run.info.run_id)
            try:
                client.create_registered_model(name, tags=_tags(key, None))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            source = f"{run.info.artifact_uri}/bundle"
            version = client.create_model_version(name, source, run.info.run_id, tags=_tags(key, card))
            return int(version.version)

    def champion(self, key: ModelKey) -> PublishedModel | None:
        """See the port."""
        version = self._pointed(key)
        if version is None:
            version = self._alias(key)
            if version is not None:
                self._point(key, version)
        return None if version is None else self.get(key, version)

    def get(self, key: ModelKey, version: int) -> PublishedModel | None:
        """See the port."""
        known = self._remembered(key, version)
        if known is not None:
            return known
        with self._errors(key):
            from mlflow.exceptions import MlflowException

            client = self._client()
            try:
                found = client.get_model_version(model_name(key), str(version))
            except MlflowException as error:
                if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    return None
                raise
            path = self._local_path(client, key, version, found)
            card = card_from(json.loads((path / "card.json").read_text()))
            alias = CHAMPION if self._alias(key) == version else None
            return PublishedModel(key, version, str(path / "bundle"), card, alias)

    def list_models(self) -> list[ModelKey]:
        """See the port."""
        with self._errors(None):
            keys = []
            token = None
            while True:
                page = self._client().search_registered_models(max_results=1000, page_token=token)
                for model in page:
                    if "andon.definition" in model.tags:
                        tags = model.tags
                        keys.append(
                            ModelKey(tags["andon.definition"], tags.get("andon.line"), tags.get("andon.family"))
                        )
                token = page.token
                if not token:
                    return sorted(keys, key=lambda key: (key.definition, key.family or "", key.line or ""))

    def history(self, key: ModelKey) -> list[PublishedModel]:
        """See the port."""
        with self._errors(key):
            found = self._client().search_model_versions(f"name='{model_name(key)}'", max_results=10_000)
            versions = sorted(int(one.version) for one in found)
        return [one for version in versions if (one := self.get(key, version)) is not None]

    def promote(self, key: ModelKey, version: int, reason: str, at: datetime) -> None:
        """See the port."""
        name = model_name(key)
        with self._errors(key):
            if self.get(key, version) is None:
                raise ConfigError(str(key), f"has no version {version}", "see `andon models list`")
            client = self._client()
            before = self._alias(key)
            if before is not None and before != version:
                client.set_model_version_tag(name, str(version), "andon.previous", str(before))
            client.set_model_version_tag(name, str(version), "andon.promoted_at", format_time(at))
            client.set_model_version_tag(name, str(version), "andon.reason", reason[:1000])
            client.set_registered_model_alias(name, CHAMPION, str(version))
            self._point(key, version)

    def rollback(self, key: ModelKey, reason: str, at: datetime) -> int:
        """See the port."""
        name = model_name(key)
        with self._errors(key):
            client = self._client()
            now = self._alias(key)
            previous = None if now is None else client.get_model_version(name, str(now)).tags.get("andon.previous")
            if previous is None:
                raise ConfigError(str(key), "has no earlier champion", "promote a version: `andon models promote`")
            client.set_model_version_tag(name, str(now), "andon.rolled_back_at", format_time(at))
            client.set_model_version_tag(name, str(now), "andon.rolled_back_reason", reason[:1000])
            client.set_registered_model_alias(name, CHAMPION, previous)
            self._point(key, int(previous))
            return int(previous)

    def pointer(self, key: ModelKey) -> int | None:
        """See the port."""
        if self._folder is not None:
            return self._pointed(key)
        return self._alias(key)

    def close(self) -> None:
        """See the port."""
        self._local.client = None

    def _client(self) -> Any:
        if getattr(self._local, "pid", None) != os.getpid() or self._local.client is None:
            os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
            for noisy in ("mlflow", "alembic"):
                logging.getLogger(noisy).setLevel(logging.ERROR)
            if self._uri.startswith("sqlite:///"):
                Path(self._uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
            from mlflow.tracking import MlflowClient

            self._local.client = MlflowClient(self._uri, self._uri)
            self._local.pid = os.getpid()
        return self._local.client

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

    def _alias(self, key: ModelKey) -> int | None:
        with self._errors(key):
            from mlflow.exceptions import MlflowException

            try:
                return int(self._client().get_model_version_by_alias(model_name(key), CHAMPION).version)
            except MlflowException as error:
                if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    return None
                raise

    def _local_path(self, client: Any, key: ModelKey, version: int, found: Any) -> Path:
        if self._folder is not None:
            source = str(found.source).removeprefix("file://")
            return Path(source).parent
        kept = Path.home() / ".cache" / "andon" / "models" / str(found.run_id)
        if not (kept / "bundle").is_dir():
            temporary = kept.with_name(f"{kept.name}.{os.getpid()}")
            temporary.mkdir(parents=True, exist_ok=True)
            client.download_artifacts(found.run_id, "", str(temporary))
            try:
                temporary.replace(kept)
            except OSError:
                shutil.rmtree(temporary, ignore_errors=True)
        return kept

    def _pointer_file(self, key: ModelKey) -> Path | None:
        return None if self._folder is None else self._folder / "champions" / f"{model_name(key)}.json"

    def _point(self, key: ModelKey, version: int) -> None:
        file = self._pointer_file(key)
        published = self.get(key, version)
        if file is None or published is None:
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_name(f".{file.name}.{os.getpid()}")
        temporary.write_text(json.dumps({"version": version, "path": published.path}))
        temporary.replace(file)

    def _pointed(self, key: ModelKey) -> int | None:
        body = self._pointer_body(key)
        return None if body is None else int(body["version"])

    def _pointer_body(self, key: ModelKey) -> Mapping[str, Any] | None:
        file = self._pointer_file(key)
        try:
            body: Mapping[str, Any] | None = None if file is None else json.loads(file.read_text())
        except FileNotFoundError:
            return None
        except ValueError:
            raise StoreError(str(file), "is damaged", "delete it; it is written again at the next promotion") from None
        return body

    def _remembered(self, key: ModelKey, version: int) -> PublishedModel | None:
        body = self._pointer_body(key)
        if body is None or body["version"] != version:
            return None
        path = Path(body["path"])
        card = card_from(json.loads((path.parent / "card.json").read_text()))
        return PublishedModel(key, version, str(path), card, CHAMPION)

    @contextmanager
    def _errors(self, key: ModelKey | None) -> Iterator[None]:
        try:
            yield
        except (ConfigError, StoreError):
            raise
        except Exception as error:
            place = self._uri.split("@")[-1]
            raise StoreError(f"models at {place}: {key or ''}", str(error)[:500], "check the registry") from error


def model_name(key: ModelKey) -> str:
    """Return the registered model's name; neither definitions nor lines contain what separates them.

    Examples
    --------
    >>> model_name(ModelKey("jam-soon", "press-07")), model_name(ModelKey("jam-soon", family="presses"))
    ('jam-soon~press-07', 'jam-soon~~presses')
    """
    return f"{key.definition}~{key.line}" if key.line is not None else f"{key.definition}~~{key.family}"


def _tags(key: ModelKey, card: ModelCard | None) -> dict[str, str]:
    tags = {"andon.definition": key.definition}
    if key.line is not None:
        tags["andon.line"] = key.line
    if key.family is not None:
        tags["andon.family"] = key.family
    if card is not None:
        tags |= {
            "andon.kind": card.kind,
            "andon.learner": card.learner,
            "andon.definition_version": str(card.definition_version),
            "andon.data_start": format_time(card.data_start),
            "andon.data_end": format_time(card.data_end),
            "andon.seed": str(card.seed),
        }
    return tags
