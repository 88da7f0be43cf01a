"""Labels at every boundary."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from andon.frames import TIME, signal_frame
from andon.labels import label_rows, onsets
from configs.expressions import parse
from tests.series import START

MINUTE = timedelta(minutes=1)
TARGET = parse("jam == 1")
N = np.nan


def frame_of(jam, minutes=None):
    minutes = np.arange(len(jam)) if minutes is None else np.array(minutes)
    times = pl.Series(START + minutes * 60_000_000).cast(TIME)
    data = pl.DataFrame({"time": times, "jam": np.array(jam, float), "other": np.zeros(len(jam))})
    return signal_frame("a", data, {"jam": "number", "other": "number"}, MINUTE)


@pytest.mark.parametrize(
    ("jam", "horizon", "expected"),
    [
        # the onset at t + horizon counts, at t it does not; rows that hold carry no label; the end is not seen
        ([0, 0, 0, 0, 1, 1, 0, 0, 0, 0], 2, [0, 0, 1, 1, N, N, 0, 0, N, N]),
        # seen beyond the end of the data: positive, otherwise nothing
        ([0, 0, 0, 0, 1], 10, [1, 1, 1, 1, N]),
        ([0, 0, 0, 0, 0], 10, [N, N, N, N, N]),
        # holding from the first row on is no onset
        ([1, 1, 0, 0, 0, 0], 2, [N, N, 0, 0, N, N]),
        # the horizon of a row that ends exactly at the last row was seen
        ([0, 0, 0], 2, [0, N, N]),
        # unknown: the last known state counts; before any, there is no label
        ([N, 0, N, 0, 0, 1, N, 0, 0, 0], 2, [N, 0, 0, 1, 1, N, N, 0, N, N]),
        # an onset is from known false to known true, whatever lies between
        ([0, N, 1, 0, 0], 1, [0, 1, N, 0, N]),
        ([N, N, N], 1, [N, N, N]),
    ],
)
def test_labels(jam, horizon, expected):
    np.testing.assert_array_equal(label_rows(frame_of(jam), TARGET, horizon * MINUTE), expected)


def test_a_hole_was_not_seen():
    frame = frame_of([0, 0, 0, 0, 0, 0], [0, 1, 2, 10, 11, 12])
    np.testing.assert_array_equal(label_rows(frame, TARGET, 2 * MINUTE), [0, N, N, 0, N, N])


def test_a_short_hole_is_forgiven():
    frame = frame_of([0, 0, 0, 0, 0, 0], [0, 1, 2, 5, 6, 7])
    np.testing.assert_array_equal(label_rows(frame, TARGET, 2 * MINUTE), [0, 0, 0, 0, N, N])


def test_an_onset_behind_a_hole_is_positive_if_within_the_horizon():
    frame = frame_of([0, 0, 1], [0, 1, 10])
    np.testing.assert_array_equal(label_rows(frame, TARGET, 9 * MINUTE), [N, 1, N])


def test_onsets():
    frame = frame_of([1, 0, 1, 1, N, 1, 0, N, 1])
    assert ((onsets(frame, TARGET) - START) // 60_000_000).tolist() == [2, 8]
