"""How alerts could have been avoided: one at a time beside the assistant, a shift's at once on Ray Data."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from andon.errors import AndonError, ConfigError
from andon.records import AlertRecord, AlertState, Recommendation
from andon.services.definitions import find_definition
from andon.services.recommended import from_state, state_key, to_state
from andon.services.recommending import Advisor
from configs.definitions import Alert
from configs.settings import Settings
from pipelines.ray_data import map_rows

log = logging.getLogger(__name__)

_OPEN = (AlertState.FIRING, AlertState.SILENCED, AlertState.ACKNOWLEDGED, AlertState.ACTED)
_BACK = timedelta(days=1)
"""Of the alerts opened before now: older ones are explained when somebody asks."""
_LATE = timedelta(hours=1)
"""Alerts may be opened by data that come late, up to so much."""
_ROUND = 20
"""Alerts a round: in a storm of them what is new is not kept waiting for long by what is old."""
TASKS_A_WORKER = 8


def advisor_of(settings: Settings) -> Advisor:
    """Return what explains alerts in this process, with the stores that settings name."""
    from andon.stores import open_documents, open_models, open_signals

    stores = open_documents(settings.documents), open_signals(settings.signals), open_models(settings.models)
    return Advisor(*stores, folder=advice_folder(settings))


def advice_folder(settings: Settings) -> Path:
    """Return where what history teaches is kept."""
    return settings.home / "advice"


def recommend_at(settings: Settings, line: str, alert: str, at: datetime | None) -> Recommendation:
    """Explain an alert on a line at a time, its newest row by default, whether or not it was raised.

    Raises
    ------
    ConfigError
        If there is no such alert, it has no model, or the line is not known.
    DataError
        If there are not rows enough before that time.
    """
    advisor = advisor_of(settings)
    definition = Alert.model_validate(find_definition("Alert", alert, advisor.documents).body)
    if definition.type != "classifier":
        problem = f"is of type {definition.type}, and only a classifier's risk can be computed with other settings"
        raise ConfigError(f"Alert {alert}", problem, "choose a classifier alert")
    stored = advisor.signals.describe_line(line)
    if stored is None:
        raise ConfigError(f"line {line}", "has no readings", "import them, or choose another line")
    return advisor.explain_at(definition, line, stored.last if at is None else at)


@dataclass(slots=True)
class Recommender:
    """Explains alerts as they are opened, one after the other, beside the loop that scores."""

    advisor: Advisor
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    _done: set[str] = field(default_factory=set)
    _since: datetime | None = None
    _stopping: bool = False

    def run(self) -> int:
        """Explain what is open and not explained yet, `_ROUND` alerts at most; return how many were."""
        begin = self.clock() - _BACK
        begin = begin if self._since is None else max(begin, self._since - _LATE)
        alerts = self.advisor.documents.list_alerts(states=_OPEN, start=begin)
        self._done &= {alert.id for alert in alerts}
        waiting = [alert for alert in alerts if alert.id not in self._done]
        made = 0
        for alert in waiting[: -_ROUND - 1 : -1]:
            if self._stopping:
                break
            made += self.find(alert.id) is not None
        if len(waiting) <= _ROUND and alerts:
            self._since = alerts[-1].opened_at
        return made

    def find(self, alert_id: str) -> Recommendation | None:
        """Return an alert's recommendation, making it where nobody has; None where that cannot be done."""
        try:
            found = self.advisor.advise(alert_id)
        except AndonError as error:
            log.warning("alert %s is not explained: %s", alert_id, error)
            found = None
        except Exception:
            log.exception("alert %s could not be explained", alert_id)
            found = None
        self._done.add(alert_id)
        return found

    def stop(self) -> None:
        """End after the alert that is being explained."""
        self._stopping = True


@dataclass(frozen=True, slots=True)
class ShiftAdvice:
    """What became of the alerts of a period: explained anew, explained before, and those that failed and why."""

    made: int
    known: int
    failed: dict[str, str]


def recommend_shift(settings: Settings, alerts: Sequence[AlertRecord], workers: int) -> ShiftAdvice:
    """Explain many alerts on Ray Data, those of a line together, and store what was found.

    Needs a Ray session. An alert that was explained before costs a look; run again after a kill, nothing is made twice.
    """
    from andon.stores import open_documents

    documents = open_documents(settings.documents)
    missing = [alert for alert in alerts if documents.get_state(state_key(alert.id)) is None]
    failed: dict[str, str] = {}
    if not missing:
        return ShiftAdvice(0, len(alerts), failed)
    packs = _packs(missing, TASKS_A_WORKER * workers)
    urls = settings.documents, settings.signals, settings.models, str(advice_folder(settings))

    def explain(row: dict[str, Any]) -> dict[str, Any]:
        return {"found": json.dumps([_explained(_advisor(*urls), alert_id) for alert_id in json.loads(row["ids"])])}

    rows = [{"ids": json.dumps(pack)} for pack in packs]
    made = 0
    for result in map_rows(explain, rows, len(rows)):
        # One process writes: what a killed job has not stored is made again.
        for alert_id, body, error in json.loads(str(result["found"])):
            if body is None:
                failed[alert_id] = error
                continue
            documents.put_state(state_key(alert_id), to_state(from_state(body)))
            made += 1
    return ShiftAdvice(made, len(alerts) - len(missing), failed)


def _packs(alerts: Sequence[AlertRecord], most: int) -> list[list[str]]:
    """Return ids in packs of one line each, the largest first, few enough that starting them costs little.

    A line's history is gathered once a process, so its alerts stay together.
    """
    by_line: dict[tuple[str, str], list[str]] = {}
    for alert in alerts:
        by_line.setdefault((alert.line, alert.definition), []).append(alert.id)
    packs: list[list[str]] = [[] for _ in range(min(most, len(by_line)))]
    for ids in sorted(by_line.values(), key=len, reverse=True):
        min(packs, key=len).extend(ids)
    return sorted(packs, key=len, reverse=True)


@lru_cache(maxsize=4)
def _advisor(documents: str, signals: str, models: str, folder: str) -> Advisor:
    from andon.stores import open_documents, open_models, open_signals

    return Advisor(open_documents(documents), open_signals(signals), open_models(models), Path(folder))


def _explained(advisor: Advisor, alert_id: str) -> tuple[str, dict[str, Any] | None, str]:
    from andon.services.alerts import find_alert

    try:
        return alert_id, to_state(advisor.explain(find_alert(alert_id, advisor.documents))), ""
    except AndonError as error:
        return alert_id, None, str(error)
    except Exception as error:
        log.exception("alert %s could not be explained", alert_id)
        return alert_id, None, f"{type(error).__name__}: {error}"
