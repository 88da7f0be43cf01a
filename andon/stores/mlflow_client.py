"""MLflow's client: quiet, made at first use, once a process and thread, its errors told as Andon's."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from andon.errors import AndonError, StoreError
from andon.stores.mlflow_names import without_secret

_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # Seven, its default, wait for minutes on a server that is away; whoever asks here asks again at the next tick.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}


class Connection:
    """To one MLflow: a tracking server, or (embedded) a database with a ``folder`` for the artifacts."""

    def __init__(self, tracking_uri: str, folder: Path | None) -> None:
        self.folder = folder
        self._uri = tracking_uri
        self._local = threading.local()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"the store {without_secret(self._uri)} is never pickled: send its URL and open it there")

    @property
    def client(self) -> Any:
        """Return this thread's client."""
        if getattr(self._local, "pid", None) != os.getpid() or self._local.client is None:
            for name, value in _QUIET.items():
                os.environ.setdefault(name, value)
            if self.folder is not None:
                self.folder.parent.mkdir(parents=True, exist_ok=True)
                with suppress(FileExistsError):
                    _make_database(self._database())
            from mlflow.tracking import MlflowClient

            # After the import, which sets its own.
            for noisy in ("mlflow", "alembic"):
                logging.getLogger(noisy).setLevel(logging.ERROR)
            self._local.client = MlflowClient(self._uri, self._uri)
            self._local.pid = os.getpid()
        return self._local.client

    def nothing_yet(self) -> bool:
        """Whether there is no database at all: looking must not make one."""
        return self.folder is not None and not self._database().exists()

    def experiment(self, name: str) -> str:
        """Return the id of an experiment, which is made if it is not there."""
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(name)
        if found is None:
            location = None if self.folder is None else self.folder.as_uri()
            try:
                return str(self.client.create_experiment(name, artifact_location=location))
            except MlflowException:
                found = self.client.get_experiment_by_name(name)
        return str(found.experiment_id)

    @contextmanager
    def errors(self, what: object = None) -> Iterator[None]:
        """Tell whatever fails within as a StoreError, without secrets."""
        try:
            yield
        except AndonError:
            raise
        except Exception as error:
            place = f"models at {without_secret(self._uri)}" + (f": {what}" if what else "")
            raise StoreError(place, without_secret(str(error))[:500], "check the registry") from error

    def close(self) -> None:
        """Forget this thread's client."""
        self._local.client = None

    def _database(self) -> Path:
        return Path(self._uri.removeprefix("sqlite:///"))


def _make_database(path: Path) -> None:
    """Make an empty database for MLflow, of its owner alone; one that commits with a single write, as ours do."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")


def or_none(ask: Callable[[], Any]) -> Any:
    """Return what MLflow answers, None where it knows of no such thing."""
    from mlflow.exceptions import MlflowException

    try:
        return ask()
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise
