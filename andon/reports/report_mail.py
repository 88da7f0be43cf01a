"""The e-mail that a report goes with: its first facts, so that most need not open the files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from andon.reports.pages import render_page

Body = Mapping[str, Any]
"""What a message says of a report: ``title``, ``period``, ``verdict``, ``facts``, ``columns``, ``rows``, ``files``."""
_ROWS = 30


def report_text(body: Body) -> str:
    """Return the plain text."""
    lines = [body["title"], body["period"], "", body["verdict"], ""]
    width = max((len(name) for name, _ in body["facts"]), default=0)
    lines += [f"{name:<{width}}  {value}" for name, value in body["facts"]]
    if body["rows"]:
        lines += ["", "  ".join(body["columns"])]
        lines += ["  ".join(str(cell) for cell in row) for row in body["rows"][:_ROWS]]
    return "\n".join([*lines, ""])


def report_html(body: Body) -> str:
    """Return the HTML, without anything that is fetched."""
    return render_page("report_mail.html.j2", body=body, rows=body["rows"][:_ROWS])
