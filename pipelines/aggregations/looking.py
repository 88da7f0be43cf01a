"""What a line holds in its training period, in a few numbers: enough to choose variables and categories from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from andon.features.spec import MOST_CATEGORIES, OTHER
from andon.frames import MICROSECOND, TIME, Floats, SignalFrame, signal_frame
from andon.ports import Signals
from configs.definitions import VariableType
from configs.periods import Period
from pipelines.aggregations.feature_set import PART_READINGS

_FIRST_LOOK = 256


@dataclass(frozen=True, slots=True)
class Seen:
    """The variables of a line, which of them have a reading, and how often each category was read."""

    line: str
    types: Mapping[str, VariableType]
    sampling: timedelta
    read: frozenset[str]
    counts: Mapping[str, Mapping[str, int]]
    values: Mapping[str, Floats]
    """Of each number, readings that are distributed as all of them, if they were asked for, else one."""


def look_at(signals: Signals, line: str, sampling: timedelta | None, period: Period, thin: int = 0) -> Seen:
    """Look at the readings of a period, a few at a time: all of its categories, and of numbers the first.

    Where ``thin`` is above 0, all numbers are read too, and every ``thin``-th of a few thousand sorted ones is kept
    (all, where it is 1).
    """
    stored = signals.describe_line(line)
    types = {} if stored is None else dict(stored.types)
    usual = sampling or (timedelta(seconds=1) if stored is None else stored.sampling)
    counts = {name: Counter[str]() for name, kind in types.items() if kind == "category"}
    values: dict[str, list[Floats]] = {name: [] for name in types}
    read: set[str] = set()
    for place, (low, high) in enumerate(_pieces(signals, line, period, usual)):
        wanted = [
            name for name, kind in types.items() if name not in read or name in counts or (thin and kind == "number")
        ]
        if not wanted:
            break
        data = signals.read_signals(line, wanted, low, high).data
        for name in wanted:
            column = data[name].drop_nulls()
            if len(column):
                read.add(name)
            if name in counts:
                counts[name].update(dict(column.value_counts().iter_rows()))
            elif thin and types[name] == "number":
                values[name].append(np.sort(column.to_numpy())[_offset(place, thin) :: thin])
    kept = {name: np.concatenate(some) for name, some in values.items() if some}
    return Seen(line, types, usual, frozenset(read), counts, kept)


def _offset(place: int, thin: int) -> int:
    """Return where thinning begins in a piece: low and high in turn, so that rare readings are not passed over."""
    return int(thin * ((0.5 + 0.618034 * place) % 1))


def _pieces(signals: Signals, line: str, period: Period, usual: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Yield spans with readings, a short one first: most variables are in it."""
    start, readings = period.start, _FIRST_LOOK
    while (span := signals.reading_span(line, start, period.end)) is not None:
        start = span[0]
        stop = min(start + readings * usual, span[1] + MICROSECOND)
        yield start, stop
        start, readings = stop, min(4 * readings, PART_READINGS)


def frames_as_seen(lines: Sequence[Seen]) -> list[SignalFrame]:
    """Return small frames from which `andon.features.spec.feature_spec` chooses as from all that was read.

    Every variable with a reading has one; categories stand in the first frame, as often as their order by frequency
    over all lines needs.
    """
    kinds = {name: kind for seen in lines for name, kind in seen.types.items() if kind == "category"}
    repeated = {name: _in_order([seen.counts.get(name, {}) for seen in lines]) for name in kinds}
    frames = []
    for place, seen in enumerate(lines):
        columns: dict[str, list[Any]] = {}
        for name, kind in seen.types.items():
            if kind == "category":
                columns[name] = repeated[name] if place == 0 else []
            else:
                columns[name] = seen.values[name].tolist() if name in seen.values else [0.0] * (name in seen.read)
        height = max([1, *map(len, columns.values())])
        padded = [
            pl.Series(
                name, held + [None] * (height - len(held)), pl.String if seen.types[name] == "category" else pl.Float64
            )
            for name, held in columns.items()
        ]
        time = pl.Series("time", range(height), pl.Int64).cast(TIME)
        frames.append(signal_frame(seen.line, pl.DataFrame([time, *padded]), seen.types, seen.sampling))
    return frames


def _in_order(counts: Sequence[Mapping[str, int]]) -> list[str]:
    """Return the most frequent categories, each repeated so that their frequencies stand in the same order."""
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    kept = sorted(total.keys() - {OTHER}, key=lambda name: (-total[name], name))[:MOST_CATEGORIES]
    ranks = {count: rank for rank, count in enumerate(sorted({total[name] for name in kept}), start=1)}
    # A variable that only ever reads "(other)" has readings too.
    only_other = [OTHER] if total and not kept else []
    return only_other + [name for name in kept for _ in range(ranks[total[name]])]
