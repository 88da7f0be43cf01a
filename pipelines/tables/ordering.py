"""Rows of one line by time, one for each time."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True, slots=True)
class Order:
    """How a line's rows stood: each ``first_`` says where in the file.

    ``duplicates`` counts rows that repeat a time, ``conflicts`` the times at which such rows disagree, and
    ``unsorted`` rows that stand after a later one.
    """

    duplicates: int = 0
    conflicts: int = 0
    first_conflict: int | None = None
    unsorted: int = 0
    first_unsorted: int | None = None


def put_in_order(keys: pl.DataFrame, values: pl.DataFrame) -> tuple[pl.DataFrame, Order]:
    """Sort rows by time and keep one for each: of every variable the last value in the file.

    Parameters
    ----------
    keys
        ``time`` without nulls, and ``row``: where each row stands in the file.
    values
        One column a variable, as many rows.

    Returns
    -------
    ``time`` and the variables, strictly rising in time; and how the rows stood.
    """
    time = keys["time"].to_physical()
    late = time < time.cum_max()
    unsorted = int(late.sum())
    first_unsorted = int(keys["row"][int(late.arg_max() or 0)]) if unsorted else None
    frame = pl.DataFrame([keys["time"], *values])
    if unsorted:
        order = pl.DataFrame({"time": time}).with_row_index("i").sort("time", maintain_order=True)["i"]
        frame, keys = frame[order], keys[order]
    twice = frame["time"].to_physical().diff().fill_null(1) == 0
    if not twice.any():
        return frame, Order(unsorted=unsorted, first_unsorted=first_unsorted)
    shared = twice | twice.shift(-1, fill_value=False)
    groups = frame.filter(shared).group_by("time", maintain_order=True)
    merged = groups.agg(pl.all().drop_nulls().last())
    values_a_time = groups.agg(pl.all().drop_nulls().n_unique())
    conflicting = values_a_time.filter(pl.any_horizontal(pl.exclude("time") > 1))["time"]
    first_conflict = None
    if len(conflicting):
        first_conflict = max(keys.filter(keys["time"] == conflicting[0])["row"].to_list())
    found = Order(int(twice.sum()), len(conflicting), first_conflict, unsorted, first_unsorted)
    return pl.concat([frame.filter(~shared), merged]).sort("time"), found
