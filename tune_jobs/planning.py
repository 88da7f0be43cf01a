"""Which lane gets how many configurations: a first round for all, a second where something may still be gained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tune_jobs.lane import best_of, read_journal
from tune_jobs.sampling import Configuration
from tune_jobs.study import StudySpec, lane_folder, lanes_of

FIRST_SHARE = 0.5
"""Share of the budget, in configurations and in time, that the first round gives to all alike."""
HEADROOM = 0.1
"""A lane within this share of the leader's distance to perfect may still overtake it."""
MOST_TIMES = 3
"""A line gets at most so many times its own budget."""

Lane = tuple[int, tuple[str, ...]]
"""Index of a study, and the learners of the lane."""


def first_targets(spec: StudySpec, across: bool) -> dict[tuple[str, ...], int]:
    """Return how many configurations each lane of a study has after the first round.

    Every learner gets its default configuration. Without ``across`` there is no second round, and all of the budget
    is shared alike; so is a monitor's, whose one lane chooses among learners by itself.
    """
    lanes = lanes_of(spec)
    share = spec.trials if len(lanes) == 1 or not across else math.ceil(spec.trials * FIRST_SHARE)
    targets = {lane: max(len(lane), share // len(lanes)) for lane in lanes}
    if not across:
        for lane in lanes[: max(0, spec.trials - sum(targets.values()))]:
            targets[lane] += 1
    return targets


def second_targets(studies: Sequence[StudySpec], tried: Mapping[Lane, Sequence[Configuration]]) -> dict[Lane, int]:
    """Return how many configurations each lane has after the second round.

    What the first round left of all budgets goes to lanes by what they may still bring: how much a lane gained over
    the second half of what it tried, and a little hope (`HEADROOM`), less how far it lags behind the best of its line.
    The same journals give the same targets.
    """
    left = sum(
        max(0, spec.trials - sum(len(tried[i, lane]) for lane in lanes_of(spec))) for i, spec in enumerate(studies)
    )
    weights: dict[Lane, float] = {}
    for index, spec in enumerate(studies):
        lanes = [lane for lane in lanes_of(spec) if tried[index, lane]]
        reached = {lane: _reached(tried[index, lane]) for lane in lanes}
        leader = max((value for value in reached.values() if value is not None), default=None)
        for lane in lanes:
            value = reached[lane]
            if spec.kind != "Alert" or leader is None or value is None:
                continue
            hope = HEADROOM * (1.0 - leader)
            weights[index, lane] = max(0.0, value + _gain(tried[index, lane]) + hope - leader)
    return {lane: len(tried[lane]) + extra for lane, extra in _apportion(left, weights, studies).items()}


def _reached(tried: Sequence[Configuration]) -> float | None:
    best = best_of(tried, "maximize")
    return None if best is None else best.metric


def _gain(tried: Sequence[Configuration]) -> float:
    """Return by how much the second half of what was tried beat the first."""
    half, whole = _reached(tried[: (len(tried) + 1) // 2]), _reached(tried)
    return 0.0 if half is None or whole is None else whole - half


def _apportion(left: int, weights: Mapping[Lane, float], studies: Sequence[StudySpec]) -> dict[Lane, int]:
    """Share ``left`` by weight, by largest remainders; what is over a line's most goes to the others."""
    extra = dict.fromkeys(weights, 0)
    room = {index: MOST_TIMES * spec.trials for index, spec in enumerate(studies)}
    while left > 0:
        open_ = {lane: weight for lane, weight in weights.items() if weight > 0 and room[lane[0]] > 0}
        total = sum(open_.values())
        if not total:
            break
        exact = {lane: left * weight / total for lane, weight in open_.items()}
        whole = {lane: math.floor(share) for lane, share in exact.items()}
        rest = left - sum(whole.values())
        for lane in sorted(open_, key=lambda lane: (whole[lane] - exact[lane], lane))[:rest]:
            whole[lane] += 1
        given = 0
        for lane in sorted(open_):
            more = min(whole[lane], room[lane[0]])
            extra[lane] += more
            room[lane[0]] -= more
            given += more
        left -= given
        if not given:
            break
    return extra


def read_tried(studies: Sequence[StudySpec], targets: Mapping[Lane, int]) -> dict[Lane, list[Configuration]]:
    """Return what every lane has tried, up to its target of the first round: later ones decide nothing."""
    return {
        (index, lane): read_journal(lane_folder(studies[index], lane))[:most] for (index, lane), most in targets.items()
    }
