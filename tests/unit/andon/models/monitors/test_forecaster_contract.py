"""One contract that every forecaster passes, through `fit_monitor` and `score_monitor`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from andon.errors import ModelError
from andon.frames import SignalFrame, signal_frame
from andon.models.bundle import read_bundle, write_bundle
from andon.models.monitors.bundle import PARTS, MonitorBundle, read_parts, write_parts
from andon.models.monitors.forecasters import FORECASTERS, forecaster
from andon.models.monitors.training import fit_monitor
from andon.records import ModelKey
from andon.scoring.monitors import MonitorScores, score_monitor
from configs.definitions import Monitor

START = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 260


def line(order: tuple[str, ...] = ("level", "still", "swing", "sparse", "dead")) -> SignalFrame:
    """A short line: noise about a level, a constant, a sine, one read at a third of the times, one never read."""
    rng = np.random.default_rng(5)
    sparse = rng.normal(size=ROWS).cumsum() * 0.1
    columns = {
        "level": 50 + rng.normal(size=ROWS),
        "still": np.full(ROWS, 7.25),
        "swing": np.sin(np.arange(ROWS) / 4) + rng.normal(size=ROWS) * 0.05,
        "sparse": np.where(np.arange(ROWS) % 3 == 0, sparse, np.nan),
        "dead": np.full(ROWS, np.nan),
    }
    data = pl.DataFrame({"time": [START + timedelta(minutes=row) for row in range(ROWS)]}).with_columns(
        pl.col("time").cast(pl.Datetime("us", "UTC")), *(pl.Series(name, columns[name]) for name in order)
    )
    return signal_frame("short", data, dict.fromkeys(order, "number"))


def train(learner: str, frame: SignalFrame, seed: int = 1) -> MonitorBundle:
    definition = Monitor(name="watch", lines={"names": ["short"]}, window=12, learners=(learner,), rate=0.45)
    params = forecaster(learner).cheapest() | ({"epochs": 6} if learner == "dense" else {})
    return fit_monitor(ModelKey("watch", "short"), definition, 1, frame, [(learner, params)], seed=seed)


def same(one: MonitorScores, other: MonitorScores) -> None:
    assert one.variables == other.variables
    for field in ("times", "expected", "actual", "score", "thresholds", "flags", "line_score", "line_flag", "shares"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field), err_msg=field)
    assert one.line_threshold == other.line_threshold


@pytest.fixture(scope="module", params=FORECASTERS)
def learner(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def bundle(learner: str) -> MonitorBundle:
    return train(learner, line())


def test_the_same_seed_and_data_give_the_same_monitor(learner: str, bundle: MonitorBundle) -> None:
    assert learner in bundle.card.learner.split("+")
    same(score_monitor(train(learner, line()), line()), score_monitor(bundle, line()))


def test_the_order_of_columns_means_nothing(learner: str, bundle: MonitorBundle) -> None:
    shuffled = line(("sparse", "dead", "swing", "level", "still"))
    same(score_monitor(train(learner, shuffled), shuffled), score_monitor(bundle, line()))


def test_scores_stand_where_there_is_a_full_window_and_a_reading(bundle: MonitorBundle) -> None:
    scores = score_monitor(bundle, line())
    assert np.isnan(scores.expected[:12]).all() and np.isfinite(scores.expected[12:]).all()
    np.testing.assert_array_equal(np.isfinite(scores.score[12:]), np.isfinite(scores.actual[12:]))
    assert np.isnan(scores.line_score[:12]).all() and np.isfinite(scores.line_score[12:]).all()


def test_a_dead_variable_is_left_out_with_a_reason_and_a_constant_expects_itself(bundle: MonitorBundle) -> None:
    assert bundle.variables == ("level", "sparse", "still", "swing")
    entries = {entry["variable"]: entry for entry in bundle.card.comparison if "variable" in entry}
    assert entries["dead"] == {
        "variable": "dead",
        "chosen": None,
        "reason": "0 readings in training, at least 20 are needed",
    }
    assert entries["still"]["chosen"] == "constant"
    scores = score_monitor(bundle, line())
    assert (scores.expected[12:, 2] == 7.25).all() and not scores.flags[:, 2].any()
    moved = line().data.with_columns(still=pl.lit(7.26))
    assert score_monitor(bundle, signal_frame("short", moved, line().types)).flags[12:, 2].all()


def test_rows_alone_give_the_same_bits_as_rows_together(bundle: MonitorBundle) -> None:
    frame, whole = line(), score_monitor(bundle, line())
    for row in (12, 13, 17, 90, ROWS - 1):
        context = max(0, row - bundle.rows_needed)
        alone = SignalFrame("short", frame.data[context : row + 1], frame.types, frame.sampling)
        scores = score_monitor(bundle, alone, start=frame.data["time"][row])
        assert len(scores) == 1
        for field in ("expected", "score", "flags", "line_score", "line_flag", "shares"):
            np.testing.assert_array_equal(
                getattr(scores, field)[0], getattr(whole, field)[row], err_msg=f"{field} {row}"
            )


def test_a_monitor_read_back_says_the_same(bundle: MonitorBundle, tmp_path: Path) -> None:
    write_bundle(bundle, tmp_path / "model")
    back = read_bundle(tmp_path / "model")
    assert isinstance(back, MonitorBundle)
    assert (back.key, back.card, back.window, back.sampling) == (
        bundle.key,
        bundle.card,
        bundle.window,
        bundle.sampling,
    )
    assert (back.definition, back.rows_needed) == (bundle.definition, bundle.rows_needed)
    same(score_monitor(back, line()), score_monitor(bundle, line()))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("networks.offsets", np.full(4, 10**9)),
        ("networks.sizes", np.full((4, 2), 10**6)),
        ("networks.lags", np.full(4, 99)),
        ("networks.weights", np.array(["a"])),
        ("line.members", np.array([0, 1, 77])),
        ("line.precisions", np.zeros((1, 1, 1))),
        ("thresholds", np.full(4, np.nan)),
        ("scaling.means", None),
    ],
)
def test_parts_that_point_outside_themselves_are_refused(
    bundle: MonitorBundle, tmp_path: Path, name: str, wrong: np.ndarray | None
) -> None:
    parts = write_parts(bundle, tmp_path)
    with np.load(tmp_path / PARTS) as stored:
        arrays = {**stored}
    arrays.pop(name)
    np.savez(tmp_path / PARTS, **arrays, **({} if wrong is None else {name: wrong}))
    with pytest.raises(ModelError, match="is damaged"):
        read_parts(
            tmp_path, parts, key=bundle.key, definition=bundle.definition, definition_version=1, card=bundle.card
        )


def test_a_variable_that_vanishes_is_no_reading(bundle: MonitorBundle) -> None:
    scores = score_monitor(bundle, line().select(["level", "swing"]))
    assert np.isnan(scores.score[:, [1, 2]]).all() and np.isfinite(scores.score[12:, [0, 3]]).all()
