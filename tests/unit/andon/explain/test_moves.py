"""What history says of a move decides whether it is tried, and how far the first advice goes."""

from __future__ import annotations

import numpy as np

from andon.explain.counterfactuals import Situation, situations_at
from andon.explain.moves import AIM, Found, find_moves
from andon.explain.recommending import levers_of
from andon.explain.trials import Evidence
from andon.frames import Floats, from_microseconds, to_microseconds
from andon.scoring.alerts import score_alert
from tests.advised_line import LINE, MINUTE, START, TRAINED, before, bundle, experience, rows


def searched(against: float, eases: float) -> Found:
    """Search at one alert, history saying of the speed that a higher one keeps the event away so surely, by so much."""
    model = bundle()
    scores = score_alert(model, rows(), START + TRAINED * MINUTE)
    moment = from_microseconds(int(scores.times[int(np.nanargmax(scores.score))]))
    frame, start = before(moment), to_microseconds(moment - model.horizon)
    (plain,) = situations_at(frame, model.features, experience(), levers_of(LINE, experience()), [start])
    shape = (len(experience().responses.lags), 2 * len(experience().responses.followers))
    places = len(experience().settings)
    told, eased = np.zeros(places), np.zeros(places)
    told[plain.levers[0].place], eased[plain.levers[0].place] = against, eases
    evidence = Evidence(
        told, eased, np.zeros((shape[0], places)), np.zeros(shape[1], bool), np.zeros(shape[1]), 40
    )  # fmt: skip
    situation = Situation(
        plain.row, plain.experience, plain.levers, plain.setting_rows, plain.follower_rows, plain.middles, plain.now,
        evidence, plain.start,
    )  # fmt: skip
    region = experience().region(frame)
    assert region is not None

    # A model for which any move would do.
    def score(values: Floats) -> Floats:
        moved = ~np.isclose(values, plain.row.values, equal_nan=True).all(axis=1)
        return np.where(moved, 0.01, 0.9)

    return find_moves([situation], score, lambda values: np.ones((len(values), 1)), 0.5, region)


def test_what_history_does_not_speak_for_is_not_tried() -> None:
    found = searched(-1.0, 0.0)
    assert not found.options and found.tried == 0
    assert found.reason.startswith("in 40 episodes like this one")


def test_the_first_advice_goes_as_far_as_history_asks() -> None:
    smallest, farther = (searched(-4.0, eases).options[0] for eases in (-8.0, -0.4))
    assert smallest.moves[0] == -1.0 and smallest.kept <= AIM
    # At .4 of the log-odds a unit it takes five: the logarithm of .15 is -1.9.
    assert farther.moves[0] <= np.log(AIM) / 0.4 and farther.kept <= AIM


def test_where_nothing_is_enough_the_first_advice_goes_farthest() -> None:
    (option,) = searched(-4.0, -0.01).options
    assert option.kept > AIM and option.moves[0] < -5.0
