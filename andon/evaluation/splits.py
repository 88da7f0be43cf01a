"""Training and validation: by time with a purge, or by whole lines for a pooled model."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from andon.frames import MICROSECOND, Booleans, TrainingFrame, from_microseconds, to_microseconds
from configs.periods import Period

MOST_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Fold:
    """Rows to learn from and rows to measure on, bool (n_rows,) both."""

    training: Booleans
    validation: Booleans


def split_rows(
    frame: TrainingFrame, train: Period | None, validation: Period | None, horizon: timedelta, pooled: bool
) -> tuple[TrainingFrame, TrainingFrame]:
    """Split labelled rows into training and validation rows: those of the first of `fold_rows`."""
    fold = fold_rows(frame, train, validation, horizon, pooled)[0]
    return frame.rows(fold.training), frame.rows(fold.validation)


def fold_rows(
    frame: TrainingFrame, train: Period | None, validation: Period | None, horizon: timedelta, pooled: bool
) -> list[Fold]:
    """Return the folds that a configuration is measured on; those of several cover every row once.

    Both periods given: one fold, those. Only ``train``: its last fifth validates. Neither: the last fifth of the time
    there is. Where training comes before validation, its last ``horizon`` is purged: labels there look into the
    validation period.

    Pooled over more than one line and without periods: whole lines in up to `MOST_FOLDS` folds, in natural order, the
    last fifth of the lines first. A line is never on both sides.
    """
    if pooled and train is None and len(frame.lines) > 1:
        kept = training_lines(frame.lines)
        parts = [[line for line in frame.lines if line not in set(kept)]]
        count = min(MOST_FOLDS - 1, len(kept))
        parts += [kept[len(kept) * i // count : len(kept) * (i + 1) // count] for i in range(count)]
        members = [np.isin(frame.groups, [frame.lines.index(line) for line in part]) for part in parts]
        return [Fold(~member, member) for member in members if member.any() and not member.all()]
    if not len(frame):
        nothing = np.zeros(0, dtype=np.bool_)
        return [Fold(nothing, nothing)]
    span = (from_microseconds(int(frame.times.min())), from_microseconds(int(frame.times.max())) + MICROSECOND)
    training, validating = periods(train, validation, *span)
    times = frame.times
    last = to_microseconds(training.end)
    if training.end <= validating.start:
        last -= horizon // MICROSECOND
    in_training = (times >= to_microseconds(training.start)) & (times < last)
    in_validation = (times >= to_microseconds(validating.start)) & (times < to_microseconds(validating.end))
    return [Fold(in_training, in_validation)]


def periods(train: Period | None, validation: Period | None, start: datetime, end: datetime) -> tuple[Period, Period]:
    """Return the periods that a definition means on data of ``[start, end)``."""
    if train is not None and validation is not None:
        return train, validation
    whole = train or Period(start=start, end=end)
    cut = whole.start + (whole.end - whole.start) * 4 / 5
    return Period(start=whole.start, end=cut), Period(start=cut, end=whole.end)


def rolling_origins(span: Period, origins: int) -> list[tuple[Period, Period]]:
    """Return what to learn from and what to measure on, for each of ``origins`` that follow each other.

    The second half of ``span`` is cut into equal stretches; each is measured by a model that has seen everything before
    it and nothing else (Tashman, "Out-of-Sample Tests of Forecasting Accuracy", 2000: rolling origin, recalibrated).

    Examples
    --------
    >>> day = Period(start=datetime(2026, 1, 1), end=datetime(2026, 1, 2))
    >>> [(learn.end.hour, test.start.hour, test.end.hour) for learn, test in rolling_origins(day, 3)]
    [(12, 12, 16), (16, 16, 20), (20, 20, 0)]
    """
    length = span.end - span.start
    cuts = [span.start + length / 2 + length / 2 * place / origins for place in range(origins)] + [span.end]
    return [
        (Period(start=span.start, end=begin), Period(start=begin, end=end)) for begin, end in itertools.pairwise(cuts)
    ]


def training_lines(lines: Sequence[str]) -> list[str]:
    """Return the first four fifths of the lines in natural order, at least one, and not all of several.

    Examples
    --------
    >>> training_lines(["unit 10", "unit 9", "unit 1", "unit 2", "unit 3"])
    ['unit 1', 'unit 2', 'unit 3', 'unit 9']
    """
    ordered = sorted(lines, key=_natural)
    return ordered[: max(1, min(len(ordered) - 1, len(ordered) * 4 // 5))] if len(ordered) > 1 else ordered


def training_spans(
    spans: Mapping[str, Period], train: Period | None, validation: Period | None, pooled: bool
) -> dict[str, Period]:
    """Return what may be looked at before validation, of lines with readings in ``spans``.

    That is whole training lines, or each line's training period, whether or not it holds readings.
    """
    if pooled and train is None and len(spans) > 1:
        return {line: spans[line] for line in training_lines(list(spans))}
    start, end = min(span.start for span in spans.values()), max(span.end for span in spans.values())
    training, _ = periods(train, validation, start, end)
    return dict.fromkeys(spans, training)


def _natural(name: str) -> list[tuple[int, int, str]]:
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.findall(r"\d+|\D+", name)]
