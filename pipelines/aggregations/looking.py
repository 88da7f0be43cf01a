"""What a line holds in its training period, in a few numbers: enough to choose variables and categories from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from andon.features.spec import MOST_CATEGORIES, OTHER
from andon.frames import MICROSECOND, TIME, SignalFrame, signal_frame
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


def look_at(signals: Signals, line: str, sampling: timedelta | None, period: Period) -> Seen:
    """Look at the readings of a period, a few at a time: all of its categories, and of numbers the first."""
    stored = signals.describe_line(line)
    types = {} if stored is None else dict(stored.types)
    usual = sampling or (timedelta(seconds=1) if stored is None else stored.sampling)
    read: set[str] = set()
    counts = {name: Counter[str]() for name, kind in types.items() if kind == "category"}
    for low, high in _pieces(signals, line, period, usual):
        wanted = [name for name in types if name in counts or name not in read]
        if not wanted:
            break
        data = signals.read_signals(line, wanted, low, high).data
        read.update(name for name in wanted if data[name].null_count() < data.height)
        for name in counts:
            counts[name].update(dict(data[name].drop_nulls().value_counts().iter_rows()))
    return Seen(line, types, usual, frozenset(read), counts)


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
        mine = repeated if place == 0 else {}
        height = max([1, *(len(mine[name]) for name in mine if seen.types.get(name) == "category")])
        columns: dict[str, pl.Series] = {}
        for name, kind in seen.types.items():
            if kind == "category":
                held = [*mine.get(name, []), *[None] * height][:height]
                columns[name] = pl.Series(name, held, pl.String)
            else:
                columns[name] = pl.Series(name, [0.0 if name in seen.read else None] * height, pl.Float64)
        data = pl.DataFrame({"time": pl.Series(range(height), dtype=pl.Int64).cast(TIME), **columns})
        frames.append(signal_frame(seen.line, data, seen.types, seen.sampling))
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
