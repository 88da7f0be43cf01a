"""The life cycle of alerts under any order of events; ten thousand orders in ``bench_alert_stories``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings

from tests.alert_stories import ORDERS, Step, play


@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ORDERS)
def test_no_order_of_events_leads_to_an_illegal_state(order: list[tuple[Step, tuple[int, bool] | None]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        play(Path(folder), order)
