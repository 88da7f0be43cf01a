"""The gate: whether a challenger has earned the champion's place, on newer rows that neither of them has read."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Literal

import numpy as np

from andon.evaluation.events import Events, find_events
from andon.evaluation.kernels import raise_alarms
from andon.evaluation.resampling import Interval, block_numbers, block_total_interval, sign_flip_p
from andon.frames import MICROSECOND, Booleans, Floats, Integers
from configs.definitions import Costs

FEWEST_EVENTS = 10
"""With fewer, nothing is decided: a few events that fall well are no evidence."""
FEWEST_BLOCKS = 10
"""With fewer line-days, nothing is decided: an interval needs days to vary between."""
LEVEL = 0.025
"""Chance that a challenger which is no better is promoted, at most: the upper end of a two-sided 95 % interval."""
REACH = 2.2
"""Costs are smoothed over thresholds so far from a model's own, in log odds."""
_STEPS = 23
_DAY = timedelta(days=1) // MICROSECOND

Verdict = Literal["promoted", "kept"]


@dataclass(frozen=True, slots=True)
class Judged:
    """What a model said of the rows: ``scores`` float64 (n_rows,), calibrated probabilities, and its threshold."""

    scores: Floats
    threshold: float


@dataclass(frozen=True, slots=True)
class Account:
    """What a model would have cost: as counted at its threshold, and (``cost``) smoothed over those around it."""

    missed: int
    false_alarms: int
    alarms: int
    """True and false ones."""
    counted_cost: float
    cost: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The gate's answer, with its evidence. Differences are challenger less champion, in units of the costs."""

    verdict: Verdict
    reason: str
    champion: Account
    challenger: Account
    events: int
    days: int
    """Line-days that hold a row."""
    blocks: int
    rows: int
    difference: float
    low: float | None
    high: float | None
    """Ends of the two-sided 95 % interval of the difference; None where nothing varies to tell it from."""
    p_value: float

    def to_json(self) -> dict[str, Any]:
        """Return the evidence as JSON values."""
        return asdict(self)


def compare(
    times: Integers,
    groups: Integers,
    labels: Floats,
    horizon: timedelta,
    champion: Judged,
    challenger: Judged,
    costs: Costs,
    *,
    seed: int,
) -> Comparison:
    """Decide whether the challenger is better than the champion by more than noise, on the same rows.

    A model costs ``costs.missed`` for each event without a flagged row and ``costs.false`` for each false alarm, as
    `judge_events` counts them. The counts hang on single scores beside the threshold; so the cost at the threshold is
    read from a parabola through the costs at the thresholds around it (local polynomial regression, Fan & Gijbels 1996:
    the same mean, half the variance). Costs fall on line-days: an event on the day of its last row, an alarm on the day
    of its first, so that no event is ever cut. Days that resemble those before them are joined to longer blocks.
    The challenger is promoted if

    - the two-sided 95 % interval of the difference, by a paired bootstrap of blocks (Künsch 1989), lies below 0,
    - and the exact test of paired differences, by flipping signs (Fisher 1935), is at 2.5 % or less: a bootstrap
      believes too soon in a difference that only a few blocks show.

    So one that is no better is promoted once in forty times, and the sixth of a champion's cost is seen on some eighty
    events four times in five (``tests/benchmarks/bench_promotion.py``).

    Parameters
    ----------
    times, groups, labels
        int64 microseconds, int64, float64 (n_rows,), by group (line) and then time; labels are 0 or 1.
    seed
        Of the resampling: the same rows and seed give the same answer.
    """
    items = _Items.of(times, groups, labels, horizon)
    daily = [_daily(model, items, costs) for model in (champion, challenger)]
    accounts = [
        _account(model, items, costs, float(cost.sum()))
        for model, cost in zip((champion, challenger), daily, strict=True)
    ]
    differences = daily[1] - daily[0]
    numbers = block_numbers(items.day_groups, items.days, differences)
    blocks: Floats = np.bincount(numbers, weights=differences).astype(np.float64)
    interval, p_value = None, 1.0
    if len(blocks) >= FEWEST_BLOCKS:
        rng = np.random.default_rng(seed)
        interval, p_value = block_total_interval(blocks, LEVEL, rng), sign_flip_p(blocks, rng)
    verdict, reason = _decide(items, len(blocks), accounts, interval, p_value)
    return Comparison(
        verdict=verdict,
        reason=reason,
        champion=accounts[0],
        challenger=accounts[1],
        events=len(items.events),
        days=len(items.days),
        blocks=len(blocks),
        rows=len(times),
        difference=float(differences.sum()),
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
        p_value=p_value,
    )


def _decide(
    items: _Items, blocks: int, accounts: list[Account], interval: Interval | None, p_value: float
) -> tuple[Verdict, str]:
    champion, challenger = accounts
    events = len(items.events)
    if events < FEWEST_EVENTS or interval is None:
        return "kept", (
            f"not enough evidence: {events} events on {len(items.days)} line-days ({blocks} blocks) that neither "
            f"model has read; needed are {FEWEST_EVENTS} events and {FEWEST_BLOCKS} blocks"
        )
    seen = (
        f"cost {challenger.cost:.1f} against the champion's {champion.cost:.1f} over {events} events and "
        f"{len(items.days)} line-days: difference {interval.middle:+.1f}, 95 % interval {interval.low:+.1f} to "
        f"{interval.high:+.1f}"
    )
    if interval.high >= 0 or p_value > LEVEL:
        return "kept", f"no better beyond noise: {seen}, p {p_value:.3f}"
    return "promoted", f"better: {seen}, p {p_value:.3f}"


@dataclass(frozen=True, slots=True)
class _Items:
    """Rows, taken apart once for both models: the events among them, and the line-day of each."""

    times: Integers
    groups: Integers
    positive: Booleans
    reach: int
    events: Events
    row_day: Integers
    """Of each row: its line-day, an index into ``days``."""
    days: Integers
    """Days since the Unix epoch of the line-days, by line and then day; ``day_groups`` are their lines."""
    day_groups: Integers

    @classmethod
    def of(cls, times: Integers, groups: Integers, labels: Floats, horizon: timedelta) -> _Items:
        day = times // _DAY
        new = np.ones(len(times), dtype=np.bool_)
        new[1:] = (day[1:] != day[:-1]) | (groups[1:] != groups[:-1])
        events = find_events(labels, times, groups, horizon)
        reach = horizon // MICROSECOND
        return cls(times, groups, labels == 1, reach, events, np.cumsum(new) - 1, day[new], groups[new])

    def missed(self, model: Judged, threshold: float) -> Booleans:
        """Return which events have no flagged row, bool (n_events,)."""
        return self.events.highest(model.scores) < threshold

    def alarms(self, model: Judged, threshold: float) -> tuple[Integers, Booleans]:
        """Return the line-day of each alarm, int64 (n_alarms,), and whether it is true, bool (n_alarms,)."""
        raised, hits = raise_alarms(
            model.scores, self.positive, self.times, self.groups, threshold, self.reach, self.reach
        )
        return self.row_day[raised], hits


def _thresholds(threshold: float) -> list[tuple[float, float]]:
    """Return thresholds around one, and the weight of each: the weights of a local parabola's value in the middle."""
    if not 0.0 < threshold < 1.0:
        return [(threshold, 1.0)]
    shifts = np.linspace(-REACH, REACH, _STEPS)
    nearness = 1 - (shifts / (REACH + shifts[1] - shifts[0])) ** 2
    powers = np.vander(shifts, 3, increasing=True)
    weights = np.linalg.solve(powers.T @ (nearness[:, None] * powers), powers.T * nearness)[0]
    odds = math.log(threshold / (1 - threshold)) + shifts
    return [(float(at), float(weight)) for at, weight in zip(1 / (1 + np.exp(-odds)), weights, strict=True)]


def _account(model: Judged, items: _Items, costs: Costs, cost: float) -> Account:
    missed, (_, hits) = int(items.missed(model, model.threshold).sum()), items.alarms(model, model.threshold)
    false = int((~hits).sum())
    return Account(missed, false, len(hits), costs.missed * missed + costs.false * false, cost)


def _daily(model: Judged, items: _Items, costs: Costs) -> Floats:
    """Return the smoothed cost on each line-day, float64 (n_days,)."""
    total = np.zeros(len(items.days))
    event_day = items.row_day[items.events.ends - 1]
    for threshold, weight in _thresholds(model.threshold):
        missed, (day, hits) = items.missed(model, threshold), items.alarms(model, threshold)
        total += weight * costs.missed * np.bincount(event_day[missed], minlength=len(total))
        total += weight * costs.false * np.bincount(day[~hits], minlength=len(total))
    return total
