"""XLSX: one sheet, every cell as the text that Excel would show without formats."""

from __future__ import annotations

import zipfile
from pathlib import Path

import polars as pl

from andon.errors import DataError
from pipelines.tables.options import TableOptions
from pipelines.tables.raw import RawTable, check_header, check_width

_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def read_excel(path: Path, options: TableOptions) -> RawTable:
    """Read one sheet: the one that is named, else the first.

    Raises
    ------
    DataError
        If the file is no XLSX workbook, is protected by a password, lacks the sheet, or has no proper header.
    """
    import fastexcel

    _check_container(path)
    try:
        workbook = fastexcel.read_excel(path)
        names = workbook.sheet_names
    except Exception as error:
        raise _damaged(path, error) from None
    if not names:
        raise DataError(str(path), "has no sheet", "save the table as XLSX or CSV again")
    if options.sheet is not None and options.sheet not in names:
        raise DataError(str(path), f"has no sheet {options.sheet!r}", f"choose of {', '.join(map(repr, names))}")
    sheet = options.sheet or names[0]
    try:
        loaded = workbook.load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string")
        check_width(path, loaded.width)
        cells = loaded.to_polars()
    except DataError:
        raise
    except Exception as error:
        raise _damaged(path, error) from None
    except BaseException as error:
        # A panic of the reader is no Exception, and must not end in a traceback.
        if type(error).__name__ != "PanicException":
            raise
        raise _damaged(path, error) from None
    filled = cells.select(pl.any_horizontal(pl.all().is_not_null())).to_series().arg_true() if cells.width else []
    if not len(filled):
        raise DataError(f"{path}: sheet {sheet!r}", "is empty", "name another with --sheet")
    top = int(filled[0])
    header = check_header(path, cells.row(top), f"sheet {sheet!r}, row {top + 1}")
    body = cells.slice(top + 1).rename(dict(zip(cells.columns, header, strict=True)))
    rows = pl.int_range(top + 2, cells.height + 1, eager=True, dtype=pl.Int64)
    notes = (f"sheet {sheet!r} of {len(names)}",) if len(names) > 1 else ()
    return RawTable(path, body, rows, "row", notes=notes)


def _check_container(path: Path) -> None:
    with path.open("rb") as file:
        magic = file.read(8)
    if magic == _OLD_OFFICE:
        problem = "is protected by a password, or is an old .xls workbook"
        raise DataError(str(path), problem, "save it as XLSX without a password")
    try:
        with zipfile.ZipFile(path) as archive:
            found = "xl/workbook.xml" in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise _damaged(path, error) from None
    if not found:
        raise DataError(str(path), "is no XLSX workbook, though it is named so", "save the table as XLSX or CSV")


def _damaged(path: Path, error: BaseException) -> DataError:
    said = str(error).strip().splitlines()
    problem = f"cannot be read as XLSX: {said[0][:200] if said else type(error).__name__}"
    return DataError(str(path), problem, "save the table as XLSX or CSV again")
