"""The rule of an alert, row by row: when it becomes pending, opens, stays and resolves."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.alerts.rules import INACTIVE, Rule, RuleState, step

MINUTE = 60_000_000
NAN = float("nan")
MINUTES = st.integers(0, 4).map(lambda minutes: timedelta(minutes=minutes))
VALUES = st.sampled_from([0.0, 1.0, NAN])


def play(rule: Rule, when: list[float], clear: list[float] | None = None, times: list[int] | None = None) -> list[str]:
    """Return, for each row, the phase it leaves, with what happened at it."""
    state, seen = INACTIVE, []
    for row, value in enumerate(when):
        ends = 1 - value if clear is None else clear[row]
        state, change = step(rule, state, (times or range(len(when)))[row] * MINUTE, value, ends)
        seen.append(state.phase if change is None else f"{state.phase}, {change}")
    return seen


def rule(hold: int = 0, keep: int = 0) -> Rule:
    return Rule(timedelta(minutes=hold), timedelta(minutes=keep))


def test_without_for_it_opens_at_the_first_row_that_holds_and_resolves_at_the_first_that_does_not() -> None:
    assert play(rule(), [0, 1, 1, 0, 0, 1]) == [
        "inactive", "firing, opened", "firing", "inactive, resolved", "inactive", "firing, opened",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("hold", "expected"),
    [
        (1, ["pending", "firing, opened", "firing", "firing"]),
        (2, ["pending", "pending", "firing, opened", "firing"]),
        (3, ["pending", "pending", "pending", "firing, opened"]),
        (4, ["pending", "pending", "pending", "pending"]),
    ],
)
def test_for_is_reached_at_the_row_that_is_exactly_as_long_after_the_first(hold: int, expected: list[str]) -> None:
    assert play(rule(hold), [1, 1, 1, 1]) == expected


def test_one_row_that_does_not_hold_starts_for_anew() -> None:
    assert play(rule(2), [1, 1, 0, 1, 1, 1]) == [
        "pending", "pending", "inactive", "pending", "pending", "firing, opened",
    ]  # fmt: skip


def test_a_microsecond_less_than_for_is_not_enough() -> None:
    hold = Rule(timedelta(minutes=1))
    state, _ = step(hold, INACTIVE, 0, 1, 0)
    assert step(hold, state, MINUTE - 1, 1, 0) == (RuleState("pending", 0), None)
    assert step(hold, state, MINUTE, 1, 0) == (RuleState("firing", MINUTE, MINUTE), "opened")


def test_hysteresis_between_when_and_clear_it_goes_on_firing() -> None:
    # 85, 78, 74 against when > 80 and clear < 75
    assert play(rule(), [1, 0, 0, 0], [0, 0, 1, 1]) == ["firing, opened", "firing", "inactive, resolved", "inactive"]


def test_clear_alone_neither_opens_nor_resolves_while_when_holds() -> None:
    assert play(rule(), [0, 1, 1], [1, 1, 1]) == ["inactive", "firing, opened", "firing"]


@pytest.mark.parametrize(("keep", "resolved_at"), [(0, 2), (1, 2), (2, 3), (3, 4)])
def test_keep_firing_counts_from_the_last_row_that_held(keep: int, resolved_at: int) -> None:
    seen = play(rule(keep=keep), [1, 1, 0, 0, 0, 0])
    assert seen.index("inactive, resolved") == resolved_at


def test_a_row_that_holds_again_starts_keep_firing_anew() -> None:
    assert play(rule(keep=2), [1, 0, 1, 0, 0]) == [
        "firing, opened", "firing", "firing", "firing", "inactive, resolved",
    ]  # fmt: skip


def test_clear_must_hold_once_keep_firing_has_passed_not_before() -> None:
    assert play(rule(keep=2), [1, 0, 0, 0], [0, 1, 0, 1]) == [
        "firing, opened", "firing", "firing", "inactive, resolved",
    ]  # fmt: skip


@pytest.mark.parametrize("before", [[], [1.0]])
def test_what_is_not_known_changes_nothing(before: list[float]) -> None:
    for hold in (0, 2):
        seen = play(rule(hold), [*before, NAN, NAN])
        assert len({phase.split(",")[0] for phase in seen}) == 1


def test_a_pending_alert_never_opens_at_a_row_that_is_not_known() -> None:
    assert play(rule(1), [1, NAN, NAN, 1]) == ["pending", "pending", "pending", "firing, opened"]


def test_clear_may_be_known_where_when_is_not() -> None:
    assert play(rule(), [1, NAN, NAN], [0, NAN, 1]) == ["firing, opened", "firing", "inactive, resolved"]


def test_rows_that_never_came_change_nothing() -> None:
    assert play(rule(5), [1, 1, 0], times=[0, 60, 61]) == ["pending", "firing, opened", "inactive, resolved"]


@settings(max_examples=500, derandomize=True, deadline=None)
@given(st.lists(st.tuples(VALUES, VALUES), max_size=40), MINUTES, MINUTES)
def test_openings_and_resolutions_take_turns_and_keep_their_distances(
    rows: list[tuple[float, float]], hold: timedelta, keep: timedelta
) -> None:
    state, changes, held = INACTIVE, [], [row for row, (when, _) in enumerate(rows) if when == 1]
    for row, (when, clear) in enumerate(rows):
        state, change = step(Rule(hold, keep), state, row * MINUTE, when, clear)
        assert RuleState.from_json(state.to_json()) == state
        if change == "opened":
            since = row - hold // timedelta(minutes=1)
            assert when == 1
            assert not any(value == 0 for value, _ in rows[max(since, 0) : row])
            assert since >= 0 and any(one <= since for one in held)
        if change == "resolved":
            last = max(one for one in held if one < row)
            assert clear == 1 and when != 1 and row - last >= keep // timedelta(minutes=1)
        changes += [change] if change else []
    assert changes == ["opened", "resolved"] * (len(changes) // 2) + ["opened"] * (len(changes) % 2)
    assert np.isin(state.phase, ["inactive", "pending", "firing"])
