"""Which rows and variables a monitor takes, and what it says when there are too few."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from andon.errors import ConfigError, ModelError
from andon.frames import SignalFrame, signal_frame
from andon.models.monitors.training import fit_monitor, prepare_monitor
from andon.records import ModelKey
from andon.scoring.monitors import score_monitor
from configs.definitions import Monitor
from configs.periods import Period

START = datetime(2026, 1, 1, tzinfo=UTC)


def noise(rows: int, skip: tuple[int, int] = (0, 0)) -> SignalFrame:
    kept = [row for row in range(rows) if not skip[0] <= row < skip[1]]
    rng = np.random.default_rng(0)
    data = pl.DataFrame(
        {
            "time": [START + timedelta(minutes=row) for row in kept],
            "a": rng.normal(size=len(kept)),
            "b": rng.normal(size=len(kept)),
            "on": rng.integers(0, 2, len(kept)).astype(float),
            "product": ["x"] * len(kept),
        },
        schema_overrides={"time": pl.Datetime("us", "UTC")},
    )
    return signal_frame("line", data, {"a": "number", "b": "number", "on": "boolean", "product": "category"})


def period(first: int, end: int) -> Period:
    return Period(start=START + timedelta(minutes=first), end=START + timedelta(minutes=end))


def monitor(**fields: Any) -> Monitor:
    return Monitor.model_validate({"name": "m", "lines": {"names": ["line"]}, "learners": ("linear",), **fields})


def test_numbers_alone_are_watched_minus_what_is_excluded() -> None:
    assert prepare_monitor(noise(300), monitor()).variables == ("a", "b")
    assert prepare_monitor(noise(300), monitor(variables={"exclude": ["a"]})).variables == ("b",)
    assert prepare_monitor(noise(300), monitor(variables={"include": ["a"]})).variables == ("a",)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"include": ["c"]}, "line line has no 'c'"),
        ({"include": ["on"]}, "'on' is a boolean on line line"),
        ({"exclude": ["a", "b"]}, "leave no number of line line to watch"),
    ],
)
def test_variables_that_cannot_be_watched_are_refused(variables: dict[str, list[str]], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        prepare_monitor(noise(300), monitor(variables=variables))


def test_rows_of_training_and_validation() -> None:
    frame = noise(500)
    given = prepare_monitor(frame, monitor(train=period(0, 200), validation=period(300, 400)))
    assert (given.training[0], given.training[-1]) == (30, 199)
    assert (given.validation[0], given.validation[-1]) == (300, 399)
    fifth = prepare_monitor(frame, monitor(train=period(100, 400)))
    assert (fifth.training[0], fifth.training[-1], fifth.validation[0], fifth.validation[-1]) == (130, 339, 340, 399)
    nothing = prepare_monitor(frame, monitor())
    assert (nothing.training[-1], nothing.validation[0], nothing.validation[-1]) == (399, 400, 499)
    before = prepare_monitor(frame, monitor(train=period(200, 400), validation=period(0, 200)))
    assert (before.training[0], before.validation[0], before.validation[-1]) == (230, 30, 199)


def test_a_gap_costs_no_window_because_windows_are_rows() -> None:
    assert len(prepare_monitor(noise(500, skip=(100, 150)), monitor(train=period(0, 500))).training) == 350 - 30


@pytest.mark.parametrize("rows", [0, 1, 5, 31, 45, 60])
def test_too_few_rows_are_an_error_with_numbers(rows: int) -> None:
    with pytest.raises(ModelError, match=r"has \d+ (training|validation) rows, of which \d+ have 30 rows before them"):
        prepare_monitor(noise(rows), monitor())


def test_a_period_without_rows_is_an_error() -> None:
    with pytest.raises(ModelError, match="has 0 validation rows"):
        prepare_monitor(noise(300), monitor(train=period(0, 300), validation=period(400, 500)))


def test_the_shortest_series_that_is_enough() -> None:
    frame = noise(63)
    bundle = fit_monitor(ModelKey("m", "line"), monitor(), 1, frame)
    assert np.isfinite(score_monitor(bundle, frame).score[30:]).all()


def test_a_line_of_constants_is_judged_all_the_same() -> None:
    frame = noise(300)
    still = signal_frame("line", frame.data.with_columns(a=pl.lit(1.5), b=pl.lit(0.1)), frame.types)
    bundle = fit_monitor(ModelKey("m", "line"), monitor(), 1, still)
    assert not score_monitor(bundle, still).line_flag.any()
    moved = signal_frame("line", still.data.with_columns(b=pl.lit(0.11)), frame.types)
    scores = score_monitor(bundle, moved)
    assert scores.line_flag[30:].all() and scores.flags[30:].tolist() == [[False, True]] * 270


@pytest.mark.parametrize("learner", ["linear", "dense"])
def test_absurd_readings_crash_nothing_and_are_seen(learner: str) -> None:
    frame, rng = noise(400), np.random.default_rng(7)
    huge, tiny = rng.choice([-1.7e308, 1.7e308], 400), rng.choice([0.0, 5e-324, 1e-310], 400)
    absurd = signal_frame("line", frame.data.with_columns(a=pl.Series(huge), b=pl.Series(tiny)), frame.types)
    definition = monitor(learners=(learner,), rate=0.4)
    scores = score_monitor(fit_monitor(ModelKey("m", "line"), definition, 1, absurd), absurd)
    assert np.isfinite(scores.score[30:]).all() and np.isfinite(scores.line_score[30:]).all()
    bundle = fit_monitor(ModelKey("m", "line"), definition, 1, frame)
    scores = score_monitor(bundle, absurd)
    assert np.isfinite(scores.score[30:]).all() and np.isfinite(scores.line_score[30:]).all()
    assert scores.flags[30:, 0].all() and scores.line_flag[30:].all()


def test_readings_of_any_size_keep_their_scores() -> None:
    frame, monitors = noise(400), []
    for factor in (1.0, 1e9, 1e-9):
        scaled = signal_frame("line", frame.data.with_columns(pl.col("a", "b") * factor), frame.types)
        monitors.append(score_monitor(fit_monitor(ModelKey("m", "line"), monitor(), 1, scaled), scaled))
    np.testing.assert_allclose(monitors[0].score[30:], monitors[1].score[30:], rtol=1e-6)
    np.testing.assert_allclose(monitors[0].score[30:], monitors[2].score[30:], rtol=1e-6)
