"""What similar lines teach: whose configurations, which to begin with, and the same after a kill."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from andon.frames import TrainingFrame
from tune_jobs.classifiers import signature_of
from tune_jobs.proposing import Lessons, Proposer, place_of
from tune_jobs.sampling import Configuration
from tune_jobs.study import StudySpec, lane_folder
from tune_jobs.transfer import directions_of, lessons_of, read_findings, write_signature

LANE = ("lightgbm",)
DISTRIBUTIONS = {
    "lightgbm.rate": {"name": "FloatDistribution", "attributes": {"step": None, "low": 0.01, "high": 1.0, "log": True}},
    "lightgbm.leaves": {"name": "IntDistribution", "attributes": {"log": False, "step": 1, "low": 2, "high": 32}},
}


def teacher(folder: Path, name: str, signature: dict[str, float], tried: list[tuple[float, int, float]]) -> StudySpec:
    """Return a study that has tried its default, and rates and leaves with what they reached."""
    spec = StudySpec(
        definition={
            "kind": "Alert",
            "name": "jam-soon",
            "lines": {"names": [name]},
            "type": "classifier",
            "target": "jam == 1",
            "horizon": "30m",
            "learners": list(LANE),
        },
        definition_version=1,
        lines={name: None},
        line=name,
        family=None,
        signals_url="sqlite:////nowhere",
        folder=str(folder / name),
        trials=len(tried) + 1,
        seed=0,
    )
    lane_folder(spec, LANE).mkdir(parents=True)
    write_signature(spec, signature)
    rows = [Configuration(0, "lightgbm", {}, 0.5, 0.1, source="default")]
    for number, (rate, leaves, metric) in enumerate(tried, 1):
        sampled = {
            "params": {"lightgbm.rate": rate, "lightgbm.leaves": leaves},
            "distributions": DISTRIBUTIONS,
            "steps": {},
        }
        rows.append(Configuration(number, "lightgbm", {}, metric, 0.1, sampled=sampled))
    journal = lane_folder(spec, LANE) / "configurations.jsonl"
    journal.write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows))
    return spec


def read_lessons(signature: dict[str, float], teachers: list[tuple[StudySpec, bool]], learners) -> Lessons:
    found = [read_findings(spec, learners, taught=taught) for spec, taught in teachers]
    return lessons_of(signature, [one for one in found if one is not None])


def begins(lessons: Lessons) -> dict[str, float]:
    """Return what a lane that has tried nothing begins with, on average over draws: places in [0, 1] by parameter."""
    drawn = [Proposer(lessons).propose([], np.random.default_rng(seed)) for seed in range(5)]
    return dict(
        zip(sorted(DISTRIBUTIONS), np.mean([place_of(one, DISTRIBUTIONS) for one in drawn], axis=0), strict=True)
    )


LEAVES, RATE = place_of({"lightgbm.rate": 0.1, "lightgbm.leaves": 8}, DISTRIBUTIONS)


def test_a_lane_begins_where_several_similar_lines_did_well(tmp_path):
    alike = {"a": 0.5, "b": -0.4}
    teachers = [
        (teacher(tmp_path, f"press-{i}", alike, [(0.1, 8, 0.7), (0.011, 30, 0.4), (0.9, 3, 0.45)]), False)
        for i in range(3)
    ]
    lessons = read_lessons(alike, teachers, LANE)
    assert len(lessons) == 9
    found = begins(lessons)
    assert found["lightgbm.rate"] == pytest.approx(RATE, abs=0.2)
    assert found["lightgbm.leaves"] == pytest.approx(LEAVES, abs=0.2)


def test_one_lucky_draw_counts_less_than_many_good_ones(tmp_path):
    alike = {"a": 0.5}
    many = [(0.1, 8, 0.62), (0.11, 8, 0.61), (0.09, 9, 0.62), (0.9, 30, 0.4)]
    lucky = [(0.012, 30, 0.64), (0.013, 30, 0.41), (0.012, 29, 0.42), (0.1, 8, 0.62)]
    teachers = [(teacher(tmp_path, "press-0", alike, many), False), (teacher(tmp_path, "press-1", alike, lucky), False)]
    assert begins(read_lessons(alike, teachers, LANE))["lightgbm.rate"] == pytest.approx(RATE, abs=0.2)


def test_similar_lines_count_for_more_than_others(tmp_path):
    mine = {"a": 0.5, "b": 0.5}
    others = [
        (teacher(tmp_path, f"other-{i}", {"a": -0.5, "b": 0.5}, [(0.9, 30, 0.8), (0.1, 8, 0.4)]), False)
        for i in range(3)
    ]
    near = [
        (teacher(tmp_path, f"near-{i}", {"a": 0.4, "b": 0.5}, [(0.05, 5, 0.8), (0.9, 30, 0.4)]), False)
        for i in range(3)
    ]
    assert begins(read_lessons(mine, [*others, *near], LANE))["lightgbm.leaves"] < 0.5


def test_a_line_of_another_level_is_no_better_for_it(tmp_path):
    alike = {"a": 0.5}
    low = teacher(tmp_path, "press-0", alike, [(0.1, 8, 0.22), (0.011, 30, 0.1), (0.9, 3, 0.12)])
    high = teacher(tmp_path, "press-1", alike, [(0.1, 8, 0.92), (0.011, 30, 0.8), (0.9, 3, 0.82)])
    found = begins(read_lessons(alike, [(low, False), (high, False)], LANE))
    assert found["lightgbm.rate"] == pytest.approx(RATE, abs=0.2)


def test_what_a_line_has_found_itself_leads_away_from_what_others_found(tmp_path):
    alike = {"a": 0.5}
    lessons = read_lessons(
        alike, [(teacher(tmp_path, "press-0", alike, [(0.1, 8, 0.7), (0.011, 30, 0.4), (0.9, 3, 0.45)]), False)], LANE
    )
    mine = [({"lightgbm.rate": 0.1, "lightgbm.leaves": 8}, 0.3), ({"lightgbm.rate": 0.3, "lightgbm.leaves": 16}, 0.6)]
    tried = Proposer(lessons).propose(mine, np.random.default_rng(0))
    near, far = (
        np.abs(np.subtract(place_of(tried, DISTRIBUTIONS), place_of(one, DISTRIBUTIONS))).max() for one, _ in mine[::-1]
    )
    assert near < far


def test_what_a_teacher_tries_later_changes_nothing(tmp_path):
    alike = {"a": 0.5}
    spec = teacher(tmp_path, "press-0", alike, [(0.1, 8, 0.7), (0.2, 9, 0.6), (0.9, 3, 0.45)])
    before = read_lessons(alike, [(spec, False)], LANE)
    journal = lane_folder(spec, LANE) / "configurations.jsonl"
    row = json.loads(journal.read_text().splitlines()[-1]) | {"number": 4, "metric": 0.99}
    with journal.open("a") as file:
        file.write(json.dumps(row) + "\n")
    after = read_lessons(alike, [(spec, False)], LANE)
    assert np.array_equal(after.values, before.values) and np.array_equal(after.places, before.places)


def test_a_teacher_that_failed_teaches_nothing(tmp_path):
    spec = teacher(tmp_path, "press-0", {"a": 0.5}, [])
    assert not len(read_lessons({"a": 0.5}, [(spec, False)], LANE))


def test_signatures_tell_related_lines_from_others():
    rng = np.random.default_rng(0)

    def line(weights: list[float]) -> dict[str, float]:
        values = rng.normal(size=(400, 4))
        values[rng.random((400, 4)) < 0.1] = np.nan
        labels = (np.nan_to_num(values) @ weights + rng.normal(size=400) > 1.0).astype(float)
        rows = np.arange(400)
        return signature_of(TrainingFrame(values, labels, rows, np.zeros(400, np.int64), ("a",), tuple("wxyz")))

    first, second, other = line([1, -1, 0, 0]), line([1, -1, 0.2, 0]), line([0, 0, -1, 1])
    first, second, other = directions_of([first, second, other])
    assert first @ second > 0.9
    assert abs(first @ other) < 0.5


def test_a_constant_feature_says_nothing():
    values = np.column_stack([np.ones(50), np.arange(50.0)])
    labels = (np.arange(50) > 40).astype(float)
    frame = TrainingFrame(values, labels, np.arange(50), np.zeros(50, np.int64), ("a",), ("flat", "rising"))
    assert set(signature_of(frame)) == {"rising"}
