"""A line's readings, made ready for forecasters: which variables, which rows, standardised by what training saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from andon.errors import ModelError
from andon.frames import MICROSECOND, Booleans, Floats, Integers, SignalFrame, from_microseconds
from andon.models.monitors.calibration import smallest_scale
from andon.models.monitors.networks import Network, constant_network, pack, persistence_network
from andon.models.monitors.periods import split_periods, watched_variables
from andon.models.monitors.windows import Scaling, fit_scaling, read_values, target_rows
from configs.definitions import Monitor

LEAST_TRAINING, LEAST_VALIDATION = 20, 10
"""Rows with a full window before them, and readings of a variable in them, without which nothing is learnt."""


@dataclass(frozen=True, slots=True)
class MonitorData:
    """A line's readings, ready to learn from: v variables with enough readings, in name order."""

    line: str
    sampling: timedelta
    window: int
    rate: float
    variables: tuple[str, ...]
    skipped: dict[str, str]
    """Why the other variables are not watched."""
    constant: Booleans
    """Variables that never change in training, bool (v,)."""
    scaling: Scaling
    series: Floats
    """Standardised readings, float64 (n_rows, v), NaN where nothing was read."""
    least: Floats
    """Smallest meaningful residual of each variable, standardised, float64 (v,)."""
    training: Integers
    """Rows to learn from; the ``window`` rows before each are training rows too."""
    validation: Integers
    """Rows that judge; each has ``window`` rows before it."""
    start: datetime
    end: datetime
    """Half-open span of the rows that are read."""

    @property
    def persistence(self) -> Floats:
        """Residuals of "as before" on validation rows, standardised, float64 (n_validation, v)."""
        return self.residuals([persistence_network()] * len(self.variables), self.validation)

    def residuals(self, networks: Sequence[Network], rows: Integers) -> Floats:
        """Return reading minus expected at ``rows``, standardised, float64 (n, v), NaN where nothing was read."""
        if not len(rows):
            return np.zeros((0, len(self.variables)))
        first, end = int(rows.min()), int(rows.max()) + 1
        expected = pack(networks).predict(self.series, self.window, first, end)
        return self.series[rows] - expected[rows - first]

    def residuals_of(self, network: Network, column: int) -> Floats:
        """Return the same of one variable's network on validation rows alone, float64 (n_validation,)."""
        networks = [constant_network()] * len(self.variables)
        networks[column] = network
        return self.residuals(networks, self.validation)[:, column]


def prepare_monitor(frame: SignalFrame, definition: Monitor) -> MonitorData:
    """Choose variables and rows by the definition, and standardise by training rows.

    Raises
    ------
    ConfigError
        If the definition names variables that the line cannot give.
    ModelError
        If there are too few rows, or no variable has enough readings.
    """
    place = f"Monitor {definition.name} on line {frame.line}"
    names = watched_variables(frame, definition)
    in_training, in_validation = split_periods(frame, definition.train, definition.validation)
    training = target_rows(in_training, definition.window)
    validation = target_rows(in_validation, definition.window, context=np.ones(len(frame), np.bool_))
    for word, rows, member, least in (
        ("training", training, in_training, LEAST_TRAINING),
        ("validation", validation, in_validation, LEAST_VALIDATION),
    ):
        if len(rows) < least:
            raise ModelError(
                place,
                f"has {int(member.sum())} {word} rows, of which {len(rows)} have {definition.window} rows before them",
                f"at least {least} are needed; give a longer period, import more rows, or lower window",
            )
    values = read_values(frame, names)
    skipped: dict[str, str] = {}
    for column, name in enumerate(names):
        for word, rows, least in (("training", training, LEAST_TRAINING), ("validation", validation, LEAST_VALIDATION)):
            count = int((~np.isnan(values[rows, column])).sum())
            if count < least:
                skipped.setdefault(name, f"{count} readings in {word}, at least {least} are needed")
    kept = [column for column, name in enumerate(names) if name not in skipped]
    if not kept:
        name, reason = next(iter(skipped.items()))
        raise ModelError(place, f"no variable has enough readings ({name}: {reason})", "give longer periods")
    values = values[:, kept]
    scaling = fit_scaling(values, in_training)
    constant = np.array([np.nanmin(column) == np.nanmax(column) for column in values[in_training].T])
    least_scales = np.array([smallest_scale(column) for column in values[in_training].T])
    read = np.flatnonzero(in_training | in_validation)
    return MonitorData(
        line=frame.line,
        sampling=frame.sampling,
        window=definition.window,
        rate=definition.rate,
        variables=tuple(names[column] for column in kept),
        skipped=skipped,
        constant=constant,
        scaling=scaling,
        series=scaling.standardise(values),
        least=least_scales / scaling.scales,
        training=training,
        validation=validation,
        start=from_microseconds(int(frame.times[read[0]])),
        end=from_microseconds(int(frame.times[read[-1]])) + MICROSECOND,
    )
