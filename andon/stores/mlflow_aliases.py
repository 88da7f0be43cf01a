"""Which version of a model is champion and which challenger: MLflow's aliases, and the pointer files before them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from andon.records import ModelKey
from andon.stores.mlflow_bundles import bundle_folder
from andon.stores.mlflow_client import Connection, or_none
from andon.stores.mlflow_names import model_name
from andon.stores.pointers import Alias, Pointer, Pointers

CHAMPION: Alias = "champion"
CHALLENGER: Alias = "challenger"
_MOVES = 3
"""Times that an alias is moved before a refusal is told."""


class Aliases:
    """The aliases of one registry.

    MLflow's are the truth. Beside an embedded registry's artifacts lies a small pointer file a model, so that scoring
    processes need not import MLflow at all. A change takes the pointer away before it moves an alias and writes the new
    one after, under a lock: killed in between, the pointer is missing and the aliases asked. An alias that somebody
    moves in MLflow's own pages is not seen until the next change: promote through Andon.

    A champion is never challenger too: between the two calls that MLflow needs to make a challenger champion, its
    second alias does not count.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._pointers = None if connection.folder is None else Pointers(connection.folder)

    def version(self, key: ModelKey, alias: Alias) -> int | None:
        """Return the version that has an alias, by MLflow."""
        if self._connection.nothing_yet():
            return None
        name = model_name(key)
        found = or_none(lambda: self._connection.client.get_model_version_by_alias(name, alias))
        return None if found is None else int(found.version)

    def by_version(self, key: ModelKey) -> dict[int, Alias]:
        """Return version -> alias, by MLflow; a champion counts as nothing else."""
        found: dict[int, Alias] = {}
        for alias in (CHALLENGER, CHAMPION):
            version = self.version(key, alias)
            if version is not None:
                found[version] = alias
        return found

    def pointed(self, key: ModelKey) -> Mapping[Alias, Pointer] | None:
        """Return what the pointer file says, None where there can be none: on a server.

        A file that an interrupted change took away is written again.
        """
        if self._pointers is None:
            return None
        name = model_name(key)
        pointed: Mapping[Alias, Pointer] | None = self._pointers.read(name)
        if pointed is None and self._pointers.interrupted(name) and not self._connection.nothing_yet():
            with self._connection.errors(key), self._pointers.locked(name):
                pointed = self._point(key, self._pointers)
        return pointed or {}

    def locked(self, key: ModelKey) -> AbstractContextManager[None]:
        """Keep every other process from moving this model's aliases; on a server, MLflow's calls must do."""
        return nullcontext() if self._pointers is None else self._pointers.locked(model_name(key))

    def make_champion(self, key: ModelKey, version: int) -> None:
        """Move the champion's alias, and end its challenge; call it while `locked`."""
        with self._moving(key) as client:
            _set_alias(client, key, CHAMPION, version)
            if self.version(key, CHALLENGER) == version:
                client.delete_registered_model_alias(model_name(key), CHALLENGER)

    def make_challenger(self, key: ModelKey, version: int | None) -> None:
        """Move the challenger's alias, or take it away; call it while `locked`."""
        if version is None and self.version(key, CHALLENGER) is None:
            return
        with self._moving(key) as client:
            if version is None:
                client.delete_registered_model_alias(model_name(key), CHALLENGER)
            else:
                _set_alias(client, key, CHALLENGER, version)

    @contextmanager
    def _moving(self, key: ModelKey) -> Iterator[Any]:
        """Move aliases within: the pointer file is away until they stand."""
        if self._pointers is not None:
            self._pointers.remove(model_name(key))
        yield self._connection.client
        if self._pointers is not None:
            self._point(key, self._pointers)

    def _point(self, key: ModelKey, pointers: Pointers) -> Mapping[Alias, Pointer]:
        """Write the pointer file as MLflow has the aliases."""
        client, name, pointed = self._connection.client, model_name(key), {}
        for version, alias in self.by_version(key).items():
            found = client.get_model_version(name, str(version))
            pointed[alias] = Pointer(version, bundle_folder(self._connection, found))
        pointers.write(name, pointed)
        return pointed


def _set_alias(client: Any, key: ModelKey, alias: Alias, version: int) -> None:
    """Move an alias, again where another's first move of the same one came between.

    MLflow looks whether a model has the alias and then adds or changes it: of two that add it at once, the database
    refuses one, which MLflow calls a bad request. Asked again, it changes what the other has added.
    """
    from mlflow.exceptions import MlflowException

    for attempt in range(1, _MOVES + 1):
        try:
            client.set_registered_model_alias(model_name(key), alias, str(version))
            return
        except MlflowException as error:
            if error.error_code != "BAD_REQUEST" or attempt == _MOVES:
                raise
