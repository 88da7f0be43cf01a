"""Rows of a study as files: plain arrays or Parquet for the numbers, JSON for what they mean."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from andon.features.spec import FeatureSpec
from andon.frames import (
    MICROSECOND,
    Floats,
    Integers,
    SignalFrame,
    TrainingFrame,
    from_microseconds,
    signal_frame,
    to_microseconds,
)


@dataclass(frozen=True, slots=True)
class StudyRows:
    """Labelled rows of a classifier's study, and the half-open span of the readings they came from."""

    rows: TrainingFrame
    features: FeatureSpec
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """Some labelled rows of a line: times in microseconds int64 (n,), labels float64 (n,), values float64 (n, k)."""

    times: Integers
    labels: Floats
    values: Floats


def is_prepared(folder: Path) -> bool:
    """Whether a study's folder holds all that its search reads: the JSON files are written last."""
    return (folder / "rows.json").exists() or (folder / "signals.json").exists()


def write_rows(
    lines: Mapping[str, Iterable[LabelledRows]], features: FeatureSpec, start: datetime, end: datetime, folder: Path
) -> None:
    """Write the labelled rows of lines into a study's folder, a piece at a time; ``start`` and ``end`` as `StudyRows`.

    The values are one plain file of float64, row by row, so that many processes read it through the same memory.
    """
    times, labels, groups = [np.zeros(0, np.int64)], [np.zeros(0)], [np.zeros(0, np.int64)]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "rows.f64").open("wb") as file:
        for group, line in enumerate(sorted(lines)):
            for rows in lines[line]:
                file.write(np.ascontiguousarray(rows.values).data)
                times.append(rows.times)
                labels.append(rows.labels)
                groups.append(np.full(len(rows.times), group, np.int64))
    np.savez(
        folder / "rows.npz", times=np.concatenate(times), labels=np.concatenate(labels), groups=np.concatenate(groups)
    )
    about = {
        "features": features.to_json(),
        "lines": sorted(lines),
        "start": to_microseconds(start),
        "end": to_microseconds(end),
    }
    _write_last(folder / "rows.json", about)


def read_rows(folder: Path) -> StudyRows:
    """Read what `write_rows` wrote; the values stay in the file until they are looked at."""
    about = json.loads((folder / "rows.json").read_text())
    features = FeatureSpec.from_json(about["features"])
    with np.load(folder / "rows.npz") as columns:
        times, labels, groups = columns["times"], columns["labels"], columns["groups"]
    shape = (len(times), len(features.names))
    # Copied where written to: what reads them may be compiled for arrays that can be.
    values: Floats = np.memmap(folder / "rows.f64", np.float64, "c", shape=shape) if len(times) else np.empty(shape)
    rows = TrainingFrame(values.view(np.ndarray), labels, times, groups, tuple(about["lines"]), features.names)
    return StudyRows(rows, features, from_microseconds(about["start"]), from_microseconds(about["end"]))


def write_signals(frame: SignalFrame, folder: Path) -> None:
    """Write a line's readings into a study's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    frame.data.write_parquet(folder / "signals.parquet", compression="lz4")
    about = {"line": frame.line, "types": dict(frame.types), "sampling": frame.sampling // MICROSECOND}
    _write_last(folder / "signals.json", about)


def read_signals(folder: Path) -> SignalFrame:
    """Read what `write_signals` wrote."""
    about = json.loads((folder / "signals.json").read_text())
    return signal_frame(
        about["line"],
        pl.read_parquet(folder / "signals.parquet"),
        about["types"],
        timedelta(microseconds=about["sampling"]),
    )


def _write_last(path: Path, body: object) -> None:
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(body))
    temporary.replace(path)
