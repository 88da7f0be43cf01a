"""The one engine of features: for training, back-test, serving and explanation."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl

from andon.errors import DataError
from andon.features import kernels
from andon.features.spec import OTHER, FeatureSpec, VariableSpec
from andon.frames import MICROSECOND, FeatureFrame, Floats, SignalFrame, from_microseconds, to_microseconds
from configs.definitions import Function

_CODES: dict[Function, int] = {
    "mean": kernels.MEAN,
    "std": kernels.STD,
    "min": kernels.MIN,
    "max": kernels.MAX,
    "last": kernels.LAST,
    "slope": kernels.SLOPE,
    "delta": kernels.DELTA,
    "count": kernels.COUNT,
    "since_change": kernels.SINCE_CHANGE,
    "share": kernels.MEAN,
}


def compute_features(frame: SignalFrame, spec: FeatureSpec, start: datetime | None = None) -> FeatureFrame:
    """Compute the features of every row, or of those at and after ``start``.

    ``mean``, ``std`` (sample), ``min``, ``max``, ``slope`` (least squares, per minute), ``delta`` (last less first
    reading) and ``count`` (readings as a share of those expected) are over each window; ``last`` and ``since_change``
    (minutes, at most the longest window) over the longest; ``share`` is how often a boolean was true or a category was
    read. A window without a reading gives NaN. Rows before the longest window change nothing, to the last bit.

    Raises
    ------
    DataError
        If the line lacks a variable, or has it with another type.
    """
    times = frame.times
    wanted = np.ones(len(frame), dtype=np.bool_) if start is None else times >= to_microseconds(start)
    stride, sampling = spec.stride // MICROSECOND, spec.sampling // MICROSECOND
    blocks = np.array([window // spec.stride for window in sorted(spec.windows)], dtype=np.int64)
    parts = [np.empty((int(wanted.sum()), 0))]
    for variable in spec.variables:
        if frame.types.get(variable.name) != variable.type:
            found = frame.types.get(variable.name)
            raise DataError(
                f"line {frame.line}: {variable.name}",
                f"is {'a ' + found if found else 'missing'}, the model needs a {variable.type}",
                "import it, or train again",
            )
        columns = spec.columns(variable)
        part = np.empty((int(wanted.sum()), len(columns)))
        for category in dict.fromkeys(column[3] for column in columns):
            chosen = [index for index, column in enumerate(columns) if column[3] == category]
            out = np.empty((len(part), len(chosen)))
            kernels.aggregate(
                times,
                _readings(frame, variable, category),
                stride,
                blocks,
                np.array([columns[index][2] for index in chosen], dtype=np.int64),
                np.array([_CODES[columns[index][1]] for index in chosen], dtype=np.int64),
                sampling,
                wanted,
                out,
            )
            part[:, chosen] = out
        parts.append(part)
    ends = -((-times[wanted]) // stride) * stride
    earliest = ends - int(blocks[-1]) * stride + sampling
    complete = (times[0] <= earliest) if len(times) else np.zeros(0, dtype=np.bool_)
    return FeatureFrame(frame.line, times[wanted], np.ascontiguousarray(np.hstack(parts)), complete, spec.names)


def require_rows(frame: SignalFrame, spec: FeatureSpec) -> None:
    """Refuse a frame whose last row has no full window.

    Raises
    ------
    DataError
        Saying how many rows are needed, and how many there are.
    """
    if len(frame):
        start = spec.window_start(from_microseconds(int(frame.times[-1])))
        if frame.times[0] <= to_microseconds(start + spec.sampling):
            return
    raise DataError(
        f"line {frame.line}",
        f"has {len(frame)} rows, and the longest window needs {spec.rows_needed}",
        f"give at least {spec.rows_needed} rows, one every {spec.sampling}",
    )


def _readings(frame: SignalFrame, variable: VariableSpec, category: str | None) -> Floats:
    """Return a number or boolean as it is, a category as a code, or whether it was ``category``."""
    if variable.type != "category":
        return frame.numbers(variable.name)
    column = frame.data[variable.name]
    if category is None:
        codes = column.rank("dense").cast(pl.Float64)
    elif category == OTHER:
        codes = (~column.is_in(list(variable.categories))).cast(pl.Float64)
    else:
        codes = (column == category).cast(pl.Float64)
    return codes.fill_null(np.nan).to_numpy()
