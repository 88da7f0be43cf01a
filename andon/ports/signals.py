"""The port of signals: readings, and the forecasts beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import polars as pl

from andon.frames import SignalFrame
from andon.records import (
    Forecast,
)
from configs.definitions import VariableType


@dataclass(frozen=True, slots=True)
class Appended:
    """What an append did, in values: ``added`` are new, ``changed`` replaced another, ``unchanged`` were there."""

    added: int
    changed: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class StoredLine:
    """What is stored of a line: half of a Line definition, found in its data."""

    line: str
    types: Mapping[str, VariableType]
    first: datetime
    last: datetime
    sampling: timedelta


class Signals(Protocol):
    """Readings, and the forecasts that Andon writes beside them, never over them.

    A reading time is a time at which at least one variable has a value. A null is never stored and never erases a
    value; the last written value of a variable and time counts. Time series are typed by their first append.

    What a server cannot do, an adapter says: a frame beyond what it takes in one request is stored oldest rows first,
    and given again it goes on; times that it cannot keep are refused with `DataError`, and nothing of their frame is
    stored.
    """

    def append_signals(self, frame: SignalFrame) -> Appended:
        """Store a frame, all or nothing, durable when this returns. Doing it twice changes nothing.

        Raises
        ------
        DataError
            If a variable is stored with another type.
        """
        ...

    def list_lines(self) -> list[str]:
        """Return the lines that have readings, in name order."""
        ...

    def describe_line(self, line: str) -> StoredLine | None:
        """Return types, span and usual sampling, fast enough to ask at every tick (None: no readings)."""
        ...

    def count_readings(self, line: str) -> int:
        """Return the number of reading times; it may take a look at all of them."""
        ...

    def read_signals(
        self,
        line: str,
        variables: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> SignalFrame:
        """Return readings of ``[start, end)``: every time at which one of those variables has a value.

        Empty where they have none in that span.

        Raises
        ------
        DataError
            If the line or a variable has no readings at all.
        """
        ...

    def latest_signals(self, line: str, rows: int, variables: Sequence[str] | None = None) -> SignalFrame:
        """Return the newest ``rows`` reading times of a line (of those variables).

        Raises
        ------
        DataError
            As `read_signals`.
        """
        ...

    def newest_readings(self, lines: Sequence[str]) -> dict[str, datetime]:
        """Return the newest reading time of each of ``lines`` that has any, fast enough to ask every second for all."""
        ...

    def reading_span(
        self, line: str, start: datetime | None = None, end: datetime | None = None
    ) -> tuple[datetime, datetime] | None:
        """Return the first and the last reading time of ``[start, end)``; None where there is none.

        Raises
        ------
        DataError
            If the line has no readings at all.
        """
        ...

    def digest(self, line: str, start: datetime, end: datetime) -> str:
        """Return a text that is another once a reading of ``[start, end)`` was added or changed; empty: there is none.

        It may also change with other readings of the hours in which the span begins and ends. An hour ends on the
        hour, and the reading at that moment belongs to it.
        """
        ...

    def append_forecasts(self, forecasts: Iterable[Forecast]) -> int:
        """Store forecasts by line, monitor, variable and time; the first one stays. Return how many were new.

        One that is not finite says nothing, and is left out.
        """
        ...

    def read_forecasts(
        self, line: str, monitor: str | None = None, start: datetime | None = None, end: datetime | None = None
    ) -> pl.DataFrame:
        """Return columns ``time, monitor, variable, expected, low, high, version``, by time, monitor and variable."""
        ...

    def forget_forecasts(self, before: datetime) -> None:
        """Remove forecasts for times before one.

        Raises
        ------
        StoreError
            Also where the server cannot: then its own retention must.
        """
        ...

    def forecast_lines(self) -> list[str]:
        """Return the lines that have forecasts, in name order."""
        ...

    def close(self) -> None:
        """Release what is open; the store can be used again afterwards."""
        ...
