"""Searches in a few words, for lists and summaries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from andon.searches import SearchRecord
from configs.periods import format_time
from tune_jobs.journal import list_searches, read_search

LISTED = ("search", "began", "state", "studies", "failed", "configurations", "core_seconds", "definitions")


def listed_searches(folder: Path) -> list[dict[str, Any]]:
    """Return a row of `LISTED` for each search in a folder, the newest first."""
    return [search_summary(read_search(one)) for one in list_searches(folder)]


def search_summary(search: SearchRecord) -> dict[str, Any]:
    """Return a search in a few words."""
    states = [study.state for study in search.studies]
    row = (
        search.identity,
        format_time(search.started),
        "unfinished" if "unfinished" in states else "done",
        len(states),
        states.count("failed"),
        search.configurations,
        round(sum(one.seconds for study in search.studies for one in study.configurations), 3),
        ", ".join(sorted({study.definition for study in search.studies})),
    )
    return dict(zip(LISTED, row, strict=True))
