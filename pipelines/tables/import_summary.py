"""What an import did, in words and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from configs.durations import format_duration

if TYPE_CHECKING:
    from pipelines.tables.importing import ImportReport
    from pipelines.terminal import Terminal


def print_reports(reports: Sequence[ImportReport], terminal: Terminal) -> None:
    """Print a row for each file and line, and beside it everything odd; what is true of many lines is said once."""
    rows = [
        (
            report.line,
            report.rows,
            show_time(report.first),
            show_time(report.last),
            format_duration(report.sampling),
            _gaps(report),
            report.refused,
            report.rows_refused,
            report.duplicates,
            "unchanged" if report.is_unchanged else _stored(report),
        )
        for report in reports
    ]
    columns = [
        "line",
        "rows",
        "from",
        "to",
        "sampling",
        "gaps",
        "refused cells",
        "refused rows",
        "duplicates",
        "values",
    ]
    terminal.table("Imported", columns, rows)
    for text, lines in _remarks(reports).items():
        several = f"{', '.join(lines[:3])}{f' and {len(lines) - 3} more' if len(lines) > 3 else ''}"
        terminal.say(f"{several}: {text}")


def _gaps(report: ImportReport) -> str:
    longest = report.longest_gap
    if longest is None:
        return "0"
    return f"{report.gaps}, longest {format_duration(longest.length)} after {show_time(longest.start)}"


def _stored(report: ImportReport) -> str:
    parts = [(report.added, "new"), (report.changed, "changed"), (report.unchanged, "unchanged")]
    return ", ".join(f"{count:,} {word}" for count, word in parts if count)


def show_time(moment: datetime | None) -> str:
    """Write a UTC time for people.

    Examples
    --------
    >>> from datetime import UTC
    >>> show_time(datetime(2026, 1, 1, 6, tzinfo=UTC))
    '2026-01-01 06:00:00Z'
    """
    return "-" if moment is None else moment.isoformat(sep=" ").replace("+00:00", "Z")


def _remarks(reports: Sequence[ImportReport]) -> dict[str, list[str]]:
    """Map everything odd to the lines it was seen on."""
    said: dict[str, list[str]] = {}
    for report in reports:
        for text in _remarks_on(report):
            lines = said.setdefault(text, [])
            if report.line not in lines:
                lines.append(report.line)
    return said


def _remarks_on(report: ImportReport) -> Iterator[str]:
    yield from report.notes
    if report.unsorted:
        first = f"the first at {report.unit} {report.first_unsorted}"
        yield f"{report.unsorted:,} rows stood out of order ({first}) and were sorted"
    if report.duplicates:
        conflict = ""
        if report.conflicts:
            last = f"the last one in the file counts (the first: {report.unit} {report.first_conflict})"
            conflict = f"; at {report.conflicts:,} times values differed, and {last}"
        yield f"{report.duplicates:,} rows repeated a time{conflict}"
    for cell in report.refused_cells:
        kind = report.types.get(cell.column, "number")
        yield f"{report.unit} {cell.row}, column {cell.column!r}: refused {cell.value!r}, not a {kind}"
    if report.refused > len(report.refused_cells):
        yield f"and {report.refused - len(report.refused_cells):,} refused cells more"
    for row in report.refused_rows:
        yield f"{report.unit} {row.row}: row refused, {row.reason}: {row.value!r}"
    if report.rows_refused > len(report.refused_rows):
        yield f"and {report.rows_refused - len(report.refused_rows):,} refused rows more"
    if report.constant:
        yield f"constant: {', '.join(report.constant)}"
    if report.empty:
        yield f"without any reading: {', '.join(report.empty)}"
