"""The end of a pooled study: a blend of learners that see different things, measured as its members are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from andon.features.spec import FeatureSpec, VariableSpec
from andon.models.blend import FittedBlend
from andon.models.bundle import AlertBundle, read_bundle
from tune_jobs.blending import SHARES
from tune_jobs.classifiers import open_classifier
from tune_jobs.files import LabelledRows, write_rows
from tune_jobs.sampling import Configuration
from tune_jobs.study import StudySpec, typed

HOUR = timedelta(hours=1)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
LINES = tuple(f"press-{number}" for number in range(10))
ROWS = 300
"""Rows of each line."""
LEARNERS = ("lightgbm", "logistic_regression")


def labelled(rng: np.random.Generator) -> LabelledRows:
    """Return rows of a line: what many features add up to, as a regression sees it, and a step that trees see."""
    values = rng.normal(size=(ROWS, 12))
    risk = values[:, :8].sum(axis=1) + 2.5 * (values[:, 8] > 1.0) * (values[:, 9] > -0.5) + rng.normal(size=ROWS)
    labels = (risk > 3.0).astype(float)
    return LabelledRows(np.arange(ROWS, dtype=np.int64) * 3_600_000_000, labels, values)


@pytest.fixture
def spec(tmp_path) -> StudySpec:
    rng = np.random.default_rng(4)
    variables = tuple(VariableSpec(f"v{number:02d}", "number") for number in range(12))
    features = FeatureSpec(variables, (HOUR,), ("mean",), HOUR, HOUR)
    write_rows({line: [labelled(rng)] for line in LINES}, features, BEGIN, BEGIN + ROWS * HOUR, tmp_path / "study")
    definition = {
        "kind": "Alert",
        "name": "jam-soon",
        "lines": {"family": "presses"},
        "type": "classifier",
        "target": "jam == 1",
        "horizon": "1h",
        "model": "pooled",
        "learners": list(LEARNERS),
    }
    lines = dict.fromkeys(LINES)
    return StudySpec(definition, 1, lines, None, "presses", "sqlite:////nowhere", str(tmp_path / "study"), 2, 1)


def test_a_blend_is_measured_and_weighed_and_the_same_again(spec, tmp_path):
    subject = open_classifier(spec, typed(spec))
    found = {name: subject.evaluate(name, subject.learners[name][0](), lambda step, metric: False) for name in LEARNERS}
    tried = [Configuration(0, name, one.params, one.metric, 0.1) for name, one in found.items()]
    outcomes, bundles = [], []
    for folder in (tmp_path / "once", tmp_path / "again"):
        outcomes.append(subject.finish(tried, lambda one: found[one.learner].scores, folder))
        bundles.append(read_bundle(folder))
    assert outcomes[0]["learner"] == "blend"
    assert outcomes[0]["metric"] == outcomes[1]["metric"] > max(one.metric for one in found.values())
    once, again = bundles
    assert isinstance(once, AlertBundle) and isinstance(again, AlertBundle)
    assert isinstance(once.model, FittedBlend) and isinstance(again.model, FittedBlend)
    weights = [one.weight for one in once.model.members]
    assert sum(weights) == pytest.approx(1.0)
    assert any(weights[1] == pytest.approx((share + 0.5) / 2) for share in SHARES)
    rows = np.random.default_rng(9).normal(size=(50, 12))
    assert (once.model.predict(rows) == again.model.predict(rows)).all()
