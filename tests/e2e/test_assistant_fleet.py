"""Two assistants share lines; one is killed again and again: what is written is what one alone would have written."""

from __future__ import annotations

import time
from pathlib import Path

from configs.settings import Settings
from tests.e2e.fleet import Fleet, Plan, alone, compare

PLAN = Plan(assistants=2, lines=4, rows=200, pause=0.05, lease="2s", models=False)
KILLS = 3


def test_killed_by_turns_they_lose_and_double_nothing(tmp_path: Path) -> None:
    registry = Settings(home=tmp_path / "registry").models
    expected = alone(tmp_path / "alone", registry, PLAN, PLAN.rows)
    assert len(expected["alerts"]) >= 4
    assert len(expected["messages"]) >= 8
    fleet = Fleet(tmp_path / "fleet", registry, PLAN)
    try:
        for number in range(PLAN.assistants):
            fleet.start(number)
        fleet.wait(lambda: len(fleet.documents.list_leases("assistant/line/")) == PLAN.lines, 60)
        for row in range(PLAN.rows):
            fleet.bring()
            time.sleep(PLAN.pause)
            if row % 50 == 25 and row // 50 < KILLS:
                fleet.kill(row // 50 % PLAN.assistants)
                fleet.start(row // 50 % PLAN.assistants)
        fleet.wait(lambda: fleet.behind() == 0 and fleet.told(), 60)
    finally:
        fleet.stop()
    assert fleet.documents.list_leases() == []
    for kind, one in compare(fleet.dump(), expected).items():
        assert (one.lost, one.more) == (0, 0), kind
