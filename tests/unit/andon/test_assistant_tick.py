"""One tick: what it judges, what it refuses to judge and why, and where it stands afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from andon.alerts.line_state import LineState
from andon.assistant import FUTURE, LATE, NO_DATA, LineView, TickResult, tick
from andon.frames import SignalFrame, from_microseconds, to_microseconds
from andon.records import ERROR_ALERT, AlertState
from andon.scoring import forecast_next, score_alert, score_monitor
from andon.scoring.monitors import blamed_variables
from andon.scoring.verdicts import Reason, Watch
from configs.definitions import Alert
from tests.watched_line import (
    ABNORMAL,
    AHEAD,
    HOT,
    JAM,
    LINE,
    NORMAL,
    SAMPLING,
    START,
    jam_bundle,
    make_rows,
    normal_bundle,
    rows_of,
    watches,
)  # fmt: skip

STEP = SAMPLING // timedelta(microseconds=1)
BEGIN = LineState(last=-1)


def judged(frame: SignalFrame, *what: Watch, state: LineState = BEGIN, now: datetime | None = None) -> TickResult:
    return tick(LineView(frame, what), state, now)


def told(result: TickResult) -> list[tuple[str, int, str]]:
    begin = to_microseconds(START)
    return [(one.definition, (to_microseconds(one.time) - begin) // STEP, one.reason) for one in result.skips]


def oil(values: list[float | None], *, sampling: timedelta = SAMPLING, skip: int = 0) -> SignalFrame:
    """Rows of which only the oil matters."""
    frame = make_rows(len(values), holes=False)
    times = [START + (skip + row) * sampling for row in range(len(values))]
    data = frame.data.with_columns(
        pl.Series("oil", values, dtype=pl.Float64), pl.Series("time", times, dtype=frame.data.schema["time"])
    )
    return SignalFrame(LINE, data, frame.types, sampling)


def test_a_threshold_opens_after_for_and_resolves_by_clear_and_keep_firing() -> None:
    # for 15s is three steps, keep_firing 20s is four, clear is below 180
    result = judged(oil([170, 183, 184, 185, 186, 181, 179, 179, 179, 181, 179, 170]), Watch(HOT))
    assert [(to_microseconds(one.opened_at) - to_microseconds(START)) // STEP for one in result.opened] == [4]
    opened, (alert, event) = result.opened[0], result.events[0]
    assert opened.events[0].evidence == {"when": "oil > 182", "values": {"oil": 186.0}}
    assert (opened.severity, opened.state, opened.score) == ("high", AlertState.FIRING, None)
    assert (alert, event.state, event.time) == (opened.id, AlertState.RESOLVED, START + 8 * SAMPLING)
    assert not result.state.rules


def test_it_says_when_a_reading_that_a_condition_needs_is_missing_once_an_hour() -> None:
    sparse = oil([None if row % 3 else 170.0 for row in range(1500)])
    result = judged(sparse, Watch(HOT))
    assert told(result) == [(HOT.name, row, "nothing was read of oil") for row in (1, 721, 1441)]


def test_scores_of_a_tick_are_those_of_the_scorers() -> None:
    frame = make_rows(900, seed=3)
    result = judged(frame, *watches())
    scores = score_alert(jam_bundle(), frame)
    opened = [one for one in result.opened if one.definition == JAM.name]
    assert opened
    for alert in opened:
        row = int(np.searchsorted(scores.times, to_microseconds(alert.opened_at)))
        assert alert.score == scores.score[row] >= scores.threshold == alert.threshold
        assert row == 0 or not scores.flag[row - 1]
        assert alert.events[0].evidence["values"] == {
            one.name: frame.data[one.name][row] for one in jam_bundle().features.variables
        }
    verdicts = score_monitor(normal_bundle(), frame)
    assert len(result.anomalies) == verdicts.flags.sum() + verdicts.line_flag.sum() > 0
    assert {one.direction for one in result.anomalies if one.variable} == {"high", "low"}
    for one in result.anomalies:
        row = int(np.searchsorted(verdicts.times, to_microseconds(one.time)))
        if one.variable is not None:
            column = verdicts.variables.index(one.variable)
            assert (one.actual, one.expected) == (verdicts.actual[row, column], verdicts.expected[row, column])


def test_forecasts_are_for_the_next_time_and_equal_what_is_expected_then() -> None:
    frame = make_rows(60, holes=False)
    result = judged(frame, Watch(NORMAL, normal_bundle(), 4))
    window, variables = normal_bundle().window, normal_bundle().variables
    assert len(result.forecasts) == (60 - window + 1) * len(variables)
    verdicts = score_monitor(normal_bundle(), frame)
    for one in result.forecasts:
        row = (one.time - START) // SAMPLING
        assert one.version == 4
        if row < 60:
            assert one.expected == verdicts.expected[row, variables.index(one.variable)]
    assert list(result.forecasts[-len(variables) :]) == forecast_next(normal_bundle(), frame, 4)


def test_an_anomaly_alert_follows_the_line_s_verdict() -> None:
    frame = make_rows(900, seed=3, holes=False)
    result = judged(frame, Watch(NORMAL, normal_bundle(), 1), Watch(ABNORMAL))
    flags = score_monitor(normal_bundle(), frame).line_flag
    starts = np.flatnonzero(flags & ~np.concatenate([[False], flags[:-1]]))
    assert [(one.opened_at - START) // SAMPLING for one in result.opened] == starts.tolist() != []


def test_an_anomaly_alert_blames_variables_by_their_shares() -> None:
    frame = make_rows(900, seed=3, holes=False)
    result = judged(frame, Watch(NORMAL, normal_bundle(), 1), Watch(ABNORMAL, normal_bundle(), 4))
    verdicts = score_monitor(normal_bundle(), frame)
    for alert in result.opened:
        row = (alert.opened_at - START) // SAMPLING
        evidence = alert.events[0].evidence
        blamed = evidence["blamed"]
        assert tuple(one["variable"] for one in blamed) == blamed_variables(verdicts, row)
        assert sum(one["share"] for one in blamed) >= 0.8 - 1e-3
        assert alert.version == evidence["version"] == 4
        for one in blamed:
            column = verdicts.variables.index(one["variable"])
            assert (one["actual"], one["expected"]) == (verdicts.actual[row, column], verdicts.expected[row, column])


def test_a_forecast_alert_tells_what_is_expected_and_when() -> None:
    frame = make_rows(900, seed=3, holes=False)
    result = judged(frame, Watch(AHEAD, normal_bundle(), 4))
    assert AHEAD.when is not None and AHEAD.horizon is not None
    assert result.opened and result.events
    for alert in result.opened:
        evidence = alert.events[0].evidence
        moment = datetime.fromisoformat(evidence["expected_at"])
        assert alert.opened_at < moment <= alert.opened_at + AHEAD.horizon
        assert evidence["expected"]["oil"] > 181 and evidence["expected"]["product"] == "fries"
        row = (alert.opened_at - START) // SAMPLING
        assert evidence["values"] == {"oil": frame.data["oil"][row], "product": frame.data["product"][row]}
        assert (evidence["when"], evidence["horizon_seconds"], evidence["version"]) == (str(AHEAD.when), 60.0, 4)
    early = judged(make_rows(7, holes=False), Watch(AHEAD, normal_bundle(), 4))
    assert told(early) == [(AHEAD.name, 0, "the window of 8 rows of monitor normal-frying is not full yet")]
    unread = make_rows(20, holes=False)
    blank = unread.data.with_columns(oil=pl.lit(None, pl.Float64))
    lost = judged(SignalFrame(LINE, blank, unread.types, SAMPLING), Watch(AHEAD, normal_bundle(), 4))
    assert told(lost)[-1] == (AHEAD.name, 7, "nothing was read of oil")


def test_what_cannot_be_evaluated_is_skipped_with_its_reason() -> None:
    lost = Alert.model_validate(HOT.model_dump(by_alias=True) | {"name": "lost", "when": "pressure > 1", "clear": None})
    forecast = Alert.model_validate(
        {
            "name": "will-run-hot", "lines": {"names": [LINE]}, "type": "forecast",
            "monitor": NORMAL.name, "when": "oil > 182", "horizon": "1m",
        }
    )  # fmt: skip
    result = judged(
        make_rows(5, holes=False),
        Watch(lost),
        Watch(forecast),
        Watch(JAM, jam_bundle(), 1),
        Watch(NORMAL, problem=Reason("damaged", "bundle: is damaged; train again")),
        Watch(ABNORMAL),
    )
    assert [(name, row) for name, row, _ in told(result)] == [
        (NORMAL.name, 0), (ABNORMAL.name, 0), (JAM.name, 0), ("lost", 0), (forecast.name, 0),
    ]  # fmt: skip
    reasons = {name: reason for name, _, reason in told(result)}
    assert reasons[JAM.name] == "its longest window of 1m (12 rows) is not full yet"
    assert reasons[NORMAL.name] == "bundle: is damaged; train again"
    assert reasons[ABNORMAL.name] == "monitor normal-frying: bundle: is damaged; train again"
    assert "unknown variable 'pressure'" in reasons["lost"]
    untrained = judged(make_rows(5, holes=False), Watch(JAM), Watch(NORMAL))
    assert {reason for _, _, reason in told(untrained)} == {"has no champion yet; train it"}


def test_a_model_that_breaks_in_a_way_nobody_foresaw_stops_nothing_else() -> None:
    broken = replace(jam_bundle(), model=object())  # type: ignore[arg-type]
    frame = oil([183.0] * 30)
    result = judged(frame, Watch(JAM, broken, 1), Watch(HOT))
    assert [(one.definition, str(one.state)) for one in result.opened] == [(ERROR_ALERT, "error"), (HOT.name, "firing")]
    assert [name for name, _, reason in told(result) if reason.startswith("failed: AttributeError")] == [JAM.name]


@pytest.mark.parametrize("fill", [None, 0.0, 1e308])
def test_null_constant_and_absurd_rows_never_stop_a_tick(fill: float | None) -> None:
    frame = make_rows(60, holes=False)
    numbers = {name: pl.lit(fill, pl.Float64) for name in ("oil", "speed", "vibration")}
    result = judged(SignalFrame(LINE, frame.data.with_columns(**numbers), frame.types, SAMPLING), *watches())
    assert result.rows == 60
    assert all(np.isfinite([one.expected, one.low, one.high]).all() for one in result.forecasts)
    if fill is None:
        assert (HOT.name, 0, "nothing was read of oil") in told(result)
        assert (NORMAL.name, 8, "nothing was read of oil, speed, vibration") in told(result)


def test_a_line_without_new_rows_changes_nothing() -> None:
    frame = make_rows(30)
    first = judged(frame, *watches())
    again = judged(frame, *watches(), state=first.state)
    assert (again.rows, again.state, again.forecasts, again.opened, again.events, again.skips) == (
        0, first.state, (), (), (), (),
    )  # fmt: skip


def test_a_late_row_is_told_of_once_counts_in_windows_and_is_not_judged() -> None:
    frame = make_rows(60, holes=False)
    without = SignalFrame(LINE, frame.data.filter(pl.col("time") != START + 40 * SAMPLING), frame.types, SAMPLING)
    first = judged(rows_of(without, 0, 50), *watches())
    late = judged(rows_of(frame, 0, 55), *watches(), state=first.state)
    assert [(name, row) for name, row, _ in told(late) if name.startswith("(")] == [(LATE, 40)]
    assert late.rows == 4
    assert min(one.time for one in late.forecasts) == START + 52 * SAMPLING
    rest = judged(frame, *watches(), state=late.state)
    assert not [name for name, _, _ in told(rest) if name == LATE]


def test_rows_ahead_of_the_clock_are_held_back_until_their_time() -> None:
    frame = make_rows(100, holes=False)
    noon = START + 20 * SAMPLING
    first = judged(frame, Watch(HOT), now=noon)
    assert first.rows == 81  # up to five minutes ahead, that moment included
    assert [(name, row) for name, row, _ in told(first)] == [(FUTURE, 81)]
    second = judged(frame, Watch(HOT), state=first.state, now=noon + 19 * SAMPLING)
    assert (second.rows, second.skips) == (19, ())


def test_a_gap_in_the_data_is_told_of() -> None:
    frame = make_rows(60, holes=False)
    data = frame.data.filter(~pl.col("time").is_between(START + 11 * SAMPLING, START + 30 * SAMPLING))
    result = judged(SignalFrame(LINE, data, frame.types, SAMPLING), Watch(HOT))
    assert told(result) == [(NO_DATA, 10, "no data came for more than 1m after this time")]


def test_silence_by_the_clock_is_a_state_told_of_once() -> None:
    frame, live = make_rows(30, holes=False), START + 29 * SAMPLING
    seen = judged(frame, Watch(HOT), now=live).state
    still = judged(frame, Watch(HOT), state=seen, now=live + timedelta(seconds=60))
    assert (still.skips, still.state.no_data) == ((), False)
    silent = judged(frame, Watch(HOT), state=still.state, now=live + timedelta(seconds=61))
    assert [(name, row) for name, row, _ in told(silent)] == [(NO_DATA, 29)]
    assert silent.state.no_data
    (alert,) = silent.opened
    assert (alert.definition, str(alert.state), alert.opened_at) == (NO_DATA, "no-data", live)
    more = judged(frame, Watch(HOT), state=silent.state, now=live + timedelta(hours=9))
    assert (more.skips, more.opened, more.state) == ((), (), silent.state)
    again = judged(make_rows(40, holes=False), Watch(HOT), state=more.state, now=live + timedelta(hours=9))
    assert [(name, str(event.state), event.time) for name, event in again.events] == [
        (alert.id, "resolved", live + SAMPLING)
    ]
    data = make_rows(60, holes=False)
    back = judged(data, Watch(HOT), state=more.state, now=live + timedelta(hours=10))
    assert not back.state.no_data


def test_a_replay_of_old_data_is_not_silence_once_it_runs() -> None:
    frame, now = make_rows(30, holes=False), datetime(2026, 11, 23, tzinfo=UTC)
    first = judged(rows_of(frame, 0, 20), Watch(HOT), now=now)
    assert [name for name, _, _ in told(first)] == [NO_DATA]
    second = judged(frame, Watch(HOT), state=first.state, now=now + timedelta(seconds=30))
    assert (second.skips, second.state.no_data) == ((), False)


def test_an_alert_that_no_longer_concerns_the_line_is_resolved() -> None:
    hot = oil([190.0] * 10)
    first = judged(rows_of(hot, 0, 8), Watch(HOT))
    gone = judged(hot, state=first.state)
    assert [(alert, event.note) for alert, event in gone.events] == [
        (first.opened[0].id, "the definition no longer concerns this line")
    ]
    assert not gone.state.rules


def test_the_state_survives_json() -> None:
    state = judged(make_rows(400), *watches(), now=datetime(2026, 11, 23, tzinfo=UTC)).state
    assert LineState.from_json(state.to_json(), "state") == state
    assert from_microseconds(state.last) == make_rows(400).data["time"][-1]


def test_an_alert_of_a_classifier_tells_which_variables_count_most() -> None:
    frame = make_rows(900, seed=3)
    opened = [one for one in judged(frame, *watches()).opened if one.definition == JAM.name]
    for alert in opened:
        top = alert.events[0].evidence["top"]
        assert top[0]["variable"] == "vibration", "it is what tells of jams"
        shares = [one["share"] for one in top]
        assert shares == sorted(shares, reverse=True)
        assert 0 < sum(shares) <= 1
        row = int(np.searchsorted(frame.times, to_microseconds(alert.opened_at)))
        (again,) = [
            one
            for one in judged(rows_of(frame, 0, row + 1), *watches()).opened
            if (one.definition, one.opened_at) == (alert.definition, alert.opened_at)
        ]
        assert again.events[0].evidence == alert.events[0].evidence
