"""The plant: four lines, their definitions, and the files of both."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from andon.errors import DataError
from andon.simulate.fryer import FRYER
from andon.simulate.lines import Fault, SimulatedLine
from andon.simulate.machine import Machine
from andon.simulate.oven import OVEN
from andon.simulate.packer import PACKER
from andon.simulate.pasteuriser import PASTEURISER
from andon.simulate.run import simulate

_MACHINES: dict[str, Machine] = {machine.name: machine for machine in (FRYER, OVEN, PASTEURISER, PACKER)}
MACHINES: tuple[str, ...] = tuple(_MACHINES)
FAMILY = "plant"
HORIZON = "30m"


def simulate_line(
    machine: str,
    start: datetime,
    days: float,
    seed: int,
    overrides: Sequence[tuple[datetime, str, float]] = (),
) -> SimulatedLine:
    """Simulate one line from ``start`` (UTC, on a whole minute); the same arguments give the same line, to the bit.

    An override ``(moment, setting, value)`` holds from its moment on, whatever the operators would have done, until
    the next one of that setting. It changes nothing before its moment, and all disturbances stay what they were.

    Raises
    ------
    DataError
        If there is no such machine or setting, or a value is out of bounds.
    """
    if machine not in _MACHINES:
        raise DataError("simulation", f"there is no machine {machine!r}", f"choose one of: {', '.join(MACHINES)}")
    return simulate(_MACHINES[machine], start, days, seed, overrides)


def plant_definitions(lines: Sequence[SimulatedLine]) -> list[dict[str, Any]]:
    """Return the JSON of all Lines, of a classifier and a threshold Alert each, and of the family's Monitor.

    The monitor watches what every one of the lines measures continuously.
    """
    definitions = [line.definition for line in lines]
    for line in lines:
        machine = _machine(line.name)
        definitions.append(
            {
                "kind": "Alert",
                "name": machine.alert,
                "lines": {"names": [line.name]},
                "type": "classifier",
                "target": f"{machine.event} == 1",
                "horizon": HORIZON,
                "severity": "high",
            }
        )
        definitions.append(
            {
                "kind": "Alert",
                "name": f"{machine.name}-limit",
                "lines": {"names": [line.name]},
                "type": "threshold",
                "when": machine.limit,
                "for": "2m",
                "clear": machine.limit_clear,
                "severity": "medium",
            }
        )
    return definitions


def _machine(line: str) -> Machine:
    for machine in _MACHINES.values():
        if machine.line == line:
            return machine
    raise DataError(f"line {line}", "is not of the plant", "give lines of simulate_line")
