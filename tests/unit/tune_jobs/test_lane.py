"""A lane: budgets, its journal, and going on where it stopped."""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import pytest

from andon.errors import ModelError
from tune_jobs.lane import Lane, read_scores
from tune_jobs.proposing import Lessons, place_of
from tune_jobs.sampling import Prefixed, seed_of
from tune_jobs.study import Evaluated, StudySpec, Subject

BOTH = ("flat", "steep")


def spec_in(folder: Path, line: str = "press-07") -> StudySpec:
    return StudySpec(
        definition={"kind": "Alert", "name": "jam-soon"},
        definition_version=1,
        lines={line: None},
        line=line,
        family=None,
        signals_url="sqlite:////nowhere",
        folder=str(folder),
        trials=12,
        seed=3,
    )


def hill(top: float = 2.0) -> Subject:
    """Two learners; the best configuration of ``steep`` is at x = ``top``."""

    def evaluate(learner: str, params: dict, watch) -> Evaluated:
        if params["x"] > 9:
            raise ModelError("hill", "too far", "stay below 9")
        height = math.exp(-((params["x"] - top) ** 2)) + (0.1 if learner == "steep" else 0.0)
        for step in (40, 50, 60):
            if watch(step, height * step / 60):
                return Evaluated(height * step / 60, params, pruned=True)
        return Evaluated(height, params, np.array([height, params["x"]]))

    learners = {name: (lambda: {"x": 5.0}, lambda trial: {"x": trial.suggest_float("x", 0, 10)}) for name in BOTH}
    return Subject(learners, "maximize", evaluate, lambda tried, kept, folder: {})


def run(
    folder: Path,
    *,
    learners: tuple[str, ...] = BOTH,
    trials: int = 12,
    stop_after: int | None = None,
    limit: float = 60.0,
    lessons: Lessons | None = None,
    top: float = 2.0,
) -> Lane:
    lane = Lane(spec_in(folder), learners, hill(top), lessons or Lessons(), trials, limit)
    lane.open()
    while not lane.done and (stop_after is None or len(lane.tried) < stop_after):
        lane.advance()
    return lane


def told(lane: Lane) -> list[tuple]:
    return [(c.number, c.learner, c.params, c.metric, c.pruned, c.source) for c in lane.tried]


def taught(folder: Path, top: float) -> Lessons:
    teacher = run(folder, learners=("steep",), trials=16, top=top)
    whole = [one for one in teacher.tried if one.sampled and one.metric is not None]
    about = whole[0].sampled["distributions"]
    return Lessons(
        about,
        np.array([place_of(one.sampled["params"], about) for one in whole]),
        np.array([one.metric for one in whole]),
        np.ones(len(whole), np.int64),
        np.ones((2, 1)),
    )


def test_every_learner_gets_its_default_first(tmp_path):
    lane = run(tmp_path)
    assert [(c.learner, c.source) for c in lane.tried[:2]] == [("flat", "default"), ("steep", "default")]
    assert len(lane.tried) == 12


def test_the_same_seed_gives_the_same_configurations(tmp_path):
    assert told(run(tmp_path / "a")) == told(run(tmp_path / "b"))


@pytest.mark.parametrize("stopped", [0, 1, 2, 5, 11])
def test_a_lane_that_was_stopped_goes_on_alike(tmp_path, stopped):
    whole = run(tmp_path / "whole")
    run(tmp_path / "part", stop_after=stopped)
    assert told(run(tmp_path / "part")) == told(whole)


@pytest.mark.parametrize("stopped", [1, 2, 7])
def test_a_taught_lane_that_was_stopped_goes_on_alike(tmp_path, stopped):
    lessons = taught(tmp_path / "teacher", top=7.0)
    whole = run(tmp_path / "whole", learners=("steep",), lessons=lessons)
    run(tmp_path / "part", learners=("steep",), lessons=lessons, stop_after=stopped)
    assert told(run(tmp_path / "part", learners=("steep",), lessons=lessons)) == told(whole)


def test_a_half_written_line_of_the_journal_is_tried_again(tmp_path):
    whole = run(tmp_path / "whole")
    part = run(tmp_path / "part", stop_after=6)
    journal = part.folder / "configurations.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    assert told(run(tmp_path / "part")) == told(whole)


def test_no_time_left_still_tries_every_learners_default(tmp_path):
    began = time.monotonic()
    assert len(run(tmp_path, limit=0.0).tried) == 2
    assert time.monotonic() - began < 30


def test_a_configuration_that_fails_is_kept_with_its_reason(tmp_path):
    lane = run(tmp_path, trials=60)
    failed = [c for c in lane.tried if c.error]
    assert failed
    assert all("too far" in c.error and c.metric is None for c in failed)
    assert lane.best is not None


def test_what_is_pruned_cannot_win(tmp_path):
    lane = run(tmp_path, trials=60)
    pruned = [c for c in lane.tried if c.pruned]
    assert pruned
    assert lane.best not in pruned
    assert all(c.metric is not None for c in pruned)


def test_scores_of_the_best_are_kept(tmp_path):
    lane = run(tmp_path)
    best = lane.best
    scores = read_scores(lane.folder, best.number)
    assert scores is not None
    assert scores.tolist() == [best.metric, best.params["x"]]
    assert read_scores(lane.folder, best.number + 1) is None


def test_a_taught_lane_begins_where_a_similar_line_ended(tmp_path):
    lessons = taught(tmp_path / "teacher", top=7.0)
    alone = run(tmp_path / "alone", learners=("steep",), trials=3, top=7.0)
    pupil = run(tmp_path / "pupil", learners=("steep",), trials=3, lessons=lessons, top=7.0)
    assert pupil.tried[1].source == "transfer"
    assert pupil.best.metric > alone.best.metric
    assert abs(pupil.best.params["x"] - 7.0) < 0.5


def test_a_lane_that_nobody_teaches_finds_the_top_by_what_it_tried_itself(tmp_path):
    lane = run(tmp_path, learners=("steep",), trials=14, top=7.0)
    assert {one.source for one in lane.tried[1:]} == {"sampled"}
    assert abs(lane.best.params["x"] - 7.0) < 0.2


def test_nothing_that_fits_has_no_best(tmp_path):
    def evaluate(learner: str, params: dict, watch) -> Evaluated:
        raise ModelError("rows", "are too few", "import more")

    subject = Subject({"a": (dict, lambda trial: {})}, "maximize", evaluate, lambda tried, kept, folder: {})
    lane = Lane(spec_in(tmp_path), ("a",), subject, trials=1)
    lane.open()
    assert "rows: are too few" in lane.advance().error
    assert lane.best is None


def test_whole_numbers_reach_both_ends_and_no_further(tmp_path):
    import optuna

    drawn = [
        Prefixed(optuna.trial.FixedTrial({"a.n": value}), "a").suggest_int("n", 1, 3, log=True)
        for value in (0.5, 1.49, 1.51, 2.6, 3.5)
    ]
    assert drawn == [1, 1, 2, 3, 3]


def test_seeds_differ_by_lane_and_number():
    assert len({seed_of(3, name, number) for name in "ab" for number in range(50)}) == 100
