"""What people said of alerts, as labels: an alert's rows from its opening on, to its end or the end of the horizon."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from andon.frames import to_microseconds
from andon.labels import Reviewed
from andon.ports import Documents

_LABELS = {"confirmed": 1.0, "avoided": 1.0, "rejected": 0.0}


def reviewed_spans(
    definition: str, lines: Iterable[str], horizon: timedelta, documents: Documents
) -> dict[str, list[Reviewed]]:
    """Return, by line, the spans of a definition's alerts that have a verdict, the newest of each, in order of time."""
    verdicts = {one.alert_id: one.verdict for one in documents.list_feedback()}
    spans: dict[str, list[Reviewed]] = {}
    for line in lines if verdicts else ():
        for alert in documents.list_alerts(line, definition):
            verdict = verdicts.get(alert.id)
            if verdict is None:
                continue
            end = alert.opened_at + horizon
            if alert.resolved_at is not None:
                end = min(end, alert.resolved_at)
            span = (to_microseconds(alert.opened_at), to_microseconds(end), _LABELS[verdict])
            spans.setdefault(line, []).append(span)
    return spans
