"""The plant: four lines, their definitions, and the files of both."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from andon.errors import DataError
from andon.simulate.fryer import FRYER
from andon.simulate.lines import Fault, SimulatedLine
from andon.simulate.machine import Machine
from andon.simulate.oven import OVEN
from andon.simulate.packer import PACKER
from andon.simulate.pasteuriser import PASTEURISER
from andon.simulate.run import simulate

MACHINE_OF: dict[str, Machine] = {machine.name: machine for machine in (FRYER, OVEN, PASTEURISER, PACKER)}
MACHINES: tuple[str, ...] = tuple(MACHINE_OF)
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
    if machine not in MACHINE_OF:
        raise DataError("simulation", f"there is no machine {machine!r}", f"choose one of: {', '.join(MACHINES)}")
    return simulate(MACHINE_OF[machine], start, days, seed, overrides)


def plant_definitions(lines: Sequence[SimulatedLine]) -> list[dict[str, Any]]:
    """Return the JSON of all Lines, of a classifier and a threshold Alert each, and of the family's Monitor.

    The lines have few variables in common and a monitor may name only those that all its lines have, so it names none:
    it watches all numbers of each line.
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
                "precision": 0.5,
                "keep_firing": "10m",
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
                "keep_firing": "10m",
                "severity": "medium",
            }
        )
    return [*definitions, {"kind": "Monitor", "name": "normal-running", "lines": {"family": FAMILY}}]


def write_plant(folder: Path, start: datetime, days: float, seed: int) -> list[Path]:
    """Write ``<line>.csv`` for every line, ``plant.yaml`` and ``faults.json``, and return their paths in that order.

    Raises
    ------
    DataError
        If start or days are not possible.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = [simulate_line(machine, start, days, seed) for machine in MACHINES]
    paths = []
    for line in lines:
        paths.append(folder / f"{line.name}.csv")
        # Written as true and false, an event is read as a boolean whether or not its Line is known by then.
        event = pl.col(_machine(line.name).event).cast(pl.Boolean)
        line.data.with_columns(pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%SZ"), event).write_csv(paths[-1])
    definitions = folder / "plant.yaml"
    # YAML reads JSON, and one document a definition keeps them easy to find and to edit.
    documents = [json.dumps(one, indent=2, ensure_ascii=False) for one in plant_definitions(lines)]
    definitions.write_text("\n---\n".join(documents) + "\n", encoding="utf-8")
    faults = folder / "faults.json"
    told = [{"line": line.name, **_told(fault)} for line in lines for fault in line.faults]
    faults.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return [*paths, definitions, faults]


def _told(fault: Fault) -> dict[str, Any]:
    body = dataclasses.asdict(fault)
    return {name: one.isoformat() if isinstance(one, datetime) else one for name, one in body.items()}


def _machine(line: str) -> Machine:
    for machine in MACHINE_OF.values():
        if machine.line == line:
            return machine
    raise DataError(f"line {line}", "is not of the plant", "give lines of simulate_line")
