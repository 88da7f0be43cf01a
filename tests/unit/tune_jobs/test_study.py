"""A study: budgets, its journal, and going on where it stopped."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest

from andon.errors import ModelError
from tune_jobs.sampling import seed_of
from tune_jobs.study import Study, StudySpec, Subject


def spec_in(folder: Path, trials: int = 12) -> StudySpec:
    return StudySpec(
        definition={"kind": "Alert", "name": "jam-soon"},
        definition_version=1,
        lines={"press-07": None},
        line="press-07",
        family=None,
        signals_url="sqlite:////nowhere",
        folder=str(folder),
        trials=trials,
        seed=3,
    )


def open_hill(spec: StudySpec) -> Subject:
    """Two learners; the best configuration of ``steep`` is at x = 2."""

    def evaluate(learner: str, params: dict) -> float:
        if params["x"] > 9:
            raise ModelError("hill", "too far", "stay below 9")
        return math.exp(-((params["x"] - 2) ** 2)) + (0.1 if learner == "steep" else 0.0)

    learners = {
        name: (lambda: {"x": 5.0}, lambda trial: {"x": trial.suggest_float("x", 0, 10)}) for name in ("flat", "steep")
    }
    return Subject(learners, "maximize", evaluate, lambda tried, folder: {"configurations": len(tried)})


def run(folder: Path, stop_after: int | None = None, limit: float = 60.0) -> Study:
    study = Study(spec_in(folder), limit)
    study.start(open_hill)
    while not study.done and (stop_after is None or len(study.tried) < stop_after):
        study.advance()
    return study


def told(study: Study) -> list[tuple]:
    return [(c.number, c.learner, c.params, c.metric) for c in study.tried]


def test_every_learner_gets_its_cheapest_first(tmp_path):
    study = run(tmp_path)
    assert [c.learner for c in study.tried[:2]] == ["flat", "steep"]
    assert len(study.tried) == 12


def test_the_same_seed_gives_the_same_configurations(tmp_path):
    assert told(run(tmp_path / "a")) == told(run(tmp_path / "b"))


@pytest.mark.parametrize("stopped", [0, 1, 2, 5, 11])
def test_a_study_that_was_stopped_goes_on_alike(tmp_path, stopped):
    whole = run(tmp_path / "whole")
    run(tmp_path / "part", stop_after=stopped)
    assert told(run(tmp_path / "part")) == told(whole)


def test_a_half_written_line_of_the_journal_is_tried_again(tmp_path):
    whole = run(tmp_path / "whole")
    run(tmp_path / "part", stop_after=6)
    journal = tmp_path / "part" / "configurations.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    again = run(tmp_path / "part")
    assert told(again) == told(whole)


def test_no_time_left_still_tries_every_learners_cheapest(tmp_path):
    began = time.monotonic()
    assert len(run(tmp_path, limit=0.0).tried) == 2
    assert time.monotonic() - began < 30


def test_a_configuration_that_fails_is_kept_with_its_reason(tmp_path):
    study = Study(spec_in(tmp_path, trials=60), 60.0)
    study.start(open_hill)
    while not study.done:
        study.advance()
    failed = [c for c in study.tried if c.error]
    assert failed
    assert all("too far" in c.error and c.metric is None for c in failed)
    assert study.best is not None
    assert study.finish() == {"configurations": 60}


def test_nothing_that_fits_is_one_clear_error(tmp_path):
    def open_nothing(spec: StudySpec) -> Subject:
        def evaluate(learner: str, params: dict) -> float:
            raise ModelError("rows", "are too few", "import more")

        return Subject({"a": (dict, lambda trial: {})}, "maximize", evaluate, lambda tried, folder: {})

    study = Study(spec_in(tmp_path, trials=1), 60.0)
    study.start(open_nothing)
    study.advance()
    with pytest.raises(ModelError, match="no configuration could be fitted: rows: are too few"):
        study.finish()


def test_seeds_differ_by_study_and_number():
    assert len({seed_of(3, name, number) for name in "ab" for number in range(50)}) == 100
