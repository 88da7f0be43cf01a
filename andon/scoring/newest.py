"""The newest rows of one line, read once for all the models that look at them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from andon.errors import DataError
from andon.features.engine import compute_features
from andon.features.spec import FeatureSpec
from andon.frames import Booleans, FeatureFrame, Floats, Integers, RowArrays, SignalFrame, from_microseconds
from andon.models.monitors.bundle import MonitorBundle
from andon.models.monitors.newest import Worked
from andon.models.monitors.newest_kernels import judge_row
from andon.scoring.monitors import FURTHEST, leading
from configs.periods import format_time


@dataclass(frozen=True, slots=True)
class NewestVerdict:
    """A monitor's verdict on one row, and its forecast of the next; each float64 or bool (v,), in name order.

    ``shares`` float64 (m,) is what each member of the line score adds to it.
    """

    variables: tuple[str, ...]
    members: Integers
    expected: Floats
    actual: Floats
    score: Floats
    flags: Booleans
    line_score: float
    line_flag: bool
    forecast: Floats
    low: Floats
    high: Floats
    shares: Floats

    @property
    def blamed(self) -> tuple[str, ...]:
        """The fewest variables that make four fifths of the line's score, the largest share first."""
        blame = np.maximum(self.shares, 0.0)
        total = blame.sum()
        if not total > 0:
            return ()
        return tuple(self.variables[self.members[member]] for member in leading(blame / total))


class NewestRows:
    """Rows as arrays: to cut and convert a frame for each model costs more than to score it.

    What is found equals, to the last bit, what `score_monitor` and `forecast_next` find of the frame's last row.
    """

    def __init__(self, rows: RowArrays | SignalFrame) -> None:
        self.rows = rows
        self.times = rows.times.copy()  # a frame's own cannot be written to, which is another type to Numba
        self._written: dict[timedelta, str] = {}
        self._frame: SignalFrame | None = None
        self._numbers, self._places = (rows.numbers, rows.places) if isinstance(rows, RowArrays) else _numbers(rows)
        self._features: dict[int, tuple[FeatureSpec, FeatureFrame]] = {}
        self._judged: dict[int, tuple[MonitorBundle, NewestVerdict]] = {}
        """By identity of what is kept with it, so that no other takes that identity; to compare takes too long."""

    @property
    def frame(self) -> SignalFrame:
        """The rows as a frame, made once it is asked for."""
        if isinstance(self.rows, SignalFrame):
            return self.rows
        if self._frame is None:
            self._frame = self.rows.frame()
        return self._frame

    @property
    def time(self) -> datetime:
        """Of the newest row."""
        return from_microseconds(int(self.times[-1]))

    def __len__(self) -> int:
        return len(self.times)

    def written(self, later: timedelta = timedelta(0)) -> str:
        """Return the time of the newest row, or one so much later, as answers write it."""
        found = self._written.get(later)
        if found is None:
            found = self._written[later] = format_time(self.time + later)
        return found

    def features(self, spec: FeatureSpec) -> FeatureFrame:
        """Return the features of the newest row; alerts that look at a line in the same way share them.

        Raises
        ------
        DataError
            If the line lacks a variable, or has it with another type.
        """
        known = self._features.get(id(spec))
        if known is not None:
            return known[1]
        found = compute_features(self.rows, spec, self.time)
        self._features[id(spec)] = spec, found
        return found

    def judge(self, bundle: MonitorBundle) -> NewestVerdict:
        """Return a monitor's verdict on the newest row; asked again, the same.

        There are more rows than `MonitorBundle.rows_needed`.

        Raises
        ------
        DataError
            If the line has none of the monitor's variables.
        """
        known = self._judged.get(id(bundle))
        if known is not None:
            return known[1]
        if self.rows.types.keys().isdisjoint(bundle.variables):
            raise DataError(
                f"line {self.rows.line}",
                f"has none of the variables of monitor {bundle.key.definition}",
                f"give {', '.join(bundle.variables[:5])}",
            )
        found = self._judge(bundle)
        self._judged[id(bundle)] = bundle, found
        return found

    def _judge(self, bundle: MonitorBundle) -> NewestVerdict:
        memory, variables, window = bundle.newest, bundle.variables, bundle.window
        memory.arguments = memory.arguments or _arguments(bundle)
        rows, count = memory.arguments[0], len(variables)
        known = memory.worked or _NOTHING
        found, shares = np.empty((6, count)), np.empty(len(bundle.line.members))
        series, expected = np.empty((rows, count)), np.empty((rows + 1 - window, count))
        errors = np.empty((0 if bundle.autoencoder is None else rows - window, count))
        line_score = judge_row(
            self.times,
            self._numbers,
            np.array([self._places.get(name, -1) for name in variables]),
            known.times,
            known.series,
            known.first,
            known.expected,
            known.expected if known.errors is None else known.errors,
            found,
            series,
            expected,
            errors,
            shares,
            *memory.arguments,
        )
        kept = None if bundle.autoencoder is None else errors
        memory.worked = Worked(self.times[-rows:].copy(), series, window, expected, kept)
        return NewestVerdict(
            variables=variables,
            members=bundle.line.members,
            expected=found[0],
            actual=found[1],
            score=found[2],
            flags=found[2] >= bundle.thresholds,
            line_score=line_score,
            line_flag=line_score >= bundle.line.threshold,
            forecast=found[3],
            low=found[4],
            high=found[5],
            shares=shares,
        )


def _numbers(frame: SignalFrame) -> tuple[Floats, dict[str, int]]:
    """Return the numbers of a frame, float64 (k, n_rows), NaN where nothing was read, and the row of each."""
    places = {name: place for place, name in enumerate(n for n, kind in frame.types.items() if kind != "category")}
    numbers = np.empty((len(places), len(frame)))
    for name, place in places.items():
        numbers[place] = frame.readings(name, 0, len(frame))
    return numbers, places


def _arguments(bundle: MonitorBundle) -> tuple[Any, ...]:
    """Return what `judge_row` takes of a bundle, from ``rows`` on."""
    line, one = bundle.line, bundle.autoencoder
    rebuilding = (False, 0, 0, 0.0, np.zeros(1, np.int64), np.zeros(0))
    if one is not None:
        rebuilding = (True, one.lags, one.activation, one.limit, one.sizes, one.weights)
    every = (
        bundle.rows_needed + 1, bundle.window, FURTHEST, bundle.scaling.means, bundle.scaling.scales,
        bundle.networks.arguments, *rebuilding, bundle.residual_scales, bundle.thresholds, line.members, line.centres,
        line.scales, line.sources, line.spans, line.limits, line.precisions, line.reaches, line.persistence,
    )  # fmt: skip
    return tuple(np.ascontiguousarray(value) if isinstance(value, np.ndarray) else value for value in every)


_NOTHING = Worked(np.zeros(0, np.int64), np.zeros((0, 0)), 0, np.zeros((0, 0)), None)
