"""Who joins a blend: those that see what the others do not; neither noise nor a copy."""

from __future__ import annotations

import numpy as np

from tune_jobs.blending import candidate, choose_members
from tune_jobs.sampling import Configuration


def scored(learner: str, odds: np.ndarray, labels: np.ndarray):
    return candidate(Configuration(0, learner, {}, 0.5, 0.1), labels, 1 / (1 + np.exp(-odds)))


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
