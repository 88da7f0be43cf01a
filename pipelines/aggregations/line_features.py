"""Features of one line: which parts are missing, making them, and reading them all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from andon.features.engine import compute_features
from andon.frames import MICROSECOND, from_microseconds, to_microseconds
from andon.ports import Signals
from pipelines.aggregations.feature_set import HOUR, FeatureSet
from pipelines.aggregations.parts import Part, PartRows, list_parts, read_part, write_part


@dataclass(frozen=True, slots=True)
class LineFeatures:
    """A feature set on one line, from its first reading to its last before ``end`` (None: to the last there is).

    Rows are those of `compute_features` with ``one_per_stride`` that have a full window, on all readings of
    ``[made.start, end)`` at once, to the last bit. Parts hold the blocks up to the last whole hour; what is younger is
    computed at each reading.
    """

    made: FeatureSet
    line: str
    signals: Signals
    end: datetime | None = None

    def part_numbers(self) -> range:
        """Return the numbers of the parts that the line's readings fall into."""
        bounds = self._bounds()
        if bounds is None or bounds.settled <= bounds.oldest:
            return range(0)
        size = self.made.blocks_a_part
        return range(bounds.oldest // size, (bounds.settled - 1) // size + 1)

    def update(self, numbers: range) -> int:
        """Make those of the numbered parts that are missing, or were made of other readings; return how many.

        Raises
        ------
        DataError
            If the line lacks a variable, or has it with another type.
        """
        bounds = self._bounds()
        if bounds is None:
            return 0
        folder = self.made.line_folder(self.line)
        stored = list_parts(folder)
        count = 0
        for number in numbers:
            wanted = self._wanted(number, bounds)
            if wanted is None:
                continue
            before = self._best(wanted, stored, bounds)
            if before is not None and before.last >= wanted.last:
                continue
            older = None if before is None else read_part(folder, before)
            begun = wanted.after if before is None or older is None else before.last
            rows = self._compute(begun, wanted.last * self.made.stride + 1, bounds)
            if older is not None:
                times, values = (older.times, rows.times), (older.values, rows.values)
                rows = PartRows(np.concatenate(times), np.concatenate(values))
            write_part(folder, wanted, rows, self.made.features.names)
            count += 1
            for other in stored:
                if other.after == wanted.after and other != wanted:
                    (folder / other.name).unlink(missing_ok=True)
        return count

    def read(self) -> Iterator[PartRows]:
        """Yield all rows, a part at a time, oldest first; what is missing is computed, and not kept.

        Raises
        ------
        DataError
            If the line lacks a variable, or has it with another type.
        """
        bounds = self._bounds()
        if bounds is None:
            return
        folder = self.made.line_folder(self.line)
        stored = list_parts(folder)
        for number in self.part_numbers():
            wanted = self._wanted(number, bounds)
            if wanted is None:
                continue
            found = self._best(wanted, stored, bounds)
            rows = read_part(folder, found) if found is not None and found.last >= wanted.last else None
            if rows is None:
                rows = self._compute(wanted.after, wanted.last * self.made.stride + 1, bounds)
            kept = int(np.searchsorted(rows.times, wanted.last * self.made.stride, side="right"))
            yield PartRows(rows.times[:kept], rows.values[:kept])
        yield self._compute(max(bounds.settled, bounds.oldest), bounds.limit, bounds)

    def _bounds(self) -> _Bounds | None:
        span = self.signals.reading_span(self.line, self.made.start, self.end)
        if span is None:
            return None
        first, limit = to_microseconds(span[0]), to_microseconds(span[1]) + 1
        stride = self.made.stride
        return _Bounds(first, limit, -(-first // stride) - 1, (limit - 1) // HOUR * HOUR // stride)

    def _wanted(self, number: int, bounds: _Bounds) -> Part | None:
        """Return a part as it should be by now; None where nothing was read in it."""
        size = self.made.blocks_a_part
        after, last = number * size, min((number + 1) * size, bounds.settled)
        stride = self.made.stride
        if last <= after:
            return None
        if not self.signals.digest(self.line, *_span(max(after * stride + 1, bounds.first), last * stride + 1)):
            return None
        return Part(after, last, self._key(after, last, bounds))

    def _key(self, after: int, last: int, bounds: _Bounds) -> str:
        """Return what stands for all that the rows of blocks ``(after, last]`` depend on."""
        stride = self.made.stride
        oldest = (after + 1) * stride - self.made.longest
        digest = self.signals.digest(self.line, *_span(max(oldest + 1, bounds.first), last * stride + 1))
        # Where the line was first read decides which rows have a full window.
        whole = bounds.first <= oldest + self.made.features.sampling // MICROSECOND
        return hashlib.sha256(f"{digest} {None if whole else bounds.first}".encode()).hexdigest()[:16]

    def _best(self, wanted: Part, stored: list[Part], bounds: _Bounds) -> Part | None:
        """Return the part that holds the wanted one, else the one that holds most of its beginning, if any is good."""
        for part in stored:
            if part.after == wanted.after:
                key = wanted.key if part.last == wanted.last else self._key(part.after, part.last, bounds)
                if part.key == key:
                    return part
        return None

    def _compute(self, after: int, limit: int, bounds: _Bounds) -> PartRows:
        """Compute the rows of the blocks past ``after`` from readings before ``limit``, microseconds."""
        stride = self.made.stride
        low = max((after + 1) * stride - self.made.longest + 1, bounds.first)
        frame = self.signals.read_signals(self.line, None, *_span(low, max(low, limit)))
        found = compute_features(
            frame,
            self.made.features,
            from_microseconds(max(after * stride + 1, bounds.first)),
            first_reading=from_microseconds(bounds.first),
            one_per_stride=True,
        )
        return PartRows(found.times[found.complete], found.values[found.complete])


@dataclass(frozen=True, slots=True)
class _Bounds:
    """First reading, and the moment after the last, microseconds; the blocks between which parts lie."""

    first: int
    limit: int
    oldest: int
    """The block before that of the first reading."""
    settled: int
    """The last block that ends by the last whole hour."""


def _span(low: int, high: int) -> tuple[datetime, datetime]:
    return from_microseconds(low), from_microseconds(high)
