"""The order of a search: rounds, who teaches whom, where the budget goes, and going on after a kill."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tune_jobs.planning import default_targets, last_targets, line_targets, own_targets
from tune_jobs.rounds import MOST_DEATHS, OUTCOME, Job, Rounds
from tune_jobs.sampling import Configuration
from tune_jobs.study import StudySpec, lane_folder, lanes_of
from tune_jobs.transfer import teachers_of

LEARNERS = ("lightgbm", "logistic_regression")


def studies_in(folder: Path, count: int, trials: int = 10, kind: str = "Alert") -> list[StudySpec]:
    definition = {"kind": "Alert", "type": "classifier", "target": "jam == 1", "horizon": "30m", "learners": LEARNERS}
    if kind == "Monitor":
        definition = {"kind": "Monitor", "learners": ["linear", "dense"]}
    return [
        StudySpec(
            definition={**definition, "name": "jam-soon", "lines": {"family": "presses"}},
            definition_version=1,
            lines={f"press-{i:02d}": None},
            line=f"press-{i:02d}",
            family=None,
            signals_url="sqlite:////nowhere",
            folder=str(folder / f"{i:05d}"),
            trials=trials,
            seed=0,
        )
        for i in range(count)
    ]


def carry_out(rounds: Rounds, job: Job, *, cut: int | None = None) -> None:
    """Write what a worker that did the job would have written; ``cut``: it was killed after so many."""
    spec = rounds.studies[job.study]
    written = _write(spec, dict(job.targets), job.study, cut)
    if job.own and (cut is None or written < cut):
        targets = own_targets(spec, taught=rounds.taught(job.study), across=rounds.across)
        written += _write(spec, targets, job.study, None if cut is None else cut - written)
    if job.finish and (cut is None or written < cut):
        (Path(spec.folder) / OUTCOME).write_text("{}")


def _write(spec: StudySpec, targets: dict[tuple[str, ...], int], study: int, most: int | None) -> int:
    written = 0
    for lane, target in targets.items():
        folder = lane_folder(spec, lane)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "configurations.jsonl").open("a+") as journal:
            journal.seek(0)
            for number in range(len(journal.readlines()), target):
                if written == most:
                    return written
                metric = 0.5 + 0.02 * number * (lane == ("lightgbm",)) * (study % 2)
                journal.write(json.dumps(asdict(Configuration(number, lane[0], {}, metric, 0.1))) + "\n")
                written += 1
    return written


def run_all(rounds: Rounds, rng: random.Random) -> list[Job]:
    """Hand out jobs to as many workers as there are, which end in any order."""
    running: list[Job] = []
    order: list[Job] = []
    while not rounds.finished:
        while len(running) < rounds.workers and (handed := rounds.next()) is not None:
            running.append(handed[0])
            order.append(handed[0])
        assert running, "nothing runs and nothing is handed out"
        job = running.pop(rng.randrange(len(running)))
        carry_out(rounds, job)
        rounds.done(job)
    return order


def tried_of(studies: list[StudySpec]) -> dict[str, int]:
    return {
        f"{spec.line} {lane[0]}": len((lane_folder(spec, lane) / "configurations.jsonl").read_text().splitlines())
        for spec in studies
        for lane in lanes_of(spec)
    }


@pytest.mark.parametrize("count", [1, 3, 9, 40])
@pytest.mark.parametrize("workers", [1, 2, 7])
def test_every_study_ends_within_its_budget(tmp_path, count, workers):
    studies = studies_in(tmp_path, count)
    run_all(Rounds(studies, 60.0, workers), random.Random(1))
    assert all((Path(spec.folder) / OUTCOME).exists() for spec in studies)
    assert sum(tried_of(studies).values()) == 10 * count


def test_workers_and_order_change_nothing(tmp_path):
    found = []
    for workers, seed in ((1, 0), (2, 1), (5, 2)):
        studies = studies_in(tmp_path / str(workers), 20)
        run_all(Rounds(studies, 60.0, workers), random.Random(seed))
        found.append(tried_of(studies))
    assert found[0] == found[1] == found[2]


def test_the_budget_moves_to_lanes_that_gain(tmp_path):
    studies = studies_in(tmp_path, 30)
    run_all(Rounds(studies, 60.0, 2), random.Random(1))
    tried = tried_of(studies)
    assert tried["press-21 lightgbm"] > tried["press-20 lightgbm"]
    assert tried["press-21 lightgbm"] > tried["press-21 logistic_regression"]


def test_in_the_end_all_others_teach(tmp_path):
    rounds = Rounds(studies_in(tmp_path, 9), 60.0, 2)
    while not (job := rounds.next()[0]).finish:
        assert [one for one, _ in rounds.teachers(job.study)] == teachers_of(rounds.studies, job.study)
        carry_out(rounds, job)
        rounds.done(job)
    found = rounds.teachers(job.study)
    assert found == [(one, rounds.taught(one)) for one in range(9) if one != job.study]
    assert dict(found)[0] is False or job.study == 0


def test_without_across_all_get_the_same(tmp_path):
    studies = studies_in(tmp_path, 6, trials=11)
    run_all(Rounds(studies, 60.0, 2, across=False), random.Random(1))
    tried = tried_of(studies)
    assert {tried[f"press-0{i} lightgbm"] for i in range(6)} == {6}
    assert {tried[f"press-0{i} logistic_regression"] for i in range(6)} == {5}


@pytest.mark.parametrize("seed", range(8))
def test_a_search_that_was_killed_goes_on_alike(tmp_path, seed):
    rng = random.Random(seed)
    whole = studies_in(tmp_path / "whole", 9)
    run_all(Rounds(whole, 60.0, 2), random.Random(1))
    part = studies_in(tmp_path / "part", 9)
    for _ in range(4):
        rounds = Rounds(part, 60.0, 2)
        for _ in range(rng.randrange(1, 8)):
            handed = rounds.next()
            if handed is None:
                break
            if rng.random() < 0.2:
                carry_out(rounds, handed[0], cut=rng.randrange(4))
                break
            carry_out(rounds, handed[0])
            rounds.done(handed[0])
    run_all(Rounds(part, 60.0, 2), rng)
    assert tried_of(part) == tried_of(whole)


def test_a_failed_study_gets_no_more(tmp_path):
    studies = studies_in(tmp_path, 8)
    rounds = Rounds(studies, 60.0, 2)
    job, _ = rounds.next()
    rounds.done(job, failed=True)
    assert all(one.study != job.study for one in run_all(rounds, random.Random(0)))


def test_a_job_whose_worker_died_is_handed_out_again(tmp_path):
    studies = studies_in(tmp_path, 3)
    rounds = Rounds(studies, 60.0, 1)
    job, _ = rounds.next()
    assert rounds.lost(job)
    assert rounds.next()[0] == job
    carry_out(rounds, job)
    rounds.done(job)
    run_all(rounds, random.Random(0))
    assert sum(tried_of(studies).values()) == 30
    assert all((Path(spec.folder) / OUTCOME).exists() for spec in studies)


def test_a_study_at_which_workers_keep_dying_is_given_up(tmp_path):
    rounds = Rounds(studies_in(tmp_path, 3), 60.0, 1)
    job, _ = rounds.next()
    for _ in range(MOST_DEATHS):
        assert rounds.lost(job)
        assert rounds.next()[0] == job
    assert not rounds.lost(job)
    assert {one.study for one in run_all(rounds, random.Random(0))} == {1, 2}


@pytest.mark.parametrize("count", [2, 12])
def test_a_family_takes_no_more_workers_than_its_quota_and_all_is_done(tmp_path, count):
    studies = studies_in(tmp_path, count)
    studies = [
        replace(one, lines={one.line: {"family": ("fryers", "ovens", None)[i % 3]}}) for i, one in enumerate(studies)
    ]
    rounds, rng = Rounds(studies, 60.0, 6, quotas={"fryers": 1}), random.Random(3)
    running, most, busiest = [], 0, 0
    while not rounds.finished:
        while len(running) < 6 and (handed := rounds.next()) is not None:
            running.append(handed[0])
        most = max(most, sum(studies[job.study].family_of_line == "fryers" for job in running))
        busiest = max(busiest, len(running))
        job = running.pop(rng.randrange(len(running)))
        carry_out(rounds, job)
        rounds.done(job)
    assert most == 1
    assert busiest > 1
    assert sum(tried_of(studies).values()) == 10 * count
    assert all((Path(one.folder) / OUTCOME).exists() for one in studies)


def test_few_studies_are_split_over_the_workers(tmp_path):
    rounds = Rounds(studies_in(tmp_path, 1), 60.0, 2)
    first, second = rounds.next()[0], rounds.next()[0]
    assert not first.own
    assert first.study == second.study
    assert {lane for job in (first, second) for lane, _ in job.targets} == {(name,) for name in LEARNERS}
    assert rounds.next() is None


def test_a_monitors_fits_and_its_end_are_one_job(tmp_path):
    order = run_all(Rounds(studies_in(tmp_path, 2, kind="Monitor"), 60.0, 2), random.Random(0))
    assert [(job.study, job.finish) for job in order] == [(0, True), (1, True)]


def test_time_is_shared_by_what_is_left(tmp_path):
    rounds = Rounds(studies_in(tmp_path, 10), 100.0, 2)
    limits = [rounds.next()[1] for _ in range(4)]
    assert all(14.0 < limit < 25.0 for limit in limits), limits


def test_teachers_are_earlier_and_the_same_wherever_it_runs(tmp_path):
    studies = studies_in(tmp_path, 70)
    assert teachers_of(studies, 3) == []
    assert teachers_of(studies, 4) == [0, 1, 2]
    assert teachers_of(studies, 16) == list(range(12))
    assert teachers_of(studies, 69) == list(range(48))


def test_defaults_are_tried_whatever_the_budget(tmp_path):
    (spec,) = studies_in(tmp_path, 1, trials=1)
    assert default_targets(spec) == {("lightgbm",): 1, ("logistic_regression",): 1}
    run_all(Rounds([spec], 60.0, 2), random.Random(0))
    assert set(tried_of([spec]).values()) == {1}


def test_a_learner_far_behind_by_its_default_gets_no_share(tmp_path):
    (spec,) = studies_in(tmp_path, 1, trials=20)
    ahead, behind = lanes_of(spec)
    defaults = {lane: [Configuration(0, lane[0], {}, metric, 0.1)] for lane, metric in ((ahead, 0.8), (behind, 0.3))}
    assert line_targets(spec, defaults, taught=False, across=True) == {ahead: 19, behind: 1}
    assert line_targets(spec, defaults, taught=True, across=True) == {ahead: 11, behind: 1}
    assert line_targets(spec, defaults, taught=True, across=False) == {ahead: 10, behind: 10}


def test_nothing_is_given_to_lanes_that_failed(tmp_path):
    studies = studies_in(tmp_path, 1)
    lanes = lanes_of(studies[0])
    tried = {(0, lane): [Configuration(0, lane[0], {}, None, 0.1, "failed")] for lane in lanes}
    assert last_targets(studies, tried) == {}
