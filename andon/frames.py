"""Frames that are validated once, at birth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from andon.errors import DataError
from configs.definitions import VariableType

TIME = pl.Datetime("us", "UTC")
MICROSECOND = timedelta(microseconds=1)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SignalFrame:
    """Readings of one line: one row per reading time, one column per variable. Build with `signal_frame`.

    ``data`` has ``time`` (timestamp[us, UTC], strictly rising), Float64 columns for numbers and booleans (0, 1) and
    String columns for categories; null where nothing was read; never NaN or infinite. Columns stand in name order, so
    that the order of a table's columns never matters. ``sampling`` is the usual time between readings.
    """

    line: str
    data: pl.DataFrame
    types: Mapping[str, VariableType]
    sampling: timedelta

    @property
    def variables(self) -> list[str]:
        """Names of the variables, in order."""
        return self.data.columns[1:]

    @property
    def times(self) -> Integers:
        """Microseconds since the Unix epoch, int64 (n_rows,)."""
        return self.data["time"].to_numpy().view(np.int64)

    def numbers(self, variable: str) -> Floats:
        """Return readings of a number or boolean, float64 (n_rows,), NaN where nothing was read."""
        return self.data[variable].cast(pl.Float64).fill_null(np.nan).to_numpy()

    def readings(self, variable: str, begin: int, end: int) -> Floats:
        """Return readings of a number or boolean in the rows ``[begin, end)``, NaN where nothing was read."""
        return self.data.get_column(variable).slice(begin, end - begin).to_numpy()

    def states(self, variable: str, begin: int, end: int) -> pl.Series | list[str | None]:
        """Return readings of a category in the rows ``[begin, end)``, null where nothing was read."""
        return self.data.get_column(variable).slice(begin, end - begin)

    def __len__(self) -> int:
        return self.data.height

    def select(self, variables: Sequence[str]) -> SignalFrame:
        """Keep some variables, and every reading time.

        Raises
        ------
        DataError
            If the line lacks one.
        """
        missing = sorted(set(variables) - set(self.types))
        if missing:
            raise DataError(
                f"line {self.line}",
                f"has no variable {missing[0]!r}",
                f"import it; it has {', '.join(self.types) or 'none'}",
            )
        keep = sorted(variables)
        return SignalFrame(self.line, self.data.select("time", *keep), {v: self.types[v] for v in keep}, self.sampling)

    def between(self, start: datetime | None, end: datetime | None) -> SignalFrame:
        """Rows of ``[start, end)``."""
        rows = self.data
        if start is not None:
            rows = rows.filter(pl.col("time") >= start)
        if end is not None:
            rows = rows.filter(pl.col("time") < end)
        return SignalFrame(self.line, rows, self.types, self.sampling)


@dataclass(frozen=True, slots=True)
class RowArrays:
    """What a `SignalFrame` holds, of a few rows: on so few, every call of Polars costs more than all of the work.

    ``times`` int64 microseconds (n_rows,), strictly rising; ``types`` in name order; ``numbers`` float64 (k, n_rows)
    of numbers and booleans, NaN where nothing was read, the row of each in ``places``; ``texts`` the readings of
    categories, None where nothing was read.
    """

    line: str
    times: Integers
    types: Mapping[str, VariableType]
    numbers: Floats
    places: Mapping[str, int]
    texts: Mapping[str, list[str | None]]
    sampling: timedelta

    def __len__(self) -> int:
        return len(self.times)

    def readings(self, variable: str, begin: int, end: int) -> Floats:
        """Return readings of a number or boolean in the rows ``[begin, end)``, NaN where nothing was read."""
        return self.numbers[self.places[variable], begin:end]

    def states(self, variable: str, begin: int, end: int) -> pl.Series | list[str | None]:
        """Return readings of a category in the rows ``[begin, end)``, None where nothing was read."""
        return self.texts[variable][begin:end]

    def frame(self) -> SignalFrame:
        """Return the same readings as a `SignalFrame`."""
        columns = [pl.Series("time", self.times).cast(TIME)]
        for name, kind in self.types.items():
            if kind == "category":
                columns.append(pl.Series(name, self.texts[name], dtype=pl.String))
            else:
                columns.append(pl.Series(name, self.numbers[self.places[name]], nan_to_null=True))
        return SignalFrame(self.line, pl.DataFrame(columns), self.types, self.sampling)


def signal_frame(
    line: str, data: pl.DataFrame, types: Mapping[str, VariableType], sampling: timedelta | None = None
) -> SignalFrame:
    """Validate readings and make a `SignalFrame`.

    NaN becomes null; rows without any value are dropped; columns are put in name order. Where ``sampling`` is None it
    is the median time between readings (1 s for fewer than two).

    Raises
    ------
    DataError
        On a missing or wrong ``time``, unsorted or repeated times, infinite numbers, or a column not of its type.
    """
    place = f"line {line}"
    if "time" not in data.columns or data.schema["time"] != TIME:
        raise DataError(
            place, f"time is {data.schema.get('time', 'missing')}", "give timestamps in UTC, to the microsecond"
        )
    if set(data.columns) - {"time"} != set(types):
        raise DataError(
            place, f"columns {sorted(set(data.columns) - {'time'})} are not {sorted(types)}", "give each a type"
        )
    columns, read = [], np.zeros(data.height, dtype=np.bool_)
    for name in sorted(types):
        column = data[name]
        if types[name] == "category":
            if column.dtype not in (pl.String, pl.Null) and not isinstance(column.dtype, pl.Categorical | pl.Enum):
                raise DataError(f"{place}: {name}", f"is a category but holds {column.dtype}", "give text")
            columns.append(column.cast(pl.String))
            read |= columns[-1].is_not_null().to_numpy()
            continue
        if not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)):
            raise DataError(f"{place}: {name}", f"is a {types[name]} but holds {column.dtype}", "give numbers")
        # Checked as arrays: on the few rows of a request, every call of Polars costs more than all of the work.
        values = column.cast(pl.Float64).to_numpy()
        known = ~np.isnan(values)
        infinite = np.isinf(values)
        if infinite.any():
            at = data["time"][int(np.argmax(infinite))]
            raise DataError(f"{place}: {name}", f"is infinite at {at}", "leave the cell empty instead")
        if types[name] == "boolean" and not ((values == 0) | (values == 1) | ~known).all():
            wrong = values[known & (values != 0) & (values != 1)][0]
            raise DataError(f"{place}: {name}", f"is a boolean but holds {wrong:g}", "give 0 or 1, or type: number")
        clean = column.dtype == pl.Float64 and column.null_count() + int(known.sum()) == len(known)
        columns.append(column if clean else pl.Series(name, values, nan_to_null=True))
        read |= known
    frame = pl.DataFrame([data["time"], *columns])
    if types and not read.all():
        frame = frame.filter(pl.Series(read))
    if frame["time"].null_count():
        raise DataError(place, "has rows without a time", "fill or drop them")
    return rising_frame(line, frame, types, sampling)


def rising_frame(
    line: str, frame: pl.DataFrame, types: Mapping[str, VariableType], sampling: timedelta | None
) -> SignalFrame:
    """Make a `SignalFrame` of columns that are checked already, in name order, by looking at the times alone.

    Raises
    ------
    DataError
        On unsorted or repeated times.
    """
    usual = rising(line, frame["time"].to_physical().to_numpy(), sampling)
    return SignalFrame(line, frame, {name: types[name] for name in sorted(types)}, usual)


def rising(line: str, times: Integers, sampling: timedelta | None) -> timedelta:
    """Return ``sampling``, or where it is None the median time between readings (1 s for fewer than two).

    Raises
    ------
    DataError
        On unsorted or repeated times.
    """
    steps = np.diff(times)
    if (steps <= 0).any():
        at = from_microseconds(int(times[int(np.argmax(steps <= 0)) + 1]))
        raise DataError(f"line {line}", f"times do not rise at {at}", "sort the rows and keep one for each time")
    return sampling or (timedelta(microseconds=float(np.median(steps))) if len(steps) else timedelta(seconds=1))


@dataclass(frozen=True, slots=True)
class FeatureFrame:
    """Features of rows of one line.

    ``values`` is float64 (n_rows, n_features), C-ordered, NaN where a window held no reading; ``times`` is int64
    microseconds (n_rows,); ``complete`` (n_rows,) is True from the first row with a full window on; ``names`` are the
    columns' names.
    """

    line: str
    times: Integers
    values: Floats
    complete: Booleans
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrainingFrame:
    """Labelled rows, of one line or of many.

    ``values`` float64 (n_rows, n_features); ``labels`` float64 (n_rows,) of 0 and 1; ``times`` int64 microseconds
    (n_rows,); ``groups`` int64 (n_rows,) indexes ``lines``. Rows stand by line, then by time.
    """

    values: Floats
    labels: Floats
    times: Integers
    groups: Integers
    lines: tuple[str, ...]
    names: tuple[str, ...]

    def rows(self, mask: Booleans) -> TrainingFrame:
        """Keep the rows of ``mask``."""
        return TrainingFrame(
            self.values[mask], self.labels[mask], self.times[mask], self.groups[mask], self.lines, self.names
        )

    def __len__(self) -> int:
        return len(self.labels)


def to_microseconds(moment: datetime) -> int:
    """Microseconds since the Unix epoch.

    Examples
    --------
    >>> to_microseconds(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // MICROSECOND


def from_microseconds(moment: int) -> datetime:
    """Inverse of `to_microseconds`."""
    return datetime(1970, 1, 1, tzinfo=UTC) + int(moment) * MICROSECOND
