"""Contributions add up to the score, and are Shapley values where that can be counted out."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from math import factorial

import numpy as np
import pytest

from andon.explain.attribution import by_variable, contributions
from andon.explain.kernels import forest_contributions
from andon.features.engine import compute_features
from andon.frames import Floats
from andon.models.blend import FittedBlend, Member
from andon.models.calibration import IDENTITY, Calibration
from andon.models.classifiers import CLASSIFIERS
from andon.models.random_forest import FittedRandomForest
from tests.advised_line import bundle, rows


def some_rows() -> Floats:
    """Features of rows of the test days, one of them with a missing value."""
    values = compute_features(rows(), bundle().features).values[-2000::53].copy()
    values[3, 5] = np.nan
    return values


@pytest.mark.parametrize("learner", CLASSIFIERS)
def test_contributions_add_up_to_the_probability(learner: str) -> None:
    model = replace(bundle(learner), calibration=Calibration(0.8, -0.3))
    values = some_rows()
    found = contributions(model, values)
    assert np.array_equal(found.score, model.probabilities(values))
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), found.score, atol=1e-6)
    assert np.ptp(found.values) > 0.01


def test_a_blend_adds_up_too_and_by_variable() -> None:
    slope = Calibration(1.1, 0.2)
    members = [Member(one, bundle(one).model, slope, 1.0 + place) for place, one in enumerate(CLASSIFIERS)]
    model = replace(bundle(), model=FittedBlend(tuple(members)), calibration=IDENTITY)
    values = some_rows()
    found = contributions(model, values)
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), found.score, atol=1e-6)
    names, summed = by_variable(model, found.values)
    assert names == tuple(one.name for one in model.features.variables)
    np.testing.assert_allclose(summed.sum(axis=1), found.values.sum(axis=1), atol=1e-12)


def test_a_forest_gets_the_shapley_values_of_all_orders() -> None:
    """Compared with the sum over all subsets, feature by feature (Shapley 1953)."""
    forest = FittedRandomForest(
        medians=np.array([0.0, 0.0, 0.0]),
        roots=np.array([0, 5]),
        features=np.array([0, -1, 1, -1, -1, 2, -1, 0, -1, -1]),
        thresholds=np.array([0.5, 0, 0.5, 0, 0, -0.5, 0, 0.7, 0, 0]),
        left=np.array([1, -1, 3, -1, -1, 6, -1, 8, -1, -1]),
        right=np.array([2, -1, 4, -1, -1, 7, -1, 9, -1, -1]),
        probabilities=np.array([0, 0.1, 0, 0.5, 0.9, 0, 0.3, 0, 0.2, 0.7]),
    )
    row = np.array([1.0, 1.0, 1.0])
    found = np.zeros(3)
    forest_contributions(
        row, forest.medians, forest.roots, forest.features, forest.thresholds, forest.left, forest.right,
        forest.probabilities, found,
    )  # fmt: skip

    def value(known: tuple[int, ...]) -> float:
        mixed = forest.medians.copy()
        mixed[list(known)] = row[list(known)]
        return float(forest.predict(mixed[None])[0]) * len(forest.roots)

    for feature in range(3):
        others = [one for one in range(3) if one != feature]
        expected = sum(
            factorial(size) * factorial(2 - size) / factorial(3) * (value((*some, feature)) - value(some))
            for size in range(3)
            for some in combinations(others, size)
        )
        assert found[feature] == pytest.approx(expected, abs=1e-12)
