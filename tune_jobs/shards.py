"""Labelled rows of one line as a Parquet file, for what reads whole files side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from tune_jobs.files import LabelledRows


def write_shard(pieces: Iterable[LabelledRows], features: int, path: Path) -> None:
    """Write rows, a piece at a time; the file appears when it is whole.

    Columns are ``time`` (microseconds, int64), ``label`` and ``f0`` to ``fn`` (float64), of ``features`` features.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    numbers = [f"f{index}" for index in range(features)]
    schema = pa.schema([("time", pa.int64()), ("label", pa.float64()), *((name, pa.float64()) for name in numbers)])
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    with pq.ParquetWriter(temporary, schema, compression="lz4", use_dictionary=False, write_statistics=False) as file:
        for piece in pieces:
            columns = np.ascontiguousarray(piece.values.T)
            arrays = [pa.array(piece.times), pa.array(piece.labels), *(pa.array(column) for column in columns)]
            file.write_table(pa.Table.from_arrays(arrays, schema=schema))
    temporary.replace(path)


def read_shard(path: Path) -> Iterator[LabelledRows]:
    """Yield the pieces that `write_shard` wrote."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, use_threads=False)
            values = np.empty((table.num_rows, table.num_columns - 2))
            for index in range(values.shape[1]):
                values[:, index] = table.column(index + 2).to_numpy()
            yield LabelledRows(table.column(0).to_numpy(), table.column(1).to_numpy(), values)
