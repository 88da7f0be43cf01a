"""Periods, horizons and windows checked against each other and against the data there are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from configs.definitions import Alert, Line, Monitor
from configs.durations import format_duration
from configs.errors import ConfigError
from configs.periods import Period, format_time
from configs.world import LineData, World


def split_period(train: Period) -> tuple[Period, Period]:
    """Divide a training period whose validation is not given: its last fifth validates.

    Examples
    --------
    >>> fit, validation = split_period(Period(start="2026-01-01", end="2026-01-11"))
    >>> format_time(validation.start)
    '2026-01-09T00:00:00Z'
    """
    at = train.start + (train.end - train.start) * 4 // 5
    return Period(start=train.start, end=at), Period(start=at, end=train.end)


def check_periods(definition: Alert | Monitor, lines: Sequence[str], world: World, place: str) -> list[str]:
    """Refuse periods that the purge of the horizon leaves empty, or that hold no data where data are known.

    Returns
    -------
    list[str]
        Warnings, for lines that have no data in a period while others have.

    Raises
    ------
    ConfigError
        Naming the period, what it holds and the remedy.
    """
    horizon = definition.horizon if isinstance(definition, Alert) and definition.horizon else timedelta(0)
    data = {line: found for line in lines if (found := world.data(line)) is not None}
    if definition.train is None:
        return _check_whole_span(data, horizon, place)
    fit, validation = definition.train, definition.validation
    if validation is None:
        fit, validation = split_period(fit)
    left = fit
    if fit.end <= validation.start:
        purged = min(fit.end, validation.start - horizon)
        if purged <= fit.start:
            length = format_duration(fit.end - fit.start)
            whose = "" if definition.validation else " (four fifths of it, since its last fifth validates)"
            problem = f"nothing of its {length}{whose} is left after purging the horizon {format_duration(horizon)}"
            raise ConfigError(f"{place}: train", problem, f"make it longer than {format_duration(horizon)}")
        left = Period(start=fit.start, end=purged)
    warnings = _check_held("train", left, data, place)
    return warnings + _check_held("validation" if definition.validation else "train", validation, data, place)


def _check_held(field: str, period: Period, data: dict[str, LineData], place: str) -> list[str]:
    without = [line for line, found in data.items() if found.last < period.start or found.first >= period.end]
    if not without:
        return []
    shown = f"{format_time(period.start)} to {format_time(period.end)}"
    if len(without) == len(data):
        first, last = min(found.first for found in data.values()), max(found.last for found in data.values())
        problem = f"holds no data from {shown}; there are data from {format_time(first)} to {format_time(last)}"
        raise ConfigError(f"{place}: {field}", problem.replace("; ", ": "), "choose a period that holds data")
    names = ", ".join(without[:5]) + (f" and {len(without) - 5} more" if len(without) > 5 else "")
    return [f"{place}: {field}: no data of {names} from {shown}"]


def _check_whole_span(data: dict[str, LineData], horizon: timedelta, place: str) -> list[str]:
    short = [line for line, found in data.items() if (found.last - found.first) * 4 // 5 <= horizon]
    if not short or not horizon:
        return []
    span = format_duration(_whole_seconds(data[short[0]].first, data[short[0]].last))
    return [f"{place}: horizon: the data of {short[0]} span {span}, too little to train on yet"]


def check_windows(alert: Alert, lines: Sequence[str], world: World, place: str) -> list[str]:
    """Refuse windows, a stride or a horizon that do not fit the sampling of a line.

    Windows are made of strides, which are samplings where no stride is given. What does not fit a sampling that is only
    found in data, which is never exact, is refused where no model could be trained, and warned of elsewhere.
    """
    warnings: list[str] = []
    windows, stride = alert.features.windows or (), alert.features.stride
    for line in lines:
        declared = world.lines[line].sampling if line in world.lines else None
        sampling = world.sampling(line)
        if sampling is None:
            continue
        every = format_duration(sampling)
        for field, span in [("windows", window) for window in windows] + ([("stride", stride)] if stride else []):
            if span % sampling and (declared or not stride):
                problem = f"{format_duration(span)} is not a multiple of the sampling {every} of {line}"
                remedy = f"write a multiple of {every}" if stride else f"write a multiple of {every}, or give a stride"
                raise ConfigError(f"{place}: features.{field}", problem, remedy)
            if span < sampling:
                warning = f"{format_duration(span)} is shorter than the sampling {every} of {line}"
                warnings.append(f"{place}: features.{field}: {warning}")
        if alert.horizon is not None and alert.horizon < sampling:
            problem = f"{format_duration(alert.horizon)} is shorter than the sampling {every} of {line}"
            if declared:
                raise ConfigError(f"{place}: horizon", problem, f"make it {every} or longer")
            warnings.append(f"{place}: horizon: {problem}")
    return warnings[:3]


def check_sampling(line: Line, data: LineData, place: str) -> list[str]:
    """Return a warning where a Line declares a sampling that is not within a factor of two of that of its data."""
    if line.sampling is None or data.sampling / 2 <= line.sampling <= data.sampling * 2:
        return []
    declared, found = format_duration(line.sampling), format_duration(_rounded(data.sampling))
    return [f"{place}: sampling: {declared} is declared, the data have a reading every {found}"]


def _rounded(length: timedelta) -> timedelta:
    return timedelta(seconds=round(length.total_seconds(), 3))


def _whole_seconds(first: datetime, last: datetime) -> timedelta:
    return timedelta(seconds=(last - first) // timedelta(seconds=1))
