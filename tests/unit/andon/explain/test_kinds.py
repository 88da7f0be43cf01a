"""The kind of fault that is coming is told from the others, and how far it has come is told beside them."""

from __future__ import annotations

import numpy as np

from andon.explain.kinds import BEFORE, LEAST_EVENTS, Kinds, fit_kinds
from andon.frames import Booleans, Floats

COUNT = 20_000
FIRST, SECOND = np.array([3.0, 2.0, 0.0, 1.0]), np.array([0.0, -2.0, 4.0, 1.0])


def history(every: int = 400) -> tuple[Floats, Booleans, Kinds]:
    """Two faults in turn, each of which builds up over 100 rows and comes; sizes of both, float64 (2, n)."""
    rng = np.random.default_rng(1)
    onsets = np.arange(every, COUNT, every)
    sizes = np.zeros((2, COUNT))
    for turn, onset in enumerate(onsets):
        sizes[turn % 2, onset - 100 : onset] = np.linspace(0.0, 1.0, 100)
    departures = np.outer(FIRST, sizes[0]) + np.outer(SECOND, sizes[1]) + 0.5 * rng.normal(size=(4, COUNT))
    return sizes, departures, fit_kinds(departures, np.ones(COUNT, bool), onsets)


def test_events_of_the_same_kind_are_found_and_their_pattern() -> None:
    _, _, kinds = history()
    for own, pattern in enumerate((FIRST, SECOND)):
        kind = kinds.of(0.5 * pattern)
        assert kind is not None
        assert (kind.same[own::2] > 0.9).all() and (kind.same[1 - own :: 2] < 0.1).all()
        np.testing.assert_allclose(kind.pattern, pattern, atol=0.4)


def test_how_far_it_has_come_looks_past_the_other_kind() -> None:
    sizes, departures, kinds = history()
    kind = kinds.of(FIRST)
    assert kind is not None
    extent = kind.weights @ departures
    for other in (sizes[1] == 0.0, sizes[1] > 0.5):
        np.testing.assert_allclose(extent[other].mean(), sizes[0, other].mean(), atol=0.1)
    assert np.corrcoef(extent, sizes[0])[0, 1] > 0.8
    # Each kind shows in the second sensor and against the other: what both do to it is shared out.
    np.testing.assert_allclose(kind.explained(FIRST + SECOND)[2], 0.0, atol=0.5)


def test_events_after_a_start_up_make_no_pattern() -> None:
    _, departures, kinds = history()
    known = np.ones(COUNT, bool)
    known[400 - BEFORE : 400] = False
    assert fit_kinds(departures, known, np.array([400, 800])).clear.tolist() == [False, True]
    few = Kinds(kinds.patterns, np.arange(len(kinds.patterns)) < LEAST_EVENTS - 1, kinds.precision)
    assert few.of(FIRST) is None


def test_nothing_wrong_is_of_no_kind() -> None:
    _, _, kinds = history()
    assert kinds.of(np.zeros(4)) is None
