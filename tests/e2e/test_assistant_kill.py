"""Promise 3: an assistant that is killed at any point, and run again, loses nothing and writes nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from andon.records import AlertState
from tests.e2e.killing import run


@pytest.mark.timeout(600)
def test_killed_eight_times_in_an_hour_it_leaves_what_one_left_alone_leaves(tmp_path: Path) -> None:
    outcome = run(tmp_path, kills=8, seed=0)
    assert outcome.interrupted >= 4
    for kind in ("forecasts", "anomalies", "alerts", "skips"):
        assert outcome.killed[kind] == outcome.alone[kind], kind
    # An hour in which nothing happens would prove nothing.
    assert len(outcome.alone["forecasts"]) > 1000
    assert len(outcome.alone["anomalies"]) > 10
    alerts = outcome.alone["alerts"]
    assert {alert.definition for alert in alerts} == {"oil-too-hot", "jam-soon", "abnormal", "will-run-hot"}
    assert sum(alert.state is AlertState.RESOLVED for alert in alerts) >= 3
    assert len({event.id for alert in alerts for event in alert.events}) == sum(alert.revision for alert in alerts)
