"""Readings as they would have been: settings moved from a moment on, and what follows them, in the window of a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from andon.explain.experience import Experience
from andon.explain.moved_features import Row, row_of
from andon.explain.responses import SWING
from andon.features.spec import FeatureSpec
from andon.frames import Floats, Integers, SignalFrame

_MOST_SWING = 1.5
"""Log: nothing is made more than 4.5 times as unsteady, or as steady, by a move."""
_MINUTE = 60_000_000


@dataclass(frozen=True, slots=True)
class Lever:
    """A setting that may be moved: its place among the experience's settings, and what the definition says of it."""

    name: str
    place: int
    low: float
    high: float
    step: float
    cost: float = 1.0
    max_rate: float | None = None
    """Units a minute."""

    def targets(self, now: float, most: int, low: float, high: float) -> Floats:
        """Return where it may be moved to from ``now``, in steps, the smallest move first, float64 (n,).

        There are at most ``most`` values, evenly spread within the bounds and ``[low, high]``, what history has seen.

        Examples
        --------
        >>> lever = Lever("speed", 0, 40, 90, 10)
        >>> lever.targets(60.0, 20, 45.0, 90.0), lever.targets(60.0, 2, 0.0, 90.0)
        (array([50., 70., 80., 90.]), array([40., 90.]))
        """
        below = int((now - max(self.low, low)) / self.step + 1e-9)
        above = int((min(self.high, high) - now) / self.step + 1e-9)
        steps = np.array([*range(-below, 0), *range(1, above + 1)], dtype=np.float64)
        if len(steps) > most:
            steps = steps[np.unique(np.linspace(0, len(steps) - 1, most).round().astype(int))]
        steps = steps[np.argsort(np.abs(steps), kind="stable")]
        found: Floats = np.round(now + steps * self.step, 9)
        return found

    def price(self, moved: Floats) -> Floats:
        """Return what moves by so much cost."""
        found: Floats = self.cost * np.abs(moved) / (self.high - self.low)
        return found


@dataclass(frozen=True, slots=True)
class Situation:
    """A line at the row that is explained, with moves that begin ``elapsed`` after the move's start."""

    row: Row
    experience: Experience
    levers: tuple[Lever, ...]
    setting_rows: Integers
    """Row of each lever in ``row.readings``, -1 where the model does not look at it, int64 (l,)."""
    follower_rows: Integers
    """Row of each follower in ``row.readings``, int64 (p,)."""
    state: Floats
    now: Floats
    """What each setting of the experience stood at when the moves begin, float64 (k,)."""
    start: int
    """Microseconds: the moves begin with the first reading after it."""

    def build(self, moves: Floats, scale: float = 1.0) -> Floats:
        """Return the features with levers moved by ``moves`` (m, l), float64 (m, n_features).

        ``scale`` multiplies what follows the settings.
        """
        candidates, variables, series = self.series(moves, scale)
        return self.row.changed(candidates, variables, series, len(moves))

    def series(self, moves: Floats, scale: float = 1.0) -> tuple[Integers, Integers, Floats]:
        """Return the changed readings of each candidate, as `Row.changed` takes them."""
        times = self.row.times
        after = np.flatnonzero(times > self.start)
        elapsed = (times[after] - self.start) / _MINUTE
        found: list[tuple[Integers, Integers, Floats]] = []
        for place, lever in enumerate(self.levers):
            row, chosen = int(self.setting_rows[place]), np.flatnonzero(moves[:, place])
            if row < 0 or not len(chosen):
                continue
            path = self.now[lever.place] + self._moved(lever, moves[chosen, place], elapsed)
            series = np.tile(self.row.readings[row], (len(chosen), 1))
            series[:, after] = np.where(np.isnan(series[:, after]), np.nan, path)
            found.append((chosen, np.full(len(chosen), row), series))
        found += self._following(moves, after, elapsed, scale)
        if not found:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, len(times)))
        first, second, third = zip(*found, strict=True)
        return np.concatenate(first), np.concatenate(second), np.concatenate(third)

    def _moved(self, lever: Lever, by: Floats, elapsed: Floats) -> Floats:
        """Return how far each move has come, float64 (m, n): at once, or as fast as the setting may be moved."""
        if lever.max_rate is None:
            return np.repeat(by[:, None], len(elapsed), axis=1)
        path: Floats = np.sign(by)[:, None] * np.minimum(np.abs(by)[:, None], lever.max_rate * elapsed[None])
        return path

    def _following(
        self, moves: Floats, after: Integers, elapsed: Floats, scale: float
    ) -> list[tuple[Integers, Integers, Floats]]:
        responses = self.experience.responses
        count = len(responses.followers)
        if not count or not len(after) or scale == 0.0:
            return []
        effects = responses.effects(self.state)[:, :, [lever.place for lever in self.levers]]
        minutes = np.asarray(responses.lags * (self._sampling / _MINUTE), dtype=np.float64)
        # What a move does grows linearly from nothing to the shortest lag, and stays beyond the longest.
        weights = _interpolation(elapsed, minutes)
        over_time = np.einsum("nm,mjl->jnl", weights, effects)
        chosen = np.flatnonzero(moves.any(axis=1))
        factors = scale * moves[chosen]
        found = []
        for place in range(count):
            row = int(self.follower_rows[place])
            if row < 0 or not (over_time[place].any() or over_time[count + place].any()):
                continue
            level = np.clip(factors @ over_time[place].T, -responses.limits[place], responses.limits[place])
            swing = np.exp(np.clip(factors @ over_time[count + place].T, -_MOST_SWING, _MOST_SWING))
            readings = self.row.readings[row]
            middle = _middle(readings)[after]
            series = np.tile(readings, (len(chosen), 1))
            series[:, after] = middle + level + (readings[after] - middle) * swing
            found.append((chosen, np.full(len(chosen), row), series))
        return found

    @property
    def _sampling(self) -> float:
        return float(self.row.plan.sampling)


def situation_at(
    frame: SignalFrame, spec: FeatureSpec, experience: Experience, levers: Sequence[Lever], start: int
) -> Situation:
    """Return the situation at the last row of a frame, for moves that begin after ``start`` (microseconds)."""
    row = row_of(frame, spec)
    before = int(np.searchsorted(frame.times, start, side="right"))
    known = SignalFrame(frame.line, frame.data[:before], frame.types, frame.sampling)
    responses = experience.responses
    followers = np.array([row.place(name) for name in responses.followers], dtype=np.int64)
    state = np.zeros(2 * len(responses.followers))
    if before and len(state):
        newest = known.data[-SWING:]
        tail = SignalFrame(frame.line, newest, frame.types, frame.sampling)
        readings = np.stack([tail.numbers(name) for name in responses.followers])
        state = responses.state(readings, experience.recipe(frame))
    now = np.array([_newest(known, name) for name in experience.settings])
    settings = np.array([row.place(lever.name) for lever in levers], dtype=np.int64)
    return Situation(row, experience, tuple(levers), settings, followers, state, now, start)


def changed_frame(frame: SignalFrame, situation: Situation, moves: Floats) -> SignalFrame:
    """Return a frame with the readings of one candidate, ``moves`` (l,): what the serving path is asked to score."""
    import polars as pl

    _, variables, series = situation.series(moves[None])
    begin = len(frame) - len(situation.row.times)
    names = situation.row.plan.every_number.names
    columns = []
    for row, readings in zip(variables, series, strict=True):
        name = names[int(row)]
        values = frame.numbers(name).copy()
        values[begin:] = readings
        columns.append(pl.Series(name, values).fill_nan(None))
    return SignalFrame(frame.line, frame.data.with_columns(columns), frame.types, frame.sampling)


def _newest(frame: SignalFrame, name: str) -> float:
    column = frame.data[name].drop_nulls()
    return float(column[-1]) if len(column) else np.nan


def _interpolation(elapsed: Floats, lags: Floats) -> Floats:
    """Return weights (n, m) that interpolate linearly between 0 at 0 and the values at ``lags``."""
    knots = np.concatenate([[0.0], lags])
    unit = np.eye(len(knots))
    found: Floats = np.stack([np.interp(elapsed, knots, row) for row in unit], axis=1)[:, 1:]
    return found


def _middle(readings: Floats) -> Floats:
    """Return the mean of the readings of `SWING` rows up to each one, float64 (n,); NaN where there is none."""
    known = ~np.isnan(readings)
    total, number = np.cumsum(np.where(known, readings, 0.0)), np.cumsum(known, dtype=np.float64)
    total[SWING:] -= total[:-SWING].copy()
    number[SWING:] -= number[:-SWING].copy()
    found: Floats = total / np.where(number > 0, number, np.nan)
    return found
