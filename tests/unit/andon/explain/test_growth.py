"""What builds up in all hours tells which setting it comes from, and not which one merely shows."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from andon.explain.growth import Growth, fit_growth
from andon.frames import Floats

COUNT, HORIZON = 40_000, 30
SYMPTOMS = np.array([1.0, 0.0])


def held(rng: np.random.Generator, rows: int) -> Floats:
    return np.repeat(rng.normal(size=COUNT // rows), rows)


@cache
def growth(*, cures: bool = True, proportional: bool = False) -> Growth:
    """Dirt comes by itself and is washed away now and then.

    The first setting slows it where it ``cures``, or takes it away in proportion; the second shows in the same sensor.
    """
    rng = np.random.default_rng(5)
    first, second = held(rng, 80), held(rng, 100)
    dirt, departures = 0.0, rng.normal(size=(2, COUNT))
    for row in range(COUNT):
        slowed = (first[row] * dirt if proportional else first[row]) * 0.004 * cures
        dirt = 0.0 if rng.random() < 1 / 600 else max(0.0, dirt + 0.008 - slowed)
        departures[0, row] = dirt + 0.8 * second[row] + 0.3 * departures[0, row]
    return fit_growth(
        departures, np.stack([first, second]), np.ones(COUNT, bool), np.full(COUNT, COUNT, dtype=np.int64), HORIZON
    )


@pytest.mark.parametrize("proportional", [False, True])
def test_what_slows_dirt_is_told_from_what_only_shows(proportional: bool) -> None:
    found = growth(proportional=proportional).against(SYMPTOMS, 3.0)
    assert found is not None
    assert found[0] > 4.0 and abs(found[1]) < 2.5


def test_a_setting_that_does_nothing_lies_within_chance() -> None:
    found = growth(cures=False).against(SYMPTOMS, 3.0)
    assert found is not None and np.abs(found).max() < 2.5


def test_rows_are_those_that_ran_on_without_the_event() -> None:
    known, until = np.ones(2_000, bool), np.full(2_000, 2_000, dtype=np.int64)
    known[500:600] = False
    until[1_000:1_200] = np.arange(200, 0, -1)
    places = np.arange(2_000, dtype=np.float64)
    made = fit_growth(np.stack([places, places]), places[None], known, until, HORIZON)
    begins = made.before[:, 0] + 2.0  # the mean of five rows, the last of which is the row
    length = 8
    assert not ((begins + length >= 500) & (begins - 5 < 600)).any()
    assert not ((begins > 1_200 - length) & (begins < 1_200)).any()
    assert np.allclose(made.changes, length) and np.allclose(made.moved, length)


def test_nothing_is_told_of_a_short_history_or_without_symptoms() -> None:
    known, until = np.ones(900, bool), np.full(900, 900, dtype=np.int64)
    short = fit_growth(np.zeros((2, 900)), np.zeros((2, 900)), known, until, HORIZON)
    assert short.against(SYMPTOMS, 1.0) is None
    assert growth().against(np.zeros(2), 0.0) is None
