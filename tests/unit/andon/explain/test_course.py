"""A line's course is cut into stretches: what is known, what was held, and when the event comes."""

from __future__ import annotations

import numpy as np

from andon.explain.course import fit_course


def test_stretches_tell_what_ran_on_and_when_the_event_comes() -> None:
    known = np.ones(200, bool)
    known[41] = False
    rows = np.arange(200.0)
    made = fit_course(np.stack([rows, -rows]), rows[None], known, np.array([100]), 30)
    assert (made.rows, made.horizon, len(made.runs)) == (2, 15, 100)
    np.testing.assert_allclose(made.departures[:3, 0], [0.5, 2.5, 4.5])
    # Neither the row that is not known nor the event's own belongs to a run.
    assert made.runs[19:22].tolist() == [20, 0, 1] and made.runs[50] == 0 and not made.departures[20].any()
    assert made.until[47:51].tolist() == [3, 2, 1, 0] and made.until[51] > 200
    assert made.coming[[0, 50, 99]].tolist() == [0, 0, 0]
    np.testing.assert_allclose(made.settings(np.array([1]), np.array([4])), [[4.5]])


def test_a_short_horizon_has_a_stretch_a_row() -> None:
    made = fit_course(np.zeros((2, 50)), np.zeros((1, 50)), np.ones(50, bool), np.array([20]), 10)
    assert (made.rows, made.horizon) == (1, 10)
