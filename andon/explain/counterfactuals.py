"""Readings as they would have been: settings moved from a moment on, and what follows them, in the window of a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from andon.explain.experience import Experience, numbers_of
from andon.explain.moved_features import Row, row_of
from andon.explain.states import SWING
from andon.explain.trials import Evidence
from andon.features.spec import FeatureSpec
from andon.frames import FeatureFrame, Floats, Integers, SignalFrame

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
        # A setting may stand outside its bounds, and then the nearest steps do too.
        least, greatest = (max(self.low, low) - now) / self.step, (min(self.high, high) - now) / self.step
        steps = np.arange(np.ceil(least - 1e-9), np.floor(greatest + 1e-9) + 1)
        steps = steps[steps != 0]
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
    middles: Floats
    """What readings swing about, float64 (v, n)."""
    now: Floats
    """What each setting of the experience stood at when the moves begin, float64 (k,)."""
    evidence: Evidence | None
    """What history says of moves where the line stood like this; None: too little of it."""
    start: int
    """Microseconds: the moves begin with the first reading after it."""

    def build(self, moves: Floats, scales: Floats | None = None) -> Floats:
        """Return the features with levers moved by ``moves`` (m, l), float64 (m, n_features).

        ``scales`` (m,) multiply what follows the settings; None: all as history shows.
        """
        candidates, variables, series = self.series(moves, scales)
        return self.row.changed(candidates, variables, series, len(moves))

    def series(self, moves: Floats, scales: Floats | None = None) -> tuple[Integers, Integers, Floats]:
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
            series = self.row.readings[[row]].repeat(len(chosen), axis=0)
            series[:, after] = np.where(np.isnan(series[:, after]), np.nan, path)
            found.append((chosen, np.full(len(chosen), row), series))
        found += self._following(moves, after, elapsed, scales)
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
        self, moves: Floats, after: Integers, elapsed: Floats, scales: Floats | None
    ) -> list[tuple[Integers, Integers, Floats]]:
        responses = self.experience.responses
        count = len(responses.followers)
        if not count or not len(after):
            return []
        places = [lever.place for lever in self.levers]
        believed = self.evidence
        minutes = np.asarray(responses.lags * (self._sampling / _MINUTE), dtype=np.float64)
        # What a move does grows linearly from nothing to the shortest lag, and stays beyond the longest.
        weights = _interpolation(elapsed, minutes)
        over_time = np.einsum("nm,mjl->jnl", weights, responses.gains[:, :, places])
        chosen = np.flatnonzero(moves.any(axis=1))
        factors = moves[chosen] if scales is None else moves[chosen] * scales[chosen, None]
        # No more of a symptom goes than there is, and it grows no more than twofold.
        relief = None if believed is None else np.clip(factors @ (weights @ believed.relief[:, places]).T, -1.0, 1.0)
        found = []
        for place in range(count):
            row = int(self.follower_rows[place])
            cured = np.zeros(2, dtype=np.bool_) if believed is None else believed.guilty[[place, count + place]]
            if row < 0 or not (over_time[place].any() or over_time[count + place].any() or cured.any()):
                continue
            limit, middle = responses.limits[place], self.middles[row, after]
            level = np.minimum(np.maximum(factors @ over_time[place].T, -limit), limit)
            swing = factors @ over_time[count + place].T
            if believed is not None and relief is not None and cured.any():
                level = level + relief * (believed.excess[place] * cured[0])
                swing = swing + relief * (believed.excess[count + place] * cured[1])
            away = (self.row.readings[row, after] - middle) * np.exp(np.clip(swing, -_MOST_SWING, _MOST_SWING))
            series = self.row.readings[[row]].repeat(len(chosen), axis=0)
            series[:, after[0] :] = middle + level + away
            found.append((chosen, np.full(len(chosen), row), series))
        return found

    @property
    def _sampling(self) -> float:
        return float(self.row.plan.sampling)


def situations_at(
    frame: SignalFrame,
    spec: FeatureSpec,
    experience: Experience,
    levers: Sequence[Lever],
    starts: Sequence[int],
    features: FeatureFrame | None = None,
) -> list[Situation]:
    """Return the situation at the last row of a frame, once for moves that begin after each of ``starts`` (µs).

    ``features`` are those of the row, if they are known.
    """
    row = row_of(frame, spec, features)
    middles = np.stack([_middle(readings) for readings in row.readings])
    responses = experience.responses
    followers = np.array([row.place(name) for name in responses.followers], dtype=np.int64)
    settings = np.array([row.place(lever.name) for lever in levers], dtype=np.int64)
    times, data = frame.times, frame.data
    read = numbers_of(data, experience.settings)
    evidence = experience.evidence(frame)
    found = []
    for start in starts:
        before = int(np.searchsorted(times, start, side="right"))
        now = np.array([_newest(setting[:before]) for setting in read])
        found.append(
            Situation(row, experience, tuple(levers), settings, followers, middles, now, evidence, start)
        )  # fmt: skip
    return found


def changed_frame(frame: SignalFrame, situation: Situation, moves: Floats) -> SignalFrame:
    """Return a frame with the readings of one candidate, ``moves`` (l,): what the serving path is asked to score."""
    _, variables, series = situation.series(moves[None])
    begin = len(frame) - len(situation.row.times)
    names = situation.row.plan.every_number.names
    columns = []
    for row, readings in zip(variables, series, strict=True):
        name = names[int(row)]
        values = frame.data.get_column(name).to_numpy().copy()
        values[begin:] = readings
        columns.append(pl.Series(name, values, nan_to_null=True))
    return SignalFrame(frame.line, frame.data.with_columns(columns), frame.types, frame.sampling)


def _newest(readings: Floats) -> float:
    known = np.flatnonzero(~np.isnan(readings))
    return float(readings[known[-1]]) if len(known) else float("nan")


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
