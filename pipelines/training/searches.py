"""Folders of searches: one a command, found again by what was asked for, until it is finished."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from andon.errors import ConfigError
from tune_jobs.study import StudySpec

FINISHED = "finished"
KEPT = 20
"""Finished searches whose configurations are kept for reports and dashboards."""
_HEAVY = ("rows.*", "signals.*", "bundle", "evaluation.npz", "features")


@dataclass(frozen=True, slots=True)
class SearchFolder:
    """The folder of a search that is held by this process; ``resumed``: an earlier one was killed in it."""

    path: Path
    resumed: bool

    def finish(self) -> None:
        """Mark it as finished, and keep of it what reports read."""
        (self.path / FINISHED).touch()
        _thin(self.path)


@contextlib.contextmanager
def search_folder(searches: Path, specs: Sequence[StudySpec], *, fresh: bool = False) -> Iterator[SearchFolder]:
    """Hold the folder of the unfinished search of the same studies, or a new one.

    Raises
    ------
    ConfigError
        If another process is at the same search.
    """
    name = _name(specs)
    searches.mkdir(parents=True, exist_ok=True)
    with (searches / f".{name}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError("training", "another process trains the same", "wait for it, or stop it") from None
        begun = sorted(path for path in searches.glob(f"*-{name}") if not (path / FINISHED).exists())
        if fresh:
            for path in begun:
                shutil.rmtree(path)
            begun = []
        path = begun[-1] if begun else searches / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{name}"
        path.mkdir(exist_ok=True)
        _prune(searches)
        yield SearchFolder(path, bool(begun))


def _name(specs: Sequence[StudySpec]) -> str:
    """Return what the same studies are always called: folders do not count."""
    asked = [{name: value for name, value in asdict(spec).items() if "folder" not in name} for spec in specs]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:8]


def _thin(path: Path) -> None:
    for study in path.iterdir():
        for pattern in _HEAVY if study.is_dir() else ():
            for heavy in study.glob(pattern):
                shutil.rmtree(heavy) if heavy.is_dir() else heavy.unlink()
        for scores in study.glob("*/scores.npz"):
            scores.unlink()
    shutil.rmtree(path / "tune", ignore_errors=True)


def _prune(searches: Path) -> None:
    finished = sorted(path for path in searches.glob("*-*") if (path / FINISHED).exists())
    for path in finished[: max(0, len(finished) - KEPT)]:
        shutil.rmtree(path, ignore_errors=True)
