"""What the line's instruments write down: noise, last digits, missing cells, outages; and the line's definition."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from andon.frames import TIME, Booleans, Floats, to_microseconds
from andon.simulate.machine import AMBIENT, INGREDIENT, STEP, STEPS_A_ROW, Machine, Sensor
from andon.simulate.plan import STATES, Plan, generator

MISSING = 0.002
"""Share of cells of a sensor that are empty."""
_OUTAGES_A_DAY = 0.8
_DROPOUTS_A_DAY = 0.15
"""Of each sensor."""
_ROWS_A_DAY = 86_400 // (STEP * STEPS_A_ROW)


def readings(
    machine: Machine, plan: Plan, sensors: Floats, down: Floats, start: datetime, rows: int, seed: int
) -> tuple[pl.DataFrame, Booleans]:
    """Return the table as `SimulatedLine.data`, and which of the ``rows`` are in it, bool (rows,)."""
    kept = slice(0, rows * STEPS_A_ROW, STEPS_A_ROW)
    inputs = plan.inputs[kept]
    minutes = np.arange(rows) * (STEP * STEPS_A_ROW * 1_000_000) + to_microseconds(start)
    columns: list[pl.Series] = [pl.Series("time", minutes).cast(TIME)]
    columns.append(_text("state", list(STATES), plan.states[kept]))
    columns.append(_text("product", [product.name for product in machine.products], plan.products[kept]))
    for place, setting in enumerate(machine.settings):
        columns.append(pl.Series(setting.name, np.round(inputs[:, INGREDIENT + 1 + place], 6)))
    measured = [(machine.ambient, inputs[:, AMBIENT]), (machine.ingredient, inputs[:, INGREDIENT])]
    measured += [(sensor, sensors[kept, place]) for place, sensor in enumerate(machine.sensors)]
    for sensor, truth in measured:
        columns.append(_read(machine, sensor, truth, seed))
    columns.append(pl.Series(machine.event, down[kept]))
    present = ~_spells(generator(seed, machine.name, "outages"), rows, _OUTAGES_A_DAY, 2, 9)
    return pl.DataFrame(columns).filter(pl.Series(present)), present


def definition(machine: Machine) -> dict[str, Any]:
    """Return the JSON of a Line."""
    variables: list[dict[str, Any]] = [
        {"name": "state", "type": "category", "role": "sensor"},
        {"name": "product", "type": "category", "role": "recipe"},
    ]
    for setting in machine.settings:
        one: dict[str, Any] = {"name": setting.name, "unit": setting.unit, "role": "setting", "type": "number"}
        one |= {"actionable": setting.actionable, "min": setting.low, "max": setting.high, "step": setting.step}
        variables.append(one | {"move": {"cost": setting.cost}} if setting.actionable else one)
    for sensor in (machine.ambient, machine.ingredient, *machine.sensors):
        variables.append({"name": sensor.name, "unit": sensor.unit, "role": sensor.role, "type": "number"})
    variables.append({"name": machine.event, "type": "boolean", "role": "sensor"})
    return {
        "kind": "Line",
        "name": machine.line,
        "family": "plant",
        "sampling": f"{STEP * STEPS_A_ROW}s",
        "timezone": "Europe/Paris",
        "shifts": ["06:00", "14:00", "22:00"],
        "variables": variables,
    }


def _text(name: str, words: list[str], codes: np.ndarray[Any, np.dtype[np.int64]]) -> pl.Series:
    return pl.Series(name, np.array(words, dtype=object)[codes], dtype=pl.String)


def _read(machine: Machine, sensor: Sensor, truth: Floats, seed: int) -> pl.Series:
    rng = generator(seed, machine.name, f"noise {sensor.name}")
    noisy = truth + sensor.noise * rng.standard_normal(len(truth))
    digits = np.round(np.round(noisy / sensor.quantum) * sensor.quantum, 6)
    rng = generator(seed, machine.name, f"missing {sensor.name}")
    missing = rng.random(len(truth)) < MISSING
    rng = generator(seed, machine.name, f"dropouts {sensor.name}")
    missing |= _spells(rng, len(truth), _DROPOUTS_A_DAY, 4, 25)
    return pl.Series(sensor.name, np.where(missing, np.nan, digits + 0.0)).fill_nan(None)


def _spells(rng: np.random.Generator, rows: int, a_day: float, shortest: int, longest: int) -> Booleans:
    inside = np.zeros(rows, dtype=np.bool_)
    # The first and last row stay: a table spans the time that was asked for.
    at = 1
    while (at := at + int(rng.exponential(_ROWS_A_DAY / a_day)) + 1) < rows - 1:
        length = int(rng.integers(shortest, longest))
        inside[at : min(rows - 1, at + length)] = True
        at += length
    return inside
