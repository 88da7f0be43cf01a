"""What a Line lets be moved, against what its readings show: bounds that no reading ever lay within are a mistake."""

from __future__ import annotations

from andon.errors import ConfigError
from andon.ports import Signals
from configs.definitions import Line

NEWEST = 20_000
"""Reading times that are looked at."""


def check_moves(line: Line, place: str, signals: Signals) -> list[str]:
    """Compare the bounds of actionable variables with the newest readings of the line, if there are any.

    Returns
    -------
    list[str]
        A warning for each whose readings never changed: nothing can be learned of what moving it does.

    Raises
    ------
    ConfigError
        If history lies wholly outside the bounds of one: nothing could ever be recommended.
    """
    asked = {
        variable.name: (position, variable.min, variable.max)
        for position, variable in enumerate(line.variables)
        if variable.actionable and variable.type in (None, "number")
    }
    stored = signals.describe_line(line.name) if asked else None
    if stored is None:
        return []
    known = [name for name in asked if stored.types.get(name) == "number"]
    if not known:
        return []
    frame = signals.latest_signals(line.name, NEWEST, known)
    warnings = []
    for name in known:
        readings = frame.data[name].drop_nulls()
        position, low, high = asked[name]
        if not len(readings) or low is None or high is None:
            continue
        least, greatest = float(readings.min()), float(readings.max())  # type: ignore[arg-type]
        if greatest < low or least > high:
            seen = f"{least:g}" if least == greatest else f"{least:g} to {greatest:g}"
            field = "min" if greatest < low else "max"
            problem = f"{low if field == 'min' else high:g} contradicts history: {name!r} was read at {seen}"
            raise ConfigError(f"{place}: variables[{position}].{field}", problem, "widen the bounds, or mend the unit")
        if least == greatest:
            warnings.append(f"{place}: variables[{position}]: {name!r} was never moved, so no move of it is advised")
    return warnings
