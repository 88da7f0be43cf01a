"""The page of a search: one HTML file with everything in it, that fetches nothing."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from andon.errors import StoreError
from andon.reports import search_charts as charts
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
    page = search_page(search, at)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(page, "utf-8")
        temporary.replace(path)
    except OSError as error:
        raise StoreError(str(path), f"cannot be written: {error.strerror}", "choose another place") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def search_page(search: SearchRecord, at: datetime) -> str:
    """Return the page as HTML. Names and errors are shown as they are, never run."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("andon.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"told": told, "seconds": nice_seconds, "number": _number, "percent": _percent}
    return environment.get_template("search.html.j2").render(search=search, at=at, **_content(search))


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


def told(params: Mapping[str, Any]) -> str:
    """Return parameters as people read them.

    Examples
    --------
    >>> told({"rate": 0.123456, "rounds": 120, "balanced": True})
    'rate 0.123, rounds 120, balanced yes'
    """
    return ", ".join(f"{name} {_value(value)}" for name, value in params.items()) or "none"


def nice_seconds(seconds: float) -> str:
    """Return a time as people say it.

    Examples
    --------
    >>> [nice_seconds(s) for s in (0.0123, 4.26, 75, 5400)]
    ['12 ms', '4.3 s', '1 min 15 s', '1 h 30 min']
    """
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(math.floor(seconds + 0.5), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"


def _number(value: float | None, signed: bool = False) -> str:
    if value is None:
        return "-"
    return f"{value:+.3f}" if signed else f"{value:.3f}" if abs(value) < 1000 else f"{value:.4g}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.0f} %"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else "none" if value is None else str(value)
