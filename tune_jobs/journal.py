"""What a search left in its folder, read back: studies, configurations, outcomes. For reports and dashboards.

A search that is still running, or was killed, is read as far as it went: a half-written last line is left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from andon.errors import ConfigError, StoreError
from andon.searches import SearchRecord, StudyRecord, TriedConfiguration

SPECS = "studies.json"
JOURNAL = "configurations.jsonl"
OUTCOME = "outcome.json"
FINISHED = "finished"
"""A file that is there when the whole command is done."""


def list_searches(folder: Path) -> list[Path]:
    """Return the folders of searches in ``folder``, the newest first."""
    found = [path.parent for path in folder.glob(f"*/{SPECS}")]
    return sorted(found, key=lambda path: ((path / SPECS).stat().st_mtime_ns, path.name), reverse=True)


def find_search(folder: Path, identity: str | None) -> Path:
    """Return the folder of a search, by its id or the beginning of it; the newest where ``identity`` is None.

    Raises
    ------
    ConfigError
        If there is none, or more than one begins so.
    """
    searches = list_searches(folder)
    if not searches:
        raise ConfigError(str(folder), "holds no search", "run `andon train` first, or set ANDON_HOME")
    found = searches[:1] if identity is None else [one for one in searches if one.name.startswith(identity)]
    exact = [one for one in found if one.name == identity]
    if len(exact or found) != 1:
        problem = f"names {len(found)} searches, got {identity!r}" if found else f"names no search, got {identity!r}"
        raise ConfigError("--search", problem, "see `andon report search --list`")
    return (exact or found)[0]


def read_search(folder: Path) -> SearchRecord:
    """Read a search's folder, whatever state it is in.

    Raises
    ------
    StoreError
        If what it is about cannot be read.
    """
    path = folder / SPECS
    try:
        specs = json.loads(path.read_text("utf-8"))
        started = path.stat().st_mtime
    except (OSError, ValueError) as error:
        raise StoreError(str(path), f"cannot be read: {error}", "name the folder of a search") from None
    finished = (folder / FINISHED).exists()
    studies = tuple(_study(spec, folder / Path(spec["folder"]).name, finished) for spec in specs)
    began = [one.at - one.seconds for study in studies for one in study.configurations if one.at is not None]
    written = [file.stat().st_mtime for file in folder.glob(f"*/{OUTCOME}")]
    written += [one.at for study in studies for one in study.configurations if one.at is not None]
    return SearchRecord(
        folder.name,
        folder,
        datetime.fromtimestamp(min([started, *began]), UTC),
        datetime.fromtimestamp(max([started, *written]), UTC),
        studies,
    )


def _study(spec: Mapping[str, Any], folder: Path, finished: bool) -> StudyRecord:
    tried = [
        configuration
        for path in sorted([*folder.glob(JOURNAL), *folder.glob(f"*/{JOURNAL}")])
        for configuration in _journal(path)
    ]
    tried.sort(key=lambda one: (one.at or 0.0, one.number))
    outcome = _outcome(folder / OUTCOME)
    if outcome is None and finished:
        outcome = {"error": "its rows could not be read; the log of the training says why"}
    error = str(outcome.get("error") or "") if outcome else ""
    spent = sum(one.seconds for one in tried)
    return StudyRecord(
        definition=str(spec["definition"]["name"]),
        kind=str(spec["definition"].get("kind", "Alert")),
        line=spec.get("line"),
        family=spec.get("family"),
        trials=int(spec.get("trials", 0)),
        seed=int(spec.get("seed", 0)),
        configurations=tuple(tried),
        state="unfinished" if outcome is None else "failed" if error else "done",
        error=error,
        seconds=float(outcome.get("seconds") or spent) if outcome else spent,
        summary=outcome.get("summary") if outcome else None,
    )


def _journal(path: Path) -> list[TriedConfiguration]:
    found = []
    for row in path.read_bytes().splitlines():
        try:
            body = json.loads(row)
            found.append(
                TriedConfiguration(
                    number=int(body["number"]),
                    learner=str(body["learner"]),
                    params=dict(body["params"]),
                    metric=_finite(body.get("metric")),
                    seconds=float(body.get("seconds") or 0.0),
                    error=str(body.get("error") or ""),
                    pruned=bool(body.get("pruned", False)),
                    source=str(body.get("source") or "sampled"),
                    at=_finite(body.get("at")),
                    fitting=_finite(body.get("fitting")) or 0.0,
                )
            )
        except (ValueError, KeyError, TypeError):
            continue  # half-written when its worker was killed
    return found


def _outcome(path: Path) -> dict[str, Any] | None:
    try:
        body = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return body if isinstance(body, dict) else None


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
