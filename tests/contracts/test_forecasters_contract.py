"""One contract that every learner of monitors passes, through `fit_monitor` and `score_monitor`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from andon.errors import ModelError
from andon.frames import SignalFrame, signal_frame
from andon.models.bundle import read_bundle, write_bundle
from andon.models.monitors.bundle import PARTS, MonitorBundle, read_parts, write_parts
from andon.models.monitors.forecasters import AUTOENCODER, LEARNERS, autoencoder_learner, forecaster, monitor_learner
from andon.models.monitors.networks import pack
from andon.models.monitors.training import fit_monitor
from andon.models.monitors.windows import read_values
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
    params = monitor_learner(learner).cheapest()
    params |= {name: 6 for name in ("epochs",) if name in params}
    return fit_monitor(ModelKey("watch", "short"), definition, 1, frame, [(learner, params)], seed=seed)


def same(one: MonitorScores, other: MonitorScores) -> None:
    assert one.variables == other.variables
    for field in ("times", "expected", "actual", "score", "thresholds", "flags", "line_score", "line_flag", "shares"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field), err_msg=field)
    assert one.line_threshold == other.line_threshold


def errors(bundle: MonitorBundle, frame: SignalFrame, begin: int = 0) -> np.ndarray:
    """An autoencoder's errors at every row from the first full window on; none where there is none."""
    series = bundle.scaling.standardise(read_values(frame, bundle.variables))[begin:]
    if bundle.autoencoder is None:
        return np.zeros((len(series) - 11, len(bundle.variables)))
    kept = series.copy()
    found = bundle.autoencoder.errors(series, 12, 11, len(series))
    np.testing.assert_array_equal(series, kept)
    return found


@pytest.fixture(scope="module", params=LEARNERS)
def learner(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def bundle(learner: str) -> MonitorBundle:
    return train(learner, line())


def test_the_same_seed_and_data_give_the_same_monitor(learner: str, bundle: MonitorBundle) -> None:
    assert (bundle.autoencoder is not None) == (learner == AUTOENCODER)
    again = train(learner, line())
    same(score_monitor(again, line()), score_monitor(bundle, line()))
    np.testing.assert_array_equal(errors(again, line()), errors(bundle, line()))


def test_the_order_of_columns_means_nothing(learner: str, bundle: MonitorBundle) -> None:
    shuffled = line(("sparse", "dead", "swing", "level", "still"))
    again = train(learner, shuffled)
    same(score_monitor(again, shuffled), score_monitor(bundle, line()))
    np.testing.assert_array_equal(errors(again, shuffled), errors(bundle, line()))


def test_scores_stand_where_there_is_a_full_window_and_a_reading(bundle: MonitorBundle) -> None:
    scores = score_monitor(bundle, line())
    assert np.isnan(scores.expected[:12]).all() and np.isfinite(scores.expected[12:]).all()
    np.testing.assert_array_equal(np.isfinite(scores.score[12:]), np.isfinite(scores.actual[12:]))
    assert np.isnan(scores.line_score[:12]).all() and np.isfinite(scores.line_score[12:]).all()
    if bundle.autoencoder is not None:
        np.testing.assert_array_equal(np.isfinite(errors(bundle, line())), np.isfinite(scores.actual[11:]))


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
        np.testing.assert_array_equal(
            errors(bundle, SignalFrame("short", frame.data[: row + 1], frame.types, frame.sampling), row - 11)[0],
            errors(bundle, frame)[row - 11],
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
    np.testing.assert_array_equal(errors(back, line()), errors(bundle, line()))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("networks.offsets", np.full(4, 10**9)),
        ("networks.program", np.full((4, 2, 6), 2)),
        ("networks.program", np.zeros((4, 1, 6), np.int64)),
        ("networks.steps", np.full(4, 13)),
        ("networks.steps", np.zeros(4, np.int64)),
        ("networks.others", np.full(4, 13)),
        ("networks.skips", np.full(4, 10**6)),
        ("networks.shares", np.full(4, 1.5)),
        ("networks.aparts", np.full(4, np.inf)),
        ("networks.aparts", np.ones(4)),
        ("networks.limits", np.full(4, np.nan)),
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
    assert_refused(bundle, tmp_path, name, wrong)


@pytest.mark.parametrize("learner", [AUTOENCODER], indirect=True)
@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("autoencoder.sizes", np.array([10, 4])),
        ("autoencoder.weights", np.zeros(3)),
        ("autoencoder.lags", np.array(13)),
    ],
)
def test_parts_of_an_autoencoder_that_point_outside_are_refused(
    bundle: MonitorBundle, tmp_path: Path, name: str, wrong: np.ndarray
) -> None:
    assert_refused(bundle, tmp_path, name, wrong)


def assert_refused(bundle: MonitorBundle, tmp_path: Path, name: str, wrong: np.ndarray | None) -> None:
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


@pytest.mark.parametrize("missing", ["networks.program", "networks.aparts", "line.persistence"])
def test_a_monitor_of_an_earlier_version_is_named_as_such(bundle: MonitorBundle, tmp_path: Path, missing: str) -> None:
    parts = write_parts(bundle, tmp_path)
    with np.load(tmp_path / PARTS) as stored:
        arrays = {name: array for name, array in stored.items() if name != missing}
    np.savez(tmp_path / PARTS, **arrays)
    with pytest.raises(ModelError, match="earlier version; train the monitor again"):
        read_parts(
            tmp_path, parts, key=bundle.key, definition=bundle.definition, definition_version=1, card=bundle.card
        )


def fitted(learner: str, series: np.ndarray, rows: np.ndarray, window: int) -> Callable[[np.ndarray, int], np.ndarray]:
    """A learner's answers at one row: what it expects there, or for an autoencoder its errors."""
    params = monitor_learner(learner).cheapest()
    params |= {name: 3 for name in ("epochs",) if name in params}
    if learner == AUTOENCODER:
        autoencoder = autoencoder_learner().fit(series, rows, window, params, seed=3)
        return lambda values, row: autoencoder.errors(values, window, row, row + 1)[0]
    networks = pack(forecaster(learner).fit(series, rows, window, params, seed=3))
    return lambda values, row: networks.predict(values, window, row, row + 1)[0]


@pytest.mark.parametrize(("count", "window"), [(1, 2), (3, 4), (2, 30)])
def test_short_series_with_gaps_of_any_width_are_learnt_and_left_as_they_are(
    learner: str, count: int, window: int
) -> None:
    rng = np.random.default_rng(count)
    series = rng.normal(size=(window + 24, count))
    series[rng.random(series.shape) < 0.3] = np.nan
    if count > 1:
        series[:, 1] = np.nan
    kept, rows = series.copy(), np.arange(window, window + 20)
    answer = fitted(learner, series, rows, window)
    answers = answer(series, window + 22)
    np.testing.assert_array_equal(series, kept)
    read = ~np.isnan(series[window + 22]) if learner == AUTOENCODER else np.ones(count, bool)
    assert np.isfinite(answers[read]).all()


def test_rows_to_come_and_rows_long_gone_change_nothing(learner: str) -> None:
    rng = np.random.default_rng(8)
    series = rng.normal(size=(120, 3)).cumsum(axis=0) * 0.2
    answer = fitted(learner, series, np.arange(6, 100), 6)
    row = 80
    seen = row + (learner == AUTOENCODER)
    other = rng.normal(size=series.shape) * 9
    other[seen - 6 : seen] = series[seen - 6 : seen]
    np.testing.assert_array_equal(answer(other, row), answer(series, row))
    assert not np.array_equal(answer(other, row + 1), answer(series, row + 1))
