"""How well alerts did: verdicts before data, unreviewed ones apart, avoided ones as events that would have come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from andon.evaluation.intervals import median, rate, share
from andon.evaluation.performance import Happened, newest_verdicts, occurrences, performance
from andon.records import AlertRecord, AlertState, Feedback, Verdict

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HORIZON = 30 * MINUTE


def alert(minute: int, lasts: int | None = 5, line: str = "press-07") -> AlertRecord:
    opened = NOON + minute * MINUTE
    state = AlertState.FIRING if lasts is None else AlertState.RESOLVED
    resolved = None if lasts is None else opened + lasts * MINUTE
    return AlertRecord(line, "jam-soon", opened, state, "high", (), resolved_at=resolved)


def said(one: AlertRecord, verdict: Verdict, minute: int = 0) -> Feedback:
    return Feedback(one.id, verdict, "ana", NOON + minute * MINUTE)


def test_a_verdict_counts_before_the_data_and_the_newest_of_several() -> None:
    right, wrong, late = alert(0), alert(100), alert(200)
    feedback = [said(wrong, "confirmed", 1), said(right, "rejected"), said(wrong, "rejected", 2), said(late, "avoided")]
    happened = {"press-07": Happened((NOON + 20 * MINUTE, NOON + 110 * MINUTE), NOON + 500 * MINUTE)}
    found = occurrences([right, wrong, late], feedback, happened, HORIZON)
    assert [one.outcome for one in found] == ["false", "false", "avoided"]
    assert [one.lead for one in found] == [20 * MINUTE, 10 * MINUTE, None]
    assert newest_verdicts(feedback) == {right.id: "rejected", wrong.id: "rejected", late.id: "avoided"}


@pytest.mark.parametrize(
    ("onset", "lasts", "seen_until", "outcome"),
    [
        (30, 5, 500, "true"),
        (31, 5, 500, "false"),
        (31, 31, 500, "true"),
        (400, None, 500, "true"),
        (0, 5, 500, "false"),
        (499, 5, 29, "unknown"),
        (499, 5, 30, "false"),
        (499, 40, 39, "unknown"),
    ],
)
def test_without_a_verdict_the_data_tell_once_the_whole_horizon_was_seen(
    onset: int, lasts: int | None, seen_until: int, outcome: str
) -> None:
    happened = {"press-07": Happened((NOON + onset * MINUTE,), NOON + seen_until * MINUTE)}
    (found,) = occurrences([alert(0, lasts)], [], happened, HORIZON)
    assert found.outcome == outcome


def test_figures() -> None:
    alerts = [alert(minute) for minute in (0, 100, 200, 300)] + [alert(0, line="press-08")]
    feedback = [said(alerts[0], "confirmed"), said(alerts[1], "rejected"), said(alerts[2], "avoided")]
    happened = {
        "press-07": Happened((NOON + 10 * MINUTE, NOON + 320 * MINUTE, NOON + 900 * MINUTE), NOON + 2000 * MINUTE)
    }
    found = occurrences(alerts, feedback, happened, HORIZON)
    told = performance(found, happened, HORIZON, timedelta(days=2))
    assert (told.alerts, told.reviewed, told.unreviewed, told.unknown) == (5, 3, 2, 1)
    assert (told.confirmed, told.rejected, told.avoided) == (1, 1, 1)
    assert (told.events, told.foreseen) == (3, 2)
    assert told.precision.value == pytest.approx(2 / 3)
    assert told.precision_seen.value == pytest.approx(3 / 4)
    assert told.recall.value == pytest.approx(3 / 4)
    assert told.lead_minutes.value == 15
    assert told.false_alarms_a_day.value == 0.5
    assert told.to_json()["precision"]["high"] == told.precision.high
    assert told.to_json()["watched_days"] == 2.0


def test_where_nothing_happened_nothing_is_claimed() -> None:
    told = performance([], {}, None, timedelta(0))
    assert told.precision.value is told.recall.value is told.lead_minutes.value is told.false_alarms_a_day.value is None
    quiet = performance([], {}, None, timedelta(days=10)).false_alarms_a_day
    assert (quiet.value, quiet.low) == (0.0, 0.0)
    assert quiet.high == pytest.approx(0.369, abs=1e-3)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    shares = [share(int(count), 40) for count in rng.binomial(40, 0.3, 2000)]
    rates = [rate(int(count), 10.0) for count in rng.poisson(6, 2000)]
    medians = [median(rng.exponential(size=25).tolist()) for _ in range(2000)]
    for found, truth in ((shares, 0.3), (rates, 0.6), (medians, np.log(2))):
        held = np.mean([one.low <= truth <= one.high for one in found])
        assert 0.93 <= held <= 0.99
