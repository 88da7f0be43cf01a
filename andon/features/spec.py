"""Aggregations as declared data: function x window over the variables of a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, get_args

import numpy as np
import polars as pl

from andon.errors import ConfigError, DataError, ModelError
from andon.frames import MICROSECOND, Floats, SignalFrame, from_microseconds, to_microseconds
from configs.definitions import Features, Function, Line, Quantile, VariableType
from configs.durations import format_duration
from configs.expressions import Expression

DEFAULT_FUNCTIONS: tuple[Function, ...] = (
    *("mean", "std", "min", "max", "last", "slope", "delta", "share", "since_change"),
)
QUANTILES: dict[Quantile, float] = {name: int(name[1:]) / 100 for name in get_args(Quantile)}
WINDOWED: dict[VariableType, tuple[Function, ...]] = {
    "number": ("mean", "std", "min", "max", "slope", "delta", "count", *QUANTILES, "out_of_bounds"),
    "boolean": ("share", "count"),
    "category": ("share", "count"),
}
"""Functions that each type of variable has once a window."""
WINDOWLESS: dict[VariableType, tuple[Function, ...]] = {
    "number": ("last", "since_change"),
    "boolean": ("last", "since_change"),
    "category": ("since_change",),
}
"""Functions that each type has once, over the longest window."""
MOST_CATEGORIES = 20
"""Categories of a variable that have a share of their own; rarer ones share ``OTHER``."""
BOUNDS = (0.01, 0.99)
"""Quantiles of the training rows that bound a variable whose definition gives no bounds."""
OTHER = "(other)"
MOST_BLOCKS = 100_000
"""Strides in a window, at most: the engine keeps this many partial aggregates at a time."""


@dataclass(frozen=True, slots=True)
class VariableSpec:
    """A variable that features are made of; ``categories`` are those seen in training, the most frequent first.

    ``bounds`` are the least and the greatest reading that ``out_of_bounds`` takes for normal; None: all are.
    """

    name: str
    type: VariableType
    categories: tuple[str, ...] = ()
    bounds: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Feature:
    """One column: ``function`` of ``variable`` over ``window``.

    ``last`` and ``since_change`` come once a variable, over the longest window; all others once a window. ``category``
    is that of a category's share (`OTHER`: all that have none), else None.
    """

    name: str
    variable: str
    function: Function
    window: timedelta
    category: str | None


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """What features are made of, and how; made by `feature_spec`, stored with the model.

    A window is a length of time, not a number of rows: at a row it reaches back to the start of its oldest block of one
    stride, so at most its length, and exactly that where the row's time is a multiple of the stride. Gaps leave fewer
    readings in it; a variable without any has NaN there.
    """

    variables: tuple[VariableSpec, ...]
    windows: tuple[timedelta, ...]
    functions: tuple[Function, ...]
    stride: timedelta
    sampling: timedelta

    @property
    def longest(self) -> timedelta:
        """Length of the longest window."""
        return max(self.windows)

    @property
    def rows_needed(self) -> int:
        """Rows in the longest window, at the usual sampling."""
        return -(-self.longest // self.sampling)

    @property
    def features(self) -> tuple[Feature, ...]:
        """What each column is, in order: by variable, then by window (the shortest first), then the windowless."""
        return _features(self)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in order of their columns; no two are equal."""
        return _names(self)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values that `from_json` reads."""
        return {
            "variables": [
                [one.name, one.type, list(one.categories), *([list(one.bounds)] if one.bounds else [])]
                for one in self.variables
            ],
            "windows": [window // MICROSECOND for window in self.windows],
            "functions": list(self.functions),
            "stride": self.stride // MICROSECOND,
            "sampling": self.sampling // MICROSECOND,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> FeatureSpec:
        """Inverse of `to_json`.

        Raises
        ------
        ModelError
            If ``body`` is not what `to_json` returns.
        """
        try:
            spec = cls(
                tuple(_variable(*one) for one in body["variables"]),
                tuple(window * MICROSECOND for window in body["windows"]),
                tuple(body["functions"]),
                body["stride"] * MICROSECOND,
                body["sampling"] * MICROSECOND,
            )
            _check(spec)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            problem = f"is damaged: {type(error).__name__}: {error}"
            raise ModelError("feature specification", problem, "train the model again") from None
        return _one(spec)


@lru_cache(maxsize=1024)
def _one(spec: FeatureSpec) -> FeatureSpec:
    """Return the same object for equal specifications: models that look at a line alike are told by it at once."""
    return spec


def _variable(
    name: str, kind: VariableType, categories: Sequence[str], bounds: Sequence[float] | None = None
) -> VariableSpec:
    if bounds is None:
        return VariableSpec(name, kind, tuple(categories))
    low, high = map(float, bounds)
    return VariableSpec(name, kind, tuple(categories), (low, high))


def _check(spec: FeatureSpec) -> None:
    for variable in spec.variables:
        if variable.type not in get_args(VariableType) or not isinstance(variable.name, str):
            raise ValueError(f"variable {variable.name!r} is a {variable.type!r}")
        if not all(isinstance(category, str) for category in variable.categories):
            raise ValueError(f"variable {variable.name!r} has a category that is no text")
        if variable.bounds is not None and not variable.bounds[0] <= variable.bounds[1]:
            raise ValueError(f"variable {variable.name!r} has bounds {variable.bounds}")
    if not spec.variables or not spec.windows or not set(spec.functions) <= set(get_args(Function)):
        raise ValueError("variables, windows or functions are missing or unknown")
    if min(spec.stride, spec.sampling, *spec.windows) <= timedelta(0):
        raise ValueError("a length of time is not above 0")
    if any(window % spec.stride or window // spec.stride > MOST_BLOCKS for window in spec.windows):
        raise ValueError("a window is not made of strides, or of too many")


@lru_cache(maxsize=256)
def _features(spec: FeatureSpec) -> tuple[Feature, ...]:
    found: list[Feature] = []
    taken: set[str] = set()

    def append(name: str, variable: str, function: Function, window: timedelta, *, category: str | None = None) -> None:
        # A variable may be called a.mean and a category may hold a dot, so two names may meet.
        while name in taken:
            name += "'"
        taken.add(name)
        found.append(Feature(name, variable, function, window, category))

    for one in spec.variables:
        for window in sorted(set(spec.windows)):
            length = format_duration(window)
            for function in spec.functions:
                if function not in WINDOWED[one.type]:
                    continue
                if function == "share" and one.type == "category":
                    for category in (*one.categories, OTHER):
                        append(f"{one.name}.share.{category}.{length}", one.name, function, window, category=category)
                else:
                    append(f"{one.name}.{function}.{length}", one.name, function, window)
        for function in spec.functions:
            if function in WINDOWLESS[one.type]:
                append(f"{one.name}.{function}", one.name, function, spec.longest)
    return tuple(found)


@lru_cache(maxsize=256)
def _names(spec: FeatureSpec) -> tuple[str, ...]:
    return tuple(feature.name for feature in _features(spec))


def window_start(spec: FeatureSpec, time: datetime) -> datetime:
    """Return where the longest window of a row at ``time`` begins; that moment itself is outside the window.

    Rows after it, up to ``time``, give the row its features to the last bit, so a store is read from here on.

    Examples
    --------
    >>> from datetime import UTC
    >>> minute = timedelta(minutes=1)
    >>> spec = FeatureSpec((VariableSpec("speed", "number"),), (30 * minute,), ("mean",), 5 * minute, minute)
    >>> window_start(spec, datetime(2026, 1, 1, 12, 3, tzinfo=UTC)).isoformat()
    '2026-01-01T11:35:00+00:00'
    """
    stride = spec.stride // MICROSECOND
    block = -((-to_microseconds(time)) // stride)
    return from_microseconds(block * stride - spec.longest // MICROSECOND)


def resolve_features(features: Features, sampling: timedelta, horizon: timedelta) -> Features:
    """Fill in what a definition leaves open.

    The stride is the sampling, or about a thirtieth of the horizon where that is longer; windows are about a sixth, a
    half and the whole of the horizon, at least three samplings each.

    Raises
    ------
    ConfigError
        If a window is not a multiple of the stride, or of more than `MOST_BLOCKS` of it.

    Examples
    --------
    >>> resolved = resolve_features(Features(), timedelta(minutes=1), timedelta(minutes=30))
    >>> [format_duration(window) for window in resolved.windows]
    ['5m', '15m', '30m']
    """
    windows, stride = features.windows, features.stride
    if stride is None:
        stride = sampling * max(1, horizon // (30 * sampling))
        if windows is not None and any(window % stride for window in windows):
            stride = sampling
    if windows is None:
        least = -(-3 * sampling // stride)
        lengths = {max(least, round(length / stride)) for length in (horizon / 6, horizon / 2, horizon)}
        windows = tuple(stride * blocks for blocks in sorted(lengths))
    for window in windows:
        if window % stride:
            near = format_duration(stride * max(1, round(window / stride)))
            raise ConfigError(
                "features.windows",
                f"{format_duration(window)} is not a multiple of the stride {format_duration(stride)}",
                f"try {near}" + ("" if features.stride else ", or give a stride"),
            )
        if window // stride > MOST_BLOCKS:
            raise ConfigError(
                "features.stride",
                f"{format_duration(stride)} goes {window // stride:,} times into {format_duration(window)}",
                f"give a stride of at least {format_duration(window / MOST_BLOCKS)}",
            )
    return Features(windows=windows, functions=features.functions or DEFAULT_FUNCTIONS, stride=stride)


def feature_spec(
    features: Features,
    frames: Sequence[SignalFrame],
    horizon: timedelta,
    include: Sequence[str] | None,
    exclude: Sequence[str],
    target: Expression,
    bounds: Mapping[str, tuple[float | None, float | None]] | None = None,
) -> FeatureSpec:
    """Choose variables, categories and bounds from training rows, one frame a line.

    Variables are those that all lines have, with a reading somewhere and a function for their type, without the
    excluded ones and without the target's own unless they are included by name. The order of frames and of their
    columns changes nothing. Bounds, which only ``out_of_bounds`` needs, are the variable's least and greatest value in
    ``bounds`` (as `declared_bounds` finds them), and where one is not given the `BOUNDS` quantile of the readings.

    Raises
    ------
    ConfigError
        If a variable that is included is not there, or nothing is left.
    DataError
        If lines type a variable differently, or there is no line.
    """
    if not frames:
        raise DataError("features", "there is no line to choose variables from", "import one")
    common = set.intersection(*(set(frame.types) for frame in frames))
    for name in include or ():
        if name not in common:
            lacking = next(frame.line for frame in frames if name not in frame.types)
            raise ConfigError("include", f"line {lacking} has no variable {name!r}", "leave it out, or import it")
    sampling = sorted(frame.sampling for frame in frames)[len(frames) // 2]
    resolved = resolve_features(features, sampling, horizon)
    functions = resolved.functions or ()
    chosen = (common - target.variables if include is None else set(include)) - set(exclude)
    variables = []
    for name in sorted(chosen):
        types = {frame.types[name] for frame in frames}
        if len(types) > 1:
            problem = f"is {' and '.join(sorted(types))} on different lines"
            raise DataError(f"variable {name}", problem, "give it one type, or exclude it")
        kind = types.pop()
        if not set(functions) & {*WINDOWED[kind], *WINDOWLESS[kind]}:
            continue
        if all(frame.data[name].null_count() == len(frame) for frame in frames):
            continue
        categories = _categories([frame.data[name] for frame in frames]) if kind == "category" else ()
        limits = None
        if kind == "number" and "out_of_bounds" in functions:
            limits = _limits([frame.numbers(name) for frame in frames], *(bounds or {}).get(name, (None, None)))
        variables.append(VariableSpec(name, kind, categories, limits))
    if not variables:
        left = f"of {len(chosen)} variables none has readings that {', '.join(functions)} can be made of"
        problem = left if chosen else "no variable is left to learn from, besides the target's own"
        remedy = "exclude fewer, or choose other functions" if chosen else "import more, or exclude fewer"
        raise ConfigError("include, exclude", problem, remedy)
    windows = tuple(sorted(resolved.windows or ()))
    return FeatureSpec(tuple(variables), windows, functions, resolved.stride or sampling, sampling)


def declared_bounds(lines: Sequence[Line]) -> dict[str, tuple[float | None, float | None]]:
    """Return the least ``min`` and the greatest ``max`` that lines give a variable; None where one of them gives none.

    Examples
    --------
    >>> oven = {"name": "oven", "variables": [{"name": "heat", "min": 20, "max": 250}]}
    >>> declared_bounds([Line(**oven)])
    {'heat': (20.0, 250.0)}
    """
    found: dict[str, tuple[float | None, float | None]] = {}
    for name in dict.fromkeys(variable.name for line in lines for variable in line.variables):
        every = [variable for line in lines for variable in line.variables if variable.name == name]
        lows, highs = [one.min for one in every], [one.max for one in every]
        found[name] = (
            None if None in lows else min(low for low in lows if low is not None),
            None if None in highs else max(high for high in highs if high is not None),
        )
    return found


def _limits(readings: Sequence[Floats], low: float | None, high: float | None) -> tuple[float, float]:
    read = np.concatenate(readings)
    found = np.quantile(read[~np.isnan(read)], BOUNDS)
    # A reading beyond a bound that was declared must not turn the other one round.
    least = float(found[0]) if low is None else low
    return least, max(least, float(found[1]) if high is None else high)


def _categories(columns: Sequence[pl.Series]) -> tuple[str, ...]:
    counts: Counter[str] = Counter()
    for column in columns:
        for category, count in column.drop_nulls().value_counts().iter_rows():
            counts[category] += count
    # A reading that says "(other)" is counted with all others, so that the name means one thing.
    ordered = sorted(counts.keys() - {OTHER}, key=lambda category: (-counts[category], category))
    return tuple(ordered[:MOST_CATEGORIES])
