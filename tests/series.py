"""Awkward series for tests: irregular times, gaps, missing values, all types of variable."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl

from andon.frames import TIME, SignalFrame, signal_frame
from configs.definitions import VariableType

TYPES: dict[str, VariableType] = {
    "level": "number",
    "step": "number",
    "sparse": "number",
    "open": "boolean",
    "product": "category",
    "jam": "number",
}
START = 1_767_225_600_000_000


def awkward(rng: np.random.Generator, rows: int, *, jitter: bool = True, line: str = "press-07") -> SignalFrame:
    """One row about a minute, with jitter, gaps of up to two hours, missing cells, and rare events in ``jam``."""
    steps = np.full(rows, 60_000_000)
    if jitter:
        steps += rng.integers(-20_000_000, 20_000_000, rows)
    gaps = rng.random(rows) < 0.01
    steps[gaps] += rng.integers(60, 7_200, gaps.sum()) * 1_000_000
    jam = np.zeros(rows)
    for begin in np.flatnonzero(rng.random(rows) < 0.01):
        jam[begin : begin + int(rng.integers(1, 6))] = 1.0
    data = pl.DataFrame(
        {
            "time": pl.Series(START + np.cumsum(steps)).cast(TIME),
            "level": _holes(rng, 1e3 + rng.normal(size=rows).cumsum(), 0.05),
            "step": _holes(rng, np.repeat(rng.integers(0, 5, rows), 7)[:rows].astype(float), 0.02),
            "sparse": _holes(rng, rng.normal(size=rows), 0.9),
            "open": _holes(rng, (rng.random(rows) < 0.3).astype(float), 0.05),
            "product": pl.Series(np.repeat(rng.choice(["fries", "rösti", "chips"], rows), 11)[:rows].tolist()),
            "jam": _holes(rng, jam, 0.02),
        }
    )
    return signal_frame(line, data, TYPES, timedelta(minutes=1))


def _holes(rng: np.random.Generator, values: np.ndarray, share: float) -> pl.Series:
    return pl.Series(np.where(rng.random(len(values)) < share, np.nan, values))
