"""``kill -9`` of a search's workers and of its driver: it goes on where it stopped, with the same winners."""

from __future__ import annotations

import pytest

from tests.e2e.search_killing import LINES, TRIALS, run


@pytest.mark.ray
def test_a_killed_search_goes_on_where_it_stopped(tmp_path):
    outcome = run(tmp_path, kills=1, seed=2)
    assert outcome.kills == ["worker"], "workers were killed, and then the driver, in the middle of the work"
    assert outcome.repeated == []
    assert outcome.configurations == (LINES * TRIALS, LINES * TRIALS)
    assert outcome.killed == outcome.alone
    assert [version for _, version, *_ in outcome.alone] == [1] * LINES
