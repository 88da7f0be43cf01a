"""A setting that makes a fault show more is told from one that makes the event come."""

from __future__ import annotations

from functools import cache

import numpy as np

from andon.explain.course import Course, fit_course
from andon.explain.display import fit_display
from andon.explain.kinds import Kind
from andon.explain.outcomes import outcomes
from andon.frames import Floats, Integers

COUNT, HORIZON, SHOWS = 60_000, 30, 0.12


@cache
def worn() -> tuple[Course, Floats, int]:
    """Wear comes in bursts and fades; the first setting makes the event come, the second makes the wear show more.

    Returns the course, the true size of the wear in each stretch, and how many events there were.
    """
    rng = np.random.default_rng(11)
    first, second = (np.repeat(rng.normal(size=COUNT // rows), rows) for rows in (60, 75))
    size, left, sizes, onsets = 0.0, 0, np.zeros(COUNT), []
    for row in range(COUNT):
        left = max(0, left - 1) if left or rng.random() > 1 / 300 else 90
        size += 0.016 * (left > 0) - 0.008 * size
        sizes[row] = size
        if rng.random() < 0.05 * max(0.0, size * (1.0 + 0.2 * first[row]) - 0.6):
            onsets.append(row)
            size, left = 0.0, 0
    shown = sizes * (1.0 + SHOWS * second) + 0.03 * rng.normal(size=COUNT)
    course = fit_course(
        np.stack([shown, np.zeros(COUNT)]), np.stack([first, second]), np.ones(COUNT, bool), np.array(onsets), HORIZON
    )
    return course, sizes.reshape(-1, course.rows).mean(axis=1), len(onsets)


def told(course: Course) -> tuple[Floats, Integers]:
    extent = course.departures[:, 0].astype(np.float64)
    return extent, np.arange(len(extent)) // (2 * course.horizon)


def test_what_only_shows_is_learnt_from_moves_and_taken_away() -> None:
    course, sizes, _ = worn()
    extent, groups = told(course)
    display = fit_display(course, extent, groups)
    assert display is not None
    np.testing.assert_allclose(display.parts, [0.0, SHOWS], atol=0.03)
    rows = (sizes > 0.4) & (course.runs > 0)
    wrong, left = extent[rows] - sizes[rows], display.corrected(course, extent)[rows] - sizes[rows]
    assert left.std() < 0.7 * wrong.std()


def test_what_makes_the_event_come_is_told_from_what_only_shows() -> None:
    course, _, count = worn()
    extent, groups = told(course)
    found = outcomes(course, Kind(np.array([1.0, 0.0]), np.array([1.0, 0.0]), np.ones(count)), extent, groups)
    assert found is not None
    assert found.surely[0] > 3.0 and abs(found.surely[1]) < 2.5


def test_events_of_another_kind_count_for_nothing() -> None:
    course, _, count = worn()
    extent, groups = told(course)
    found = outcomes(course, Kind(np.array([1.0, 0.0]), np.array([1.0, 0.0]), np.zeros(count)), extent, groups)
    assert found is not None and np.abs(found.surely).max() < 2.5


def test_nothing_is_told_of_a_short_history() -> None:
    short = fit_course(np.ones((2, 600)), np.zeros((2, 600)), np.ones(600, bool), np.array([300]), HORIZON)
    extent, groups = told(short)
    assert fit_display(short, extent, groups) is None
    assert outcomes(short, Kind(np.ones(2), np.ones(2), np.ones(1)), extent, groups) is None
