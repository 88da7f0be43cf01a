"""Blame in a worker's words: which variable, by which feature, and by how much it pushed the risk."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from andon.explain.attribution import by_variable
from andon.features.spec import Feature
from andon.frames import Floats
from andon.models.bundle import AlertBundle
from andon.records import Blame
from configs.durations import format_duration

NAMED = 5
_WORDS: dict[str, str] = {
    "mean": "mean", "std": "spread", "min": "lowest", "max": "highest", "last": "now", "slope": "trend",
    "delta": "change", "share": "share of the time", "since_change": "time since it changed", "count": "readings",
    "out_of_bounds": "share out of bounds", "q05": "5 % quantile", "q25": "lower quarter", "q50": "median",
    "q75": "upper quarter", "q95": "95 % quantile",
}  # fmt: skip
_UNITLESS = ("share", "count", "out_of_bounds")


def blamed(
    bundle: AlertBundle, parts: Floats, values: Floats, units: Mapping[str, str], most: int = NAMED
) -> tuple[Blame, ...]:
    """Return the variables that pushed the risk up, the most guilty first.

    Parameters
    ----------
    parts, values
        What each feature adds to the probability, and what it is, float64 (n_features,).
    units
        Of the variables.
    """
    names, summed = by_variable(bundle, parts[None])
    features = bundle.features.features
    found = []
    for place in np.argsort(-summed[0], kind="stable")[:most]:
        share = float(summed[0, place])
        if share <= 0:
            break
        own = [index for index, feature in enumerate(features) if feature.variable == names[place]]
        top = max(own, key=lambda index: parts[index])
        said = f"{describe(features[top], values[top], units.get(names[place], ''))}, pushed the risk up by {share:.2f}"
        found.append(Blame(names[place], share, said.replace("by 0.", "by .")))
    return tuple(found)


def shares_blamed(shares: Mapping[str, float], most: int = NAMED) -> tuple[Blame, ...]:
    """Return the blame of a monitor's anomaly: the shares that its variables have in the line's score.

    Examples
    --------
    >>> [one.text for one in shares_blamed({"speed": 0.2, "oil": 0.7, "hall": 0.0})]
    ["oil, 70 % of the line's score", "speed, 20 % of the line's score"]
    """
    ordered = sorted(shares.items(), key=lambda one: (-one[1], one[0]))[:most]
    return tuple(
        Blame(name, float(share), f"{name}, {100 * share:.0f} % of the line's score")
        for name, share in ordered
        if share > 0
    )


def describe(feature: Feature, value: float, unit: str) -> str:
    """Return a feature and its value as a worker would say it.

    Examples
    --------
    >>> from datetime import timedelta
    >>> half = timedelta(minutes=30)
    >>> describe(Feature("oil.mean.30m", "oil", "mean", half, None), 182.04, "°C")
    'oil, mean of 30 min: 182 °C'
    >>> describe(Feature("oil.slope.30m", "oil", "slope", half, None), 0.25, "°C")
    'oil, trend of 30 min: 0.25 °C a minute'
    >>> describe(Feature("door.share.30m", "door", "share", half, None), 0.2, "")
    'door, share of the time of 30 min: 20 %'
    """
    what = _WORDS[feature.function]
    if feature.category is not None:
        what = f"{what} at {feature.category}"
    head = f"{feature.variable}, {what}"
    if feature.function not in ("last", "since_change"):
        head += f" of {_length(feature)}"
    if np.isnan(value):
        return f"{head}: no reading"
    if feature.function in _UNITLESS:
        return f"{head}: {100 * value:.0f} %"
    if feature.function == "since_change":
        return f"{head}: {value / 60:.0f} min"
    tail = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    tail = f"{tail} {unit}".strip()
    return f"{head}: {tail} a minute" if feature.function == "slope" else f"{head}: {tail}"


def _length(feature: Feature) -> str:
    minutes = feature.window.total_seconds() / 60
    return f"{minutes:g} min" if minutes == int(minutes) and minutes < 120 else format_duration(feature.window)
