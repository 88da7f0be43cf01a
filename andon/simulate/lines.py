"""What a simulation returns: readings, the definition of the line, and the truth that no line would tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from andon.frames import Floats


@dataclass(frozen=True)
class Fault:
    """One fault, from the first sign of it to the end of its repair; times are UTC, on the 10 s grid."""

    kind: str
    precursor_start: datetime
    """When the wear behind it rose through the level at which it begins to show."""
    onset: datetime
    end: datetime
    causes: tuple[str, ...]
    """Variables that tell of it, the most telling first."""
    remedy: tuple[str, str] | None
    """Setting, and ``lower`` or ``raise``: what would have kept it away; None where nothing would."""


@dataclass(frozen=True)
class SimulatedLine:
    """One line, simulated.

    ``data`` has ``time`` (timestamp[us, UTC], strictly rising, usually 60 s apart), Float64 columns for numbers and for
    the event (0 or 1), and String columns for categories; null where nothing was read. ``definition`` is the JSON of a
    `configs.definitions.Line`. ``hazard`` is float64 (n_rows,): the true probability that the next onset comes within
    the 30 minutes after the row, given the hidden wear, the plan and the disturbances to come.
    """

    name: str
    data: pl.DataFrame
    definition: dict[str, Any]
    faults: tuple[Fault, ...]
    hazard: Floats
