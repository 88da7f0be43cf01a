"""However rows are cut into ticks, and whatever more of history a tick sees, what comes out is the same."""

from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from andon.alerts.line_state import LineState
from andon.assistant import LineView, TickResult, tick
from tests.watched_line import make_rows, rows_of, watches

ROWS, BEGIN, NEEDED = 420, 60, 60
"""Rows before ``BEGIN`` are context; ``NEEDED`` rows are more than any model looks back on."""


@cache
def whole(seed: int) -> TickResult:
    frame = make_rows(ROWS, seed)
    return tick(LineView(frame, watches()), state_before(seed, BEGIN))


def state_before(seed: int, row: int) -> LineState:
    return LineState(last=int(make_rows(ROWS, seed).times[row]) - 1)


@settings(max_examples=50, derandomize=True, deadline=None)
@given(
    st.integers(0, 5),
    st.lists(st.integers(BEGIN + 1, ROWS - 40), max_size=12),
    st.integers(0, 40),
    st.booleans(),
)
def test_any_cut_gives_the_same(seed: int, cuts: list[int], more: int, replayed: bool) -> None:
    frame = make_rows(ROWS, seed)
    state, results, begin = state_before(seed, BEGIN), [], BEGIN
    for end in [*sorted(set(cuts)), len(frame)]:
        view = LineView(rows_of(frame, max(0, begin - NEEDED - more), end), watches())
        result = tick(view, state)
        if replayed:
            assert tick(view, LineState.from_json(state.to_json(), "state")) == result
        results.append(result)
        state, begin = result.state, end
    expected = whole(seed)
    assert expected.forecasts and expected.anomalies and expected.skips
    for field in ("forecasts", "anomalies", "opened", "events", "skips"):
        assert sum((getattr(one, field) for one in results), ()) == getattr(expected, field), field
    assert state == expected.state


def test_one_row_a_tick_gives_the_same() -> None:
    frame, state, results = make_rows(ROWS, 0), state_before(0, BEGIN), []
    for end in range(BEGIN + 1, len(frame) + 1):
        results.append(tick(LineView(rows_of(frame, 0, end), watches()), state))
        state = results[-1].state
    for field in ("forecasts", "anomalies", "opened", "events", "skips"):
        assert sum((getattr(one, field) for one in results), ()) == getattr(whole(0), field), field
    assert any(whole(seed).opened for seed in range(6)) and any(whole(seed).events for seed in range(6))
