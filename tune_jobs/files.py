"""Rows of a study as files: Parquet for the numbers, JSON for what they mean."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from andon.features.spec import FeatureSpec
from andon.frames import MICROSECOND, SignalFrame, TrainingFrame, from_microseconds, signal_frame


@dataclass(frozen=True, slots=True)
class StudyRows:
    """Labelled rows of a classifier's study, and the half-open span of the readings they came from."""

    rows: TrainingFrame
    features: FeatureSpec
    start: datetime
    end: datetime


def write_rows(rows: TrainingFrame, features: FeatureSpec, frames: Sequence[SignalFrame], folder: Path) -> None:
    """Write labelled rows into a study's folder."""
    columns = {f"f{index}": rows.values[:, index] for index in range(rows.values.shape[1])}
    pl.DataFrame({"label": rows.labels, "time": rows.times, "group": rows.groups, **columns}).write_parquet(
        folder / "rows.parquet", compression="lz4"
    )
    (folder / "rows.json").write_text(
        json.dumps(
            {
                "features": features.to_json(),
                "lines": list(rows.lines),
                "names": list(rows.names),
                "start": min(int(frame.times[0]) for frame in frames),
                "end": max(int(frame.times[-1]) for frame in frames) + 1,
            }
        )
    )


def read_rows(folder: Path) -> StudyRows:
    """Read what `write_rows` wrote."""
    about = json.loads((folder / "rows.json").read_text())
    table = pl.read_parquet(folder / "rows.parquet")
    values = np.empty((table.height, len(about["names"])))
    for index in range(values.shape[1]):
        values[:, index] = table[f"f{index}"].to_numpy()
    rows = TrainingFrame(
        values,
        table["label"].to_numpy(),
        table["time"].to_numpy(),
        table["group"].to_numpy(),
        tuple(about["lines"]),
        tuple(about["names"]),
    )
    return StudyRows(
        rows,
        FeatureSpec.from_json(about["features"]),
        from_microseconds(about["start"]),
        from_microseconds(about["end"]),
    )


def write_signals(frame: SignalFrame, folder: Path) -> None:
    """Write a line's readings into a study's folder."""
    frame.data.write_parquet(folder / "signals.parquet", compression="lz4")
    about = {"line": frame.line, "types": dict(frame.types), "sampling": frame.sampling // MICROSECOND}
    (folder / "signals.json").write_text(json.dumps(about))


def read_signals(folder: Path) -> SignalFrame:
    """Read what `write_signals` wrote."""
    about = json.loads((folder / "signals.json").read_text())
    return signal_frame(
        about["line"],
        pl.read_parquet(folder / "signals.parquet"),
        about["types"],
        timedelta(microseconds=about["sampling"]),
    )
