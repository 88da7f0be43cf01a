"""What is recommended moves what may be moved, within what was seen, and is re-scored by the serving path."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from andon.errors import DataError, ModelError
from andon.explain.counterfactuals import changed_frame, situations_at
from andon.explain.experience import load_experience, save_experience
from andon.explain.plausibility import region_of
from andon.explain.recommending import levers_of, recommend
from andon.explain.responses import fit_responses
from andon.features.engine import compute_features
from andon.frames import from_microseconds, to_microseconds
from andon.models.bundle import AlertBundle
from andon.records import MoveOption
from andon.scoring.alerts import score_alert
from configs.definitions import Line
from tests.advised_line import LINE, MINUTE, START, TRAINED, before, bundle, experience, rows


def alerts(model: AlertBundle) -> list[datetime]:
    """Rows of the days after training at which the alert would come."""
    frame = rows()
    scores = score_alert(model, frame, START + TRAINED * MINUTE)
    return [from_microseconds(int(time)) for time in scores.times[scores.flag]]


@pytest.mark.parametrize("learner", ["logistic_regression", "lightgbm"])
def test_options_keep_every_promise(learner: str) -> None:
    model, given = bundle(learner), 0
    for moment in alerts(model)[::12]:
        found = recommend("a", before(moment), model, LINE, experience())
        assert found.time == moment and found.before >= found.threshold
        assert found.blame and found.blame[0].share > 0
        if not found.options:
            assert found.reason and not found.changes
            continue
        given += 1
        assert found.changes == found.options[0].changes and len(found.options) <= 3
        for option in found.options:
            check(option, moment, model)
    assert given >= 3


def check(option: MoveOption, moment: datetime, model: AlertBundle) -> None:
    """A step within bounds, seen before, below the threshold by the serving path, to the bit."""
    (lever,) = levers_of(LINE, experience())
    ((name, old, new),) = option.changes
    assert name == "speed" and 40 <= new <= 90 and new != old and new == int(new)
    assert moment - model.horizon <= option.start < moment
    frame = before(moment)
    (situation,) = situations_at(frame, model.features, experience(), [lever], [to_microseconds(option.start)])
    settings = situation.now.copy()
    settings[lever.place] = new
    region = experience().region(frame)
    assert region is not None and region.holds(settings[None]).all()
    replayed = changed_frame(frame, situation, np.array([new - old]))
    score = float(score_alert(model, replayed, moment).score[-1])
    assert score == option.after < model.threshold
    assert float(model.probabilities(situation.build(np.array([[new - old]])))[0]) == score
    assert option.cost == pytest.approx(2 * abs(new - old) / 50)
    # Nothing before the start is touched, and no recipe, state or target anywhere.
    untouched = frame.data["time"] <= option.start
    assert replayed.data.filter(untouched).equals(frame.data.filter(untouched))
    assert replayed.data.select("product", "jam", "width").equals(frame.data.select("product", "jam", "width"))


def test_haste_is_to_blame_and_slower_is_the_remedy() -> None:
    moves = [
        new - old
        for moment in alerts(bundle())[::12]
        for option in recommend("a", before(moment), bundle(), LINE, experience()).options
        for _, old, new in option.changes
    ]
    assert moves and all(move < 0 for move in moves)
    every = alerts(bundle())[::12]
    guilty = [recommend("a", before(moment), bundle(), LINE, experience()).blame[0] for moment in every]
    assert all(one.variable in ("shaking", "speed") for one in guilty)
    assert all("pushed the risk up by ." in one.text for one in guilty)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"actionable": False}, "no setting of the line is actionable"),
        ({"min": 84, "max": 90}, "no step of a setting stays within its bounds"),
    ],
)
def test_without_room_there_is_no_feasible_change_and_a_reason(changes: dict[str, float], said: str) -> None:
    body = LINE.to_json()
    body["variables"][0] |= changes
    moment = alerts(bundle())[0]
    found = recommend("a", before(moment), bundle(), Line.model_validate(body), experience())
    assert not found.options and found.reason and said in found.reason


def test_a_risk_below_the_threshold_needs_no_change() -> None:
    scores = score_alert(bundle(), rows(), START + TRAINED * MINUTE)
    calm = from_microseconds(int(scores.times[int(np.nanargmin(scores.score))]))
    found = recommend("a", before(calm), bundle(), LINE, experience())
    assert not found.options and "below the alert's threshold" in found.reason


def test_withdrawn_advice_is_not_given() -> None:
    moment = next(m for m in alerts(bundle()) if recommend("a", before(m), bundle(), LINE, experience()).options)
    found = recommend("a", before(moment), bundle(), LINE, experience(), withdrawn=[("speed", -1)])
    assert not found.options and "did not hold" in found.reason


def test_a_row_without_a_full_window_is_refused() -> None:
    frame = rows().between(START, START + timedelta(minutes=5))
    with pytest.raises(DataError, match="no full window of 20m"):
        recommend("a", frame, bundle(), LINE, experience())


def test_experience_is_kept_and_read_to_the_bit(tmp_path: Path) -> None:
    save_experience(experience(), tmp_path / "a" / "e.npz")
    read = load_experience(tmp_path / "a" / "e.npz")
    moment = alerts(bundle())[0]
    assert recommend("a", before(moment), bundle(), LINE, read) == recommend(
        "a", before(moment), bundle(), LINE, experience()
    )
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["e.npz"]
    (tmp_path / "a" / "e.npz").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="is damaged"):
        load_experience(tmp_path / "a" / "e.npz")


def test_what_follows_a_setting_is_learned_and_chance_is_not() -> None:
    rng = np.random.default_rng(0)
    count = 12_000
    setting = np.repeat(rng.normal(60, 4, count // 40), 40)[None]
    follower, other = 2 * setting[0] + rng.normal(size=count), rng.normal(size=count)
    zeros = np.zeros(count, dtype=np.int64)
    found = fit_responses(
        ["speed"], ["current", "hall"], setting, np.stack([follower, other]), zeros, zeros, np.ones(count, bool), 30
    )
    effects = found.gains[:, :2, 0]
    np.testing.assert_allclose(effects[:, 0], 2.0, rtol=0.2)
    assert not effects[:, 1].any()


def test_a_region_needs_history_and_keeps_to_it() -> None:
    nothing = region_of(np.zeros((0, 2)))
    assert not nothing.holds(np.zeros((1, 2))).any()
    rng = np.random.default_rng(0)
    speed = np.round(rng.normal(60, 4, 3000))
    seen = np.stack([speed, np.round(0.5 * speed)], axis=1)
    region = region_of(seen)
    # Each is within its own range, but the two were never seen together.
    assert region.holds(seen[:50]).all() and not region.holds(np.array([[68.0, 26.0]])).any()


def test_changed_windows_have_the_bits_of_the_whole_engine() -> None:
    moment = START + (TRAINED + 500) * MINUTE
    frame = before(moment)
    levers = levers_of(LINE, experience())
    start = to_microseconds(moment - timedelta(minutes=9))
    (situation,) = situations_at(frame, bundle().features, experience(), levers, [start])
    moves = np.arange(-10.0, 11.0)[:, None]
    built = situation.build(moves)
    for place, move in enumerate(moves):
        whole = compute_features(changed_frame(frame, situation, move), bundle().features, moment).values[-1]
        assert np.array_equal(built[place], whole, equal_nan=True)


def test_a_setting_moves_no_faster_than_it_may() -> None:
    body = LINE.to_json()
    body["variables"][0]["move"] = {"max_rate": 0.5}
    levers = levers_of(Line.model_validate(body), experience())
    moment = START + (TRAINED + 500) * MINUTE
    frame = before(moment)
    start = to_microseconds(moment - timedelta(minutes=10))
    (situation,) = situations_at(frame, bundle().features, experience(), levers, [start])
    path = changed_frame(frame, situation, np.array([-8.0])).numbers("speed")[-10:]
    now = situation.now[levers[0].place]
    np.testing.assert_allclose(path, now - np.minimum(8.0, 0.5 * np.arange(1, 11)))
    assert replace(levers[0], max_rate=None) != levers[0]
