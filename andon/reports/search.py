"""The page of a search: one HTML file with everything in it, that fetches nothing."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from andon.reports import search_charts as charts
from andon.reports.pages import render_page, write_page
from andon.reports.search_figures import (
    by_definition,
    failures,
    leaders,
    learner_rows,
    line_rows,
    source_rows,
)
from andon.reports.search_importance import FEWEST, parameter_importance
from andon.searches import SearchRecord


def write_search_page(search: SearchRecord, path: Path, at: datetime) -> None:
    """Write the page, or nothing; ``at`` is when it is made.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    write_page(search_page(search, at), path)


def search_page(search: SearchRecord, at: datetime) -> str:
    """Return the page as HTML. Names and errors are shown as they are, never run."""
    return render_page("search.html.j2", search=search, at=at, **_content(search))


def _content(search: SearchRecord) -> dict[str, Any]:
    tried = [one for study in search.studies for one in study.configurations]
    important = parameter_importance(search)
    lines = line_rows(search)
    learners = learner_rows(search)
    return {
        "facts": {
            "studies": len(search.studies),
            "done": sum(one.state == "done" for one in search.studies),
            "failed": sum(one.state == "failed" for one in search.studies),
            "unfinished": sum(one.state == "unfinished" for one in search.studies),
            "tried": len(tried),
            "pruned": sum(one.pruned for one in tried),
            "broken": sum(one.metric is None for one in tried),
            "core_seconds": sum(one.seconds for one in tried),
            "wall_seconds": (search.ended - search.started).total_seconds(),
        },
        "leaders": leaders(search),
        "definitions": [
            {
                "name": definition,
                "metric": studies[0].metric_name,
                "maximize": studies[0].maximize,
                "studies": len(studies),
                "curves": charts.curves(studies),
                "learners": charts.learners(studies),
                "rows": [row for row in learners if row.definition == definition],
                "importance": [(one, charts.importance(one)) for one in important if one.definition == definition],
            }
            for definition, studies in by_definition(search).items()
        ],
        "fewest": FEWEST,
        "lines": lines,
        "costs": charts.line_costs(lines),
        "sources": source_rows(search),
        "failures": failures(search),
    }
