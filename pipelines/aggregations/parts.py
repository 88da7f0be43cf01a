"""A part: features of some blocks of a line as one Parquet file, whose name says what it was made of."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from andon.frames import Floats, Integers

_NAME = re.compile(r"(-?\d+)_(-?\d+)_([0-9a-f]{16})\.parquet")


@dataclass(frozen=True, slots=True)
class Part:
    """Blocks ``(after, last]``; ``key`` stands for the readings that they were made of."""

    after: int
    last: int
    key: str

    @property
    def name(self) -> str:
        """Name of its file.

        Examples
        --------
        >>> Part(-2, 14, "00c0ffee00c0ffee").name
        '-2_14_00c0ffee00c0ffee.parquet'
        """
        return f"{self.after}_{self.last}_{self.key}.parquet"


@dataclass(frozen=True, slots=True)
class PartRows:
    """Rows with a full window, the last of each block: times in microseconds int64 (n,), float64 (n, n_features)."""

    times: Integers
    values: Floats


def list_parts(folder: Path) -> list[Part]:
    """Return the parts in a folder, those that reach furthest first."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    found = [Part(int(m[1]), int(m[2]), m[3]) for name in names if (m := _NAME.fullmatch(name))]
    return sorted(found, key=lambda part: (-part.last, part.after, part.key))


def write_part(folder: Path, part: Part, rows: PartRows, names: tuple[str, ...]) -> None:
    """Write a part: all of it appears at once, or nothing."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = np.ascontiguousarray(rows.values.T)
    times = pa.array(rows.times).cast(pa.timestamp("us", "UTC"))
    table = pa.table([times, *(pa.array(column) for column in columns)], names=["time", *names])
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{part.name}.{os.getpid()}"
    try:
        pq.write_table(table, temporary, compression="lz4", use_dictionary=False, write_statistics=False)
        temporary.replace(folder / part.name)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_part(folder: Path, part: Part) -> PartRows | None:
    """Read a part; None where it is not there any more, or damaged (and then it is deleted)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / part.name
    try:
        with pq.ParquetFile(path) as file:
            table = file.read(use_threads=False)
    except FileNotFoundError:
        return None
    except (pa.ArrowInvalid, OSError):
        path.unlink(missing_ok=True)
        return None
    values = np.empty((table.num_rows, table.num_columns - 1))
    for index in range(values.shape[1]):
        values[:, index] = table.column(index + 1).to_numpy()
    return PartRows(table.column(0).to_numpy().view(np.int64), values)
