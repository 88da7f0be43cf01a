from datetime import UTC, datetime, timedelta

from andon.evaluation.occurrences import foresight

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HORIZON = timedelta(minutes=30)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def test_without_alerts_precision_is_unknown_and_recall_zero():
    found = foresight([], [at(0)], HORIZON)
    assert found.precision is None
    assert found.recall == 0


def test_an_alert_at_the_onset_foresees_nothing():
    found = foresight([(at(0), at(5))], [at(0)], HORIZON)
    assert (found.true_alerts, found.foreseen) == (0, 0)


def test_an_alert_exactly_a_horizon_before_counts():
    assert foresight([(at(0), at(1))], [at(30)], HORIZON).foreseen == 1
    assert foresight([(at(0), at(1))], [at(30.1)], HORIZON).foreseen == 0


def test_an_alert_that_still_stands_counts_however_early():
    found = foresight([(at(0), at(90))], [at(80)], HORIZON)
    assert found.recall == 1
    assert found.median_lead == timedelta(minutes=80)


def test_two_alerts_for_one_event_are_both_true_and_the_first_gives_the_lead():
    found = foresight([(at(5), at(6)), (at(15), at(16))], [at(20)], HORIZON)
    assert found.precision == 1
    assert found.leads == (timedelta(minutes=15),)


def test_one_alert_may_foresee_two_events_and_a_stray_one_is_false():
    found = foresight([(at(0), None), (at(200), at(201))], [at(10), at(25)], HORIZON)
    assert (found.alerts, found.true_alerts, found.foreseen) == (2, 1, 2)
