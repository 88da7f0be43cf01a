"""What history says of moves: a setting that cures is told from one that only shows in the sensors."""

from __future__ import annotations

from functools import cache

import numpy as np

from andon.explain.growth import growth
from andon.explain.trials import GROWTH, Trials, fit_trials
from andon.frames import Floats

COUNT = 60_000


@cache
def course() -> tuple[Floats, Floats, Floats]:
    """Settings (2, n), readings (2, n) and onsets of a line that wears in bursts.

    The first setting takes wear away; the second only shows in the first sensor, beside the wear. The second sensor
    shows nothing.
    """
    rng = np.random.default_rng(3)
    settings = np.stack([np.repeat(rng.normal(size=COUNT // 50), 50), np.repeat(rng.normal(size=COUNT // 40), 40)])
    readings = rng.normal(size=(2, COUNT))
    wear, left, onsets = 0.0, 0, []
    for row in range(COUNT):
        left = max(left - 1, 0) if left or rng.random() > 1 / 400 else 80
        wear += (0.03 if left else 0.0) - wear * max(0.002, 0.015 + 0.012 * settings[0, row])
        readings[0, row] = 5.0 * wear + 3.0 * settings[1, row] + 0.3 * readings[0, row]
        if rng.random() < 0.06 * max(0.0, wear - 0.7):
            onsets.append(row)
            wear, left = 0.0, 0
    return settings, readings, np.array(onsets, dtype=np.int64)


@cache
def trials() -> Trials:
    settings, readings, onsets = course()
    zeros = np.zeros(COUNT, dtype=np.int64)
    found = fit_trials(
        settings, readings, (), np.zeros((0, COUNT)), zeros, zeros, np.ones(COUNT, bool), onsets, 30,
        np.array([3, 10, 30]),
    )  # fmt: skip
    assert found is not None
    return found


def test_what_cures_is_told_from_what_only_shows() -> None:
    found = trials().evidence(np.array([4.0, 0.0, 0.0, 0.0]))
    assert found is not None and found.episodes > 50
    cures, shows = found.against
    assert cures > 3.0 and abs(shows) < 2.0
    assert found.guilty.tolist() == [True, False, False, False]
    # A unit of the first setting takes more than a tenth of the symptoms away in half an hour, and less at first.
    assert found.relief[-1, 0] < -0.1 < found.relief[0, 0] and abs(found.relief[-1, 1]) < 0.1


def test_how_much_it_helps_is_told_less_one_error() -> None:
    found = trials().evidence(np.array([4.0, 0.0, 0.0, 0.0]))
    assert found is not None
    # Wear that fades half as fast again makes the event rarer; what only shows does next to nothing.
    assert 0.1 < found.eases[0] < 2.0 and abs(found.eases[1]) < 0.3


def test_growth_counts_beside_the_event() -> None:
    departures = np.array([4.0, 0.0, 0.0, 0.0])
    made = trials()
    kind = made.kinds.of(departures)
    assert kind is not None
    extent = (made.course.departures @ kind.weights.astype(np.float32)).astype(np.float64)
    grows = growth(made.course, extent, np.arange(len(extent)) // 30)
    found = made.evidence(departures)
    assert found is not None and grows is not None and grows.surely[0] < -2.0
    alone = found.against * np.hypot(1.0, GROWTH) + GROWTH * grows.surely
    assert alone[0] > 2.0 and abs(alone[1]) < 2.0


def test_without_symptoms_there_is_nothing_to_compare() -> None:
    assert trials().evidence(np.zeros(4)) is None


def test_too_short_a_history_has_no_trials() -> None:
    settings, readings, onsets = course()
    zeros, few = np.zeros(300, dtype=np.int64), np.ones(300, bool)
    args = ((), np.zeros((0, 300)), zeros, zeros, few, onsets[onsets < 300], 30, np.array([3]))
    assert fit_trials(settings[:, :300], readings[:, :300], *args) is None
