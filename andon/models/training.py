"""Labelled rows of one line or many."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from andon.errors import DataError
from andon.features.engine import compute_features
from andon.features.spec import FeatureSpec
from andon.frames import SignalFrame, TrainingFrame, to_microseconds
from andon.labels import label_rows
from configs.expressions import Expression


def training_rows(
    frames: Sequence[SignalFrame],
    spec: FeatureSpec,
    target: Expression,
    horizon: timedelta,
    start: datetime | None = None,
    end: datetime | None = None,
) -> TrainingFrame:
    """Return the rows of ``[start, end)`` that have a full window and a label, one a stride (the last of each block).

    Lines stand in name order. Labels see a frame to its end, and features to its beginning, whatever ``start`` and
    ``end`` are: the caller cuts frames where reading must stop.

    Raises
    ------
    DataError
        If there is no frame, two are of one line, or a line lacks a variable or has it with another type.
    ConfigError
        If the target does not fit the variables of a line.
    """
    ordered = sorted(frames, key=lambda frame: frame.line)
    lines = tuple(frame.line for frame in ordered)
    if not lines:
        raise DataError("training rows", "there is no line to take them from", "import one")
    if len(set(lines)) < len(lines):
        twice = next(line for line, following in itertools.pairwise(lines) if line == following)
        raise DataError(f"line {twice}", "is given twice", "give each line once")
    values, labels, times, groups = [], [], [], []
    for group, frame in enumerate(ordered):
        features = compute_features(frame, spec, start, one_per_stride=True)
        label = label_rows(frame, target, horizon)[np.searchsorted(frame.times, features.times)]
        keep = features.complete & ~np.isnan(label)
        if end is not None:
            keep &= features.times < to_microseconds(end)
        values.append(features.values[keep])
        labels.append(label[keep])
        times.append(features.times[keep])
        groups.append(np.full(int(keep.sum()), group, dtype=np.int64))
    return TrainingFrame(
        np.concatenate(values),
        np.concatenate(labels),
        np.concatenate(times),
        np.concatenate(groups),
        lines,
        spec.names,
    )
