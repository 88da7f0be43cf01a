"""Features of one line: which parts are missing, making them, and reading them all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from andon.features.engine import compute_features
from andon.frames import MICROSECOND, from_microseconds, to_microseconds
from andon.ports import Signals
from pipelines.aggregations.feature_set import HOUR, FeatureSet
from pipelines.aggregations.parts import Part, PartRows, list_parts, read_part, write_part

MOST_PIECES = 8
"""Parts that a part may be in while it grows: each update adds one, until they are joined."""


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
            held = self._held(wanted, stored, bounds)
            begun = held[-1].last if held else wanted.after
            if begun >= wanted.last:
                continue
            part = Part(begun, wanted.last, self._key(begun, wanted.last, bounds))
            rows = self._compute(begun, wanted.last, bounds)
            whole = wanted.last == (number + 1) * self.made.blocks_a_part
            if held and (whole or len(held) >= MOST_PIECES):
                # The key of the whole was asked for before those of its pieces were looked at: it is never too new.
                part, rows, held = wanted, self._joined(folder, held, rows, bounds), []
            write_part(folder, part, rows, self.made.features.names)
            count += 1
            for other in stored:
                if wanted.after <= other.after < wanted.last and other not in (part, *held):
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
            begun = wanted.after
            for part in self._held(wanted, stored, bounds):
                rows = read_part(folder, part)
                if rows is None:
                    rows = self._compute(part.after, part.last, bounds)
                kept = int(np.searchsorted(rows.times, wanted.last * self.made.stride, side="right"))
                yield PartRows(rows.times[:kept], rows.values[:kept])
                begun = part.last
            if begun < wanted.last:
                yield self._compute(begun, wanted.last, bounds)
        yield self._compute(max(bounds.settled, bounds.oldest), None, bounds)

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

    def _held(self, wanted: Part, stored: list[Part], bounds: _Bounds) -> list[Part]:
        """Return parts that are good and follow each other from the beginning of the wanted one."""
        found: list[Part] = []
        begun = wanted.after
        while begun < wanted.last:
            for part in stored:
                if part.after == begun and part.key == self._key(begun, part.last, bounds):
                    found.append(part)
                    begun = part.last
                    break
            else:
                break
        return found

    def _joined(self, folder: Path, held: list[Part], rows: PartRows, bounds: _Bounds) -> PartRows:
        """Return the rows of parts, and those that follow them."""
        every = [read_part(folder, part) or self._compute(part.after, part.last, bounds) for part in held]
        every.append(rows)
        return PartRows(np.concatenate([one.times for one in every]), np.concatenate([one.values for one in every]))

    def _compute(self, after: int, last: int | None, bounds: _Bounds) -> PartRows:
        """Compute the rows of blocks ``(after, last]``; None: to the last reading, the block that it is in included."""
        stride = self.made.stride
        limit = bounds.limit if last is None else min(last * stride + 1, bounds.limit)
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
