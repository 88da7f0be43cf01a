"""Features of a row with some readings changed: only the windows of changed variables are made anew, thousands at once.

One row, many candidates: each changed variable of each candidate is handed to the kernels of `andon.features` as a
variable of its own, and what they write takes the place of the unchanged features. So the bits are those of
`compute_features` on a frame with these readings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from andon.features.engine import LEVELS, compute_features
from andon.features.kernels import numbers, quantiles, sliding
from andon.features.plans import Plan, kernel_plan
from andon.features.spec import FeatureSpec, window_start
from andon.frames import FeatureFrame, Floats, Integers, SignalFrame, from_microseconds, to_microseconds


@dataclass(frozen=True, slots=True)
class Row:
    """The last row of a frame and its longest window: what candidates start from."""

    plan: Plan
    times: Integers
    """Of the readings in the window, int64 (n,)."""
    readings: Floats
    """Of the numbers of the specification, float64 (v, n)."""
    values: Floats
    """Features as they are, float64 (n_features,)."""
    complete: bool
    """Whether the longest window is full."""

    def place(self, variable: str) -> int:
        """Return the row of a number in ``readings``, -1 if no feature is made of it."""
        names = self.plan.every_number.names
        return names.index(variable) if variable in names else -1

    def changed(self, candidates: Integers, variables: Integers, series: Floats, count: int) -> Floats:
        """Return the features of ``count`` candidates, float64 (count, n_features).

        Parameters
        ----------
        candidates, variables
            Which candidate each changed series is of, and of which number (its row in ``readings``), int64 (s,).
        series
            Readings, float64 (s, n).
        """
        values = np.tile(self.values, (count, 1))
        if len(series):
            offsets = self.plan.every_number.offsets[variables]
            width = self._width()
            made = self._made(series, variables, width)
            for place in range(width):
                values[candidates, offsets + place] = made[:, place]
        return values

    def _width(self) -> int:
        return int(max(table.max() for table in self.plan.tables)) + 1

    def _made(self, series: Floats, variables: Integers, width: int) -> Floats:
        plan, rows = self.plan, np.array([len(self.times) - 1], dtype=np.int64)
        found = np.empty((1, len(series) * width))
        offsets = np.arange(len(series), dtype=np.int64) * width
        every = (self.times, np.ascontiguousarray(series))
        blocks, slid, ranked = plan.tables
        if plan.asked[0]:
            numbers.aggregate_numbers(*every, rows, plan.stride, plan.lengths, blocks, offsets, found)
        if plan.asked[1]:
            bounds = plan.every_number.bounds[variables]
            sliding.aggregate_readings(
                *every, bounds, rows, plan.stride, plan.sampling, plan.lengths, slid, offsets, found
            )
        if plan.asked[2]:
            quantiles.aggregate_quantiles(*every, rows, plan.stride, plan.lengths, LEVELS, ranked, offsets, found)
        return found.reshape(len(series), width)


def row_of(frame: SignalFrame, spec: FeatureSpec, features: FeatureFrame | None = None) -> Row:
    """Return the last row of a frame, ready for candidates; ``features`` are those of that row, if they are known.

    Raises
    ------
    DataError
        If the line lacks a variable of the specification.
    """
    plan = kernel_plan(spec)
    last = from_microseconds(int(frame.times[-1]))
    features = compute_features(frame, spec, last) if features is None else features
    begin = int(np.searchsorted(frame.times, to_microseconds(window_start(spec, last)), side="right"))
    names = plan.every_number.names
    readings = np.empty((len(names), len(frame) - begin))
    for place, name in enumerate(names):
        readings[place] = frame.data.get_column(name).to_numpy()[begin:]
    return Row(plan, frame.times[begin:].copy(), readings, features.values[-1], bool(features.complete[-1]))
