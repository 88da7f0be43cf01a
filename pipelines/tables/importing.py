"""``andon import``: tables into the signals store. All tables are read and found good before anything is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from andon.errors import DataError
from andon.frames import from_microseconds
from andon.ports import Documents, Signals
from configs.definitions import VariableType
from configs.durations import format_duration
from configs.periods import format_time
from pipelines.tables.lines import LineTable, Types, line_tables
from pipelines.tables.options import TableOptions
from pipelines.tables.reading import read_table

SHOWN = 10
"""Refused cells and rows that a report shows; all are counted."""
_GAP = 3.0

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""


@dataclass(frozen=True, slots=True)
class RefusedCell:
    """A cell that is not of its column's type; nothing is stored for it."""

    row: int
    column: str
    value: str


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row without a readable time; nothing of it is stored."""

    row: int
    value: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A step of more than three times the usual one; ``start`` is the last reading before it."""

    start: datetime
    length: timedelta


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What was imported for one line from one file.

    ``rows`` are reading times, one for each time; ``added``, ``changed`` and ``unchanged`` count values. ``unit`` says
    what ``row`` counts: lines of a text file, or rows of a sheet or a Parquet file.
    """

    file: str
    line: str
    rows: int
    first: datetime
    last: datetime
    sampling: timedelta
    gaps: int
    longest_gap: Gap | None
    refused: int
    refused_cells: tuple[RefusedCell, ...]
    rows_refused: int
    refused_rows: tuple[RefusedRow, ...]
    duplicates: int
    conflicts: int
    first_conflict: int | None
    unsorted: int
    first_unsorted: int | None
    unit: str
    time_column: str
    types: Types
    constant: tuple[str, ...]
    empty: tuple[str, ...]
    notes: tuple[str, ...]
    added: int
    changed: int
    unchanged: int

    @property
    def is_unchanged(self) -> bool:
        """Whether everything was stored before."""
        return self.added == 0 and self.changed == 0

    def to_json(self) -> dict[str, Any]:
        """Return JSON values: times in ISO 8601, lengths of time as they are written in definitions."""
        body = asdict(self) | {"types": dict(self.types)}
        body |= {"first": format_time(self.first), "last": format_time(self.last)}
        body["sampling"] = format_duration(self.sampling)
        if self.longest_gap is not None:
            start, length = format_time(self.longest_gap.start), format_duration(self.longest_gap.length)
            body["longest_gap"] = {"start": start, "length": length}
        return body


def import_tables(
    files: Sequence[Path],
    signals: Signals,
    documents: Documents,
    options: TableOptions,
    progress: Progress = lambda what, done, total: None,
) -> list[ImportReport]:
    """Read tables and append their readings; one report for each file and line, in that order.

    Types that a Line definition declares win over those that are stored, and these over what the cells look like.
    Doing it twice changes nothing.

    Raises
    ------
    DataError
        If a table is to be refused as a whole; then nothing of any of them is stored.
    """
    tables: list[LineTable] = []
    known = KnownTypes(signals, documents)
    for number, file in enumerate(files):
        progress(f"reading {file.name}", number, len(files))
        for table in line_tables(read_table(file, options), options, known.of):
            known.learn(table)
            tables.append(table)
    reports = []
    for number, table in enumerate(tables):
        progress(f"storing {table.frame.line}", number, len(tables))
        reports.append(_store(table, signals))
    progress("stored", len(tables), len(tables))
    return reports


class KnownTypes:
    """Types of the variables of lines, as declared, stored, or read from an earlier table of the same command."""

    def __init__(self, signals: Signals, documents: Documents) -> None:
        self._signals, self._documents = signals, documents
        self._types: dict[str, dict[str, VariableType]] = {}

    def of(self, line: str) -> Types:
        """Return what is known of a line's variables.

        Raises
        ------
        DataError
            If a variable is declared to be of another type than it is stored.
        """
        if line not in self._types:
            stored = self._signals.describe_line(line)
            definition = self._documents.get_definition("Line", line)
            types: dict[str, VariableType] = dict(stored.types) if stored is not None else {}
            declared = {one["name"]: one.get("type") for one in definition.body["variables"]} if definition else {}
            for name, kind in declared.items():
                if kind is not None and types.get(name, kind) != kind:
                    place = f"line {line}, variable {name!r}"
                    problem = f"is declared a {kind}, and is stored as a {types[name]}"
                    raise DataError(place, problem, f"write type: {types[name]} in the Line")
                if kind is not None:
                    types[name] = kind
            self._types[line] = types
        return self._types[line]

    def learn(self, table: LineTable) -> None:
        """Take the types of a table that was read: the next one of the line must agree."""
        self._types[table.frame.line] = {**table.frame.types, **self.of(table.frame.line)}


def _store(table: LineTable, signals: Signals) -> ImportReport:
    frame = table.frame
    appended = signals.append_signals(frame)
    count, longest = _gaps(frame.times, frame.sampling)
    cells = table.refused.head(SHOWN).iter_rows(named=True)
    rows = table.refused_rows.head(SHOWN).iter_rows(named=True)
    return ImportReport(
        file=str(table.path),
        line=frame.line,
        rows=len(frame),
        first=from_microseconds(frame.times[0]),
        last=from_microseconds(frame.times[-1]),
        sampling=frame.sampling,
        gaps=count,
        longest_gap=longest,
        refused=table.refused.height,
        refused_cells=tuple(RefusedCell(**cell) for cell in cells),
        rows_refused=table.refused_rows.height,
        refused_rows=tuple(RefusedRow(**row) for row in rows),
        duplicates=table.order.duplicates,
        conflicts=table.order.conflicts,
        first_conflict=table.order.first_conflict,
        unsorted=table.order.unsorted,
        first_unsorted=table.order.first_unsorted,
        unit=table.unit,
        time_column=table.time_column,
        types=frame.types,
        constant=table.constant,
        empty=table.empty,
        notes=table.notes,
        added=appended.added,
        changed=appended.changed,
        unchanged=appended.unchanged,
    )


def _gaps(times: Any, sampling: timedelta) -> tuple[int, Gap | None]:
    steps = np.diff(times)
    wide = np.flatnonzero(steps > _GAP * (sampling / timedelta(microseconds=1)))
    if not len(wide):
        return 0, None
    longest = int(wide[np.argmax(steps[wide])])
    return len(wide), Gap(from_microseconds(times[longest]), timedelta(microseconds=int(steps[longest])))
