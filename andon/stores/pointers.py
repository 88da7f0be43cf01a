"""Which version is champion, in one small file a model: read in microseconds, written in step with the registry."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from andon.errors import StoreError


@dataclass(frozen=True, slots=True)
class Pointer:
    """A champion: its version and the folder of its bundle."""

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

    def read(self, name: str) -> Pointer | None:
        """Return the champion of a model, None where there is no pointer.

        Raises
        ------
        StoreError
            If the file is damaged.
        """
        file = self._file(name)
        try:
            body = json.loads(file.read_bytes())
            return Pointer(int(body["version"]), self._artifacts / body["path"])
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(str(file), f"is damaged: {error}", "delete it; the registry is asked again") from None

    def write(self, name: str, version: int, path: Path) -> None:
        """Point at a version, atomically."""
        self._folder.mkdir(parents=True, exist_ok=True)
        stored = path.relative_to(self._artifacts) if path.is_relative_to(self._artifacts) else path
        file = self._file(name)
        temporary = file.with_name(f".{file.name}.{os.getpid()}")
        with temporary.open("w", encoding="utf-8") as out:
            json.dump({"version": version, "path": str(stored)}, out)
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

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _lock(self, name: str) -> Path:
        return self._folder / f"{name}.lock"
