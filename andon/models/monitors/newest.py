"""What a monitor worked out for a line's newest rows, kept for the next tick or request, so that only new rows cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from andon.frames import Floats, Integers
from andon.models.monitors.newest_kernels import shared_rows


@dataclass(frozen=True, slots=True)
class Worked:
    """Rows of a line, n of them, and what was worked out for each from row ``first`` on.

    ``times`` int64 microseconds (n,), ``series`` standardised readings (n, v); ``expected`` (n + 1 - first, v)
    standardised, its last row for the reading that comes next; ``errors`` (n - first, v) of the autoencoder, where
    there is one.
    """

    times: Integers
    series: Floats
    first: int
    expected: Floats
    errors: Floats | None

    def ahead(self, window: Floats) -> Floats | None:
        """Return what is expected after ``window`` (rows, v), float64 (v,), if these rows end with it, bit by bit."""
        count = len(window)
        return self.expected[-1] if count <= len(self.series) and _same(self.series[-count:], window) else None

    def shared(self, times: Integers, series: Floats) -> tuple[int, int]:
        """Return the row of these that ``times`` (m,) and ``series`` (m, v) begin with, and how many rows they share.

        They share the rows from there to the end of these, each equal bit by bit, or none.
        """
        begin, count = shared_rows(self.times, self.series, times, np.ascontiguousarray(series))
        return begin, count


class Newest:
    """Holds the newest `Worked` of a bundle, replaced whole: a reader in another thread sees the one or the other.

    What is recalled equals what would be worked out again, to the last bit: a row's figures depend on the readings of
    its own window alone, and these are compared before anything is recalled.
    """

    __slots__ = ("arguments", "worked")

    def __init__(self) -> None:
        self.worked: Worked | None = None
        self.arguments: tuple[Any, ...] = ()
        """What `newest_kernels.judge_row` takes of the bundle, once it was asked for."""


def _same(first: Floats, second: Floats) -> bool:
    # Gaps are NaN, which is not equal to itself; bits are.
    return np.array_equal(np.ascontiguousarray(first).view(np.int64), np.ascontiguousarray(second).view(np.int64))
