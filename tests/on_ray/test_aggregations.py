"""The feature job on a local Ray: equal to one process, families, and a line that fails alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from andon.features.spec import FeatureSpec, VariableSpec
from andon.stores import open_signals
from cluster.session import ray_session
from configs.settings import load_settings
from pipelines.aggregations.feature_set import FeatureSet
from pipelines.aggregations.job import Wanted, make_features
from pipelines.training.preparing import SHARDS, prepare_studies, prepare_study
from tests.series import awkward
from tune_jobs.files import is_prepared, read_rows
from tune_jobs.shards import read_shard
from tune_jobs.study import StudySpec

pytestmark = pytest.mark.ray

MINUTE = timedelta(minutes=1)
SPEC = FeatureSpec(
    (VariableSpec("level", "number"), VariableSpec("open", "boolean")),
    (5 * MINUTE, 120 * MINUTE),
    ("mean", "std", "slope", "share"),
    5 * MINUTE,
    MINUTE,
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = f"sqlite:///{tmp_path_factory.mktemp('plant')}/signals.db"
    signals = open_signals(path)
    for number in range(1, 4):
        signals.append_signals(awkward(np.random.default_rng(number), 12_000, line=f"press-{number}"))
    bare = awkward(np.random.default_rng(9), 3_000, line="oven").select(["step", "jam"])
    signals.append_signals(bare)
    signals.close()
    return path


@pytest.fixture(scope="module")
def ray():
    with ray_session(load_settings(workers=2)) as session:
        yield session


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}


def test_the_job_makes_what_one_process_makes(ray, url, tmp_path):
    lines = ["press-1", "press-2", "press-3", "oven"]
    wanted = [Wanted(FeatureSet(SPEC, None, str(tmp_path / "ray")), line, url, None) for line in lines]
    made, failed = make_features(wanted, ray.workers)
    alone = FeatureSet(SPEC, None, str(tmp_path / "alone"))
    signals = open_signals(url)
    for line in lines[:-1]:
        one = replace(wanted[0], made=alone, line=line).on(signals)
        made -= one.update(one.part_numbers())
    assert made == 0
    assert contents(tmp_path / "ray") == contents(tmp_path / "alone")
    assert list(failed) == [wanted[-1]]
    assert "oven: level: is missing" in failed[wanted[-1]]
    assert make_features(wanted[:-1], ray.workers) == (0, {})


def test_studies_of_a_line_and_of_a_family(ray, url, tmp_path):
    def study(name: str, lines: tuple[str, ...], pooled: bool, **fields: object) -> StudySpec:
        definition = {
            "kind": "Alert",
            "name": name,
            "lines": {"family": "presses"},
            "type": "classifier",
            "target": "jam == 1",
            "horizon": "30m",
            "model": "pooled" if pooled else "per-line",
        }
        given = (definition, 1, dict.fromkeys(lines), None if pooled else lines[0], "presses" if pooled else None, url)
        kept = {"features_folder": str(tmp_path / "features"), **fields}
        return StudySpec(*given, folder=str(tmp_path / name), trials=1, seed=0, **kept)

    presses = ("press-2", "press-1", "press-3")
    monitor = {"kind": "Monitor", "name": "normal", "lines": {"names": ["press-1"]}}
    specs = [
        study("alone", presses[:1], False),
        study("nowhere", ("press-9",), False),
        study("pooled", presses, True),
        replace(study("normal", presses[1:2], False), definition=monitor),
        study("sampled", presses, True, sample=("press-1", "press-3")),
    ]
    ended: list[int] = []
    ready, failed = prepare_studies(specs, lambda: ended.append(1))
    assert [spec.title for spec in ready] == [spec.title for spec in specs if spec is not specs[1]]
    assert [(spec, error.split(";")[0]) for spec, error in failed] == [(specs[1], "line press-9: has no readings")]
    assert len(ended) == len(specs)
    assert all(is_prepared(Path(spec.folder)) for spec in ready)

    here = replace(specs[2], folder=str(tmp_path / "here"), features_folder="")
    prepare_study(here, open_signals(url))
    rows, wanted = read_rows(tmp_path / "pooled"), read_rows(tmp_path / "here")
    assert rows.features == wanted.features
    assert rows.rows.values.tobytes() == wanted.rows.values.tobytes()
    assert rows.rows.groups.tolist() == wanted.rows.groups.tolist()
    assert not (tmp_path / "pooled" / SHARDS).exists()

    sampled = read_rows(tmp_path / "sampled").rows
    assert sampled.lines == ("press-1", "press-3")
    assert sampled.values.tobytes() == wanted.rows.rows(wanted.rows.groups != 1).values.tobytes()
    shards = sorted((tmp_path / "sampled" / SHARDS).iterdir())
    values = [piece.values for path in shards for piece in read_shard(path)]
    assert np.concatenate(values).tobytes() == wanted.rows.values.tobytes()

    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("rows.*")}
    again, _ = prepare_studies([specs[0], specs[2]], lambda: None)
    assert again == [specs[0], specs[2]]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("rows.*")} == before
