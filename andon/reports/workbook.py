"""Sheets of an Excel workbook: frozen, filtered headers, widths that fit, native charts, text that stays text."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from andon.reports.pages import write_page

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

TIME_FORMAT = "yyyy-mm-dd hh:mm:ss"
SEVERITY_COLOURS = {"low": "94A3B8", "medium": "FACC15", "high": "F97316", "critical": "DC2626"}
_TINTS = {"low": "F1F5F9", "medium": "FEF9C3", "high": "FFEDD5", "critical": "FECACA"}
LONGEST_TABLE = 100_000
"""Rows of one table; more can be read nowhere, and take minutes to write."""
_HEAD, _LEAD = "1F5FA8", "1F5FA8"
_FORMULA = ("=", "+", "-", "@")
_NO_XML = "\ufffe\uffff"
_EXCEL_BEGINS = 1900
_LONGEST_TEXT = 32_000
_HEADER_FOLDS = 12
"""Characters after which a header takes a second line."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A native chart of columns of a table: ``columns`` against the column ``along``, all by number from 1."""

    kind: Literal["bars", "stacked", "columns", "lines"]
    """``bars`` lie, ``columns`` and ``stacked`` stand, ``lines`` go along time."""
    title: str
    along: int
    columns: tuple[int, ...]
    anchor: str
    rows: int | None = None
    """Only the first of the table's rows."""
    size: tuple[float, float] = (26.0, 9.0)
    """Width and height in centimetres."""
    colours: tuple[str, ...] = ()
    format: str = ""
    """Number format: of times along ``lines``, of values otherwise."""
    step: float | None = None
    """Between two marks of the axis of values."""


@dataclass(frozen=True, slots=True)
class Table:
    """A sheet with a table. ``severity`` names the column whose words colour their rows."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    severity: str | None = None
    formats: Mapping[str, str] = field(default_factory=dict)
    """Column -> its number format."""
    note: str = ""
    """Shown where there is no row."""


def write_cell(sheet: Worksheet, row: int, column: int, value: Any, zone: str = "UTC") -> Any:
    """Write one value; text stays text even where it begins with ``= + - @``, and times are those of ``zone``."""
    cell = sheet.cell(row, column)
    if isinstance(value, str):
        text = "".join(c for c in value if c in "\t\n" or (ord(c) >= 32 and c not in _NO_XML))
        text = text.encode("utf-8", "replace").decode()
        cell.value = text[:_LONGEST_TEXT]
        cell.data_type = "s"
        if text.startswith(_FORMULA):
            cell.quotePrefix = True
    elif isinstance(value, datetime):
        local = value.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        if local.year < _EXCEL_BEGINS:
            return write_cell(sheet, row, column, local.isoformat(" "))
        cell.value = local
        cell.number_format = TIME_FORMAT
    elif isinstance(value, float) and not math.isfinite(value):
        cell.value = None  # Excel has no such number, and calls a file that holds one damaged.
    else:
        cell.value = value
        if isinstance(value, float):
            cell.number_format = "0.000"
    return cell


def add_table(book: Workbook, table: Table, zone: str = "UTC") -> Worksheet:
    """Add a sheet with a table, frozen and filtered below its header; no more than `LONGEST_TABLE` rows."""
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter

    sheet = book.create_sheet(table.title)
    for number, name in enumerate(table.columns, 1):
        cell = write_cell(sheet, 1, number, name)
        cell.font, cell.fill = Font(bold=True, color="FFFFFF"), PatternFill("solid", fgColor=_HEAD)
        cell.alignment = Alignment(vertical="center", wrap_text=True, indent=1)
    rows, left = table.rows[:LONGEST_TABLE], Alignment(horizontal="left", indent=1)
    formats = [table.formats.get(name) for name in table.columns]
    styles: dict[tuple[type, int, bool], Any] = {}
    for index, row in enumerate(rows, 2):
        for number, value in enumerate(row, 1):
            cell = write_cell(sheet, index, number, value, zone)
            # To give a cell a style of its own takes longer than to write it: all of a kind share one.
            kind = (type(value), number, cell.quotePrefix)
            if kind not in styles:
                if isinstance(value, str | datetime):
                    cell.alignment = left
                form = formats[number - 1]
                if form is not None and not isinstance(value, str):
                    cell.number_format = form
                styles[kind] = copy(cell._style)
            else:
                cell._style = styles[kind]
    if not rows and table.note:
        write_cell(sheet, 2, 1, table.note)
    if len(table.rows) > LONGEST_TABLE:
        write_cell(sheet, len(rows) + 2, 1, f"and {len(table.rows) - LONGEST_TABLE} more, which the store holds")
    sheet.freeze_panes = "A2"
    last = get_column_letter(len(table.columns))
    sheet.auto_filter.ref = f"A1:{last}{max(2, len(rows) + 1)}"
    lines = 1
    for number, name in enumerate(table.columns, 1):
        longest = max([min(len(name), _HEADER_FOLDS), *(len(_shown(row[number - 1])) for row in rows[:500])])
        sheet.column_dimensions[get_column_letter(number)].width = min(60, longest + 5)
        lines = max(lines, -(-len(name) // longest))
    sheet.row_dimensions[1].height = 16 * min(lines, 3) + 2
    if table.severity is not None and rows:
        column = get_column_letter(table.columns.index(table.severity) + 1)
        colour_severities(sheet, f"A2:{last}{len(rows) + 1}", f"${column}2")
    sheet.sheet_view.showGridLines = False
    sheet.print_title_rows = "1:1"
    sheet.page_setup.orientation, sheet.page_setup.fitToHeight = "landscape", 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    return sheet


def colour_severities(sheet: Worksheet, cells: str, word: str) -> None:
    """Colour rows by the severity in the cell ``word``, by rules that follow when people edit or sort."""
    from openpyxl.formatting.rule import FormulaRule
    from openpyxl.styles import PatternFill

    for severity, colour in _TINTS.items():
        fill = PatternFill("solid", bgColor=colour, fgColor=colour)
        sheet.conditional_formatting.add(cells, FormulaRule([f'{word}="{severity}"'], fill=fill))


def add_facts(book: Workbook, title: str, head: str, facts: Mapping[str, Any], zone: str = "UTC") -> Worksheet:
    """Add a sheet with a heading, and names with values from the third row on."""
    from openpyxl.styles import Alignment, Font

    sheet = book.create_sheet(title)
    write_cell(sheet, 1, 1, head).font = Font(bold=True, size=16, color=_LEAD)
    for index, (name, value) in enumerate(facts.items(), 3):
        write_cell(sheet, index, 1, name).font = Font(color="64748B")
        cell = write_cell(sheet, index, 2, value, zone)
        cell.font, cell.alignment = Font(bold=True), Alignment(horizontal="left")
    sheet.column_dimensions["A"].width = max(len(name) for name in facts) + 4
    sheet.column_dimensions["B"].width = 34
    sheet.sheet_view.showGridLines = False
    sheet.page_setup.orientation, sheet.page_setup.fitToHeight = "landscape", 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    return sheet


def add_chart(sheet: Worksheet, chart: Chart, data: Worksheet, rows: int) -> None:
    """Put a chart of the first ``rows`` rows of the table on ``data`` onto a sheet."""
    from openpyxl.chart import BarChart, LineChart, Reference
    from openpyxl.chart.axis import ChartLines
    from openpyxl.chart.shapes import GraphicalProperties
    from openpyxl.chart.text import RichText
    from openpyxl.drawing.line import LineProperties
    from openpyxl.drawing.text import CharacterProperties, Paragraph, ParagraphProperties, RichTextProperties

    last = min(rows, chart.rows or rows) + 1
    drawn = LineChart() if chart.kind == "lines" else BarChart()
    drawn.title = chart.title
    for column in chart.columns:
        drawn.add_data(Reference(data, min_col=column, min_row=1, max_row=last), titles_from_data=True)
    drawn.set_categories(Reference(data, min_col=chart.along, min_row=2, max_row=last))
    drawn.width, drawn.height = chart.size
    # Without these, programs that read the standard to the letter hide both axes.
    drawn.x_axis.delete = drawn.y_axis.delete = False
    drawn.y_axis.majorGridlines = ChartLines(GraphicalProperties(ln=LineProperties(solidFill="E2E8F0")))
    if len(chart.columns) == 1:
        drawn.legend = None
    else:
        drawn.legend.position = "b"
    if chart.kind == "lines":
        drawn.x_axis.number_format = chart.format or TIME_FORMAT
        slanted = CharacterProperties(sz=900)
        drawn.x_axis.txPr = RichText(
            RichTextProperties(rot=-2_700_000),
            p=[Paragraph(pPr=ParagraphProperties(defRPr=slanted), endParaRPr=slanted)],
        )
        drawn.x_axis.tickLblSkip = drawn.x_axis.tickMarkSkip = max(1, (last - 1) // 8)
        drawn.y_axis.number_format = "General"
        drawn.y_axis.scaling.min, drawn.y_axis.scaling.max = _bounds(data, chart.columns, last)
    else:
        drawn.type = "bar" if chart.kind == "bars" else "col"
        drawn.gapWidth = 40
        if chart.kind == "stacked":
            drawn.grouping, drawn.overlap = "stacked", 100
        if chart.kind == "bars":
            drawn.x_axis.scaling.orientation = "maxMin"  # the first row on top
        drawn.y_axis.scaling.min = 0
        drawn.y_axis.number_format = chart.format or "General"
        drawn.y_axis.majorUnit = chart.step
        if chart.kind in ("columns", "stacked"):
            drawn.x_axis.tickLblSkip = max(1, (last - 1) // 24)
    for series, colour in zip(drawn.series, chart.colours or (_LEAD, "94A3B8", "B45309"), strict=False):
        if chart.kind == "lines":
            series.smooth = False
            series.graphicalProperties.line.width = 15_000
            series.graphicalProperties.line.solidFill = colour
        else:
            series.graphicalProperties.solidFill = colour
            series.graphicalProperties.line.solidFill = colour
    sheet.add_chart(drawn, chart.anchor)


def new_book() -> Workbook:
    """Return a workbook without a sheet."""
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    return book


def save_book(book: Workbook, path: Path) -> None:
    """Write a workbook, or nothing: a file that was there stays as it is until the new one is whole.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    written = io.BytesIO()
    book.save(written)
    write_page(written.getvalue(), path)


def whole_step(values: Iterable[int]) -> float:
    """Return a step for an axis of counts: whole, with about five marks.

    Examples
    --------
    >>> whole_step([0, 3]), whole_step([40, 12])
    (1, 10)
    """
    fifth = max(values, default=0) / 5
    power = 10 ** max(0, math.floor(math.log10(fifth))) if fifth > 0 else 1
    return next((power * one for one in (1, 2, 5) if power * one >= fifth), power * 10)


def _bounds(data: Worksheet, columns: Iterable[int], last: int) -> tuple[float | None, float | None]:
    """Return the span of an axis that the values fill; Excel's own begins at 0."""
    values = [
        cell
        for column in columns
        for (cell,) in data.iter_rows(min_row=2, max_row=last, min_col=column, max_col=column, values_only=True)
        if isinstance(cell, int | float)
    ]
    if not values or min(values) == max(values):
        return None, None
    step = 10.0 ** math.floor(math.log10((max(values) - min(values)) / 2))
    digits = max(0, -round(math.log10(step)))
    return round(step * math.floor(min(values) / step), digits), round(step * math.ceil(max(values) / step), digits)


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return TIME_FORMAT
    return f"{value:.3f}" if isinstance(value, float) else "" if value is None else str(value)
