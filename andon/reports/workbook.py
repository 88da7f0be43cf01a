"""Sheets of an Excel workbook: a frozen, filtered header, widths that fit, and text that never becomes a formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

TIME_FORMAT = "yyyy-mm-dd hh:mm:ss"
SEVERITY_COLOURS = {"low": "FFF2CC", "medium": "FCE4D6", "high": "F8CBAD", "critical": "E06666"}


def write_cell(sheet: Worksheet, row: int, column: int, value: Any) -> Any:
    """Write one value; text stays text even where it begins with ``= + - @``, and times are UTC without a zone."""
    cell = sheet.cell(row, column)
    if isinstance(value, str):
        cell.value = "".join(c for c in value if c in "\t\n" or ord(c) >= 32)[:32_000]
        cell.data_type = "s"
        cell.quotePrefix = value[:1] in ("=", "+", "-", "@")
    elif isinstance(value, datetime):
        cell.value = value.astimezone(UTC).replace(tzinfo=None)
        cell.number_format = TIME_FORMAT
    else:
        cell.value = value
        if isinstance(value, float):
            cell.number_format = "0.000"
    return cell


def add_table(
    book: Workbook,
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    severity: str | None = None,
) -> Worksheet:
    """Add a sheet with a table; ``severity`` names the column whose words colour their rows' cells."""
    from openpyxl.formatting.rule import CellIsRule
    from openpyxl.styles import Font, PatternFill
    from openpyxl.utils import get_column_letter

    sheet = book.create_sheet(title)
    for number, name in enumerate(columns, 1):
        write_cell(sheet, 1, number, name).font = Font(bold=True)
    for index, row in enumerate(rows, 2):
        for number, value in enumerate(row, 1):
            write_cell(sheet, index, number, value)
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{max(2, len(rows) + 1)}"
    for number, name in enumerate(columns, 1):
        longest = max([len(name), *(len(_shown(row[number - 1])) for row in rows[:500])])
        sheet.column_dimensions[get_column_letter(number)].width = min(60, longest + 3)
    if severity is not None and rows:
        letter = get_column_letter(list(columns).index(severity) + 1)
        for word, colour in SEVERITY_COLOURS.items():
            sheet.conditional_formatting.add(
                f"{letter}2:{letter}{len(rows) + 1}",
                CellIsRule(operator="equal", formula=[f'"{word}"'], fill=PatternFill("solid", bgColor=colour)),
            )
    return sheet


def add_facts(book: Workbook, title: str, facts: Mapping[str, Any]) -> Worksheet:
    """Add a sheet of names and values."""
    from openpyxl.styles import Font

    sheet = book.create_sheet(title)
    for index, (name, value) in enumerate(facts.items(), 1):
        write_cell(sheet, index, 1, name).font = Font(bold=True)
        write_cell(sheet, index, 2, value)
    sheet.column_dimensions["A"].width = max(len(name) for name in facts) + 3
    sheet.column_dimensions["B"].width = 40
    return sheet


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return TIME_FORMAT
    return f"{value:.3f}" if isinstance(value, float) else str(value)
