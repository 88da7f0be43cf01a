"""What readings are, in one short text: equal readings give equal texts, on whatever store they lie."""

from __future__ import annotations

import hashlib
from typing import Any

import polars as pl


def add_readings(digest: Any, data: pl.DataFrame) -> None:
    """Add a table, ``time`` and a column for each variable, to a digest of `hashlib`.

    A variable without a value in it counts as absent, and so does a row.

    Examples
    --------
    >>> one, other = hashlib.sha256(), hashlib.sha256()
    >>> add_readings(one, pl.DataFrame({"time": [1, 2], "a": [0.5, None], "b": [None, None]}))
    >>> add_readings(other, pl.DataFrame({"time": [1], "a": [0.5]}))
    >>> one.hexdigest() == other.hexdigest()
    True
    """
    for name in sorted(data.columns):
        if name == "time":
            continue
        kept = data.select("time", name).filter(pl.col(name).is_not_null())
        if not kept.height:
            continue
        digest.update(f"{name}\n{kept.height}\n".encode())
        digest.update(kept["time"].to_physical().to_numpy().tobytes())
        values = kept[name]
        if values.dtype == pl.String:
            digest.update(values.str.len_bytes().to_numpy().tobytes())
            digest.update("".join(values.to_list()).encode("utf-8", "surrogatepass"))
        else:
            digest.update((values.to_numpy() + 0.0).tobytes())  # -0.0 equals 0.0


def readings_digest(data: pl.DataFrame) -> str:
    """Return the digest of one table, in hexadecimal."""
    digest = hashlib.sha256()
    add_readings(digest, data)
    return digest.hexdigest()
