"""The columns of stored forecasts, the same from every adapter."""

from __future__ import annotations

import polars as pl

FORECAST_COLUMNS: dict[str, type[pl.DataType]] = {
    "time": pl.Int64,
    "monitor": pl.String,
    "variable": pl.String,
    "expected": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "version": pl.Int64,
}
"""Types as they are read; ``time`` is in microseconds."""
