"""What a study's winner said of the rows that validated it, beside its bundle until it is published."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import numpy as np

from andon.frames import MICROSECOND
from andon.records import Evaluation

_FILE = "evaluation.npz"


def write_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """Write an evaluation into a study's folder."""
    np.savez(
        folder / _FILE,
        labels=evaluation.labels,
        scores=evaluation.scores,
        times=evaluation.times,
        groups=evaluation.groups,
        threshold=np.float64(evaluation.threshold),
        horizon=np.int64(evaluation.horizon // MICROSECOND),
        importance=np.array(json.dumps(dict(evaluation.importance))),
    )


def read_evaluation(folder: Path) -> Evaluation | None:
    """Read what `write_evaluation` wrote; None where a study has none (a monitor's)."""
    if not (folder / _FILE).exists():
        return None
    with np.load(folder / _FILE, allow_pickle=False) as kept:
        return Evaluation(
            kept["labels"],
            kept["scores"],
            kept["times"],
            kept["groups"],
            float(kept["threshold"]),
            timedelta(microseconds=int(kept["horizon"])),
            json.loads(str(kept["importance"])),
        )
