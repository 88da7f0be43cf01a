"""Readings as a request or a table of rows gives them, made into a frame."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from andon.errors import DataError
from andon.frames import TIME, SignalFrame, signal_frame
from configs.definitions import VariableType


def rows_frame(
    line: str,
    rows: Sequence[Mapping[str, Any]],
    types: Mapping[str, VariableType],
    sampling: timedelta | None = None,
    *,
    others: bool = False,
) -> SignalFrame:
    """Validate rows: ``time`` and variables, oldest first.

    Parameters
    ----------
    types
        Of the variables that are known; none: the readings tell.
    others
        Whether there may be variables beside those; the readings tell their types.

    Raises
    ------
    DataError
        Naming the row and variable that is wrong.
    """
    if not rows:
        raise DataError(f"line {line}: rows", "is empty", "send readings, or no rows at all for the newest stored")
    names = sorted({name for row in rows for name in row if name != "time"})
    unknown = [name for name in names if types and not others and name not in types]
    if unknown:
        raise DataError(
            f"line {line}: rows", f"unknown variable {unknown[0]!r}", f"it has {', '.join(sorted(types)) or 'none'}"
        )
    times = []
    for number, row in enumerate(rows):
        times.append(_time(f"line {line}: rows[{number}].time", row.get("time")))
    columns: dict[str, Any] = {"time": pl.Series(times, dtype=TIME)}
    kinds: dict[str, VariableType] = {}
    for name in names:
        values = [row.get(name) for row in rows]
        kinds[name] = types.get(name) or ("category" if any(isinstance(v, str) for v in values) else "number")
        for number, value in enumerate(values):
            good = value is None or (
                isinstance(value, str) and _is_text(value)
                if kinds[name] == "category"
                else isinstance(value, bool | int | float) and _is_finite(value)
            )
            if not good:
                raise DataError(
                    f"line {line}: rows[{number}].{name}",
                    f"is not a {kinds[name]}: {value!r}"[:200],
                    "mend or leave it out",
                )
        columns[name] = pl.Series(
            values if kinds[name] == "category" else [None if v is None else float(v) for v in values],
            dtype=pl.String if kinds[name] == "category" else pl.Float64,
        )
    frame = signal_frame(line, pl.DataFrame(columns), kinds, sampling)
    if not names or not len(frame):
        raise DataError(f"line {line}: rows", "hold no reading", "send at least one value")
    return frame


def _time(place: str, value: Any) -> datetime:
    if isinstance(value, str):
        # OverflowError: within year 1 or 9999 where it was read, outside of them in UTC.
        with suppress(ValueError, OverflowError):
            moment = datetime.fromisoformat(value)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    raise DataError(place, f"is not a time: {value!r}"[:200], "write for example 2026-01-01T06:00:00Z")


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # JSON's integers have no largest one
        return False


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # JSON can escape half of a character
        return False
    return True
