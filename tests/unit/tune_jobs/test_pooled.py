"""What outgrows one worker: which lines a search sees, how files are dealt, and what is refused at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.errors import AndonError, DataError
from andon.models import xgboost
from andon.models.training import training_rows
from tests.watched_line import JAM, START, history, jam_bundle
from tune_jobs.distributed_xgboost import count_rows, deal, fit_distributed, plan_fit
from tune_jobs.files import LabelledRows, write_rows
from tune_jobs.pooled import PIECE, fit_pooled_on_all, line_shards, pooled_learners, sample_lines
from tune_jobs.shards import read_shard
from tune_jobs.xgboost_actors import require_tested

SIZES = st.dictionaries(st.text("abc-0123456789", min_size=1), st.integers(0, 1000), min_size=2, max_size=30)
BUDGETS, SEEDS = st.integers(0, 20_000), st.integers(0, 2**40)


@given(SIZES, BUDGETS, SEEDS)
def test_a_sample_fits_and_is_the_same_whatever_the_order_of_the_lines(sizes, budget, seed) -> None:
    sample = sample_lines(sizes, budget, seed)
    assert sample == sample_lines(dict(reversed(sizes.items())), budget, seed)
    assert len(set(sample)) == len(sample) >= 2
    assert set(sample) <= set(sizes)
    two_smallest = sum(sorted(sizes.values())[:2])
    assert sum(sizes[line] for line in sample) <= max(budget, two_smallest)


@given(SIZES, BUDGETS, SEEDS)
def test_no_line_is_left_out_that_would_fit(sizes, budget, seed) -> None:
    sample = sample_lines(sizes, budget, seed)
    left = budget - sum(sizes[line] for line in sample)
    assert all(sizes[line] > left for line in set(sizes) - set(sample))
    if sum(sizes.values()) <= budget:
        assert set(sample) == set(sizes)


def test_seeds_draw_different_lines_and_one_more_line_changes_little() -> None:
    sizes = {f"press-{number}": 10 for number in range(100)}
    first, second = (set(sample_lines(sizes, 300, seed)) for seed in (1, 2))
    assert len(first) == len(second) == 30
    assert 0 < len(first & second) < 20
    assert len(first - set(sample_lines({**sizes, "press-100": 10}, 300, 1))) <= 1


def test_a_sample_is_searched_with_what_can_be_fitted_on_all() -> None:
    assert pooled_learners(["lightgbm", "xgboost", "random_forest"]) == ("xgboost",)
    assert pooled_learners(["random_forest", "lightgbm"]) == ("random_forest", "lightgbm")


def test_the_rows_of_a_study_are_written_a_file_a_line_once(tmp_path: Path) -> None:
    assert JAM.target is not None and JAM.horizon is not None
    spec = jam_bundle().features
    rows = training_rows([history()], spec, JAM.target, JAM.horizon)
    # A line without rows has no file; a long one is written in pieces.
    many = LabelledRows(*(np.repeat(part, 40, axis=0) for part in (rows.times, rows.labels, rows.values)))
    one = LabelledRows(rows.times, rows.labels, rows.values)
    none = LabelledRows(rows.times[:0], rows.labels[:0], rows.values[:0])
    lines = {"a": [one], "b": [none], "c": [many]}
    assert len(many.times) > PIECE
    write_rows(lines, spec, START, START, tmp_path)
    paths = line_shards(tmp_path)
    assert [path.name for path in paths] == ["00000.parquet", "00002.parquet"]
    for path, rows_of_line in zip(paths, (one, many), strict=True):
        read = list(read_shard(path))
        np.testing.assert_array_equal(np.concatenate([piece.values for piece in read]), rows_of_line.values)
        np.testing.assert_array_equal(np.concatenate([piece.labels for piece in read]), rows_of_line.labels)
        np.testing.assert_array_equal(np.concatenate([piece.times for piece in read]), rows_of_line.times)
    written_at = [path.stat().st_mtime_ns for path in paths]
    assert [path.stat().st_mtime_ns for path in line_shards(tmp_path)] == written_at


@given(st.dictionaries(st.text("abc", min_size=1), st.integers(1, 10**6), min_size=4, max_size=40), st.integers(2, 4))
def test_files_are_dealt_whole_and_evenly(rows, hands) -> None:
    order = deal(rows, hands)
    assert sorted(order) == sorted(rows)
    shares = [sum(rows[file] for file in order[hand::hands]) for hand in range(hands)]
    assert max(shares) - min(shares) <= 2 * max(rows.values())


def written(folder: Path, name: str, columns: dict[str, list[float]]) -> str:
    path = folder / f"{name}.parquet"
    pl.DataFrame(columns).write_parquet(path)
    return str(path)


def columns(positive: int, rows: int = 4) -> dict[str, list[float]]:
    values = [float(row) for row in range(rows)]
    return {"time": [*range(rows)], "label": [1.0] * positive + [0.0] * (rows - positive), "f10": values, "f2": values}


def test_columns_are_read_in_the_order_of_their_numbers_and_by_their_times(tmp_path: Path) -> None:
    files = [written(tmp_path, name, columns(positive)) for name, positive in (("a", 1), ("b", 0), ("c", 2))]
    plan = plan_fit(files, xgboost.cheapest(), seed=5, actors=2, threads=3)
    assert plan.features == ("f2", "f10")
    assert sorted(plan.files) == files
    assert (plan.settings["nthread"], plan.settings["seed"], plan.rounds) == (3, 5, xgboost.cheapest()["rounds"])
    assert plan.settings["colsample_bytree"] == 1.0, "as in one process, a tree may use all of so few features"
    assert count_rows(files[2], "label", (1, 3)) == (2, 1)
    with pytest.raises(DataError, match=r"hold one class only: 0 of 6 are positive"):
        plan_fit(files, xgboost.cheapest(), seed=5, actors=2, threads=1, span=(2, 4))


def test_what_cannot_be_fitted_is_refused_before_a_worker_starts(tmp_path: Path) -> None:
    whole, other = written(tmp_path, "whole", columns(1)), written(tmp_path, "other", columns(1))
    lacking = written(tmp_path, "lacking", {"label": [0.0], "f2": [1.0]})
    calm = [written(tmp_path, name, columns(0)) for name in "xy"]
    for files, reason in (
        ([whole], "training rows: are in 1 files for 2 workers; use fewer workers"),
        ([whole, lacking], f"{lacking}: has no column f10; write the rows of all lines anew"),
        (calm, "hold one class only: 0 of 8 are positive"),
    ):
        with pytest.raises(DataError, match=reason):
            fit_distributed(files, xgboost.cheapest(), seed=0)
    with pytest.raises(AndonError, match=r"outgrow one worker, and there is 1; set ANDON_WORKERS to 2 or more"):
        fit_pooled_on_all([Path(whole), Path(other)], xgboost.cheapest(), seed=0, workers=1)


def test_versions_that_were_not_tested_are_refused_by_name() -> None:
    good = {"xgboost": "3.2.0", "xgboost-ray": "0.1.19"}
    require_tested(good)
    require_tested(good | {"xgboost": "3.2.7"})
    for text in ("xgboost 3.20.0", "xgboost 3.3.0", "xgboost 2.1.4", "xgboost-ray 0.1.18", "xgboost-ray 0.1.190"):
        package, installed = text.split()
        with pytest.raises(AndonError, match=f"^{package} {installed}: is not a version .*; install {package}=="):
            require_tested(good | {package: installed})
