"""A million cells of CSV, Parquet and quoted CSV as readings of a line: how long until they could be stored."""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.tables.lines import line_tables
from pipelines.tables.options import TableOptions
from pipelines.tables.reading import read_table

BAR = 1.0
"""Seconds a million cells, the best of three."""
ROWS, COLUMNS = 100_000, 10


def main() -> int:
    """Print seconds a million cells for each format; 1 where a bar is not met."""
    rng = np.random.default_rng(0)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    times = pl.Series([start + timedelta(seconds=row) for row in range(ROWS)]).dt.strftime("%Y-%m-%d %H:%M:%S")
    columns = {f"v{column}": rng.normal(size=ROWS).round(4) for column in range(COLUMNS - 1)}
    table = pl.DataFrame({"time": times, **columns, "product": rng.choice(["A", "B"], ROWS)})
    options, met = TableOptions(line="p"), True
    with tempfile.TemporaryDirectory() as folder:
        plain, quoted, parquet = (Path(folder) / name for name in ("plain.csv", "quoted.csv", "t.parquet"))
        table.write_csv(plain)
        table.write_csv(quoted, quote_style="always")
        table.write_parquet(parquet)
        for path in (plain, quoted, parquet):
            best = min(_seconds(path, options) for _ in range(3))
            met &= best <= BAR
            print(f"{path.name}: {best:.2f} s for {ROWS * COLUMNS:,} cells (bar {BAR:g} s)")
    return 0 if met else 1


def _seconds(path: Path, options: TableOptions) -> float:
    began = time.perf_counter()
    line_tables(read_table(path, options), options)
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
