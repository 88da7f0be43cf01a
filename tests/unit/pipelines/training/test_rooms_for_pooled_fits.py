"""A search whose winner could not be fitted on all rows is refused before it begins, and stops no other."""

from __future__ import annotations

from pipelines.training.train import split_by_room
from tune_jobs.study import StudySpec


def study(folder: str, sample: tuple[str, ...] = ()) -> StudySpec:
    return StudySpec({"kind": "Alert", "name": "jam-soon"}, 1, {}, None, "presses", "", folder, 1, 0, sample=sample)


def test_what_needs_two_workers_is_refused_where_there_is_one() -> None:
    small, large, broken = study("small"), study("large", ("press-1", "press-2")), study("broken")
    assert split_by_room([small, large], [(broken, "why")], 2) == ([small, large], [(broken, "why")])
    ready, failed = split_by_room([small, large], [(broken, "why")], 1)
    assert ready == [small]
    assert failed[0] == (broken, "why")
    (spec, error) = failed[1]
    assert spec == large
    assert error.startswith("rows of all lines: outgrow one worker, and there is 1; set ANDON_WORKERS to 2 or more")
