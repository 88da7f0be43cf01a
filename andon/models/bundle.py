"""The bundle: a model as one directory of native formats, with a manifest and checksums; loading it trusts nobody."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from andon.errors import AndonError, ModelError
from andon.features.spec import FeatureSpec
from andon.frames import MICROSECOND, Floats
from andon.models.blend import load_classifier
from andon.models.calibration import IDENTITY, Calibration
from andon.models.classifiers import FittedClassifier
from andon.models.monitors.bundle import MonitorBundle, read_parts, write_parts
from andon.record_json import card_from, to_body
from andon.records import ModelCard, ModelKey

MANIFEST = "bundle.json"
FORMAT = 2
KNOWN = (1, FORMAT)
"""1 has no calibration; whoever knows that only would score without it."""


@dataclass(frozen=True, slots=True)
class AlertBundle:
    """Everything needed to score a classifier alert."""

    key: ModelKey
    definition: dict[str, Any]
    """JSON form of the Alert."""
    definition_version: int
    features: FeatureSpec
    learner: str
    model: FittedClassifier
    threshold: float
    horizon: timedelta
    card: ModelCard
    calibration: Calibration = IDENTITY

    def probabilities(self, values: Floats) -> Floats:
        """Return calibrated probabilities, float64 (n_rows,), of features float64 (n_rows, n_features).

        The one way from features to a score: for a back-test, a tick, a request and an explanation. ``threshold``
        is a level of these.
        """
        return self.calibration.apply(self.model.predict(values))


Bundle = AlertBundle | MonitorBundle


def write_bundle(bundle: Bundle, folder: Path) -> None:
    """Write a bundle into a new folder, which appears whole or not at all.

    Raises
    ------
    ModelError
        If the folder cannot be written.
    """
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        manifest: dict[str, Any] = {
            "format": FORMAT,
            "kind": "alert" if isinstance(bundle, AlertBundle) else "monitor",
            "key": [bundle.key.definition, bundle.key.line, bundle.key.family],
            "definition": bundle.definition,
            "definition_version": bundle.definition_version,
            "card": to_body(bundle.card),
        }
        if isinstance(bundle, AlertBundle):
            bundle.model.save(temporary)
            manifest["parts"] = {
                "features": bundle.features.to_json(),
                "learner": bundle.learner,
                "threshold": bundle.threshold,
                "calibration": bundle.calibration.to_json(),
                "horizon": bundle.horizon // MICROSECOND,
            }
        else:
            manifest["parts"] = write_parts(bundle, temporary)
        manifest["sha256"] = {path.name: _digest(path) for path in sorted(temporary.iterdir())}
        text = json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False)
        (temporary / MANIFEST).write_text(text, encoding="utf-8")
        (temporary / f"{MANIFEST}.sha256").write_text(hashlib.sha256(text.encode()).hexdigest(), encoding="ascii")
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
    except OSError as error:
        raise ModelError(str(folder), f"cannot be written: {error.strerror}", "make room, or choose another") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle, after checking every file against its checksum.

    Raises
    ------
    ModelError
        If anything is missing, added, damaged or of another format.
    """
    try:
        text = (folder / MANIFEST).read_text(encoding="utf-8")
        if hashlib.sha256(text.encode()).hexdigest() != (folder / f"{MANIFEST}.sha256").read_text(encoding="ascii"):
            raise _damaged(folder, f"{MANIFEST} does not match its checksum")
        manifest = json.loads(text)
        if manifest["format"] not in KNOWN:
            raise _damaged(folder, f"format {manifest['format']!r} is not known")
        expected = manifest["sha256"]
        found = {path.name for path in folder.iterdir()} - {MANIFEST, f"{MANIFEST}.sha256"}
        if set(expected) != found:
            raise _damaged(folder, f"holds {sorted(found)} instead of {sorted(expected)}")
        for name, digest in expected.items():
            if _digest(folder / name) != digest:
                raise _damaged(folder, f"{name} does not match its checksum")
        return _read(folder, manifest)
    except AndonError:
        raise
    except Exception as error:
        raise _damaged(folder, str(error) or type(error).__name__) from error


def _read(folder: Path, manifest: dict[str, Any]) -> Bundle:
    definition, line, family = manifest["key"]
    key, card, parts = ModelKey(definition, line, family), card_from(manifest["card"]), manifest["parts"]
    if manifest["kind"] == "monitor":
        return read_parts(
            folder,
            parts,
            key=key,
            definition=manifest["definition"],
            definition_version=manifest["definition_version"],
            card=card,
        )
    if manifest["kind"] != "alert":
        raise _damaged(folder, f"kind {manifest['kind']!r} is not known")
    features, model = FeatureSpec.from_json(parts["features"]), load_classifier(parts["learner"], folder)
    # One row tells whether weights and features belong together, here rather than in the middle of a tick.
    score = model.predict(np.zeros((1, len(features.names))))
    if score.shape != (1,) or not 0.0 <= score[0] <= 1.0:
        raise _damaged(folder, "its model answers no probability")
    return AlertBundle(
        key=key,
        definition=manifest["definition"],
        definition_version=manifest["definition_version"],
        features=features,
        learner=parts["learner"],
        model=model,
        threshold=float(parts["threshold"]),
        horizon=parts["horizon"] * MICROSECOND,
        card=card,
        calibration=Calibration.from_json(parts.get("calibration")),
    )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _damaged(folder: Path, problem: str) -> ModelError:
    return ModelError(f"model in {folder}", f"is damaged: {problem}", "train again, or roll back")
