"""A bundle is a directory that trusts nobody."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from andon.errors import ModelError
from andon.features.spec import FeatureSpec, VariableSpec
from andon.frames import SignalFrame, TrainingFrame
from andon.models.bundle import MANIFEST, AlertBundle, read_bundle, write_bundle
from andon.models.calibration import IDENTITY, Calibration
from andon.models.classifiers import CLASSIFIERS, classifier
from andon.models.monitors.bundle import MonitorBundle
from andon.models.monitors.training import fit_monitor
from andon.records import ModelCard, ModelKey
from andon.scoring import forecast_next, score_monitor
from configs.definitions import Monitor
from tests.series import awkward

MINUTE = timedelta(minutes=1)
VALUES = np.random.default_rng(0).normal(size=(300, 2))


def bundle_of(name: str) -> AlertBundle:
    labels = (VALUES[:, 0] > 0.5).astype(float)
    rows = TrainingFrame(VALUES, labels, np.arange(300), np.zeros(300, dtype=np.int64), ("a",), ("x.mean.5m", "x.last"))
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return AlertBundle(
        key=ModelKey("jam-soon", "press-07"),
        definition={"kind": "Alert", "name": "jam-soon"},
        definition_version=3,
        features=FeatureSpec((VariableSpec("x", "number"),), (5 * MINUTE,), ("mean", "last"), MINUTE, MINUTE),
        learner=name,
        model=classifier(name).fit(rows, classifier(name).cheapest(), seed=1),
        threshold=0.1 + 0.2,
        horizon=30 * MINUTE,
        card=ModelCard("classifier", name, {"a": 1}, {"average_precision": 1 / 3}, {}, 3, moment, moment, 7),
        calibration=Calibration(1.1, -0.2),
    )


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_it_comes_back_as_it_was(name, tmp_path):
    made = bundle_of(name)
    write_bundle(made, tmp_path / "bundle")
    found = read_bundle(tmp_path / "bundle")
    assert isinstance(found, AlertBundle)
    assert found.probabilities(VALUES).tobytes() == made.probabilities(VALUES).tobytes()
    for field in ("key", "definition", "definition_version", "features", "learner", "threshold", "horizon", "card"):
        assert getattr(found, field) == getattr(made, field)
    assert found.calibration == made.calibration


def rewritten(folder: Path, **fields: object) -> None:
    """Change fields of a manifest, and its checksum with them; a part is named with two underscores."""
    manifest = json.loads((folder / MANIFEST).read_text())
    for name, value in fields.items():
        where = manifest["parts"] if name.startswith("parts__") else manifest
        where[name.removeprefix("parts__")] = value
    text = json.dumps(manifest)
    (folder / MANIFEST).write_text(text)
    (folder / f"{MANIFEST}.sha256").write_text(hashlib.sha256(text.encode()).hexdigest())


def test_a_bundle_from_before_calibration_scores_as_it_did(tmp_path):
    made = replace(bundle_of("lightgbm"), calibration=IDENTITY)
    write_bundle(made, tmp_path / "bundle")
    manifest = json.loads((tmp_path / "bundle" / MANIFEST).read_text())
    parts = {name: part for name, part in manifest["parts"].items() if name != "calibration"}
    rewritten(tmp_path / "bundle", format=1, parts=parts)
    found = read_bundle(tmp_path / "bundle")
    assert isinstance(found, AlertBundle)
    assert found.probabilities(VALUES).tobytes() == made.model.predict(VALUES).tobytes()


@pytest.mark.parametrize("body", [{"slope": -1.0, "intercept": 0.0}, {"slope": 1.0}, [1.0, 2.0]])
def test_a_calibration_that_is_none_is_refused(tmp_path, body):
    write_bundle(bundle_of("logistic_regression"), tmp_path / "bundle")
    rewritten(tmp_path / "bundle", parts__calibration=body)
    with pytest.raises(ModelError, match="is damaged"):
        read_bundle(tmp_path / "bundle")


def monitor_bundle() -> tuple[MonitorBundle, SignalFrame]:
    frame = awkward(np.random.default_rng(8), 800)
    monitor = Monitor.model_validate(
        {"kind": "Monitor", "name": "normal", "lines": {"names": ["press-07"]}, "learners": ["linear"], "window": 5}
    )
    return fit_monitor(ModelKey("normal", "press-07"), monitor, 2, frame, seed=3), frame


def test_a_monitor_comes_back_as_it_was(tmp_path):
    made, frame = monitor_bundle()
    write_bundle(made, tmp_path / "bundle")
    found = read_bundle(tmp_path / "bundle")
    assert isinstance(found, MonitorBundle)
    for field in ("key", "definition", "definition_version", "window", "sampling", "variables", "card"):
        assert getattr(found, field) == getattr(made, field)
    before, after = score_monitor(made, frame), score_monitor(found, frame)
    for name in ("expected", "score", "flags", "thresholds", "line_score", "line_flag"):
        assert getattr(after, name).tobytes() == getattr(before, name).tobytes()
    assert forecast_next(found, frame) == forecast_next(made, frame)


@pytest.mark.parametrize("damage", ["cut", "flip", "remove"])
def test_a_damaged_monitor_is_refused(tmp_path, damage):
    write_bundle(monitor_bundle()[0], tmp_path / "bundle")
    for name in ("bundle.json", "bundle.json.sha256", "monitor.npz"):
        folder = tmp_path / f"damaged-{name}"
        shutil.copytree(tmp_path / "bundle", folder)
        test_damage_is_refused(folder, name, damage)


class Breaking:
    """A model whose saving breaks off after its first file."""

    def predict(self, values: np.ndarray) -> np.ndarray:
        return np.zeros(len(values))

    def save(self, folder: Path) -> None:
        (folder / "first.npz").write_bytes(b"half")
        raise KeyboardInterrupt


def test_an_interrupted_write_leaves_what_was_there(tmp_path):
    whole = bundle_of("logistic_regression")
    broken = replace(whole, model=Breaking())
    with pytest.raises(KeyboardInterrupt):
        write_bundle(broken, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []
    write_bundle(whole, tmp_path / "bundle")
    with pytest.raises(KeyboardInterrupt):
        write_bundle(broken, tmp_path / "bundle")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    assert read_bundle(tmp_path / "bundle").card == whole.card


@pytest.fixture
def folder(tmp_path):
    write_bundle(bundle_of("logistic_regression"), tmp_path / "bundle")
    return tmp_path / "bundle"


def test_nothing_else_is_left_beside_it(folder):
    assert [path.name for path in folder.parent.iterdir()] == ["bundle"]


@pytest.mark.parametrize("name", ["bundle.json", "bundle.json.sha256", "logistic_regression.npz"])
@pytest.mark.parametrize("damage", ["cut", "flip", "remove"])
def test_damage_is_refused(folder, name, damage):
    file = folder / name
    content = bytearray(file.read_bytes())
    if damage == "remove":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    else:
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    with pytest.raises(ModelError, match=r"is damaged: .*; train again, or roll back"):
        read_bundle(folder)


def test_an_added_file_is_refused(folder):
    (folder / "extra.pkl").write_bytes(b"")
    with pytest.raises(ModelError, match=r"extra\.pkl"):
        read_bundle(folder)


@pytest.mark.parametrize(
    ("field", "value"), [("format", 99), ("kind", "pickle"), ("sha256", {"../../etc/passwd": "0"}), ("card", {})]
)
def test_a_forged_manifest_is_refused(folder, field, value):
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest[field] = value
    if field == "kind":
        manifest["parts"]["learner"] = "pickle"
    text = json.dumps(manifest)
    (folder / MANIFEST).write_text(text)
    (folder / f"{MANIFEST}.sha256").write_text(hashlib.sha256(text.encode()).hexdigest())
    with pytest.raises(ModelError):
        read_bundle(folder)


def test_a_pickle_inside_is_refused(folder):
    np.savez(folder / "logistic_regression.npz", medians=np.array([object()]), weights=np.zeros(1), intercept=0.0)
    manifest = json.loads((folder / MANIFEST).read_text())
    digest = hashlib.sha256((folder / "logistic_regression.npz").read_bytes()).hexdigest()
    manifest["sha256"]["logistic_regression.npz"] = digest
    text = json.dumps(manifest)
    (folder / MANIFEST).write_text(text)
    (folder / f"{MANIFEST}.sha256").write_text(hashlib.sha256(text.encode()).hexdigest())
    with pytest.raises(ModelError, match="allow_pickle"):
        read_bundle(folder)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_model_of_other_features_is_refused(name, tmp_path):
    made = bundle_of(name)
    one_feature_more = replace(made.features, functions=("mean", "last", "max"))
    write_bundle(replace(made, features=one_feature_more), tmp_path / "bundle")
    with pytest.raises(ModelError, match=r"is damaged|needs 2 features"):
        read_bundle(tmp_path / "bundle")


def test_a_missing_folder_is_one_clear_error(tmp_path):
    with pytest.raises(ModelError, match="nowhere"):
        read_bundle(tmp_path / "nowhere")
