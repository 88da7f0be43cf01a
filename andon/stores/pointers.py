"""Which versions are champion and challenger, in one small file a model: read in microseconds, in step with MLflow."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from andon.errors import StoreError

Alias = Literal["champion", "challenger"]


@dataclass(frozen=True, slots=True)
class Pointer:
    """A version and the folder of its bundle."""

    version: int
    path: Path


class Pointers:
    """The pointer files of one registry.

    Parameters
    ----------
    folder
        Where the registry keeps its artifacts; paths below it are stored relative to it, so that it can be moved.
    """

    def __init__(self, folder: Path) -> None:
        self._artifacts = folder
        self._folder = folder / "champions"

    def read(self, name: str) -> dict[Alias, Pointer] | None:
        """Return what a model's file points at by alias, None where there is no file.

        Raises
        ------
        StoreError
            If the file is damaged.
        """
        file = self._file(name)
        try:
            body = json.loads(file.read_bytes())
            parts: dict[Alias, Any] = {"champion": body, "challenger": body.get("challenger")}
            return {
                alias: Pointer(int(part["version"]), self._artifacts / part["path"])
                for alias, part in parts.items()
                if part is not None and part["version"] is not None
            }
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(str(file), f"is damaged: {error}", "delete it; the registry is asked again") from None

    def write(self, name: str, pointed: Mapping[Alias, Pointer]) -> None:
        """Point at versions, atomically."""
        self._folder.mkdir(parents=True, exist_ok=True)
        champion = self._body(pointed.get("champion")) or {"version": None}
        file = self._file(name)
        temporary = file.with_name(f".{file.name}.{os.getpid()}")
        with temporary.open("w", encoding="utf-8") as out:
            json.dump({**champion, "challenger": self._body(pointed.get("challenger"))}, out)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(file)

    def remove(self, name: str) -> None:
        """Take a pointer away, so that the registry is asked until it is written again."""
        self._file(name).unlink(missing_ok=True)

    def interrupted(self, name: str) -> bool:
        """Whether a pointer that is missing was ever written, or about to be: then the registry knows better."""
        return self._lock(name).exists()

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Keep every other process and thread from moving this pointer; a kill ends the lock."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._lock(name).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _body(self, pointer: Pointer | None) -> dict[str, Any] | None:
        if pointer is None:
            return None
        path = pointer.path
        stored = path.relative_to(self._artifacts) if path.is_relative_to(self._artifacts) else path
        return {"version": pointer.version, "path": str(stored)}

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _lock(self, name: str) -> Path:
        return self._folder / f"{name}.lock"
