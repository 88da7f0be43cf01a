"""A blend is saved, loaded and scored like any classifier, whatever stands beside a row."""

from __future__ import annotations

import json

import numpy as np
import pytest

from andon.errors import ModelError
from andon.frames import TrainingFrame
from andon.models.blend import FILE, FittedBlend, Member, load, load_classifier
from andon.models.calibration import Calibration
from andon.models.classifiers import classifier


def training() -> TrainingFrame:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(600, 4))
    values[rng.random((600, 4)) < 0.05] = np.nan
    labels = (np.nan_to_num(values[:, 0]) + rng.normal(size=600) > 1.0).astype(float)
    names = ("a", "b", "c", "d")
    return TrainingFrame(values, labels, np.arange(600), np.zeros(600, np.int64), ("press-07",), names)


@pytest.fixture(scope="module")
def blend() -> FittedBlend:
    rows = training()
    return FittedBlend(
        tuple(
            Member(
                name, classifier(name).fit(rows, classifier(name).cheapest(), seed=1), Calibration(slope, -0.3), weight
            )
            for name, slope, weight in (("logistic_regression", 0.9, 0.65), ("lightgbm", 1.2, 0.35))
        )
    )


def test_loaded_is_as_saved(blend, tmp_path):
    blend.save(tmp_path)
    values = training().values
    assert np.array_equal(load_classifier("blend", tmp_path).predict(values), blend.predict(values))


def test_a_row_alone_scores_as_among_others(blend):
    values = training().values[:50]
    together = blend.predict(values)
    assert [blend.predict(row[None])[0] for row in values] == together.tolist()


def test_it_lies_between_its_members(blend):
    values = training().values
    first, second = (one.calibration.apply(one.model.predict(values)) for one in blend.members)
    mean = blend.predict(values)
    assert (mean >= np.minimum(first, second) - 1e-12).all()
    assert (mean <= np.maximum(first, second) + 1e-12).all()


@pytest.mark.parametrize("learners", [[], ["lightgbm", "lightgbm"], ["perceptron"]])
def test_what_cannot_be_a_blend_is_refused(tmp_path, learners):
    about = [{"learner": name, "calibration": {"slope": 1.0, "intercept": 0.0}} for name in learners]
    (tmp_path / FILE).write_text(json.dumps(about))
    if "lightgbm" in learners:
        FittedBlend(
            (
                Member(
                    "lightgbm",
                    classifier("lightgbm").fit(training(), classifier("lightgbm").cheapest(), seed=1),
                    Calibration(),
                ),
            )
        ).members[0].model.save(tmp_path)
    with pytest.raises(ModelError):
        load(tmp_path)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused(blend, tmp_path, weight):
    blend.save(tmp_path)
    about = json.loads((tmp_path / FILE).read_text())
    about[0]["weight"] = weight
    (tmp_path / FILE).write_text(json.dumps(about))
    with pytest.raises(ModelError, match="weights"):
        load(tmp_path)
