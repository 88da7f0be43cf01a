"""Storing what turns decided, those of many lines in few writes, so that a kill at any point loses and doubles nothing.

Forecasts, anomalies and skips have ids of their own and come first. Then the states are replaced together with the
alerts and events that were decided on, so that those stand even if their rows would be judged otherwise the next time;
they are applied after that, and taken out of the states by one more write, or whenever a state is loaded.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from andon.alerts.life_cycle import ASSISTANT, MOVES
from andon.alerts.line_state import LineState, state_key
from andon.errors import AndonError, StoreError
from andon.ports import Documents
from andon.record_json import alert_from, event_from, to_body
from andon.records import AlertEvent, AlertRecord
from andon.services.membership import Membership
from andon.services.turns import Judged, Stores

log = logging.getLogger(__name__)

_TRIES = 100


def store_judged(judged: Sequence[Judged], tokens: Mapping[str, int], stores: Stores) -> set[str]:
    """Store what was decided on lines; return those that another holder has taken over, whose states stay its own.

    Parameters
    ----------
    tokens
        Of the leases, by line; a line without one is not fenced.

    Raises
    ------
    AndonError
        If a store fails; the same may be stored again, or judged again.
    """
    documents = stores.documents
    results = [one.result for one in judged if one.result is not None]
    stores.signals.append_forecasts([*chain.from_iterable(one.forecasts for one in results)])
    documents.add_anomalies([*chain.from_iterable(one.anomalies for one in results)])
    told = (one.result.skips if one.result is not None else () for one in judged)
    documents.add_skips([*chain.from_iterable(one.skips for one in judged), *chain.from_iterable(told)])
    fences = {state_key(one.line): tokens[one.line] for one in results if one.line in tokens}
    bodies, leaving = {}, {}
    for one in results:
        body = one.state.to_json()
        bodies[state_key(one.line)] = body
        if one.opened or one.events:
            leaving[state_key(one.line)] = one
            bodies[state_key(one.line)] = body | {
                "outbox": {
                    "opened": [to_body(alert) for alert in one.opened],
                    "events": [[alert, to_body(event)] for alert, event in one.events],
                }
            }
    refused = {*documents.put_states(bodies, fences)}
    cleared = {}
    for key, one in leaving.items():
        if key not in refused:
            _deliver(one.opened, one.events, documents)
            cleared[key] = one.state.to_json()
    refused |= {*documents.put_states(cleared, fences)}
    return {one.line for one in results if state_key(one.line) in refused}


def load_state(line: str, documents: Documents) -> LineState | None:
    """Return where the assistant stands on a line, after finishing what a kill interrupted; None: it never was there.

    Raises
    ------
    StoreError
        If what is stored is damaged.
    """
    body = documents.get_state(state_key(line))
    return None if body is None else finish(line, body, {}, documents)


def take_lines(
    membership: Membership, lines: Collection[str], now: datetime, busy: Collection[str]
) -> dict[str, LineState | AndonError | None]:
    """Keep the leases of an assistant, and load the states of lines that it has newly taken, behind their fences.

    Returns, of each of those: its state, None where it was never watched, or why it cannot be loaded.

    Raises
    ------
    StoreError
        If the store cannot be reached.
    """
    documents = membership.documents
    gained = membership.beat(lines, now, busy)
    tokens = {line: membership.tokens[line] for line in gained}
    bodies = documents.fence_states({state_key(line): token for line, token in tokens.items()})
    loaded: dict[str, LineState | AndonError | None] = {}
    for line in sorted(gained):
        body = bodies.get(state_key(line))
        try:
            loaded[line] = None if body is None else finish(line, body, tokens, documents)
        except AndonError as error:
            loaded[line] = error
    return loaded


def finish(line: str, body: Mapping[str, Any], tokens: Mapping[str, int], documents: Documents) -> LineState:
    """Return a stored state, after applying the alerts and events that a kill has left in it.

    Raises
    ------
    StoreError
        If what is stored is damaged.
    """
    state = LineState.from_json(body, f"state of line {line}")
    outbox: dict[str, Any] | None = body.get("outbox")
    if outbox is not None:
        opened = [alert_from(alert) for alert in outbox["opened"]]
        events = [(alert, event_from(event)) for alert, event in outbox["events"]]
        _deliver(opened, events, documents)
        fences = {state_key(line): tokens[line]} if line in tokens else {}
        documents.put_states({state_key(line): state.to_json()}, fences)
    return state


def _deliver(opened: Sequence[AlertRecord], events: Sequence[tuple[str, AlertEvent]], documents: Documents) -> None:
    for alert in opened:
        documents.open_alert(alert)
    for alert_id, event in events:
        for _ in range(_TRIES):
            known = documents.get_alert(alert_id)
            if known is None or any(one.id == event.id for one in known.events):
                break
            if event.state not in MOVES[known.state]:
                # A person was faster: what is acknowledged is not silenced, and what is resolved stays so.
                break
            if documents.transition_alert(alert_id, event, known.revision) is not None:
                break
        else:
            raise StoreError(f"alert {alert_id}", f"changes too often for {ASSISTANT} to add to it", "try again")
