"""Models as the Open Inference Protocol sees them: tensors in, tensors out, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from andon.errors import DataError
from andon.frames import MICROSECOND, Floats, RowArrays
from andon.models.bundle import AlertBundle
from andon.models.monitors.bundle import MonitorBundle
from andon.scoring.monitors import forecast_row, score_rows
from andon.scoring.newest import NewestRows
from configs.definitions import VariableType

FEATURES, READINGS = "features", "readings"
_ACCEPTED = ("FP64", "FP32")


def describe(bundle: AlertBundle | MonitorBundle, name: str, versions: list[str]) -> dict[str, Any]:
    """Return a model's metadata: a classifier takes features, a monitor readings, oldest first."""
    if isinstance(bundle, AlertBundle):
        inputs = [_described(FEATURES, "FP64", [-1, len(bundle.features.names)])]
        outputs = [_described("probability", "FP64", [-1]), _described("flag", "BOOL", [-1])]
        about: dict[str, Any] = {"features": list(bundle.features.names), "threshold": bundle.threshold}
    else:
        count = len(bundle.variables)
        inputs = [_described(READINGS, "FP64", [-1, count])]
        outputs = [
            _described("line_score", "FP64", [-1]),
            _described("line_flag", "BOOL", [-1]),
            _described("expected", "FP64", [-1, count]),
            _described("score", "FP64", [-1, count]),
            _described("flag", "BOOL", [-1, count]),
            _described("forecast", "FP64", [count]),
        ]
        about = {"variables": list(bundle.variables), "rows_before": bundle.rows_needed}
    return {
        "name": name,
        "versions": versions,
        "platform": "andon",
        "inputs": inputs,
        "outputs": outputs,
        "parameters": about,
    }


class Tensors:
    """A model that answers for tensors; what every request would ask of its bundle again is asked once.

    A classifier answers for every row of features. A monitor answers for every row of readings that has
    ``rows_needed`` rows before it, and forecasts the row to come.
    """

    def __init__(self, bundle: AlertBundle | MonitorBundle) -> None:
        self._bundle = bundle
        self._columns = len(bundle.features.names if isinstance(bundle, AlertBundle) else bundle.variables)

    def infer(self, inputs: Mapping[str, NDArray[Any]], most: int) -> dict[str, NDArray[Any]]:
        """Score tensors.

        Parameters
        ----------
        most
            Rows that may be sent.

        Raises
        ------
        DataError
            If the input is another than the model takes.
        """
        bundle = self._bundle
        if isinstance(bundle, AlertBundle):
            probability = bundle.probabilities(_input(inputs, FEATURES, self._columns, 0, most))
            return {"probability": probability, "flag": probability >= bundle.threshold}
        context = bundle.rows_needed
        readings = _input(inputs, READINGS, self._columns, context + 1, most)
        scores = score_rows(bundle, np.arange(len(readings)), readings, context)
        return {
            "line_score": scores.line_score,
            "line_flag": scores.line_flag,
            "expected": scores.expected,
            "score": scores.score,
            "flag": scores.flags,
            "forecast": forecast_row(bundle, np.ascontiguousarray(readings[-bundle.window :]))[0],
        }

    def probe(self) -> bool:
        """Tell whether a score comes out for a row that was never read, for which every model has an answer."""
        bundle = self._bundle
        if isinstance(bundle, AlertBundle):
            return bool(np.isfinite(bundle.probabilities(np.zeros((1, self._columns)))).all())
        readings = np.tile(bundle.scaling.means, (bundle.rows_needed + 1, 1))
        told = self.infer({READINGS: readings}, len(readings))["forecast"]
        # A line's score goes another way, which has to be compiled, or read from disk, before the first request.
        newest = NewestRows(_arrays(bundle, readings)).judge(bundle).forecast
        return bool(np.isfinite(told).all() and np.isfinite(newest).all())


def _arrays(bundle: MonitorBundle, readings: Floats) -> RowArrays:
    """Return readings (rows, v) of a monitor's variables as a line's newest rows."""
    places = {name: place for place, name in enumerate(bundle.variables)}
    times = np.arange(len(readings)) * (bundle.sampling // MICROSECOND)
    types: dict[str, VariableType] = dict.fromkeys(bundle.variables, "number")
    return RowArrays("", times, types, np.ascontiguousarray(readings.T), places, {}, bundle.sampling)


def _input(inputs: Mapping[str, NDArray[Any]], name: str, columns: int, least: int, most: int) -> Floats:
    values = inputs.get(name)
    if values is None or len(inputs) != 1:
        raise DataError("inputs", f"are {', '.join(sorted(inputs))[:100]}", f"give {name} alone")
    if values.ndim != 2 or values.shape[1] != columns:
        raise DataError(f"inputs: {name}", f"has the shape {list(values.shape)}", f"give [rows, {columns}]")
    if values.dtype.kind != "f":
        raise DataError(f"inputs: {name}", f"is {values.dtype}", f"give {' or '.join(_ACCEPTED)}")
    if not least <= len(values) <= most:
        raise DataError(f"inputs: {name}", f"has {len(values)} rows", f"give {least} to {most}")
    converted: Floats = np.ascontiguousarray(values, np.float64)
    if np.isinf(converted).any():
        raise DataError(f"inputs: {name}", "holds an infinite value", "mend it, or leave it out as null")
    return converted


def _described(name: str, datatype: str, shape: list[int]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape}
