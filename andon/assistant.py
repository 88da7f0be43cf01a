"""One tick of the assistant: the newest rows of a line in, what is to be stored out. It decides, and never applies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from andon.alerts.life_cycle import ASSISTANT, make_event, open_alert
from andon.alerts.line_state import HOUR, LineState, late_times, remember_times
from andon.alerts.rules import INACTIVE, Rule, RuleState, step
from andon.errors import DataError
from andon.frames import MICROSECOND, SignalFrame, from_microseconds, to_microseconds
from andon.models.monitors.bundle import MonitorBundle
from andon.records import AlertEvent, AlertRecord, AlertState, Anomaly, Forecast, Skip, alert_id
from andon.scoring.monitors import MonitorScores, anomalies_at, forecast_next
from andon.scoring.verdicts import AlertVerdicts, Reason, Watch, judge_alert, judge_monitor, monitor_reason
from configs.definitions import Alert, Monitor
from configs.durations import format_duration

NO_DATA, LATE, FUTURE = "(no data)", "(late)", "(future)"
"""Names of skips that concern a line itself; no definition can be called so."""
_AHEAD = timedelta(minutes=5)
_SILENT = 5
_LEAST_SILENCE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class LineView:
    """What a tick sees of a line: new rows, those before them that models look back on, and what watches the line."""

    frame: SignalFrame
    watches: tuple[Watch, ...]

    @property
    def line(self) -> str:
        """Its name."""
        return self.frame.line


@dataclass(frozen=True, slots=True)
class TickResult:
    """What a tick decided. ``events`` are those of alerts opened before, or in this tick, by the alert's id."""

    line: str
    rows: int
    state: LineState
    forecasts: tuple[Forecast, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    opened: tuple[AlertRecord, ...] = ()
    events: tuple[tuple[str, AlertEvent], ...] = ()
    skips: tuple[Skip, ...] = ()


def silence(sampling: timedelta) -> timedelta:
    """Return how long a line may say nothing before that is a state of its own.

    Examples
    --------
    >>> silence(timedelta(minutes=1))
    datetime.timedelta(seconds=300)
    """
    return max(_SILENT * sampling, _LEAST_SILENCE)


def tick(view: LineView, state: LineState, now: datetime | None = None) -> TickResult:
    """Judge the rows of a line that came after ``state``, in order of their times.

    The outcome is a function of the rows alone: many in one tick, or one a tick, give the same forecasts, anomalies,
    alerts and skips. A row that comes late (at or before ``state.last``) is not judged; it counts in the windows of
    rows to come. A reason for which a definition cannot be evaluated is told at the first row that has it, and again
    once in every hour of data.

    Parameters
    ----------
    view
        Its frame holds every row after ``state.last``, or the oldest of them, and before them what models look back on.
    now
        The clock, in UTC: rows of more than five minutes ahead are held back, and a line that says nothing for five
        samplings (at least a minute) is without data. None: all rows are judged.
    """
    frame, times = view.frame, view.frame.times
    limit = None if now is None else to_microseconds(now + _AHEAD)
    end = len(times) if limit is None else int(np.searchsorted(times, limit, side="right"))
    first = min(int(np.searchsorted(times, state.last, side="right")), end)
    seen = SignalFrame(frame.line, frame.data[:end], frame.types, frame.sampling)
    judging = _Judging(view, seen, first, state)
    judging.late()
    for row in range(end - first):
        judging.row(row)
    if end < len(times):
        text = "is dated ahead of the clock; it is held back until its time has come"
        judging.skip(FUTURE, int(times[end]), text)
    return judging.result(now)


class _Judging:
    """Rows ``first`` and after of a frame, one after the other; what is found is gathered here."""

    def __init__(self, view: LineView, frame: SignalFrame, first: int, state: LineState) -> None:
        self.frame, self.first, self.before = frame, first, state
        self.times = frame.times
        self.silence = silence(frame.sampling) // MICROSECOND
        self.rules: dict[str, RuleState] = dict(state.rules)
        self.told = {name: dict(kinds) for name, kinds in state.told.items()}
        self.forecasts: list[Forecast] = []
        self.anomalies: list[Anomaly] = []
        self.opened: list[AlertRecord] = []
        self.events: list[tuple[str, AlertEvent]] = []
        self.skips: list[Skip] = []
        self.monitors: list[tuple[Watch, MonitorScores | Reason]] = []
        self.alerts: list[tuple[Alert, AlertVerdicts | Reason]] = []
        if first < len(frame):
            self.judge(view.watches)

    def judge(self, watches: tuple[Watch, ...]) -> None:
        """Evaluate every definition on all new rows at once."""
        ordered = sorted(watches, key=lambda watch: watch.definition.name)
        self.monitors = [
            (watch, judge_monitor(watch, self.frame, self.first))
            for watch in ordered
            if isinstance(watch.definition, Monitor)
        ]
        scores: Mapping[str, MonitorScores | Reason] = {watch.definition.name: one for watch, one in self.monitors}
        self.alerts = [
            (watch.definition, judge_alert(watch, self.frame, self.first, scores))
            for watch in ordered
            if isinstance(watch.definition, Alert)
        ]

    def row(self, row: int) -> None:
        """Take one new row into account."""
        time = int(self.times[self.first + row])
        earlier = int(self.times[self.first + row - 1]) if self.first + row else time
        if time - earlier > self.silence:
            self.no_data(earlier)
        for watch, scores in self.monitors:
            self.watch(watch, scores, row, time)
        for alert, verdicts in self.alerts:
            self.rule(alert, verdicts, row, time)
        watched = {alert.name for alert, _ in self.alerts}
        for name in sorted(set(self.rules) - watched):
            self.abandon(name, time)

    def watch(self, watch: Watch, scores: MonitorScores | Reason, row: int, time: int) -> None:
        """Find anomalies of a row, and forecast the next one."""
        name = watch.definition.name
        if isinstance(scores, Reason):
            self.tell(name, time, scores)
            return
        if not isinstance(watch.bundle, MonitorBundle):
            raise TypeError(f"{name} was judged without a model")
        version = watch.version or 0
        reason = monitor_reason(scores, row, watch.bundle.window)
        if reason is not None:
            self.tell(name, time, reason)
        self.anomalies.extend(anomalies_at(watch.bundle, scores, self.frame.line, [row], version))
        end = self.first + row + 1
        known = SignalFrame(
            self.frame.line,
            self.frame.data[max(0, end - watch.bundle.window) : end],
            self.frame.types,
            self.frame.sampling,
        )
        if len(known) == watch.bundle.window:
            try:
                self.forecasts.extend(forecast_next(watch.bundle, known, version))
            except DataError as error:
                self.tell(name, time, Reason("failed", str(error)))

    def rule(self, alert: Alert, verdicts: AlertVerdicts | Reason, row: int, time: int) -> None:
        """Let an alert's rule take a row into account."""
        if isinstance(verdicts, Reason):
            self.tell(alert.name, time, verdicts)
            return
        when, clear = float(verdicts.when[row]), float(verdicts.clear[row])
        if np.isnan(when):
            self.tell(alert.name, time, verdicts.reason(row))
        state = self.rules.get(alert.name, INACTIVE)
        after, change = step(Rule(alert.for_, alert.keep_firing), state, time, when, clear)
        moment = from_microseconds(time)
        if change == "opened":
            score = None if verdicts.score is None else float(verdicts.score[row])
            evidence = verdicts.evidence(row)
            self.opened.append(
                open_alert(
                    self.frame.line,
                    alert.name,
                    alert.severity,
                    moment,
                    evidence,
                    score=score,
                    threshold=verdicts.threshold,
                    version=verdicts.version,
                )
            )
        elif change == "resolved":
            name = alert_id(self.frame.line, alert.name, from_microseconds(state.since))
            event = make_event(name, AlertState.RESOLVED, moment, ASSISTANT, evidence=verdicts.evidence(row))
            self.events.append((name, event))
        self.keep(alert.name, after)

    def abandon(self, name: str, time: int) -> None:
        """Resolve what an alert has open that no longer concerns the line."""
        state = self.rules[name]
        if state.phase == "firing":
            alert = alert_id(self.frame.line, name, from_microseconds(state.since))
            note = "the definition no longer concerns this line"
            event = make_event(alert, AlertState.RESOLVED, from_microseconds(time), ASSISTANT, note)
            self.events.append((alert, event))
        self.keep(name, INACTIVE)

    def keep(self, name: str, rule: RuleState) -> None:
        """Remember where a rule stands."""
        if rule == INACTIVE:
            self.rules.pop(name, None)
        else:
            self.rules[name] = rule

    def tell(self, name: str, time: int, reason: Reason) -> None:
        """Say why a definition was not evaluated, unless that was said in the same hour of data."""
        hour = time // HOUR
        kinds = {kind: last for kind, last in self.told.get(name, {}).items() if last == hour}
        if reason.kind not in kinds:
            self.skip(name, time, reason.text)
        self.told[name] = {**kinds, reason.kind: hour}

    def skip(self, name: str, time: int, text: str) -> None:
        """Say why something was not done."""
        self.skips.append(Skip(self.frame.line, name, from_microseconds(time), text))

    def no_data(self, time: int) -> None:
        """Say that a line was silent after a time."""
        length = format_duration(self.silence * MICROSECOND)
        self.skip(NO_DATA, time, f"no data came for more than {length} after this time")

    def late(self) -> None:
        """Say which rows came after later ones were judged."""
        for time in late_times(self.before.recent, self.times[: self.first]):
            self.skip(LATE, time, "came after later rows were judged; it counts in windows to come only")

    def result(self, now: datetime | None) -> TickResult:
        """Return what was found, and where the assistant stands now."""
        rows = len(self.times) - self.first
        last = int(self.times[-1]) if rows else self.before.last
        seen_at, no_data = self.before.seen_at, self.before.no_data and not rows
        if now is not None:
            clock = to_microseconds(now)
            # A line that was never seen before has been silent since its newest row.
            since = (last if seen_at is None else clock) if rows or seen_at is None else seen_at
            seen_at = clock if rows or seen_at is None else seen_at
            if clock - since > self.silence and not no_data:
                no_data = True
                self.no_data(int(self.times[-1]) if len(self.times) else last)
        state = LineState(
            last=last,
            rules=self.rules,
            recent=remember_times(self.before.recent, self.times[self.times <= last]),
            told=self.told,
            seen_at=seen_at,
            no_data=no_data,
        )
        return TickResult(
            line=self.frame.line,
            rows=rows,
            state=state,
            forecasts=tuple(self.forecasts),
            anomalies=tuple(self.anomalies),
            opened=tuple(self.opened),
            events=tuple(self.events),
            skips=tuple(self.skips),
        )
