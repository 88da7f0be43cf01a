"""CSV: delimiters found, the shape of every line checked, and then cells by Polars."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np
import polars as pl

from andon.errors import DataError
from pipelines.tables.options import TableOptions
from pipelines.tables.raw import MAX_COLUMNS, RawTable, check_header, check_width
from pipelines.tables.text import read_text

_CANDIDATES = "\t;|,"
"""In order of preference: in a file of equal rights, commas are decimals or prose."""
_SEPARATOR_LINE = re.compile(rb'^"?sep=(.)"?\r?$', re.IGNORECASE)


def read_delimited(path: Path, options: TableOptions) -> RawTable:
    """Read a CSV table, gzipped or not.

    Raises
    ------
    DataError
        If it is not text, has no proper header, or a line has not as many cells as the header.
    """

    def check_head(line: bytes) -> None:
        most = max(line.count(one.encode()) for one in (options.delimiter or _CANDIDATES))
        # Delimiters in quoted names are counted too; no header that people write comes near.
        if most >= 2 * MAX_COLUMNS:
            check_width(path, most + 1)

    data = read_text(path, options.encoding, check_head)
    first, _, rest = data.partition(b"\n")
    skipped = 0
    delimiter = options.delimiter
    if said := _SEPARATOR_LINE.match(first):
        data, skipped = rest, 1
        delimiter = delimiter or said[1].decode("latin-1")
    while data.startswith((b"\n", b"\r\n")):
        data, skipped = data.partition(b"\n")[2], skipped + 1
    if not data:
        raise DataError(str(path), "is empty", "export it again with its data")
    delimiter = delimiter or _sniff(data)
    header, lines = _shape(path, data, delimiter, skipped)
    names = check_header(path, header, f"line {skipped + 1}")
    if len(names) == 1:
        problem = f"has one column, {names[0]!r}"
        raise DataError(str(path), problem, "give a table of a time and variables, and --delimiter if it is unusual")
    cells = _parse(path, data, delimiter, names, len(lines), header_lines=_lines_of_header(data, lines, skipped))
    return RawTable(path, cells, pl.Series(lines, dtype=pl.Int64), "line", commas=delimiter != ",")


def _sniff(data: bytes) -> str:
    """Return the delimiter that splits the header most, and most lines alike."""
    sample = data[: 1 << 16].decode("utf-8", errors="ignore").splitlines()[:20]
    if len(data) > 1 << 16 and len(sample) > 1:
        sample = sample[:-1]

    def merit(one: str) -> tuple[bool, float, int]:
        try:
            widths = [len(row) for row in csv.reader(sample, delimiter=one) if row]
        except csv.Error:
            widths = [line.count(one) + 1 for line in sample]
        wide = widths[0] if widths else 1
        alike = sum(width == wide for width in widths) / max(len(widths), 1)
        return wide > 1, alike if wide > 1 else 0.0, 0 if one == "," and alike < 1 else wide

    return max(_CANDIDATES, key=merit)


def _shape(path: Path, data: bytes, delimiter: str, skipped: int) -> tuple[list[str], np.ndarray]:
    """Return the header's cells and the line number of each row, after proving that all rows are as wide."""
    if b'"' in data:
        return _shape_quoted(path, data, delimiter, skipped)
    characters = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(characters == 10)
    if not data.endswith(b"\n"):
        ends = np.append(ends, len(data))
    starts = np.concatenate([[0], ends[:-1] + 1])
    encoded = delimiter.encode()
    if len(encoded) == 1:
        marks = np.flatnonzero(characters == encoded[0])
    else:
        marks = np.array([found.start() for found in re.finditer(re.escape(encoded), data)], dtype=np.int64)
    widths = np.searchsorted(marks, ends) - np.searchsorted(marks, starts) + 1
    first_line = data[: ends[0]].decode("utf-8")
    blank = ends - starts == 0
    blank |= (ends - starts == 1) & (characters[np.minimum(starts, len(data) - 1)] == 13)
    wrong = np.flatnonzero((widths != widths[0]) & ~blank)
    if len(wrong):
        _refuse_ragged(path, int(wrong[0]) + 1 + skipped, int(widths[wrong[0]]), int(widths[0]), delimiter)
    return first_line.rstrip("\r").split(delimiter), np.arange(1, len(ends)) + 1 + skipped


def _shape_quoted(path: Path, data: bytes, delimiter: str, skipped: int) -> tuple[list[str], np.ndarray]:
    reader = csv.reader(io.StringIO(data.decode("utf-8"), newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    lines: list[int] = []
    start = 0
    before = csv.field_size_limit(1 << 20)
    try:
        for row in reader:
            if not header:
                header = row
            else:
                lines.append(start + 1 + skipped)
                if row and len(row) != len(header):
                    _refuse_ragged(path, start + 1 + skipped, len(row), len(header), delimiter)
            start = reader.line_num
    except csv.Error as error:
        problem = f"has a quote that is not closed, or is in the middle of a cell ({error})"
        raise DataError(
            f"{path}: line {start + 1 + skipped}", problem, 'write a quote inside a cell twice: ""'
        ) from None
    finally:
        csv.field_size_limit(before)
    return header, np.array(lines, dtype=np.int64)


def _lines_of_header(data: bytes, lines: np.ndarray, skipped: int) -> int:
    return int(lines[0]) - skipped - 1 if len(lines) else data.count(b"\n") + 1


def _refuse_ragged(path: Path, line: int, width: int, wanted: int, delimiter: str) -> None:
    shown = {"\t": "tab"}.get(delimiter, delimiter)
    problem = f"has {width} {'cell' if width == 1 else 'cells'}, and the header has {wanted} (delimiter {shown})"
    remedy = "mend the line, put quotes around a cell that holds the delimiter, or give --delimiter"
    raise DataError(f"{path}: line {line}", problem, remedy)


def _parse(path: Path, data: bytes, delimiter: str, names: list[str], rows: int, header_lines: int) -> pl.DataFrame:
    if not rows:
        raise DataError(str(path), "has a header and no rows", "export it again with its data")
    body = data
    for _ in range(header_lines):
        body = body.partition(b"\n")[2]
    schema = dict.fromkeys(names, pl.String)
    try:
        if len(delimiter.encode()) > 1:
            raise pl.exceptions.ComputeError("the delimiter is not ASCII")
        cells = pl.read_csv(body, has_header=False, schema=schema, separator=delimiter, raise_if_empty=False)
    except pl.exceptions.PolarsError:
        cells = None
    if cells is None or cells.height != rows:
        # Quotes inside cells that do not begin with one: rare, and slower.
        text = io.StringIO(body.decode("utf-8"), newline="")
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        found = [[cell or None for cell in row or [""] * len(names)] for row in reader]
        cells = pl.DataFrame(found, schema=schema, orient="row")
    return cells
