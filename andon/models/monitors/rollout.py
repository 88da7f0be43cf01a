"""Several steps ahead: a monitor's one-step forecasts, each fed back as the reading that the next one looks back on."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta

import numpy as np

from andon.errors import DataError
from andon.frames import Floats, Integers, SignalFrame
from andon.models.monitors import kernels
from andon.models.monitors.bundle import MonitorBundle
from andon.models.monitors.windows import read_values

MOST_STEPS = 1_000
"""Steps that are iterated, at most: far before, an iterated forecast has come to rest."""
_FURTHEST = 1e6
"""A path that grows without end is held there, in standard deviations, as readings are."""


def steps_within(bundle: MonitorBundle, horizon: timedelta) -> int:
    """Return how many of the monitor's samplings fit in ``horizon``.

    Raises
    ------
    DataError
        If there is none, or more than `MOST_STEPS`.
    """
    steps = horizon // bundle.sampling
    if not 1 <= steps <= MOST_STEPS:
        raise DataError(
            f"monitor {bundle.key.definition}: horizon",
            f"of {horizon} is {steps} steps of its sampling of {bundle.sampling}",
            f"give 1 to {MOST_STEPS} steps",
        )
    return steps


def roll_out(bundle: MonitorBundle, frame: SignalFrame, rows: Integers, steps: int) -> Floats:
    """Forecast every variable at each of the ``steps`` reading times after each of ``rows``.

    The iterated strategy of multi-step forecasting (Ben Taieb et al., "A Review and Comparison of Strategies for
    Multi-Step Ahead Time Series Forecasting", 2012, section 2.1): the first step equals `scoring.forecast_next` at that
    row, and each further one takes those before it for readings. An answer depends on the ``bundle.window`` rows up to
    its own and on nothing else, to the last bit.

    Parameters
    ----------
    rows
        Indices into ``frame``, int64 (n,), each at least ``bundle.window - 1``.

    Returns
    -------
    Floats
        float64 (n, steps, v) in the variables' own units; NaN for a variable that the window holds no reading of.
    """
    window, count = bundle.window, len(bundle.variables)
    if not len(rows):
        return np.empty((0, steps, count))
    begin = int(rows.min()) - window + 1
    seen = SignalFrame(frame.line, frame.data[begin : int(rows.max()) + 1], frame.types, frame.sampling)
    series = bundle.scaling.standardise(read_values(seen, bundle.variables))
    networks = tuple(getattr(bundle.networks, field.name) for field in fields(bundle.networks))
    ends = rows - begin + 1
    ahead = bundle.scaling.restore(kernels.iterated_rows(series, ends, window, steps, _FURTHEST, networks))
    read = np.concatenate([np.zeros((1, count)), np.cumsum(~np.isnan(series), axis=0)])
    unread = read[ends] == read[ends - window]
    ahead[np.broadcast_to(unread[:, None, :], ahead.shape)] = np.nan
    return ahead
