"""Studies prepared from kept features: the rows of one computation on all readings of the periods."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from andon.errors import ConfigError, DataError
from andon.evaluation.splits import periods, training_lines
from andon.features.spec import feature_spec
from andon.frames import MICROSECOND, SignalFrame, from_microseconds
from andon.models.training import training_rows
from andon.ports import Signals
from andon.stores import open_signals
from configs.definitions import Alert
from configs.periods import format_time
from pipelines.training.preparing import prepare_study
from tests.series import START, awkward
from tune_jobs.files import is_prepared, read_rows, read_signals
from tune_jobs.study import StudySpec, typed

LINES = ("press-1", "press-10", "press-2")
DAY = timedelta(days=1)
DEFINITION = {"kind": "Alert", "name": "jam-soon", "type": "classifier", "target": "jam == 1", "horizon": "30m"}
DECLARED = {
    "kind": "Line",
    "name": "press-1",
    "family": "presses",
    "variables": [{"name": "level", "unit": "mm", "min": 990}],
}


def day(number: float) -> str:
    return format_time(from_microseconds(START) + number * DAY)


@pytest.fixture(scope="module")
def frames() -> dict[str, SignalFrame]:
    return {
        name: awkward(np.random.default_rng(place), 14_000 + 2_000 * place, line=name)
        for place, name in enumerate(LINES)
    }


@pytest.fixture
def signals(tmp_path: Path, frames: dict[str, SignalFrame]) -> Signals:
    store = open_signals(f"sqlite:///{tmp_path}/signals.db")
    for frame in frames.values():
        store.append_signals(frame)
    return store


def study(folder: Path, definition: dict[str, object], lines: tuple[str, ...], **fields: object) -> StudySpec:
    pooled = definition.get("model") == "pooled"
    selector = {"family": "presses"} if pooled else {"names": list(lines)}
    return StudySpec(
        definition={**DEFINITION, "lines": selector, **definition},
        definition_version=1,
        lines={name: DECLARED if name == "press-1" else None for name in lines},
        line=None if pooled else lines[0],
        family="presses" if pooled else None,
        signals_url=f"sqlite:///{folder}/signals.db",
        folder=str(folder / "study"),
        trials=1,
        seed=0,
        **fields,
    )


@pytest.mark.parametrize("lines", [LINES, LINES[:1]])
@pytest.mark.parametrize(
    "definition",
    [
        {},
        {"train": {"start": day(1.3), "end": day(7.21)}},
        {"train": {"start": day(1.3), "end": day(7.21)}, "validation": {"start": day(8), "end": day(9.013)}},
        {"exclude": ["level"], "features": {"windows": ["10m", "1h"], "functions": ["mean", "share"], "stride": "10m"}},
        {"features": {"windows": ["1h"], "functions": ["q05", "out_of_bounds"], "stride": "20m"}},
    ],
)
def test_rows_are_those_of_one_computation(tmp_path, signals, definition, lines):
    spec = study(tmp_path, {**definition, "model": "pooled" if len(lines) > 1 else "per-line"}, lines)
    prepare_study(spec, signals)
    alert = typed(spec)
    assert isinstance(alert, Alert)
    assert alert.target is not None and alert.horizon is not None
    span = (alert.train.start, (alert.validation or alert.train).end) if alert.train else (None, None)
    read = [signals.read_signals(line, None, *span) for line in lines]
    begin, end = min(frame.data["time"][0] for frame in read), max(frame.data["time"][-1] for frame in read)
    if len(lines) > 1 and alert.train is None:
        learnt_from = [frame for frame in read if frame.line in training_lines(lines)]
    else:
        period, _ = periods(alert.train, alert.validation, begin, end + MICROSECOND)
        learnt_from = [frame.between(period.start, period.end) for frame in read]
    wanted = feature_spec(
        alert.features,
        learnt_from,
        alert.horizon,
        alert.include,
        alert.exclude,
        alert.target,
        {"level": (990.0, None)},
    )
    full = training_rows(read, wanted, alert.target, alert.horizon)
    found = read_rows(Path(spec.folder))
    assert found.features == wanted
    assert found.rows.lines == full.lines
    assert len(found.rows) > 500
    for one, other in (("times", "times"), ("labels", "labels"), ("groups", "groups"), ("values", "values")):
        assert np.array_equal(getattr(found.rows, one), getattr(full, other), equal_nan=True), one
    assert found.rows.values.tobytes() == full.values.tobytes()
    assert (found.start, found.end) == (begin, end + MICROSECOND)


def test_periods_of_a_retrain_share_what_was_made(tmp_path, signals):
    kept = tmp_path / "features"
    periods = {"train": {"start": day(0.5), "end": day(6)}, "validation": {"start": day(6), "end": day(8.2)}}
    first = study(tmp_path, {}, LINES[:1], periods=periods, features_folder=str(kept))
    prepare_study(first, signals)
    parts = {path: path.stat().st_mtime_ns for path in kept.glob("*/press-1/*.parquet")}
    assert parts
    periods["validation"]["end"] = day(9.4)
    second = replace(first, folder=str(tmp_path / "second"), periods=periods)
    prepare_study(second, signals)
    again = {path: path.stat().st_mtime_ns for path in kept.glob("*/press-1/*.parquet")}
    assert len(again) > len(parts)
    assert all(again[path] == at for path, at in parts.items()), "new rows are added, and no others made"
    older, newer = read_rows(Path(first.folder)).rows, read_rows(Path(second.folder)).rows
    assert len(newer) > len(older)
    same = np.isin(newer.times, older.times)
    assert newer.values[same].tobytes() == older.values[np.isin(older.times, newer.times)].tobytes()


def test_a_definition_keeps_two_feature_sets_of_a_line(tmp_path, signals):
    kept = tmp_path / "features"
    for windows in (["10m"], ["20m"], ["30m"], ["20m"]):
        shape = {"features": {"windows": windows, "functions": ["mean"], "stride": "10m"}}
        spec = study(tmp_path, shape, LINES[:1], features_folder=str(kept))
        prepare_study(replace(spec, folder=str(tmp_path / windows[0])), signals)
    other = study(
        tmp_path, {"name": "other", "features": {"windows": ["1h"], "functions": ["mean"], "stride": "1h"}}, LINES[:1]
    )
    prepare_study(replace(other, features_folder=str(kept)), signals)
    notes = sorted(path.name for path in kept.glob("*/press-1/*.used"))
    assert notes == ["jam-soon.used", "jam-soon.used", "other.used"]
    assert len(list(kept.glob("*/press-1"))) == 3


def test_a_prepared_study_is_left_as_it_is(tmp_path, signals):
    spec = study(tmp_path, {}, LINES[:1])
    prepare_study(spec, signals)
    folder = Path(spec.folder)
    assert is_prepared(folder)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    prepare_study(spec, signals)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    (folder / "rows.json").unlink()
    (folder / "rows.npz").write_bytes(b"half")
    assert not is_prepared(folder)
    prepare_study(spec, signals)
    assert len(read_rows(folder).rows) > 500


def test_rows_are_read_quickly(tmp_path):
    """10,000 rows of 60 features: opened, and gone through once."""
    from andon.features.spec import FeatureSpec, VariableSpec
    from tune_jobs.files import LabelledRows, write_rows

    minute = timedelta(minutes=1)
    variables = tuple(VariableSpec(f"v{index}", "number") for index in range(60))
    features = FeatureSpec(variables, (5 * minute,), ("mean",), minute, minute)
    rng = np.random.default_rng(0)
    rows = LabelledRows(np.arange(10_000), np.zeros(10_000), rng.normal(size=(10_000, 60)))
    write_rows({"press-1": [rows]}, features, from_microseconds(0), from_microseconds(10_000), tmp_path)
    took = []
    for _ in range(7):
        began = time.perf_counter()
        found = read_rows(tmp_path).rows
        total = float(found.values.sum())
        took.append(time.perf_counter() - began)
    assert total == float(rows.values.sum())
    assert min(took) <= 0.020
    found.values[0, 0] = 0.0
    assert read_rows(tmp_path).rows.values[0, 0] == rows.values[0, 0], "the file is never changed"


def test_errors_say_what_lacks(tmp_path, signals):
    with pytest.raises(DataError, match=r"Alert jam-soon: no line has readings of stop in its periods"):
        prepare_study(study(tmp_path, {"target": "stop == 1"}, LINES[:1]), signals)
    with pytest.raises(DataError, match=r"no line has readings of its variables in its periods"):
        prepare_study(study(tmp_path, {"train": {"start": "1990-01-01", "end": "1991-01-01"}}, LINES[:1]), signals)
    with pytest.raises(DataError, match=r"line oven: has no readings; choose one of: press-1, press-10"):
        prepare_study(study(tmp_path, {}, ("oven",)), signals)
    with pytest.raises(ConfigError, match="include"):
        prepare_study(study(tmp_path, {"include": ["speed"]}, LINES[:1]), signals)
    assert not is_prepared(tmp_path / "study")


def test_a_monitor_reads_its_line(tmp_path, signals, frames):
    spec = study(tmp_path, {}, LINES[:1])
    body = {"kind": "Monitor", "name": "normal", "lines": {"names": ["press-1"]}}
    prepare_study(replace(spec, definition=body), signals)
    assert is_prepared(Path(spec.folder))
    assert read_signals(Path(spec.folder)).data.equals(frames["press-1"].data)
