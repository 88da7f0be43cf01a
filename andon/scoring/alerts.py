"""Scores of a classifier alert: one code for a back-test, a tick and a request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from andon.features.engine import compute_features
from andon.frames import Booleans, FeatureFrame, Floats, Integers, SignalFrame
from andon.models.bundle import AlertBundle


@dataclass(frozen=True, slots=True)
class AlertScores:
    """Of n rows: ``times`` int64 microseconds, ``score`` float64 (NaN where the window is not full), ``flag`` bool."""

    times: Integers
    score: Floats
    threshold: float
    flag: Booleans


def score_alert(bundle: AlertBundle, frame: SignalFrame, start: datetime | None = None) -> AlertScores:
    """Score every row, or those at and after ``start``; the rows before give the windows.

    Raises
    ------
    DataError
        If the line lacks a variable of the model, or has it with another type.
    """
    return score_features(bundle, compute_features(frame, bundle.features, start))


def score_features(bundle: AlertBundle, features: FeatureFrame) -> AlertScores:
    """Score rows whose features, as the bundle specifies them, are there already."""
    score = np.full(len(features.times), np.nan)
    if features.complete.any():
        score[features.complete] = bundle.probabilities(features.values[features.complete])
    flag = np.zeros(len(score), dtype=np.bool_)
    flag[features.complete] = score[features.complete] >= bundle.threshold
    return AlertScores(features.times, score, bundle.threshold, flag)
