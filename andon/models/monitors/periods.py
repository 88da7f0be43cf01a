"""Which rows a monitor learns from, and which judge what it has learnt."""

from __future__ import annotations

import numpy as np

from andon.errors import ConfigError
from andon.frames import Booleans, Integers, SignalFrame, to_microseconds
from configs.definitions import Monitor
from configs.periods import Period


def watched_variables(frame: SignalFrame, definition: Monitor) -> list[str]:
    """Return the number variables of a line that a monitor watches, in name order.

    Raises
    ------
    ConfigError
        If ``include`` names a variable that the line lacks or that is no number, or nothing is left to watch.
    """
    place = f"Monitor {definition.name}: variables"
    numbers = [name for name in frame.variables if frame.types[name] == "number"]
    for name in definition.variables.include or ():
        if name not in frame.types:
            raise ConfigError(
                f"{place}.include", f"line {frame.line} has no {name!r}", f"it has {_some(frame.variables)}"
            )
        if name not in numbers:
            raise ConfigError(
                f"{place}.include",
                f"{name!r} is a {frame.types[name]} on line {frame.line}",
                "a monitor watches numbers",
            )
    included = definition.variables.include
    kept = [
        name for name in numbers if (included is None or name in included) and name not in definition.variables.exclude
    ]
    if not kept:
        raise ConfigError(place, f"leave no number of line {frame.line} to watch", f"it has {_some(numbers)}")
    return kept


def split_periods(frame: SignalFrame, train: Period | None, validation: Period | None) -> tuple[Booleans, Booleans]:
    """Return the rows of training and of validation, bool (n_rows,) each.

    Both given: those. Only ``train``: its last fifth validates. Nothing: the last fifth of the time there is.
    """
    times = frame.times
    within = np.ones(len(times), np.bool_)
    if train is not None:
        within = _within(times, train)
    if validation is not None:
        return within, _within(times, validation)
    if not within.any():
        return within, within.copy()
    first, last = int(times[within][0]), int(times[within][-1])
    cut = first + (last - first) * 4 // 5
    return within & (times <= cut), within & (times > cut)


def _within(times: Integers, period: Period) -> Booleans:
    kept: Booleans = (times >= to_microseconds(period.start)) & (times < to_microseconds(period.end))
    return kept


def _some(names: list[str]) -> str:
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "") if names else "none"
