"""The page of a monitor on a line: one HTML file with everything in it, and its pictures beside it as PNG."""

from __future__ import annotations

import base64
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from andon.reports import monitor_charts as charts
from andon.reports.monitor_figures import (
    MOST_SPELLS,
    MonitorPage,
    VariableRow,
    detection,
    learners,
    spells,
    tried,
    unwatched,
    variable_rows,
)
from andon.reports.pages import render_page, write_page

OPEN_CHARTS = 8
"""Variables whose charts are open when the page is; those of the others open by a click."""


def write_monitor_page(page: MonitorPage, path: Path, at: datetime) -> list[Path]:
    """Write the page, and its pictures into a folder of its name; return the pictures. ``at`` is when it is made.

    Raises
    ------
    StoreError
        If a file cannot be written.
    """
    pictures = monitor_pictures(page)
    folder = path.with_suffix("")
    files = []
    for name, picture in pictures.items():
        files.append(folder / f"{name}.png")
        write_page(picture, files[-1])
    write_page(monitor_page(page, pictures, at), path)
    return files


def monitor_pictures(page: MonitorPage) -> dict[str, bytes]:
    """Return the pictures by name, as PNG; a variable's is ``variable-`` and its place by name."""
    pictures = {"overview": charts.overview(page)}
    for column, name in enumerate(page.scores.variables):
        pictures[_picture(column, name)] = charts.variable(page, column)
    pictures |= {"learners": charts.comparison(page), "search": charts.progress(page)}
    return {name: picture for name, picture in pictures.items() if picture}


def monitor_page(page: MonitorPage, pictures: dict[str, bytes], at: datetime) -> str:
    """Return the page as HTML. Names are shown as they are, never run."""
    rows = variable_rows(page)
    found = spells(page)
    names, compared = learners(page.card)
    judged = ~np.isnan(page.scores.line_score)
    ratios = [row.ratio for row in rows if row.ratio is not None]
    addresses = {name: f"data:image/png;base64,{base64.b64encode(one).decode()}" for name, one in pictures.items()}
    return render_page(
        "monitor.html.j2",
        page=page,
        at=at,
        start=page.times[0],
        end=page.times[-1],
        facts={
            "rows": len(judged),
            "judged": int(judged.sum()),
            "unread": len(judged) - page.known,
            "flagged": float(page.scores.line_flag[judged].mean()) if judged.any() else None,
            "ratio": float(np.median(ratios)) if ratios else None,
        },
        rows=rows,
        charts=[(row, addresses[_picture(row.column, row.name)]) for row in rows],
        open_charts=OPEN_CHARTS,
        spells=found[:MOST_SPELLS],
        all_spells=len(found),
        detection=detection(page),
        learners=names,
        compared=compared,
        tried=tried(page.card),
        unwatched=unwatched(page.card),
        pictures=addresses,
        least=_least,
    )


def _least(row: dict[str, Any], name: str) -> bool:
    """Tell whether a learner's error is the least of a variable's."""
    errors = [value for key, value in row.items() if key.endswith("_rmse") and value is not None]
    return bool(errors) and row.get(f"{name}_rmse") == min(errors)


def _picture(column: int, name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:40]
    return f"variable-{column + 1:02d}-{plain}".rstrip("-")


__all__ = ["MonitorPage", "VariableRow", "monitor_page", "monitor_pictures", "write_monitor_page"]
