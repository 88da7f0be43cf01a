"""What was said of a line, measured against a variable in which people marked what was not normal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from andon.errors import DataError
from andon.evaluation.anomalies import Detection, measure_detection
from andon.frames import Floats, SignalFrame
from andon.ports import Signals

_SHOWN = {
    "F1": "f1",
    "FAR": "false_alarm_rate",
    "MAR": "missed_alarm_rate",
    "events": "events",
    "event recall": "event_recall",
    "delay, s": "delay_seconds",
    "VUS-PR": "vus_pr",
}


def with_labels(rows: pl.DataFrame, line: str, variable: str, signals: Signals) -> tuple[pl.DataFrame, Detection]:
    """Return back-test rows with the label (1, 0 or null) as ``actual`` of the line's own, and how well those fit it.

    Raises
    ------
    DataError
        If the line lacks the variable, or it is a category.
    """
    stored = signals.describe_line(line)
    wanted = [variable] if stored is not None and variable in stored.types else []
    read = signals.read_signals(line, wanted, rows["time"].min(), None)
    labels = read.data.select("time", label=pl.Series(labels_of(read, variable)).fill_nan(None))
    joined = rows.join(labels, on="time", how="left", maintain_order="left")
    own = pl.col("variable").is_null()
    rows = joined.with_columns(pl.when(own).then("label").otherwise("actual").alias("actual")).drop("label")
    verdicts = rows.filter(own)
    detection = measure_detection(
        verdicts["time"].to_physical().to_numpy(),
        verdicts["actual"].fill_null(np.nan).to_numpy(),
        verdicts["score"].fill_null(np.nan).to_numpy(),
        verdicts["flag"].to_numpy(),
    )
    return rows, detection


def labels_of(frame: SignalFrame, variable: str) -> Floats:
    """Return 1 where a variable is not 0, 0 where it is, and NaN where it was not read, float64 (n_rows,).

    Raises
    ------
    DataError
        If the line lacks the variable, or it is a category.
    """
    if frame.types.get(variable) not in ("number", "boolean"):
        problem = "is a category" if variable in frame.types else "is not a variable of the line"
        raise DataError(f"line {frame.line}: --labels {variable}", problem, "name one that is 0 where all is normal")
    values = frame.numbers(variable)
    return np.where(np.isnan(values), np.nan, (values != 0).astype(np.float64))


def detection_table(lines: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the columns and rows of a table of what `with_labels` measured; a line without it is left out."""
    measured = [(one["line"], one["detection"]) for one in lines if one["detection"]]
    return ["line", *_SHOWN], [
        (line, *(_short(detection[field]) for field in _SHOWN.values())) for line, detection in measured
    ]


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}".rstrip("0").rstrip(".")
