"""The newest rows of one line, read once for all the models that look at them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from andon.errors import DataError
from andon.features.engine import compute_features
from andon.features.spec import FeatureSpec
from andon.frames import Booleans, FeatureFrame, Floats, SignalFrame, from_microseconds
from andon.models.monitors import chart_kernels, kernels, windows
from andon.models.monitors.bundle import MonitorBundle
from andon.scoring.monitors import FURTHEST, leading


@dataclass(frozen=True, slots=True)
class NewestVerdict:
    """A monitor's verdict on one row, and its forecast of the next; each float64 or bool (v,), in name order."""

    expected: Floats
    actual: Floats
    score: Floats
    flags: Booleans
    line_score: float
    line_flag: bool
    forecast: Floats
    low: Floats
    high: Floats
    blamed: tuple[str, ...]
    """The fewest variables that make four fifths of the line's score, the largest share first."""


class NewestRows:
    """A frame, and its numbers as one array: to cut and convert a frame a model costs more than to score it.

    What is found equals, to the last bit, what `score_monitor` and `forecast_next` find of the frame's last row.
    """

    def __init__(self, frame: SignalFrame) -> None:
        self.frame = frame
        self.times = frame.times
        numbers = [name for name, kind in frame.types.items() if kind != "category"]
        self._columns = {name: column for column, name in enumerate(numbers)}
        self._values: Floats = np.empty((len(self.times), len(numbers)))
        for column, name in enumerate(numbers):
            self._values[:, column] = frame.data.get_column(name).to_numpy()
        self._features: dict[FeatureSpec, FeatureFrame] = {}
        self._judged: dict[int, tuple[MonitorBundle, NewestVerdict]] = {}
        """By identity of the bundle, which is kept with it so that no other takes that identity."""

    def __len__(self) -> int:
        return len(self.times)

    @property
    def time(self) -> datetime:
        """Of the newest row."""
        return from_microseconds(int(self.times[-1]))

    def features(self, spec: FeatureSpec) -> FeatureFrame:
        """Return the features of the newest row; alerts that look at a line in the same way share them.

        Raises
        ------
        DataError
            If the line lacks a variable, or has it with another type.
        """
        found = self._features.get(spec)
        if found is None:
            found = self._features[spec] = compute_features(self.frame, spec, self.time)
        return found

    def judge(self, bundle: MonitorBundle) -> NewestVerdict:
        """Return a monitor's verdict on the newest row; asked again, the same.

        There are more rows than `MonitorBundle.rows_needed`.

        Raises
        ------
        DataError
            If the line has none of the monitor's variables.
        """
        known = self._judged.get(id(bundle))
        if known is not None:
            return known[1]
        if not set(bundle.variables) & set(self.frame.types):
            raise DataError(
                f"line {self.frame.line}",
                f"has none of the variables of monitor {bundle.key.definition}",
                f"give {', '.join(bundle.variables[:5])}",
            )
        found = _judge(bundle, self._read(bundle, bundle.rows_needed + 1))
        self._judged[id(bundle)] = bundle, found
        return found

    def _read(self, bundle: MonitorBundle, rows: int) -> Floats:
        """Return the newest rows of a monitor's variables, float64 (rows, v)."""
        places = [self._columns.get(name, -1) for name in bundle.variables]
        if min(places) >= 0:
            return np.ascontiguousarray(self._values[-rows:, places])
        values = np.full((rows, len(places)), np.nan)
        present = [column for column, place in enumerate(places) if place >= 0]
        values[:, present] = self._values[-rows:, [places[column] for column in present]]
        return values


def _judge(bundle: MonitorBundle, actual: Floats) -> NewestVerdict:
    line, scaling = bundle.line, bundle.scaling
    expected, score, forecast, sources = kernels.newest_sources(
        actual,
        bundle.window,
        (windows.FURTHEST, windows.LARGEST, FURTHEST),
        (scaling.means, scaling.scales),
        bundle.networks.arguments,
        _of_autoencoder(bundle),
        (bundle.residual_scales, bundle.thresholds),
        (line.members, line.centres, line.scales),
    )
    line_score, shares = chart_kernels.newest_score(
        sources, bundle.window, line.sources, line.spans, line.limits, line.precisions, line.reaches, line.persistence
    )
    reach = bundle.thresholds * bundle.residual_scales
    return NewestVerdict(
        expected=expected,
        actual=actual[-1],
        score=score,
        flags=score >= bundle.thresholds,
        line_score=line_score,
        line_flag=line_score >= line.threshold,
        forecast=forecast,
        low=_finite(forecast - reach),
        high=_finite(forecast + reach),
        blamed=_blamed(bundle, shares),
    )


def _of_autoencoder(bundle: MonitorBundle) -> tuple[Any, ...]:
    one = bundle.autoencoder
    if one is None:
        return False, 0, 0, 0.0, np.zeros(1, np.int64), np.zeros(0)
    return True, one.lags, one.activation, one.limit, one.sizes, one.weights


def _blamed(bundle: MonitorBundle, shares: Floats) -> tuple[str, ...]:
    blame = np.maximum(shares, 0.0)
    total = blame.sum()
    if not total > 0:
        return ()
    return tuple(bundle.variables[bundle.line.members[member]] for member in leading(blame / total))


def _finite(values: Floats) -> Floats:
    return values if np.isfinite(values).all() else np.nan_to_num(values)
