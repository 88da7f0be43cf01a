"""One row, a few and many give the same scores, which are those of the libraries that trained."""

from __future__ import annotations

import copy
from functools import cache

import numpy as np
import pytest

from andon.errors import ModelError
from andon.frames import TrainingFrame
from andon.models.classifiers import CLASSIFIERS, classifier

FEATURES = 12


@cache
def rows(holes: float = 0.05) -> TrainingFrame:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(1500, FEATURES))
    labels = (values[:, 0] + values[:, 1] * values[:, 2] + rng.normal(size=len(values)) > 1).astype(float)
    values[rng.random(values.shape) < holes] = np.nan
    names = tuple(f"f{column}" for column in range(FEATURES))
    return TrainingFrame(values, labels, np.arange(len(values)), np.zeros(len(values), np.int64), ("a",), names)


@cache
def fitted(name: str):
    learner = classifier(name)
    return learner.fit(rows(), learner.cheapest(), seed=1)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_rows_alone_and_together_give_the_same_bits(name, tmp_path):
    model, values = fitted(name), rows().values[:300]
    model.save(tmp_path)
    loaded = classifier(name).load(tmp_path)
    together = model.predict(values)
    for some in (1, 2, 7, 16, 17):
        parts = [loaded.predict(values[begin : begin + some]) for begin in range(0, len(values), some)]
        assert np.array_equal(np.concatenate(parts), together), some


def test_xgboost_s_own_probabilities():
    model, values = fitted("xgboost"), rows().values
    own = model.booster.inplace_predict(values)
    assert np.abs(np.concatenate([model.predict(one[None]) for one in values]) - own).max() < 2e-7
    margins = model.booster.inplace_predict(values, predict_type="margin")
    assert np.array_equal(model.trees.margins(values), margins.astype(np.float64))


def test_lightgbm_s_own_probabilities():
    model, values = fitted("lightgbm"), rows().values
    assert np.array_equal(np.concatenate([model.predict(one[None]) for one in values]), model.booster.predict(values))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_too_few_features_are_refused(name):
    with pytest.raises((ModelError, ValueError), match="features"):
        fitted(name).predict(np.zeros((1, FEATURES - 1)))


def test_a_copied_model_scores():
    again = copy.deepcopy(fitted("xgboost"))
    assert again.predict(rows().values[:1]) == fitted("xgboost").predict(rows().values[:1])
