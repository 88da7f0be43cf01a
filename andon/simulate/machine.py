"""What a machine is to the simulator: its variables, its recipes, its hidden wear, and the kernel that runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from andon.frames import Floats

STEP = 10
"""Seconds of one inner step."""
STEPS_A_ROW = 6
"""Inner steps from one row of the data to the next: 60 s."""
HORIZON_STEPS = 180
"""Inner steps of the oracle's horizon: 30 minutes."""

RAMP, CLEANING, AMBIENT, BURST_A, BURST_B, INGREDIENT = range(6)
"""The first columns of a kernel's inputs; settings follow, then the product's properties."""

Kernel = Callable[[Floats, Floats, Floats, Floats, Floats, Floats], int]
"""``(state, inputs, shocks, uniforms, sensors, hidden) -> steps done``.

Advances ``state`` in place, one step a row of ``inputs`` (n_steps, n_inputs), until ``uniforms`` (n_steps,) makes an
onset happen or the rows end. ``shocks`` (n_steps, 4) are standard normal. Row i of ``sensors`` (n_steps, n_sensors) is
what is true at the beginning of step i; row i of ``hidden`` (n_steps, 4) holds the wear of both modes and the rates of
their faults, an hour, during step i.
"""


@dataclass(frozen=True, slots=True)
class Sensor:
    """A measured variable: ``noise`` is the standard deviation of a reading, ``quantum`` its last digit."""

    name: str
    unit: str
    noise: float
    quantum: float
    role: str = "sensor"


@dataclass(frozen=True, slots=True)
class Setting:
    """Something that the operator sets, in steps; ``wander`` is how far (standard deviation) from the recipe."""

    name: str
    unit: str
    low: float
    high: float
    step: float
    wander: float
    actionable: bool = True
    cost: float = 1.0


@dataclass(frozen=True, slots=True)
class Product:
    """A recipe: set points in the order of the settings, mean of the ingredient, properties for the kernel."""

    name: str
    settings: tuple[float, ...]
    ingredient: float
    properties: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Wear:
    """A hidden way to fail: bursts of it arrive ``a_day`` times in running time and grow for an hour or two."""

    kind: str
    a_day: float
    causes: tuple[str, ...]
    remedy: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine, and how to run it."""

    name: str
    event: str
    alert: str
    limit: str
    """The condition of the threshold alert that people would use today."""
    limit_clear: str
    cleaning_hour: float
    """Of the day, UTC."""
    ingredient: Sensor
    ingredient_spread: float
    """Standard deviation from lot to lot."""
    ambient: Sensor
    settings: tuple[Setting, ...]
    products: tuple[Product, ...]
    sensors: tuple[Sensor, ...]
    """In the order of the kernel's columns."""
    wears: tuple[Wear, Wear]
    initial: tuple[float, ...]
    """State at the start; its first two numbers are the wear of both modes."""
    advance: Kernel

    @property
    def line(self) -> str:
        """Name of its line."""
        return f"{self.name}-1"
