"""Labelled rows of one line: features that are kept, and labels from the target's variables alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np

from andon.labels import Reviewed, labels_at
from configs.expressions import Expression
from pipelines.aggregations.line_features import LineFeatures
from tune_jobs.files import LabelledRows


def labelled_rows(
    line: LineFeatures,
    target: Expression,
    horizon: timedelta,
    sampling: timedelta | None,
    reviewed: Sequence[Reviewed] = (),
) -> Iterator[LabelledRows]:
    """Yield the rows that have a full window and a label, a part at a time, oldest first.

    They are those of `andon.models.training.training_rows` on all readings of the span. ``sampling`` is the one that
    the line's definition declares; None: the usual one. ``reviewed`` is what people said: see `labels_at`.

    Raises
    ------
    ConfigError
        If the target does not fit the variables of the line.
    DataError
        If the line lacks a variable, or has it with another type.
    """
    frame = line.signals.read_signals(line.line, sorted(target.variables), line.made.start, line.end)
    known = frame if sampling is None else replace(frame, sampling=sampling)
    label = labels_at(known, target, horizon, reviewed)
    for rows in line.read():
        labels = label(rows.times)
        keep = ~np.isnan(labels)
        yield LabelledRows(rows.times[keep], labels[keep], rows.values[keep])
