"""A line of four variables that stays as it is, for tests of monitors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from andon.frames import TIME, SignalFrame, signal_frame

START = datetime(2026, 1, 1, tzinfo=UTC)


def settled(seed: int, rows: int) -> np.ndarray:
    """Return readings (rows, 4): two with a memory of some rows, two without, the last following the third."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, 4))
    for row in range(1, rows):
        values[row, :2] += 0.6 * values[row - 1, :2]
    values[:, 3] += values[:, 2]
    return values


def framed(values: np.ndarray) -> SignalFrame:
    """Return readings (rows, v) a second apart as the frame of a line."""
    times = pl.Series("time", [START + timedelta(seconds=row) for row in range(len(values))], TIME)
    columns = [pl.Series(f"v{column}", values[:, column]) for column in range(values.shape[1])]
    return signal_frame("plant", pl.DataFrame([times, *columns]), {one.name: "number" for one in columns})
