"""Rows of a line judged one after the other: what every definition says of them, and what comes of that."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np

from andon.alerts.line_state import HOUR, LineState, late_times, remember_times
from andon.alerts.rules import INACTIVE, Rule, RuleState, step
from andon.alerts.standing import Standing
from andon.assistant.views import LATE, NO_DATA, LineView, TickResult, silence
from andon.errors import DataError
from andon.frames import MICROSECOND, SignalFrame, from_microseconds, to_microseconds
from andon.models.monitors.bundle import MonitorBundle
from andon.records import ERROR_ALERT, Anomaly, Forecast, Skip
from andon.scoring.monitors import MonitorScores, anomalies_at, forecast_next
from andon.scoring.verdicts import AlertVerdicts, Reason, Watch, judge_alert, judge_monitor, monitor_reason
from configs.definitions import Alert, Monitor
from configs.durations import format_duration

_BROKEN = ("failed", "damaged")
"""Reasons that are nobody's way of running a line: they raise an alert."""


class Judging:
    """Rows ``first`` and after of a frame, one after the other; what is found is gathered here."""

    def __init__(self, view: LineView, frame: SignalFrame, first: int, state: LineState) -> None:
        self.frame, self.first, self.before = frame, first, state
        self.times = frame.times
        self.silence = silence(frame.sampling) // MICROSECOND
        self.rules: dict[str, RuleState] = dict(state.rules)
        self.told = {name: dict(kinds) for name, kinds in state.told.items()}
        self.forecasts: list[Forecast] = []
        self.anomalies: list[Anomaly] = []
        self.standing = Standing(frame.line, dict(state.stands), dict(state.flaps), state.group, [*view.silences])
        self.broken: dict[str, str] = {}
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
        self.standing.resolve(NO_DATA, time, {}, "data came again")
        self.standing.pass_time(time)
        self.broken = {}
        for watch, scores in self.monitors:
            self.watch(watch, scores, row, time)
        for alert, verdicts in self.alerts:
            self.rule(alert, verdicts, row, time)
        watched = {alert.name for alert, _ in self.alerts}
        for name in sorted({*self.rules, *self.standing.stands} - {*watched, NO_DATA, ERROR_ALERT}):
            self.rules.pop(name, None)
            self.standing.resolve(name, time, {}, "the definition no longer concerns this line")
        self.errors(time)

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
        if change == "opened":
            self.standing.open(
                alert.name,
                alert.severity,
                time,
                verdicts.evidence(row),
                score=None if verdicts.score is None else float(verdicts.score[row]),
                threshold=verdicts.threshold,
                version=verdicts.version,
            )
        elif change == "resolved":
            self.standing.resolve(alert.name, time, verdicts.evidence(row))
        self.keep(alert.name, after)

    def errors(self, time: int) -> None:
        """Raise an alert while anything on the line is broken; one that stands goes on until all is well."""
        if not self.broken:
            self.standing.resolve(ERROR_ALERT, time, {}, "all can be evaluated again")
        elif ERROR_ALERT not in self.standing.stands:
            name, text = min(self.broken.items())
            evidence = {"broken": dict(sorted(self.broken.items()))}
            self.standing.open(ERROR_ALERT, "medium", time, evidence, note=f"{name}: {text}")

    def keep(self, name: str, rule: RuleState) -> None:
        """Remember where a rule stands."""
        if rule == INACTIVE:
            self.rules.pop(name, None)
        else:
            self.rules[name] = rule

    def tell(self, name: str, time: int, reason: Reason) -> None:
        """Say why a definition was not evaluated, unless that was said in the same hour of data."""
        if reason.kind in _BROKEN:
            self.broken[name] = reason.text
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
                silent = int(self.times[-1]) if len(self.times) else last
                self.no_data(silent)
                if self.before.seen_at is not None:
                    # What was silent before anybody looked is no news.
                    self.standing.open(NO_DATA, "medium", silent, {"silent_for_seconds": (clock - since) / 1e6})
            if not rows and no_data:
                # No row will tell that a silence has begun or ended. Flapping is a matter of the rows alone.
                self.standing.hush(max(clock, last))
        state = LineState(
            last=last,
            rules=self.rules,
            recent=remember_times(self.before.recent, self.times[self.times <= last]),
            told=self.told,
            seen_at=seen_at,
            no_data=no_data,
            stands=self.standing.stands,
            flaps=self.standing.flaps,
            group=self.standing.group,
        )
        return TickResult(
            line=self.frame.line,
            rows=rows,
            state=state,
            forecasts=tuple(self.forecasts),
            anomalies=tuple(self.anomalies),
            opened=tuple(self.standing.opened),
            events=tuple(self.standing.events),
            skips=tuple(self.skips),
        )
