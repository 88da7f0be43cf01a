"""Features of a line that is longer than memory: slice by slice, with the bits of one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from andon.features.engine import compute_features
from andon.features.spec import FeatureSpec, window_start
from andon.frames import MICROSECOND, FeatureFrame, SignalFrame, from_microseconds, to_microseconds


def feature_slices(
    read: Callable[[datetime, datetime], SignalFrame],
    spec: FeatureSpec,
    start: datetime,
    end: datetime,
    slice_length: timedelta,
    *,
    first_reading: datetime | None = None,
    one_per_stride: bool = False,
) -> Iterator[FeatureFrame]:
    """Compute the features of the rows in ``[start, end)``, one slice of time after the other.

    A slice is cut where a block of one stride ends, and is read from the beginning of its first row's longest window
    on; so no more than ``slice_length`` and that window are held at a time, and what comes out, put together, is to the
    last bit what `compute_features` finds in all of the readings at once. Slices without a row are left out.

    Parameters
    ----------
    read
        Gives the readings of a line in ``[start, end)``.
    spec
        What to compute.
    start, end
        The rows to compute.
    slice_length
        Time to compute at once; at least one stride is. Much shorter than the longest window it reads much twice.
    first_reading
        When the line was first read, as of `compute_features`; None: at the first reading from the beginning of the
        first row's longest window on.
    one_per_stride
        Keep the last row before ``end`` of each block of one stride only.

    Raises
    ------
    DataError
        If the line lacks a variable, or has it with another type.
    """
    stride = spec.stride // MICROSECOND
    step = max(1, slice_length // spec.stride) * stride
    begin, first = start, first_reading
    while begin < end:
        block = -((-to_microseconds(begin)) // stride)
        following = min(end, from_microseconds((block - 1) * stride + step) + MICROSECOND)
        frame = read(window_start(spec, begin) + MICROSECOND, following)
        if len(frame):
            first = first or from_microseconds(int(frame.times[0]))
            found = compute_features(frame, spec, begin, first_reading=first, one_per_stride=one_per_stride)
            if len(found.times):
                yield found
        begin = following
