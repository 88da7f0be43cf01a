"""Labelled rows of one line or many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from andon.features.engine import compute_features
from andon.features.spec import FeatureSpec
from andon.frames import MICROSECOND, Booleans, Integers, SignalFrame, TrainingFrame
from andon.labels import label_rows
from configs.expressions import Expression


def training_rows(
    frames: Sequence[SignalFrame], spec: FeatureSpec, target: Expression, horizon: timedelta
) -> TrainingFrame:
    """Return the rows that have a full window and a label, one a stride (the last of each block), line by line.

    Labels see a frame to its end: the caller cuts frames where reading must stop.
    """
    values, labels, times, groups = [], [], [], []
    for group, frame in enumerate(frames):
        features = compute_features(frame, spec)
        label = label_rows(frame, target, horizon)
        keep = features.complete & ~np.isnan(label) & last_of_block(features.times, spec.stride)
        values.append(features.values[keep])
        labels.append(label[keep])
        times.append(features.times[keep])
        groups.append(np.full(int(keep.sum()), group, dtype=np.int64))
    return TrainingFrame(
        np.concatenate(values),
        np.concatenate(labels),
        np.concatenate(times),
        np.concatenate(groups),
        tuple(frame.line for frame in frames),
        spec.names,
    )


def last_of_block(times: Integers, stride: timedelta) -> Booleans:
    """Mark the last row of each block of one stride, bool (n,)."""
    blocks = -((-times) // (stride // MICROSECOND))
    return np.append(blocks[1:] != blocks[:-1], True) if len(blocks) else np.zeros(0, dtype=np.bool_)
