"""Who joins a blend: those that see what the others do not; neither noise nor a copy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from andon.evaluation.metrics import average_precision
from tune_jobs.blending import candidate, choose_members, towards_equal
from tune_jobs.sampling import Configuration


def scored(learner: str, odds: np.ndarray, labels: np.ndarray):
    return candidate(Configuration(0, learner, {}, 0.5, 0.1), labels, odds_to_scores(odds))


def odds_to_scores(odds: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-odds))


def parts():
    rng = np.random.default_rng(3)
    first, second = rng.normal(size=(2, 4000))
    labels = (first + second + 0.5 * rng.normal(size=4000) > 2.0).astype(float)
    return rng, labels, first, second


def names(chosen) -> list[str]:
    return [one.configuration.learner for one in chosen]


def test_two_that_see_different_things_are_blended():
    _, labels, first, second = parts()
    candidates = [scored("first", 2 * first - 2, labels), scored("second", 2 * second - 2, labels)]
    chosen = choose_members(labels, candidates)
    assert names(chosen) == ["first", "second"]
    assert [one.weight for one in chosen] == [0.5, 0.5]


def test_the_better_one_counts_for_more():
    rng, labels, first, second = parts()
    clear, blurred = (first + second + noise * rng.normal(size=len(first)) for noise in (0.7, 1.5))
    chosen = choose_members(labels, [scored("clear", clear, labels), scored("blurred", blurred, labels)])
    assert names(chosen) == ["clear", "blurred"]
    assert chosen[0].weight > chosen[1].weight
    assert sum(one.weight for one in chosen) == pytest.approx(1.0)


def test_weights_go_half_the_way_to_equal_ones():
    _, labels, first, second = parts()
    led = [replace(scored("a", first, labels), weight=0.8), replace(scored("b", second, labels), weight=0.2)]
    assert [one.weight for one in towards_equal(led)] == pytest.approx([0.65, 0.35])
    assert [one.weight for one in towards_equal([scored("a", first, labels)])] == [1.0]


def five_folds(labels: np.ndarray, odds: np.ndarray, slopes, levels) -> tuple[list[int], np.ndarray]:
    """Say the same in five folds, each on a scale of its own, as the fits of five folds do."""
    folds = [len(part) for part in np.array_split(labels, 5)]
    return folds, odds * np.repeat(slopes, folds) + np.repeat(levels, folds)


def test_folds_on_different_scales_hide_nobody():
    """Fits of a booster that stopped after 40 rounds in one fold and 150 in another are not ranked as they come."""
    _, labels, first, second = parts()
    told = 2 * second - 2
    folds, apart = five_folds(labels, told, (0.3, 1.0, 3.0, 0.5, 2.0), (2.0, 0.0, -2.0, 1.0, -1.0))
    leader = candidate(Configuration(0, "first", {}, 0.5, 0.1), labels, odds_to_scores(2.2 * first - 2), folds)
    joined = candidate(Configuration(0, "second", {}, 0.5, 0.1), labels, odds_to_scores(apart), folds)
    same = candidate(Configuration(0, "second", {}, 0.5, 0.1), labels, odds_to_scores(told), folds)
    assert average_precision(labels, joined.scores) < average_precision(labels, same.scores) - 0.05
    assert average_precision(labels, joined.levelled) > average_precision(labels, same.levelled) - 0.01
    found, expected = choose_members(labels, [leader, joined]), choose_members(labels, [leader, same])
    assert names(found) == names(expected) == ["first", "second"]
    assert [one.weight for one in found] == [one.weight for one in expected]


def test_the_level_of_folds_is_no_reason_to_join():
    """A copy whose folds stand as they should says nothing that the first, once levelled, does not."""
    _, labels, first, second = parts()
    told = first + second - 2
    folds, apart = five_folds(labels, told, (0.3, 1.0, 3.0, 0.5, 2.0), (2.0, 0.0, -2.0, 1.0, -1.0))
    candidates = [
        candidate(Configuration(0, name, {}, 0.5, 0.1), labels, odds_to_scores(odds), folds)
        for name, odds in (("apart", apart), ("copy", told))
    ]
    assert names(choose_members(labels, candidates)) == ["apart"]


def test_a_fold_with_too_few_events_goes_by_the_calibration_of_all():
    rng = np.random.default_rng(5)
    odds = rng.normal(size=2000)
    labels = (rng.random(2000) < odds_to_scores(2 * odds - 1)).astype(float)
    labels[:400] = 0.0
    one = candidate(Configuration(0, "one", {}, 0.5, 0.1), labels, odds_to_scores(odds), [400] * 5)
    assert one.levelled[:400] == pytest.approx(one.calibrated[:400])
    assert one.levelled[400:800] != pytest.approx(one.calibrated[400:800])


def test_one_fold_stands_on_its_own_level():
    _, labels, first, _ = parts()
    one = scored("first", first, labels)
    assert (one.levelled == one.calibrated).all()


def test_noise_and_copies_do_not_join():
    rng, labels, first, second = parts()
    seen = first + second
    candidates = [
        scored("seen", seen - 2, labels),
        scored("copy", 3 * seen - 5, labels),
        scored("noise", rng.normal(size=4000), labels),
    ]
    assert names(choose_members(labels, candidates)) == ["seen"]


def test_without_an_event_the_best_stays_alone():
    labels = np.zeros(100)
    scores = np.random.default_rng(0).normal(size=(2, 100))
    assert names(choose_members(labels, [scored("a", scores[0], labels), scored("b", scores[1], labels)])) == ["a"]
