"""Several steps ahead: a monitor's one-step forecasts, each fed back as the reading that the next one looks back on."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from andon.errors import DataError
from andon.frames import Floats, Integers, SignalFrame
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
    ahead = np.empty((len(rows), steps, count))
    if not len(rows):
        return ahead
    begin = int(rows.min()) - window + 1
    seen = SignalFrame(frame.line, frame.data[begin : int(rows.max()) + 1], frame.types, frame.sampling)
    series = bundle.scaling.standardise(read_values(seen, bundle.variables))
    path = np.empty((window + steps, count))
    for position, last in enumerate((rows - begin).tolist()):
        path[:window] = series[last + 1 - window : last + 1]
        for step in range(window, window + steps):
            path[step] = bundle.networks.predict(path, window, step, step + 1)[0]
            np.clip(path[step], -_FURTHEST, _FURTHEST, out=path[step])
        ahead[position] = path[window:]
    restored = bundle.scaling.restore(ahead)
    read = np.concatenate([np.zeros((1, count)), np.cumsum(~np.isnan(series), axis=0)])
    ends = rows - begin + 1
    unread = read[ends] == read[ends - window]
    restored[np.broadcast_to(unread[:, None, :], restored.shape)] = np.nan
    return restored
