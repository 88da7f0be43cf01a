"""How many configurations each lane gets: its default, a share of its line's budget, then more where it gains."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

from tune_jobs.lane import best_of, read_journal
from tune_jobs.sampling import Configuration
from tune_jobs.study import StudySpec, lane_folder, lanes_of

LINE_SHARE = 0.6
"""Share of a line's budget that is its own, once it has lessons to begin with; what is left goes where it gains."""
HOPE = 0.3
"""By default configurations alone, a lane within this share of the leader's distance to perfect may overtake it."""
LATE_HOPE = 0.03
"""The same, once lanes have tried more than their defaults."""
MOST_TIMES = 3
"""A line gets at most so many times its own budget."""

Key = TypeVar("Key")

LearnersOf = tuple[str, ...]
Lane = tuple[int, LearnersOf]
"""Index of a study, and the learners of the lane."""


def default_targets(spec: StudySpec) -> dict[LearnersOf, int]:
    """Return how many configurations each lane has to begin with: one a learner; a monitor's one lane has all."""
    lanes = lanes_of(spec)
    return {lane: len(lane) if spec.kind == "Alert" else max(len(lane), spec.trials) for lane in lanes}


def line_targets(
    spec: StudySpec, defaults: Mapping[LearnersOf, Sequence[Configuration]], *, taught: bool, across: bool
) -> dict[LearnersOf, int]:
    """Return how many configurations each lane has after its line's own share of the budget.

    A line that nobody teaches has all of it. Lanes share it by how close their defaults come to the best. Without
    ``across`` they share all of it alike.
    """
    if spec.kind != "Alert":
        return default_targets(spec)
    begun = {lane: len(lane) for lane in lanes_of(spec)}
    budget = math.ceil(spec.trials * LINE_SHARE) if across and taught else spec.trials
    left = max(0, budget - sum(begun.values()))
    weights = dict.fromkeys(begun, 1.0)
    if across:
        reached = {lane: _reached(tried) for lane, tried in defaults.items()}
        leader = max((value for value in reached.values() if value is not None), default=None)
        if leader is not None:
            hope = HOPE * (1.0 - leader)
            weights = {lane: 0.0 if v is None else max(0.0, v + hope - leader) for lane, v in reached.items()}
    extra = _apportion(left, weights)
    return {lane: most + extra[lane] for lane, most in begun.items()}


def last_targets(studies: Sequence[StudySpec], tried: Mapping[Lane, Sequence[Configuration]]) -> dict[Lane, int]:
    """Return how many configurations each lane has in the end, from what it tried of its line's own share.

    What is left of all budgets goes to lanes by what they may still bring: how much a lane gained over the second half
    of what it tried, and a little hope (`LATE_HOPE`), less how far it lags behind the best of its line. The same
    journals give the same targets.
    """
    left = 0
    weights: dict[Lane, float] = {}
    room: dict[int, int] = {}
    for index, spec in enumerate(studies):
        lanes = [lane for lane in lanes_of(spec) if (index, lane) in tried]
        done = sum(len(tried[index, lane]) for lane in lanes)
        if spec.kind != "Alert" or not done:
            continue
        left += max(0, spec.trials - done)
        room[index] = max(0, MOST_TIMES * spec.trials - done)
        reached = {lane: _reached(tried[index, lane]) for lane in lanes}
        leader = max((value for value in reached.values() if value is not None), default=None)
        for lane, value in reached.items():
            if leader is not None and value is not None:
                hope = LATE_HOPE * (1.0 - leader)
                weights[index, lane] = max(0.0, value + _gain(tried[index, lane]) + hope - leader)
    extra: dict[Lane, int] = dict.fromkeys(weights, 0)
    while left > 0 and any(weight > 0 and room[lane[0]] for lane, weight in weights.items()):
        open_ = {lane: weight for lane, weight in weights.items() if room[lane[0]]}
        given = 0
        for lane, share in _apportion(left, open_).items():
            more = min(share, room[lane[0]])
            extra[lane] += more
            room[lane[0]] -= more
            given += more
        left -= given
    return {lane: len(tried[lane]) + more for lane, more in extra.items()}


def read_tried(spec: StudySpec, most: Mapping[LearnersOf, int]) -> dict[LearnersOf, list[Configuration]]:
    """Return what each lane of a study has tried, up to a number: what came later decides nothing."""
    return {lane: read_journal(lane_folder(spec, lane))[:count] for lane, count in most.items()}


def own_targets(spec: StudySpec, *, taught: bool, across: bool) -> dict[LearnersOf, int]:
    """Return `line_targets` by the journals of a study whose defaults have been tried."""
    return line_targets(spec, read_tried(spec, default_targets(spec)), taught=taught, across=across)


def _reached(tried: Sequence[Configuration]) -> float | None:
    best = best_of(tried, "maximize")
    return None if best is None else best.metric


def _gain(tried: Sequence[Configuration]) -> float:
    """Return by how much the second half of what was tried beat the first."""
    half, whole = _reached(tried[: (len(tried) + 1) // 2]), _reached(tried)
    return 0.0 if half is None or whole is None else whole - half


def _apportion(left: int, weights: Mapping[Key, float]) -> dict[Key, int]:
    """Share ``left`` by weight, by largest remainders, earlier ones first where equal; nothing where all weigh 0.

    Examples
    --------
    >>> _apportion(5, {"a": 1.0, "b": 1.0, "c": 0.0})
    {'a': 3, 'b': 2, 'c': 0}
    """
    total = sum(weights.values())
    if not total:
        return dict.fromkeys(weights, 0)
    exact = {key: left * weight / total for key, weight in weights.items()}
    shares = {key: math.floor(share) for key, share in exact.items()}
    rest = left - sum(shares.values())
    order = sorted(weights, key=lambda key: shares[key] - exact[key])
    for key in order[:rest]:
        shares[key] += 1
    return shares
