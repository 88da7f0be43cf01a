"""Monitors refitted at rolling origins: with the champion's configurations, each on what came before it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from andon.errors import ConfigError
from andon.evaluation.forecasts import card_configurations, refit_forward
from andon.scoring import score_monitor
from tests.watched_line import NORMAL, history, normal_bundle


def test_a_card_s_configurations_come_once_each_and_the_best_autoencoder_with_them() -> None:
    few, all_ = {"lags": 0.2, "others": 0}, {"lags": 1.0, "others": 1}
    card = replace(
        normal_bundle().card,
        params={
            "a": {"learner": "linear", **few},
            "b": {"learner": "linear", **all_},
            "c": {"learner": "linear", **few},
            "d": {"learner": "persistence"},
            "e": {"learner": "constant"},
        },
        comparison=(
            {"variable": "a", "chosen": "linear"},
            {"learner": "linear", "params": few, "metric": 0.1, "seconds": 1.0},
            {"learner": "autoencoder", "params": {"units": 4}, "metric": 0.5, "seconds": 1.0},
            {"learner": "autoencoder", "params": {"units": 8}, "metric": 0.4, "seconds": 1.0},
        ),
    )
    assert card_configurations(card) == [("linear", few), ("linear", all_), ("autoencoder", {"units": 8})]
    nothing = replace(card, params={"d": {"learner": "persistence"}}, comparison=())
    assert card_configurations(nothing) == []


def test_each_is_fitted_on_what_came_before_its_rows() -> None:
    frame, card = history(), normal_bundle().card
    found = list(refit_forward(NORMAL, frame, card, 3))
    assert len(found) == 3
    for bundle, judged in found:
        assert bundle.card.data_end <= judged.start and bundle.card.data_start == frame.data["time"][0]
        assert bundle.card.params == card.params
        scores = score_monitor(bundle, frame.between(None, judged.end), judged.start)
        errors = scores.actual - scores.expected
        changes = np.diff(scores.actual, axis=0)
        assert (np.nanstd(errors, axis=0) < np.nanstd(changes, axis=0)).all()


@pytest.mark.parametrize("origins", [0, 51])
def test_a_number_of_origins_that_makes_no_sense_is_refused(origins: int) -> None:
    with pytest.raises(ConfigError, match=f"--origins: must be 1 to 50, got {origins}"):
        list(refit_forward(NORMAL, history(), normal_bundle().card, origins))
