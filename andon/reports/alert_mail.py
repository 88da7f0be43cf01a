"""The e-mail of one event, or of many that go out together: plain text and HTML."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from andon.reports.alert_words import Words
from andon.reports.pages import render_page

LISTED = 100
"""Events that a digest lists; it counts all of them."""
CHART, BLAME = "chart", "blame"
"""Content ids of the pictures: readings before the alert, and what each variable adds to its risk."""


def alert_text(words: Sequence[Words]) -> str:
    """Return the plain text; it says all that the HTML does, but for the picture."""
    if len(words) > 1:
        rows = [f"{one.when}  {one.severity:<8}  {one.headline}" for one in words[:LISTED]]
        rest = [f"... and {len(words) - LISTED} more"] if len(words) > LISTED else []
        return "\n".join([f"{len(words)} events, oldest first:", "", *rows, *rest, ""])
    one = words[0]
    lines = [one.headline, f"{one.when}, severity {one.severity}", ""]
    lines += [f"{fact.name}: {fact.value}" for fact in one.facts]
    if one.readings:
        lines += ["", "Readings:"]
        lines += [
            f"  {name}: {value}{f', {share} of the blame' if share else ''}" for name, value, share in one.readings
        ]
    if one.why:
        lines += ["", "Why:", *(f"  {text}" for text in one.why)]
    if one.advice:
        lines += ["", "What would have avoided it:", *(f"  {text}" for text in one.advice)]
    if one.note:
        lines += ["", one.note]
    lines += ["", *([one.link] if one.link else []), f"alert {one.identity}", ""]
    return "\n".join(lines)


def alert_html(words: Sequence[Words], pictures: Collection[str] = ()) -> str:
    """Return the HTML, without anything that is fetched; ``pictures``: content ids of those that go with it."""
    return render_page("alert_mail.html.j2", words=words, listed=LISTED, pictures=pictures)
