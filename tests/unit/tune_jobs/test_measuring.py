"""Scores of all folds are measured as a configuration is: fold by fold, and the mean of these."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from andon.evaluation.splits import fold_rows
from andon.features.spec import FeatureSpec
from andon.frames import TrainingFrame
from tune_jobs.files import StudyRows
from tune_jobs.measuring import Measured

LINES = tuple(f"press-{number}" for number in range(10))
ROWS = 60
"""Rows of each line."""
CALM = ("press-8", "press-9")
"""Lines without an event; they are the first fold."""


@pytest.fixture(scope="module")
def measured() -> Measured:
    rng = np.random.default_rng(11)
    values = rng.normal(size=(len(LINES) * ROWS, 3))
    groups = np.repeat(np.arange(len(LINES)), ROWS)
    labels = (values[:, 0] + rng.normal(size=len(values)) > 1.0).astype(float)
    labels[np.isin(groups, [LINES.index(line) for line in CALM])] = 0.0
    times = np.tile(np.arange(ROWS) * 3_600_000_000, len(LINES))
    rows = TrainingFrame(values, labels, times, groups, LINES, ("a", "b", "c"))
    start = datetime(1970, 1, 1, tzinfo=UTC)
    features = FeatureSpec(
        variables=(), windows=(), functions=(), stride=timedelta(hours=1), sampling=timedelta(hours=1)
    )
    study = StudyRows(rows, features, start, start + timedelta(hours=ROWS))
    return Measured(study, fold_rows(rows, None, None, timedelta(hours=1), pooled=True), seed=1)


def test_scores_of_a_configuration_measure_what_it_reached(measured):
    found = measured.evaluate(
        "logistic_regression", {"inverse_penalty": 0.1, "positive_weight": 1.0}, lambda step, metric: False
    )
    assert found.scores is not None and len(found.scores) == sum(measured.sizes) == len(LINES) * ROWS
    assert measured.mean_precision(found.scores) == pytest.approx(found.metric, abs=1e-12)
    assert 0.4 < found.metric < 1.0


def test_the_level_of_a_fold_does_not_matter(measured):
    scores = np.random.default_rng(2).random(sum(measured.sizes))
    levels = np.repeat(np.arange(5.0), measured.sizes)
    assert measured.mean_precision(scores + levels) == measured.mean_precision(scores)
