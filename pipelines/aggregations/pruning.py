"""Old feature sets go: of each line and definition the newest few stay."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from pipelines.aggregations.feature_set import line_folder
from pipelines.aggregations.job import Wanted

KEPT = 2
"""Feature sets that a definition keeps on a line: the one in use, and the one before."""
_ABANDONED_SECONDS = 86_400


def note_use(used: Sequence[Wanted], definition: str) -> None:
    """Note beside the parts that are to be made which definition uses them, and when."""
    for one in used:
        folder = one.made.line_folder(one.line)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{definition}.used").touch()


def prune_features(used: Sequence[Wanted], definition: str) -> None:
    """Delete what no definition has among the `KEPT` feature sets that it used last on these lines."""
    for one in used:
        folder = Path(one.made.folder)
        every = [line_folder(folder, key, one.line) for key in os.listdir(folder)]
        notes = [note for note in (path / f"{definition}.used" for path in every) if note.exists()]
        for note in sorted(notes, key=lambda note: note.stat().st_mtime_ns)[:-KEPT]:
            note.unlink(missing_ok=True)
        for path in every:
            if path.is_dir() and not any(path.glob("*.used")):
                shutil.rmtree(path, ignore_errors=True)
            for part in path.glob(".*.parquet.*"):
                if time.time() - part.stat().st_mtime > _ABANDONED_SECONDS:
                    part.unlink(missing_ok=True)
