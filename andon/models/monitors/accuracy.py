"""How well forecasts of one variable came out, beside those of persistence: the last reading, again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from andon.frames import Floats
from andon.models.monitors.networks import Network
from andon.models.monitors.preparation import MonitorData
from andon.records import ModelCard


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Of the rows that were both forecast and read; errors in the variable's own unit, None where there is no row."""

    rows: int
    rmse: float | None
    mae: float | None
    r2: float | None
    """Share of the readings' variance that is forecast (coefficient of determination); None where none varies."""
    pinball: float | None
    """Mean pinball loss of the lower bound, the forecast and the upper bound, at their quantiles."""
    coverage: float | None
    """Share of readings within the bounds."""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def pinball_loss(actual: Floats, quantile: Floats, level: float) -> float:
    """Return the mean pinball loss of forecasts of the ``level`` quantile (Koenker and Bassett, 1978); arrays (n,).

    Examples
    --------
    >>> pinball_loss(np.array([10.0, 10.0]), np.array([8.0, 12.0]), 0.9)
    1.0
    """
    over = actual - quantile
    return float(np.mean(np.maximum(level * over, (level - 1) * over)))


def measure_accuracy(actual: Floats, expected: Floats, reach: float, rate: float) -> Accuracy:
    """Measure forecasts ``expected`` (n,) of readings ``actual`` (n,); rows where either is NaN are left out.

    ``reach`` is how far the bounds of what is normal stand from the forecast, ``rate`` how many normal readings fall
    outside of them: they are forecasts of the quantiles ``rate / 2`` and ``1 - rate / 2``.

    Examples
    --------
    >>> found = measure_accuracy(np.array([1.0, 2.0, 3.0, np.nan]), np.array([1.0, 2.0, 4.0, 0.0]), 0.5, 0.01)
    >>> found.rows, round(found.rmse, 4), round(found.mae, 4), found.r2
    (3, 0.5774, 0.3333, 0.5)
    """
    known = ~(np.isnan(actual) | np.isnan(expected))
    actual, expected = actual[known], expected[known]
    if not len(actual):
        return Accuracy(0, None, None, None, None, None)
    with np.errstate(over="ignore"):
        errors = np.abs(actual - expected)
        spread = float(np.sum((actual - actual.mean()) ** 2))
        levels = (rate / 2, 0.5, 1 - rate / 2)
        pinball = [
            pinball_loss(actual, expected + move, level)
            for level, move in zip(levels, (-reach, 0.0, reach), strict=True)
        ]
        found = {
            "rmse": float(np.sqrt(np.mean(errors**2))),
            "mae": float(np.mean(errors)),
            "r2": 1 - float(np.sum(errors**2)) / spread if spread > 0 else np.nan,
            "pinball": float(np.mean(pinball)),
        }
    finite = {name: value if np.isfinite(value) else None for name, value in found.items()}
    return Accuracy(rows=len(actual), coverage=float(np.mean(errors <= reach)), **finite)


def last_readings(actual: Floats) -> Floats:
    """Return what persistence expects of consecutive rows (n, v): the last reading before each, NaN before any.

    Examples
    --------
    >>> last_readings(np.array([[1.0], [np.nan], [3.0], [4.0]])).ravel().tolist()
    [nan, 1.0, 1.0, 3.0]
    """
    rows = np.where(np.isnan(actual), -1, np.arange(len(actual))[:, None])
    newest = np.maximum.accumulate(rows, axis=0)
    before = np.concatenate([np.full((1, actual.shape[1]), -1), newest[:-1]])[: len(actual)]
    found: Floats = np.where(before >= 0, np.take_along_axis(actual, np.maximum(before, 0), axis=0), np.nan)
    return found


def hindsight_reach(errors: Floats, rate: float) -> float:
    """Return the reach that leaves a share of at most ``rate`` of these very ``errors`` (n,) outside; 0 without any.

    Bounds that no forecaster could know beforehand: what is compared with them is not flattered.

    Examples
    --------
    >>> hindsight_reach(np.array([-3.0, 1.0, 2.0, -4.0]), 0.25)
    3.0
    """
    known = np.sort(np.abs(errors[~np.isnan(errors)]))
    return float(known[int(np.ceil(len(known) * (1 - rate) - 1e-9)) - 1]) if len(known) else 0.0


def beside_persistence(actual: Floats, expected: Floats, reach: float, rate: float, before: Floats) -> dict[str, Any]:
    """Measure a variable's forecasts and those of persistence, ``before`` (n,), on the rows that both forecast.

    Returns
    -------
    dict
        ``forecast`` and ``persistence``, each as `Accuracy.to_json`; persistence has the best bounds in hindsight.
    """
    both = ~(np.isnan(expected) | np.isnan(before))
    actual, expected, before = actual[both], expected[both], before[both]
    with np.errstate(over="ignore"):
        least = hindsight_reach(actual - before, rate)
    return {
        "forecast": measure_accuracy(actual, expected, reach, rate).to_json(),
        "persistence": measure_accuracy(actual, before, least, rate).to_json(),
    }


def with_accuracy(card: ModelCard, data: MonitorData, networks: Sequence[Network], reach: Floats) -> ModelCard:
    """Return a card that tells how the networks chosen forecast the validation rows, which they have not read.

    Each variable of ``comparison`` gets ``validation``, as `beside_persistence`; ``metrics`` get the means over the
    variables that persistence errs on, against persistence.

    Parameters
    ----------
    networks
        One for each of the data's variables, fitted on training rows.
    reach
        How far bounds stand from forecasts, in the variables' own units, float64 (v,).
    """
    rows, restore = data.validation, data.scaling.restore
    actual = restore(data.series[rows])
    expected = restore(data.series[rows] - data.residuals(networks, rows))
    before = restore(data.series[rows] - data.persistence)
    measured = {
        name: beside_persistence(actual[:, i], expected[:, i], float(reach[i]), data.rate, before[:, i])
        for i, name in enumerate(data.variables)
    }
    metrics: dict[str, float] = {}
    for measure in ("mae", "pinball"):
        ratios = [
            one["forecast"][measure] / one["persistence"][measure]
            for one in measured.values()
            if one["forecast"][measure] is not None and one["persistence"][measure]
        ]
        metrics |= {f"{measure}_to_persistence": float(np.mean(ratios))} if ratios else {}
    comparison = tuple(
        one | {"validation": measured[one["variable"]]} if one.get("variable") in measured else one
        for one in card.comparison
    )
    return replace(card, metrics=card.metrics | metrics, comparison=comparison)
