"""Folds: every row measured once, no line on both sides, a gap of the horizon."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from andon.evaluation.splits import fold_rows, rolling_origins, split_rows
from andon.frames import TrainingFrame, from_microseconds, to_microseconds
from configs.periods import Period

HOUR = timedelta(hours=1)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def rows_of(lines: int, rows: int = 20) -> TrainingFrame:
    names = tuple(f"unit {number}" for number in range(lines))
    times = np.tile(to_microseconds(BEGIN) + np.arange(rows) * 3_600_000_000, lines)
    groups = np.repeat(np.arange(lines), rows)
    return TrainingFrame(np.zeros((lines * rows, 1)), np.zeros(lines * rows), times, groups, names, ("x",))


@pytest.mark.parametrize("lines", [2, 3, 5, 23])
def test_pooled_folds_keep_lines_whole_and_measure_every_row_once(lines):
    frame = rows_of(lines)
    folds = fold_rows(frame, None, None, HOUR, pooled=True)
    assert len(folds) == min(5, lines)
    assert (np.sum([fold.validation for fold in folds], axis=0) == 1).all()
    for fold in folds:
        assert not set(frame.groups[fold.training]) & set(frame.groups[fold.validation])
        assert fold.training.any()
    last = {frame.lines[group] for group in frame.groups[folds[0].validation]}
    assert f"unit {lines - 1}" in last, "the last lines are measured on first"


def test_the_first_fold_is_the_split():
    frame = rows_of(10)
    training, validation = split_rows(frame, None, None, HOUR, pooled=True)
    fold = fold_rows(frame, None, None, HOUR, pooled=True)[0]
    assert (len(training), len(validation)) == (fold.training.sum(), fold.validation.sum()) == (160, 40)


@pytest.mark.parametrize("pooled", [True, False])
def test_periods_give_one_fold_with_a_gap(pooled):
    frame = rows_of(3)
    train = Period(start=BEGIN, end=BEGIN + 10 * HOUR)
    validation = Period(start=BEGIN + 10 * HOUR, end=BEGIN + 15 * HOUR)
    (fold,) = fold_rows(frame, train, validation, 3 * HOUR, pooled)
    last = from_microseconds(int(frame.times[fold.training].max()))
    assert last + 3 * HOUR < validation.start
    assert frame.times[fold.validation].min() == to_microseconds(validation.start)


@pytest.mark.parametrize("origins", [1, 4, 7])
def test_rolling_origins_measure_the_second_half_once_and_learn_from_all_before(origins):
    span = Period(start=BEGIN, end=BEGIN + 17 * HOUR)
    found = rolling_origins(span, origins)
    assert len(found) == origins
    assert found[0][1].start == BEGIN + 8.5 * HOUR and found[-1][1].end == span.end
    for learnt, measured in found:
        assert learnt == Period(start=BEGIN, end=measured.start)
    assert all(one[1].end == following[1].start for one, following in itertools.pairwise(found))
