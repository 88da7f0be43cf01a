"""What is planned for a line, and what happens to it from outside, on the 10 s grid; nothing here depends on its state.

Every purpose has a generator of its own that is read in the order of time, so that a longer simulation begins with the
shorter one, and a changed setting changes no draw.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from andon.errors import DataError
from andon.frames import Floats, Integers
from andon.simulate.machine import (
    AMBIENT,
    BURST_A,
    CLEANING,
    INGREDIENT,
    RAMP,
    STEP,
    Machine,
    Setting,
)

STATES = ("running", "start-up", "changeover", "stopped", "cleaning")
RUNNING, START_UP, CHANGEOVER, STOPPED, IN_CLEANING = range(5)
_HOUR = 3600 // STEP
_MINUTE = 60 // STEP
_DAY = 24 * _HOUR
_FIRST_SETTING = INGREDIENT + 1
_TRIALS, _TRIAL = 0.15, 3.0
"""Share of an operator's settings that are trials, and how much farther from the recipe those lie."""


@dataclass(frozen=True, slots=True)
class Plan:
    """``inputs`` float64 (n_steps, n_inputs) for the kernel; ``states`` and ``products`` int64 (n_steps,)."""

    inputs: Floats
    states: Integers
    products: Integers


def generator(seed: int, machine: str, purpose: str) -> np.random.Generator:
    """Return the generator of one purpose on one machine.

    Examples
    --------
    >>> generator(1, "oven", "noise").random() == generator(1, "oven", "noise").random()
    True
    >>> generator(1, "oven", "noise").random() == generator(1, "oven", "stops").random()
    False
    """
    return np.random.default_rng([seed, zlib.crc32(f"{machine}/{purpose}".encode())])


def make_plan(machine: Machine, start: datetime, steps: int, seed: int) -> Plan:
    """Draw shifts, orders, stops, cleanings, lots, operators and weather for ``steps`` of 10 s from ``start``."""
    seconds = start.hour * 3600 + start.minute * 60 + start.second
    states, products = _timeline(machine, seconds, steps, seed)
    inputs = np.zeros((steps, _FIRST_SETTING + len(machine.settings) + len(machine.products[0].properties)))
    inputs[:, RAMP] = _ramp(states)
    inputs[:, CLEANING] = states == IN_CLEANING
    inputs[:, AMBIENT] = _ambient(machine, seconds, steps, seed)
    for mode in (0, 1):
        inputs[:, BURST_A + mode] = _bursts(machine, mode, states, seed)
    means = np.array([product.ingredient for product in machine.products])
    inputs[:, INGREDIENT] = means[products] + _lots(machine, steps, seed)
    for place, setting in enumerate(machine.settings):
        base = np.array([product.settings[place] for product in machine.products])[products]
        inputs[:, _FIRST_SETTING + place] = _operated(machine, setting, base, steps, seed)
    properties = np.array([product.properties for product in machine.products])
    inputs[:, _FIRST_SETTING + len(machine.settings) :] = properties[products]
    return Plan(inputs, states, products)


def override(machine: Machine, plan: Plan, start: datetime, changes: Sequence[tuple[datetime, str, float]]) -> None:
    """Write other settings into the plan: each holds from its moment on, to the end or the next one of that setting.

    Raises
    ------
    DataError
        If the machine has no such setting, or the value is outside its bounds.
    """
    places = {setting.name: place for place, setting in enumerate(machine.settings)}
    for moment, name, value in sorted(changes, key=lambda change: change[0]):
        if name not in places:
            raise DataError(f"line {machine.line}", f"has no setting {name!r}", f"choose one of: {', '.join(places)}")
        setting = machine.settings[places[name]]
        if not setting.low <= value <= setting.high:
            problem = f"cannot be set to {value:g} {setting.unit}"
            raise DataError(f"line {machine.line}: {name}", problem, f"choose from {setting.low:g} to {setting.high:g}")
        step = max(0, -int((start - moment).total_seconds() // STEP))
        plan.inputs[step:, _FIRST_SETTING + places[name]] = value


def _timeline(machine: Machine, seconds: int, steps: int, seed: int) -> tuple[Integers, Integers]:
    states = np.zeros(steps, dtype=np.int64)
    products = np.zeros(steps, dtype=np.int64)
    rng = generator(seed, machine.name, "orders")
    at, product = 0, int(rng.integers(len(machine.products)))
    while at < steps:
        length = int(rng.uniform(1.25, 3.5) * _HOUR)
        change = int(rng.uniform(6, 15) * _MINUTE)
        products[at : at + length] = product
        product = int((product + rng.integers(1, len(machine.products))) % len(machine.products))
        products[at + length :] = product
        states[at + length : at + length + change] = CHANGEOVER
        at += length + change
    rng = generator(seed, machine.name, "stops")
    at = 0
    while (at := at + int(rng.exponential(4.5 * _HOUR)) + 1) < steps:
        length = int(rng.uniform(2, 8) * _MINUTE)
        states[at : at + length] = np.where(states[at : at + length] == RUNNING, STOPPED, states[at : at + length])
    rng = generator(seed, machine.name, "cleaning")
    first = int(machine.cleaning_hour * _HOUR) - seconds // STEP
    for day in range(-1, steps // _DAY + 2):
        begin = first + day * _DAY + int(rng.uniform(-45, 45) * _MINUTE)
        end = begin + int(rng.uniform(55, 80) * _MINUTE)
        states[max(0, begin) : max(0, end)] = IN_CLEANING
    return states, products


def _ramp(states: Integers) -> Floats:
    """Load, 0 to 1: it takes 10 minutes to come back after a changeover or cleaning, and one after a short stop."""
    ramp = np.zeros(len(states))
    level, rate = 1.0, 1.0
    for step, state in enumerate(states.tolist()):
        if state in (RUNNING, START_UP):
            level = min(1.0, level + rate)
        elif state == STOPPED:
            level, rate = 0.0, 1 / _MINUTE
        else:
            level, rate = 0.0, 1 / (10 * _MINUTE)
        ramp[step] = level
    states[(states == RUNNING) & (ramp < 1.0)] = START_UP
    return ramp


def _ambient(machine: Machine, seconds: int, steps: int, seed: int) -> Floats:
    """Hall temperature, °C: warmest in mid-afternoon, with weather that takes a day or so to change."""
    rng = generator(seed, machine.name, "weather")
    knots = steps // _HOUR + 2
    weather = np.zeros(knots)
    for knot in range(1, knots):
        weather[knot] = 0.96 * weather[knot - 1] + rng.normal(0, 0.9)
    time = np.arange(steps)
    day = np.sin(2 * np.pi * ((time * STEP + seconds) / 86_400 - 0.375))
    ambient: Floats = 22.0 + 5.0 * day + np.interp(time, np.arange(knots) * _HOUR, weather)
    return ambient


def _bursts(machine: Machine, mode: int, states: Integers, seed: int) -> Floats:
    """Growth of wear, an hour, in bursts of one to two and a half hours that begin at random; cleaning ends one."""
    rng = generator(seed, machine.name, f"wear {mode}")
    bursts = np.zeros(len(states))
    at = 0
    while (at := at + int(rng.exponential(_DAY / machine.wears[mode].a_day)) + 1) < len(states):
        length = int(rng.uniform(60, 140) * _MINUTE)
        dose = rng.lognormal(0.15, 0.22)
        bursts[at : at + length] = dose * _HOUR / length
        cleaned = np.flatnonzero(states[at : at + length] == IN_CLEANING)
        if len(cleaned):
            bursts[at + cleaned[0] : at + length] = 0.0
        at += length
    return bursts


def _lots(machine: Machine, steps: int, seed: int) -> Floats:
    rng = generator(seed, machine.name, "lots")
    lots = np.zeros(steps)
    at = 0
    while at < steps:
        length = int(rng.uniform(30, 110) * _MINUTE)
        lots[at : at + length] = rng.normal(0, machine.ingredient_spread)
        at += length
    return lots


def _operated(machine: Machine, setting: Setting, base: Floats, steps: int, seed: int) -> Floats:
    """Return the recipe's value plus the operator's offset, which changes every three quarters of an hour or so.

    Now and then one tries what is far from the recipe.
    """
    rng = generator(seed, machine.name, f"operator {setting.name}")
    trials = generator(seed, machine.name, f"trials {setting.name}")
    offset = np.zeros(steps)
    at = 0
    while at < steps:
        length = int(rng.exponential(45 * _MINUTE)) + 5 * _MINUTE
        far = _TRIAL if trials.random() < _TRIALS else 1.0
        offset[at : at + length] = far * rng.normal(0, setting.wander)
        at += length
    value = setting.low + np.round((base + offset - setting.low) / setting.step) * setting.step
    operated: Floats = np.clip(value, setting.low, setting.high)
    return operated
