"""A specification in the kernels' terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

import numpy as np

from andon.features.kernels import numbers, sliding
from andon.features.spec import QUANTILES, Feature, FeatureSpec, VariableSpec
from andon.frames import MICROSECOND, Floats, Integers
from configs.definitions import Function

_BLOCKS: dict[Function, int] = {
    "mean": numbers.MEAN,
    "std": numbers.STD,
    "min": numbers.MIN,
    "max": numbers.MAX,
    "slope": numbers.SLOPE,
}
_SLIDING: dict[Function, int] = {
    "last": sliding.LAST,
    "since_change": sliding.SINCE_CHANGE,
    "delta": sliding.DELTA,
    "count": sliding.COUNT,
    "share": sliding.SHARE,
    "out_of_bounds": sliding.OUT_OF_BOUNDS,
}
_RANKED: dict[Function, int] = {function: place for place, function in enumerate(QUANTILES)}
_MOST_VALUES = 2**22
"""Readings handed to a kernel at a time: 32 MiB."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Some numbers, their bounds, and the column of each one's first feature."""

    names: list[str]
    bounds: Floats
    offsets: Integers


@dataclass(frozen=True, slots=True)
class State:
    """What the kernel needs to know of a boolean or category."""

    variable: VariableSpec
    functions: Integers
    windows: Integers
    counted: Integers
    offset: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What the kernels need to know of a specification; times in microseconds."""

    stride: int
    sampling: int
    longest: int
    lengths: Integers
    tables: tuple[Integers, Integers, Integers]
    """Of blocks, sliding and ranked functions: each one's place among the features of a number, by window, or -1."""
    asked: tuple[bool, ...]
    """Whether any function is, by the same three kinds."""
    every_number: Numbers
    states: tuple[State, ...]
    names: tuple[str, ...]

    def numbers(self, rows: int) -> list[Numbers]:
        """Split the numbers so that no more than `_MOST_VALUES` readings are copied at a time."""
        every = self.every_number
        step = max(1, _MOST_VALUES // rows)
        return [
            Numbers(every.names[i : i + step], every.bounds[i : i + step], every.offsets[i : i + step])
            for i in range(0, len(every.names), step)
        ]


@lru_cache(maxsize=256)
def kernel_plan(spec: FeatureSpec) -> Plan:
    """Return the plan of a specification."""
    ordered = sorted(set(spec.windows))
    offsets: dict[str, int] = {}
    columns: dict[str, list[Feature]] = {}
    for column, feature in enumerate(spec.features):
        offsets.setdefault(feature.variable, column)
        columns.setdefault(feature.variable, []).append(feature)
    every = [one for one in spec.variables if one.type == "number" and one.name in columns]
    tables = []
    for codes in (_BLOCKS, _SLIDING, _RANKED):
        table = np.full((len(ordered), len(codes)), -1, dtype=np.int64)
        for place, feature in enumerate(columns[every[0].name] if every else []):
            if feature.function in codes:
                table[ordered.index(feature.window), codes[feature.function]] = place
        tables.append(table)
    states = []
    for one in spec.variables:
        if one.type != "number" and one.name in columns:
            counters = {category: index for index, category in enumerate(one.categories)}
            counted = [counters.get(feature.category or "", len(counters)) for feature in columns[one.name]]
            states.append(State(one, *_coded(columns[one.name], ordered), _integers(counted), offsets[one.name]))
    return Plan(
        spec.stride // MICROSECOND,
        spec.sampling // MICROSECOND,
        spec.longest // MICROSECOND,
        _integers([window // spec.stride for window in ordered]),
        (tables[0], tables[1], tables[2]),
        tuple(bool(table.max() >= 0) for table in tables),
        Numbers(
            [one.name for one in every],
            np.array([one.bounds or (-np.inf, np.inf) for one in every]).reshape(-1, 2),
            _integers([offsets[one.name] for one in every]),
        ),
        tuple(states),
        spec.names,
    )


def _coded(features: Sequence[Feature], ordered: list[timedelta]) -> tuple[Integers, Integers]:
    codes = [_SLIDING[feature.function] for feature in features]
    return _integers(codes), _integers([ordered.index(feature.window) for feature in features])


def _integers(values: list[int]) -> Integers:
    return np.array(values, dtype=np.int64)
