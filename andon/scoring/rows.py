"""Readings as a request or a table of rows gives them, made into a frame."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import numpy as np
import polars as pl

from andon.errors import DataError
from andon.frames import TIME, SignalFrame, rising_frame, to_microseconds
from configs.definitions import VariableType

_NUMBERS = frozenset({float, int, bool, type(None)})
_TEXTS = frozenset({str, type(None)})
_EXACT = 4e9
"""Seconds from the Unix epoch up to which a float tells every microsecond."""


def rows_frame(
    line: str,
    rows: Sequence[Mapping[str, Any]],
    types: Mapping[str, VariableType],
    sampling: timedelta | None = None,
    *,
    others: bool = False,
) -> SignalFrame:
    """Validate rows: ``time`` and variables, oldest first.

    Whole columns are looked at; only one that is wrong is gone through value by value, to say where.

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
    names = sorted(set(chain.from_iterable(rows)) - {"time"})
    unknown = [name for name in names if types and not others and name not in types]
    if unknown:
        raise DataError(
            f"line {line}: rows", f"unknown variable {unknown[0]!r}", f"it has {', '.join(sorted(types)) or 'none'}"
        )
    times = _times(line, [row.get("time") for row in rows])
    columns = [pl.Series("time", times).cast(TIME)]
    kinds: dict[str, VariableType] = {}
    read = np.zeros(len(rows), dtype=np.bool_)
    for name in names:
        values = [row.get(name) for row in rows]
        found = frozenset(map(type, values))
        kind = kinds[name] = types.get(name) or ("category" if str in found else "number")
        column = _texts(values, found) if kind == "category" else _numbers(values, found, kind)
        if column is None:
            raise _wrong(line, name, kind, values)
        if not read.all():
            read |= column.is_not_null().to_numpy() if type(None) in found else True
        columns.append(column.alias(name))
    if not read.any():
        raise DataError(f"line {line}: rows", "hold no reading", "send at least one value")
    frame = pl.DataFrame(columns)
    return rising_frame(line, frame if read.all() else frame.filter(pl.Series(read)), kinds, sampling)


def _numbers(values: Sequence[Any], found: frozenset[type], kind: VariableType) -> pl.Series | None:
    """Return a column of finite numbers, null where there is none; None if one of the values is something else."""
    if not found <= _NUMBERS:
        return None
    try:
        numbers = np.array(values, np.float64)  # nothing becomes NaN
    except OverflowError:  # JSON's integers have no largest one
        return None
    holes = type(None) in found
    if holes:
        unread = values.count(None)
        good = np.isfinite(numbers).sum() + unread == len(numbers)
    else:
        good = bool(np.isfinite(numbers).all())
    if good and kind == "boolean":
        good = bool(((numbers == 0) | (numbers == 1) | np.isnan(numbers)).all())
    if not good:
        return None
    return pl.Series(numbers, nan_to_null=True) if holes else pl.Series(numbers)


def _texts(values: Sequence[Any], found: frozenset[type]) -> pl.Series | None:
    if not found <= _TEXTS:
        return None
    try:
        "".join(filter(None, values)).encode()
    except UnicodeEncodeError:  # JSON can escape half of a character
        return None
    return pl.Series(values, dtype=pl.String)


def _times(line: str, values: Sequence[Any]) -> Any:
    """Return microseconds since the Unix epoch, int64 (n_rows,)."""
    try:
        moments = [datetime.fromisoformat(value) for value in values]
        if all(moment.tzinfo is UTC for moment in moments):
            seconds = np.array([moment.timestamp() for moment in moments])
            if np.abs(seconds).max() < _EXACT:
                return np.rint(seconds * 1e6).astype(np.int64)
    except (TypeError, ValueError, OverflowError):
        pass  # gone through one by one, to say where
    return np.array([_time(line, number, value) for number, value in enumerate(values)], np.int64)


def _time(line: str, number: int, value: Any) -> int:
    if isinstance(value, str):
        # OverflowError: within year 1 or 9999 where it was read, outside of them in UTC.
        with suppress(ValueError, OverflowError):
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not UTC:
                moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
            return to_microseconds(moment)
    raise DataError(
        f"line {line}: rows[{number}].time", f"is not a time: {value!r}"[:200], "write for example 2026-01-01T06:00:00Z"
    )


def _wrong(line: str, name: str, kind: VariableType, values: Sequence[Any]) -> DataError:
    """Return what to say of the first value of a column that is not of its kind."""
    for number, value in enumerate(values):
        good = value is None or (
            isinstance(value, str) and _is_text(value)
            if kind == "category"
            else isinstance(value, bool | int | float) and _is_finite(value)
        )
        if good and kind == "boolean" and value is not None:
            good = value in (0, 1)
        if not good:
            problem = f"is not a {kind}: {value!r}"[:200]
            return DataError(f"line {line}: rows[{number}].{name}", problem, "mend or leave it out")
    raise AssertionError(f"no value of {name} is wrong")


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
