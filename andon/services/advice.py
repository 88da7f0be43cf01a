"""What became of recommendations: whether they were followed, and held; contradicted advice is withdrawn."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np

from andon.errors import DataError
from andon.evaluation.advice import AdviceOutcome, Followed, contradicted_ways, holds
from andon.frames import MICROSECOND, SignalFrame, to_microseconds
from andon.labels import onsets
from andon.ports import Documents, Signals
from andon.records import AlertRecord, Recommendation, Verdict
from andon.services.recommended import stored_recommendation, withdrawn_key
from configs.definitions import Alert

HALF = 0.5
"""Part of a recommended change from which it counts as followed."""


def review_advice(start: datetime, end: datetime, documents: Documents, signals: Signals) -> list[AdviceOutcome]:
    """Judge the recommendations of the alerts opened in ``[start, end)``, and withdraw those that history contradicts.

    Reviewed again, what holds anew is given anew.
    """
    outcomes = judge_advice(start, end, documents, signals)
    for one in outcomes:
        _remember(one.definition, one.line, one.withdrawn, documents)
    return outcomes


def judge_advice(
    start: datetime,
    end: datetime,
    documents: Documents,
    signals: Signals,
    *,
    alerts: Collection[str] = (),
    lines: Collection[str] = (),
) -> list[AdviceOutcome]:
    """Judge the recommendations of the alerts opened in ``[start, end)``, by definition and line; store nothing.

    Advice counts as followed where people say ``avoided``, or where within the horizon, before any event, the settings
    went at least half of the way. ``alerts`` and ``lines``: only these; none given: all.
    """
    verdicts: dict[str, Verdict] = {one.alert_id: one.verdict for one in documents.list_feedback()}
    outcomes = []
    for stored in documents.list_definitions("Alert"):
        definition = Alert.model_validate(stored.body)
        if definition.type != "classifier" or (alerts and definition.name not in alerts):
            continue
        by_line: dict[str, list[tuple[AlertRecord, Recommendation]]] = {}
        for alert in documents.list_alerts(definition=definition.name, start=start, end=end):
            found = stored_recommendation(alert.id, documents) if not lines or alert.line in lines else None
            if found is not None and found.options:
                by_line.setdefault(alert.line, []).append((alert, found))
        for line, given in sorted(by_line.items()):
            judged = [_judge(alert, found, definition, verdicts, signals) for alert, found in given]
            cases = [one for one in judged if one is not None]
            unknown = len(judged) - len(cases)
            outcomes.append(
                AdviceOutcome(definition.name, line, holds(cases), tuple(contradicted_ways(cases)), unknown)
            )
    return outcomes


def _remember(definition: str, line: str, ways: Sequence[tuple[str, int]], documents: Documents) -> None:
    key, body = withdrawn_key(definition, line), {"withdrawn": [list(way) for way in ways]}
    if (documents.get_state(key) or {"withdrawn": []}) != body:
        documents.put_state(key, body)


def _judge(
    alert: AlertRecord,
    found: Recommendation,
    definition: Alert,
    verdicts: Mapping[str, Verdict],
    signals: Signals,
) -> Followed | None:
    """Return what became of one alert; None where nobody can tell."""
    verdict = verdicts.get(alert.id)
    if verdict == "rejected" or definition.target is None or definition.horizon is None:
        return None
    ways = tuple((name, 1 if new > old else -1) for name, old, new in found.options[0].changes)
    if verdict == "avoided":
        return Followed(ways, True, True)
    frame = _after(alert, definition, definition.horizon, signals)
    if frame is None:
        return None
    came = onsets(frame, definition.target)
    came = came[came > to_microseconds(alert.opened_at)]
    until = int(came[0]) if len(came) else int(frame.times[-1])
    followed = any(_moved(option.changes, frame, alert.opened_at, until) for option in found.options)
    return Followed(ways, followed, not len(came))


def _after(alert: AlertRecord, definition: Alert, horizon: timedelta, signals: Signals) -> SignalFrame | None:
    end = alert.opened_at + horizon
    try:
        frame = signals.read_signals(alert.line, None, alert.opened_at - horizon, end + MICROSECOND)
    except DataError:
        return None
    if not len(frame) or definition.target is None or not definition.target.variables <= set(frame.types):
        return None
    # Readings must reach as far as the event could have come.
    return frame if frame.times[-1] > to_microseconds(end - 2 * frame.sampling) else None


def _moved(changes: Sequence[tuple[str, float, float]], frame: SignalFrame, opened: datetime, until: int) -> bool:
    rows = (frame.times > to_microseconds(opened)) & (frame.times < until)
    gone = np.ones(int(rows.sum()), dtype=np.bool_)
    for name, old, new in changes:
        if name not in frame.types:
            return False
        gone &= (frame.numbers(name)[rows] - old) / (new - old) >= HALF
    return bool(gone.any())
