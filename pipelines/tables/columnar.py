"""Parquet: columns as they are typed."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from polars.exceptions import PanicException

from andon.errors import DataError
from pipelines.tables.options import TableOptions
from pipelines.tables.raw import RawTable, check_excluded, check_header, check_width


def read_parquet(path: Path, options: TableOptions) -> RawTable:
    """Read a Parquet table, without the columns to leave out.

    Raises
    ------
    DataError
        If the file is not whole, or a column holds lists, records or bytes.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            check_width(path, len(schema.names))
            names = check_header(path, schema.names, "schema")
            check_excluded(path, names, options.exclude)
            for name, kind in zip(names, schema.types, strict=True):
                if name not in options.exclude and (pa.types.is_nested(kind) or _is_bytes(pa, kind)):
                    problem = f"holds {kind}, which is neither number nor text"
                    raise DataError(f"{path}: column {name!r}", problem, f"leave it out with --exclude {name!r}")
            keep = [raw for raw, name in zip(schema.names, names, strict=True) if name not in options.exclude]
            table = file.read(columns=keep, use_threads=False)
            # A damaged file may hold what is no text; Polars does not look, and panics later.
            table.validate(full=True)
            bare = pa.schema([pa.field(one.name, one.type, one.nullable) for one in table.schema])
            cells = pl.from_arrow(table.cast(bare))
    except (pa.ArrowException, OSError, ValueError, PanicException) as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise DataError(str(path), f"cannot be read as Parquet: {said}", "write or copy the file again") from None
    assert isinstance(cells, pl.DataFrame)
    cells = cells.rename({raw: name for raw, name in zip(schema.names, names, strict=True) if raw in cells.columns})
    cells = cells.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String), pl.col(pl.Decimal).cast(pl.Float64))
    return RawTable(path, cells, pl.int_range(1, cells.height + 1, eager=True, dtype=pl.Int64), "row")


def _is_bytes(pa: object, kind: object) -> bool:
    types = pa.types  # type: ignore[attr-defined]
    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind))
