"""Training rows: complete, labelled, one a stride, line by line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from andon.errors import DataError
from andon.features.engine import compute_features
from andon.features.spec import FeatureSpec, VariableSpec
from andon.frames import SignalFrame, signal_frame, to_microseconds
from andon.labels import label_rows
from andon.models.training import training_rows
from configs.expressions import parse

MINUTE = timedelta(minutes=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
JAM = parse("jam == 1")
SPEC = FeatureSpec(
    (VariableSpec("speed", "number"),), (10 * MINUTE, 20 * MINUTE), ("mean", "slope"), 5 * MINUTE, MINUTE
)


def line(name: str, rows: int = 200, seed: int = 0) -> SignalFrame:
    rng = np.random.default_rng(seed)
    data = {
        "time": pl.Series([START + minute * MINUTE for minute in range(rows)], dtype=pl.Datetime("us", "UTC")),
        "jam": (np.arange(rows) % 60 > 50).astype(float),
        "speed": rng.normal(size=rows),
    }
    return signal_frame(name, pl.DataFrame(data), {"jam": "boolean", "speed": "number"}, MINUTE)


def test_rows_are_complete_labelled_and_one_a_stride() -> None:
    frame = line("press-07")
    rows = training_rows([frame], SPEC, JAM, 15 * MINUTE)
    features = compute_features(frame, SPEC)
    labels = label_rows(frame, JAM, 15 * MINUTE)
    keep = features.complete & ~np.isnan(labels) & (np.arange(200) % 5 == 0)
    assert rows.times.tolist() == frame.times[keep].tolist()
    assert rows.labels.tolist() == labels[keep].tolist()
    assert rows.values.tobytes() == features.values[keep].tobytes()
    assert set(rows.labels.tolist()) == {0.0, 1.0}
    assert rows.names == SPEC.names


def test_lines_stand_in_name_order_whatever_their_order() -> None:
    lines = [line("b", 150, 1), line("a", 200, 2), line("c", 15, 3)]
    rows = training_rows(lines, SPEC, JAM, 15 * MINUTE)
    assert rows.lines == ("a", "b", "c")
    # Line c is shorter than the longest window.
    assert sorted(set(rows.groups.tolist())) == [0, 1]
    assert (np.diff(rows.groups) >= 0).all()
    assert all((np.diff(rows.times[rows.groups == group]) > 0).all() for group in (0, 1))
    turned = training_rows(lines[::-1], SPEC, JAM, 15 * MINUTE)
    assert turned.values.tobytes() == rows.values.tobytes()
    alone = training_rows(lines[:1], SPEC, JAM, 15 * MINUTE)
    assert rows.rows(rows.groups == 1).values.tobytes() == alone.values.tobytes()


def test_start_and_end_keep_rows_and_cut_neither_windows_nor_labels() -> None:
    frame = line("press-07")
    whole = training_rows([frame], SPEC, JAM, 15 * MINUTE)
    start, end = START + 50 * MINUTE, START + 120 * MINUTE
    part = training_rows([frame], SPEC, JAM, 15 * MINUTE, start, end)
    keep = (whole.times >= to_microseconds(start)) & (whole.times < to_microseconds(end))
    assert 0 < keep.sum() < len(whole)
    assert part.times.tolist() == whole.times[keep].tolist()
    assert part.labels.tolist() == whole.labels[keep].tolist()
    assert part.values.tobytes() == whole.values[keep].tobytes()


def test_labels_see_the_frame_that_is_given_and_no_more() -> None:
    frame = line("press-07")
    # The jam of minute 111 lies beyond the cut: rows whose horizon reaches past minute 109 have no label.
    rows = training_rows([frame.between(None, START + 110 * MINUTE)], SPEC, JAM, 15 * MINUTE)
    assert rows.times[-1] == to_microseconds(START + 90 * MINUTE)


def test_no_line_and_a_line_given_twice_are_refused() -> None:
    with pytest.raises(DataError, match="there is no line"):
        training_rows([], SPEC, JAM, 15 * MINUTE)
    with pytest.raises(DataError, match="line a: is given twice"):
        training_rows([line("a"), line("b"), line("a")], SPEC, JAM, 15 * MINUTE)
