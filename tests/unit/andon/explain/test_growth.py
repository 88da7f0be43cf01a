"""What builds up tells which setting it comes from, and not which one merely shows."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from andon.explain.course import Course, fit_course
from andon.explain.growth import growth
from andon.explain.regressions import Effects
from andon.frames import Floats

COUNT, HORIZON = 60_000, 30


def held(rng: np.random.Generator, rows: int) -> Floats:
    return np.repeat(rng.normal(size=COUNT // rows), rows)


@cache
def dirt(*, cures: bool = True, proportional: bool = False) -> Course:
    """Dirt comes in bursts and is washed away now and then.

    The first setting slows it where it ``cures``, or takes it away in proportion; the second shows in the same sensor.
    """
    rng = np.random.default_rng(5)
    first, second = held(rng, 80), held(rng, 100)
    size, left, sizes = 0.0, 0, np.zeros(COUNT)
    for row in range(COUNT):
        left = max(0, left - 1) if left or rng.random() > 1 / 150 else 60
        slowed = 0.3 * first[row] * cures
        comes = 0.02 * (left > 0) * (1.0 if proportional else 1.0 - slowed)
        size = 0.0 if rng.random() < 1 / 400 else max(0.0, size + comes - size * (0.01 + 0.02 * slowed * proportional))
        sizes[row] = size + 0.1 * second[row] + 0.05 * rng.normal()
    none = np.zeros(0, dtype=np.int64)
    return fit_course(
        np.stack([sizes, rng.normal(size=COUNT)]), np.stack([first, second]), np.ones(COUNT, bool), none, HORIZON
    )


def told(course: Course) -> Effects | None:
    extent = course.departures[:, 0].astype(np.float64)
    return growth(course, extent, np.arange(len(extent)) // (2 * course.horizon))


@pytest.mark.parametrize("proportional", [False, True])
def test_what_slows_dirt_is_told_from_what_only_shows(proportional: bool) -> None:
    found = told(dirt(proportional=proportional))
    assert found is not None
    assert found.surely[0] < -4.0 and abs(found.surely[1]) < 2.5


def test_a_setting_that_does_nothing_lies_within_chance() -> None:
    found = told(dirt(cures=False))
    assert found is not None and np.abs(found.surely).max() < 2.5


def test_nothing_is_told_of_a_short_history() -> None:
    none = np.zeros(0, dtype=np.int64)
    short = fit_course(np.ones((2, 600)), np.zeros((2, 600)), np.ones(600, bool), none, HORIZON)
    assert told(short) is None
