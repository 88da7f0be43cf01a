"""Aggregations as declared data: function x window over the variables of a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from andon.errors import ConfigError, DataError
from andon.frames import MICROSECOND, SignalFrame, from_microseconds, to_microseconds
from configs.definitions import Features, Function, VariableType
from configs.durations import format_duration
from configs.expressions import Expression

DEFAULT_FUNCTIONS: tuple[Function, ...] = (
    *("mean", "std", "min", "max", "last", "slope", "delta", "share", "since_change"),
)
WINDOWED: dict[VariableType, tuple[Function, ...]] = {
    "number": ("mean", "std", "min", "max", "slope", "delta", "count"),
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
OTHER = "(other)"


@dataclass(frozen=True, slots=True)
class VariableSpec:
    """A variable that features are made of; ``categories`` are those seen in training, the most frequent first."""

    name: str
    type: VariableType
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """What features are made of, and how.

    A window is a length of time, not a number of rows: at a row it reaches back to the start of its oldest block, at
    most its length, and exactly that where the row's time is a multiple of the stride. Gaps leave fewer readings.
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
    def names(self) -> tuple[str, ...]:
        """Names of the features, in order of their columns."""
        return tuple(name for variable in self.variables for name, _, _, _ in self.columns(variable))

    def columns(self, variable: VariableSpec) -> list[tuple[str, Function, int, str | None]]:
        """Return name, function, window's index (shortest first) and category of a variable's features."""
        found: list[tuple[str, Function, int, str | None]] = []
        ordered = sorted(self.windows)
        for index, window in enumerate(ordered):
            for function in self.functions:
                if function not in WINDOWED[variable.type]:
                    continue
                length = format_duration(window)
                if function == "share" and variable.type == "category":
                    for category in (*variable.categories, OTHER):
                        found.append((f"{variable.name}.share.{category}.{length}", function, index, category))
                else:
                    found.append((f"{variable.name}.{function}.{length}", function, index, None))
        for function in self.functions:
            if function in WINDOWLESS[variable.type]:
                found.append((f"{variable.name}.{function}", function, len(ordered) - 1, None))
        return found

    def window_start(self, time: datetime) -> datetime:
        """Return where the longest window of a row at ``time`` begins (exclusive)."""
        stride = self.stride // MICROSECOND
        block = -((-to_microseconds(time)) // stride)
        return from_microseconds(block * stride) - self.longest

    def to_json(self) -> dict[str, Any]:
        """Return JSON values that `from_json` reads."""
        return {
            "variables": [[one.name, one.type, list(one.categories)] for one in self.variables],
            "windows": [window // MICROSECOND for window in self.windows],
            "functions": list(self.functions),
            "stride": self.stride // MICROSECOND,
            "sampling": self.sampling // MICROSECOND,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> FeatureSpec:
        """Inverse of `to_json`."""
        return cls(
            tuple(VariableSpec(name, kind, tuple(categories)) for name, kind, categories in body["variables"]),
            tuple(window * MICROSECOND for window in body["windows"]),
            tuple(body["functions"]),
            body["stride"] * MICROSECOND,
            body["sampling"] * MICROSECOND,
        )


def resolve_features(features: Features, sampling: timedelta, horizon: timedelta) -> Features:
    """Fill in what a definition leaves open.

    The stride is the sampling, or about a thirtieth of the horizon where that is longer; windows are about a sixth, a
    half and the whole of the horizon, at least three samplings each.

    Raises
    ------
    ConfigError
        If a window given is not a multiple of the stride.

    Examples
    --------
    >>> resolved = resolve_features(Features(), timedelta(minutes=1), timedelta(minutes=30))
    >>> [format_duration(window) for window in resolved.windows]
    ['5m', '15m', '30m']
    """
    windows = features.windows
    stride = features.stride
    if stride is None:
        stride = sampling * max(1, horizon // (30 * sampling))
        if windows is not None and any(window % stride for window in windows):
            stride = sampling
    if windows is None:
        least = 3 * sampling
        multiples = {max(1, round(max(length, least) / stride)) for length in (horizon / 6, horizon / 2, horizon)}
        windows = tuple(stride * multiple for multiple in sorted(multiples))
    for window in windows:
        if window % stride:
            raise ConfigError(
                "features.windows",
                f"{format_duration(window)} is not a multiple of the stride {format_duration(stride)}",
                f"try {format_duration(stride * max(1, round(window / stride)))}, or another stride",
            )
    return Features(windows=windows, functions=features.functions or DEFAULT_FUNCTIONS, stride=stride)


def feature_spec(
    features: Features,
    frames: Sequence[SignalFrame],
    horizon: timedelta,
    include: Sequence[str] | None,
    exclude: Sequence[str],
    target: Expression,
) -> FeatureSpec:
    """Choose variables and categories from training rows.

    Variables are those that all lines have, with a reading, without the excluded ones and without the target's own
    unless they are included by name.

    Raises
    ------
    ConfigError
        If a variable that is included is not there, or nothing is left.
    DataError
        If lines type a variable differently.
    """
    common = set.intersection(*(set(frame.types) for frame in frames))
    for name in include or ():
        if name not in common:
            lacking = next(frame.line for frame in frames if name not in frame.types)
            raise ConfigError("include", f"line {lacking} has no variable {name!r}", "leave it out, or import it")
    chosen = (common - target.variables if include is None else set(include)) - set(exclude)
    variables = []
    for name in sorted(chosen):
        types = {frame.types[name] for frame in frames}
        if len(types) > 1:
            raise DataError(
                f"variable {name}", f"is {' and '.join(sorted(types))} on different lines", "give it one type"
            )
        if all(frame.data[name].null_count() == len(frame) for frame in frames):
            continue
        kind = types.pop()
        categories: tuple[str, ...] = ()
        if kind == "category":
            counts: Counter[str] = Counter()
            for frame in frames:
                counts.update(cast("list[str]", frame.data[name].drop_nulls().to_list()))
            ordered = sorted(counts, key=lambda category: (-counts[category], category))
            categories = tuple(ordered[:MOST_CATEGORIES])
        variables.append(VariableSpec(name, kind, categories))
    if not variables:
        raise ConfigError("include, exclude", "leave no variable to learn from", "exclude fewer")
    sampling = sorted(frame.sampling for frame in frames)[len(frames) // 2]
    resolved = resolve_features(features, sampling, horizon)
    return FeatureSpec(
        tuple(variables),
        tuple(sorted(resolved.windows or ())),
        tuple(resolved.functions or ()),
        resolved.stride or sampling,
        sampling,
    )
