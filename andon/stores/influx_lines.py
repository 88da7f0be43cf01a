"""Readings as InfluxDB's line protocol, column by column, in bounded batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import polars as pl

from andon.errors import DataError
from andon.stores.influx_names import Column, InfluxNames

VALUES_A_BATCH = 100_000
BYTES_A_BATCH = 5_000_000
"""Servers take 10 MB (3.x) or 25 MB (1.x) in one request unless they are told otherwise."""
TEXT_BYTES = 64_000
"""InfluxDB refuses a longer string."""


def key(text: str) -> str:
    r"""Escape a tag's name or value, or a field's name.

    Examples
    --------
    >>> key("oil temperature, °C")
    'oil\\ temperature\\,\\ °C'
    """
    return text.replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")


def series(measurement: str, tags: Mapping[str, str]) -> str:
    r"""Return measurement and tags, as a line begins with.

    Examples
    --------
    >>> series("oil temperature", {"machine": "fryer 1"})
    'oil\\ temperature,machine=fryer\\ 1'
    """
    name = measurement.replace(",", "\\,").replace(" ", "\\ ")
    return ",".join([name, *(f"{key(tag)}={key(value)}" for tag, value in tags.items())])


def batches(line: str, data: pl.DataFrame, columns: Mapping[str, Column], names: InfluxNames) -> Iterator[bytes]:
    """Yield a table's values as line protocol, oldest first; a row whose values share a point is never cut.

    Raises
    ------
    DataError
        If a fraction is meant for a field of integers, or a text is too long.
    """
    variables = [name for name in data.columns if name != "time"]
    _check(line, data, columns)
    height = max(1, VALUES_A_BATCH // max(1, len(variables)))
    for begin in range(0, data.height, height):
        part = data[begin : begin + height]
        if names.by_field:
            lines = part.select(_point(line, variables, columns, names).alias("text"))
        else:
            points = [_point(line, [one], columns, names) for one in variables]
            lines = pl.concat([part.select(point.alias("text"), "time") for point in points])
            lines = lines.filter(pl.col("text").is_not_null()).sort("time", maintain_order=True)
        texts = lines["text"].drop_nulls()
        place = texts.str.len_bytes().cast(pl.Int64).cum_sum() // BYTES_A_BATCH
        for run in texts.to_frame().with_columns(place=place).partition_by("place", maintain_order=True):
            yield str(run["text"].str.join("\n")[0]).encode()


def ahead(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what an iterator does, making the next while the last is worked on, and never more than one."""
    with ThreadPoolExecutor(1) as maker:
        made = maker.submit(next, lines, None)
        while (batch := made.result()) is not None:
            made = maker.submit(next, lines, None)
            yield batch


def _point(line: str, variables: Sequence[str], columns: Mapping[str, Column], names: InfluxNames) -> pl.Expr:
    """Return a line for each row, null where none of the variables has a value."""
    one = variables[0]
    begin = series(columns[one].measurement, names.tags(line, one))
    fields = [pl.lit(f"{key(columns[name].key)}=") + _value(name, columns[name]) for name in variables]
    values = pl.concat_str(fields, separator=",", ignore_nulls=True)
    point = pl.lit(f"{begin} ") + values + pl.lit(" ") + pl.col("time").to_physical().cast(pl.String)
    return pl.when(pl.any_horizontal(pl.col(variables).is_not_null())).then(point)


def _value(name: str, column: Column) -> pl.Expr:
    value = pl.col(name)
    if column.kind == "boolean":
        return value.cast(pl.Boolean).cast(pl.String)
    if column.kind == "category":
        escaped = value.str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)
        return pl.lit('"') + escaped + pl.lit('"')
    return value.cast(pl.Int64).cast(pl.String) + pl.lit("i") if column.whole else value.cast(pl.String)


def _check(line: str, data: pl.DataFrame, columns: Mapping[str, Column]) -> None:
    for name, column in columns.items():
        values = data[name].drop_nulls()
        place = f"line {line}: {name}"
        if column.whole and not ((values == values.floor()) & (values.abs() < 2**63)).all():
            raise DataError(place, "is a field of integers in InfluxDB", "give whole numbers, or name another variable")
        if column.kind == "category" and (values.str.len_bytes() > TEXT_BYTES).any():
            raise DataError(place, f"holds a text of more than {TEXT_BYTES} bytes", "shorten it")
