"""Couriers killed with -9, a mail server that refuses, delays and drops: every message arrives, or is reported."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.notify_killing import run


def test_nothing_is_lost_and_nothing_is_told_under_two_names(tmp_path: Path) -> None:
    outcome = run(tmp_path, f"sqlite:///{tmp_path}/documents.db", kills=3, alerts=60, seed=1)
    assert len(outcome.expected) == 180
    assert (outcome.lost, outcome.strange, len(outcome.waiting)) == (0, 0, 0)
    assert outcome.interrupted > 0
    assert len(outcome.dead) == 60, "each message to the recipient that the server refuses"
