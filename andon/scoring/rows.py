"""Readings as a request or a table of rows gives them, made into arrays."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import chain, compress
from operator import itemgetter
from typing import Any

import numpy as np

from andon.errors import DataError
from andon.frames import Booleans, Floats, RowArrays, rising, to_microseconds
from configs.definitions import VariableType

_NUMBERS = frozenset({float, int, bool, type(None)})
_TEXTS = frozenset({str, type(None)})
_EXACT = 4e9
"""Seconds from the Unix epoch up to which a float tells every microsecond."""


def read_rows(
    line: str,
    rows: Sequence[Mapping[str, Any]],
    types: Mapping[str, VariableType],
    sampling: timedelta | None = None,
    *,
    others: bool = False,
) -> RowArrays:
    """Validate rows: ``time`` and variables, oldest first; those that hold no reading are left out.

    All numbers are looked at together, or whole columns; only one that is wrong is gone through value by value, to say
    where.

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
    columns = _columns(rows)
    written = columns.pop("time", [None] * len(rows))
    unknown = [name for name in columns if types and not others and name not in types]
    if unknown:
        raise DataError(
            f"line {line}: rows", f"unknown variable {unknown[0]!r}", f"it has {', '.join(sorted(types)) or 'none'}"
        )
    times = _times(line, written)
    kinds = {name: types.get(name) or _kind(values) for name, values in columns.items()}
    texts = {name: list(columns.pop(name)) for name, kind in kinds.items() if kind == "category"}
    for name, values in texts.items():
        if not _are_texts(values):
            raise _wrong(line, {name: values}, kinds)
    numbers = _numbers(list(chain.from_iterable(columns.values())), len(rows))
    states = [place for place, name in enumerate(columns) if kinds[name] == "boolean"]
    if numbers is None or (states and not _are_states(numbers[states])):
        raise _wrong(line, columns, kinds)
    read: Booleans = np.logical_or.reduce(np.isfinite(numbers), axis=0)
    if not read.all():
        for values in texts.values():
            read |= np.array([value is not None for value in values])
    if not read.any():
        raise DataError(f"line {line}: rows", "hold no reading", "send at least one value")
    if not read.all():
        times, numbers = times[read], numbers[:, read]
        texts = {name: list(compress(values, read)) for name, values in texts.items()}
    places = {name: place for place, name in enumerate(columns)}
    return RowArrays(line, times, kinds, numbers, places, texts, rising(line, times, sampling))


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, Sequence[Any]]:
    """Return the values of all rows by name, in name order, None where a row has none."""
    first = rows[0]
    if len(first) > 1 and all(len(row) == len(first) for row in rows):
        names = sorted(first)
        with suppress(KeyError):  # where none is missing, and none is too many, all have the same
            return dict(zip(names, zip(*map(itemgetter(*names), rows), strict=True), strict=True))
    return {name: [row.get(name) for row in rows] for name in sorted(set(chain.from_iterable(rows)))}


def _kind(values: Sequence[Any]) -> VariableType:
    return "category" if any(type(value) is str for value in values) else "number"


def _numbers(values: list[Any], count: int) -> Floats | None:
    """Return columns of ``count`` values, one behind the other, as float64 (k, count), NaN where there is none.

    None if one is no finite number.
    """
    try:
        # An array of C's takes numbers and nothing else; NumPy would read texts.
        numbers = np.frombuffer(array("d", values), np.float64)
        unread = 0
    except (TypeError, OverflowError):  # something is missing or wrong
        if not _NUMBERS.issuperset(map(type, values)):
            return None
        try:
            numbers = np.array(values, np.float64)  # nothing becomes NaN
        except OverflowError:  # JSON's integers have no largest one
            return None
        unread = values.count(None)
    good = int(np.isfinite(numbers).sum()) + unread == len(numbers)
    return numbers.reshape(len(values) // count, count) if good else None


def _are_states(values: Floats) -> bool:
    return bool(((values == 0) | (values == 1) | np.isnan(values)).all())


def _are_texts(values: Sequence[Any]) -> bool:
    if not _TEXTS.issuperset(map(type, values)):
        return False
    try:
        "".join(filter(None, values)).encode()
    except UnicodeEncodeError:  # JSON can escape half of a character
        return False
    return True


def _times(line: str, values: Sequence[Any]) -> Any:
    """Return microseconds since the Unix epoch, int64 (n_rows,)."""
    try:
        if all(len(value) == 20 and value[10] == "T" and value[19] == "Z" for value in values):
            # As most write them; years that NumPy alone can read are none of those.
            times = np.array([value[:19] for value in values], "M8[s]").view(np.int64)
            if np.abs(times).max() < _EXACT:
                return times * 1_000_000
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


def _wrong(line: str, columns: Mapping[str, Sequence[Any]], kinds: Mapping[str, VariableType]) -> DataError:
    """Return what to say of the first value, column by column, that is not of its kind."""
    for name, values in columns.items():
        kind = kinds[name]
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
    raise AssertionError(f"no value of {', '.join(columns)} is wrong")


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
