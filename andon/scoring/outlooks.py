"""Conditions on what a monitor expects: whether one will hold within a horizon, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from andon.errors import DataError
from andon.expressions import evaluate
from andon.frames import MICROSECOND, TIME, Floats, Integers, SignalFrame
from andon.models.monitors.bundle import MonitorBundle
from andon.models.monitors.rollout import roll_out, steps_within
from configs.expressions import Expression, check

_VALUES_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is expected at the steps after one row: of each variable of a condition, in its own unit.

    ``holds`` float64 (steps,): 1 the condition is expected to hold, 0 not, NaN it cannot be told. A variable that the
    monitor does not forecast keeps its last reading.
    """

    times: tuple[datetime, ...]
    values: dict[str, list[Any]]
    holds: Floats

    @property
    def step(self) -> int:
        """The first step at which the condition is expected to hold; the last one where there is none."""
        held = np.flatnonzero(self.holds == 1)
        return int(held[0]) if len(held) else len(self.holds) - 1

    def to_json(self) -> dict[str, Any]:
        """Return what is expected at `step`, and when that is, as JSON values."""
        return {
            "expected_at": self.times[self.step].isoformat(),
            "expected": {name: values[self.step] for name, values in self.values.items()},
        }


def will_hold(
    bundle: MonitorBundle,
    frame: SignalFrame,
    first: int,
    horizon: timedelta,
    when: Expression,
    clear: Expression | None = None,
) -> tuple[Floats, Floats]:
    """Evaluate conditions on what is expected within ``horizon`` of each row of ``frame`` from index ``first`` on.

    A row's answers depend on the ``bundle.window`` rows up to its own and on nothing else.

    Returns
    -------
    tuple
        float64 (n,) twice, 1, 0 or NaN (not known): whether ``when`` is expected at any step, and whether ``clear``
        (None: the opposite of ``when``) is expected at all of them. NaN before there is a full window.

    Raises
    ------
    ConfigError
        If the line lacks a variable of a condition, or one has the wrong type.
    DataError
        If the horizon is shorter than a sampling or far too long, or the monitor forecasts no variable of ``when``.
    """
    steps = _steps(bundle, frame, horizon, when)
    if clear is not None:
        check(clear, frame.types, f"line {frame.line}")
    variables = when.variables | (frozenset() if clear is None else clear.variables)
    found = np.full((2, len(frame) - first), np.nan)
    rows = np.arange(max(first, bundle.window - 1), len(frame))
    chunk = max(1, _VALUES_AT_ONCE // (steps * len(bundle.variables)))
    for begin in range(0, len(rows), chunk):
        some = rows[begin : begin + chunk]
        expected = _expected(bundle, frame, some, steps, variables)
        raised = evaluate(when, expected).reshape(len(some), steps)
        cleared = 1 - raised if clear is None else evaluate(clear, expected).reshape(len(some), steps)
        found[0, some - first] = _any(raised)
        found[1, some - first] = 1 - _any(1 - cleared)
    return found[0], found[1]


def outlook_at(
    bundle: MonitorBundle, frame: SignalFrame, row: int, horizon: timedelta, when: Expression
) -> Outlook | None:
    """Return what is expected of the variables of ``when`` within ``horizon`` of a row; None without a full window.

    Raises
    ------
    ConfigError, DataError
        As `will_hold`.
    """
    steps = _steps(bundle, frame, horizon, when)
    if row < bundle.window - 1:
        return None
    expected = _expected(bundle, frame, np.array([row]), steps, when.variables)
    return Outlook(
        times=tuple(frame.data["time"][row] + bundle.sampling * (step + 1) for step in range(steps)),
        values=expected.data.drop("time").fill_nan(None).to_dict(as_series=False),
        holds=evaluate(when, expected),
    )


def _steps(bundle: MonitorBundle, frame: SignalFrame, horizon: timedelta, when: Expression) -> int:
    check(when, frame.types, f"line {frame.line}")
    if not when.variables & set(bundle.variables):
        raise DataError(
            f"monitor {bundle.key.definition}",
            f"forecasts no variable of {when.text!r}",
            f"it forecasts {', '.join(bundle.variables[:5])}; see its model card for why not others",
        )
    return steps_within(bundle, horizon)


def _expected(
    bundle: MonitorBundle, frame: SignalFrame, rows: Integers, steps: int, variables: frozenset[str]
) -> SignalFrame:
    """Return what is expected of ``variables``: the steps of one row of ``rows`` after those of another."""
    ahead = roll_out(bundle, frame, rows, steps).reshape(len(rows) * steps, len(bundle.variables))
    times = np.repeat(frame.times[rows], steps) + np.tile(np.arange(1, steps + 1), len(rows)) * (
        bundle.sampling // MICROSECOND
    )
    columns = {"time": pl.Series(times).cast(TIME)}
    begin = int(rows.min()) - bundle.window + 1
    for name in sorted(variables):
        if name in bundle.variables:
            columns[name] = pl.Series(ahead[:, bundle.variables.index(name)])
        else:
            # As far back as a forecast looks, and no further: otherwise an answer would hang on where reading began.
            held = frame.data[name][begin : int(rows.max()) + 1].fill_null(strategy="forward", limit=bundle.window - 1)
            columns[name] = held.gather(np.repeat(rows - begin, steps))
    types = {name: frame.types[name] for name in columns if name != "time"}
    return SignalFrame(frame.line, pl.DataFrame(columns), types, bundle.sampling)


def _any(states: Floats) -> Floats:
    """Return Kleene's "or" over the steps of each row, float64 (n,) of (n, steps)."""
    unknown = np.where(np.isnan(states).any(axis=1), np.nan, 0.0)
    return np.where((states == 1).any(axis=1), 1.0, unknown)
