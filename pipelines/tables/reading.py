"""Any table file as a `RawTable`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from andon.errors import DataError
from pipelines.tables.columnar import read_parquet
from pipelines.tables.delimited import read_delimited
from pipelines.tables.excel import read_excel
from pipelines.tables.options import TableOptions
from pipelines.tables.raw import RawTable, check_excluded
from pipelines.tables.text import GZIP_MAGIC

_TEXT = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz")
_EXCEL = (".xlsx", ".xlsm")
_PARQUET = (".parquet", ".pq")


def read_table(path: Path, options: TableOptions) -> RawTable:
    """Read a table file by its suffix, without blank rows and without the columns to leave out.

    Raises
    ------
    DataError
        If it is not there, not what its name says, or not a table.
    """
    if not path.exists():
        raise DataError(str(path), "does not exist", "check the path")
    if not path.is_file():
        raise DataError(str(path), "is not a file", "name the files of a folder one by one")
    suffix = path.name.lower()
    try:
        if suffix.endswith(_PARQUET):
            _refuse_other(path, b"PAR1", "Parquet")
            table = read_parquet(path, options)
        elif suffix.endswith(_EXCEL):
            table = read_excel(path, options)
        elif suffix.endswith(_TEXT):
            _refuse_disguised(path, gzipped=suffix.endswith(".gz"))
            table = read_delimited(path, options)
        else:
            problem = f"is of no kind that can be read: {path.suffix or 'no suffix'}"
            raise DataError(str(path), problem, "save it as .csv, .csv.gz, .parquet or .xlsx")
    except OSError as error:
        raise DataError(str(path), f"cannot be read: {error.strerror or error}", "check the file") from None
    if not suffix.endswith(_PARQUET):
        check_excluded(path, table.cells.columns, options.exclude)
        table = replace(table, cells=table.cells.drop(options.exclude))
    return table.without_blank_rows()


def _refuse_other(path: Path, magic: bytes, kind: str) -> None:
    with path.open("rb") as file:
        begins = file.read(len(magic))
    if not begins:
        raise DataError(str(path), "is empty", "export it again with its data")
    if begins != magic:
        problem = f"is no {kind} file, though it is named so: it begins with {begins!r}"
        raise DataError(str(path), problem, f"write it as {kind}, or name it for what it is")


def _refuse_disguised(path: Path, gzipped: bool) -> None:
    with path.open("rb") as file:
        begins = file.read(4)
    if gzipped and begins and not begins.startswith(GZIP_MAGIC):
        problem = f"is not compressed by gzip, though it is named so: it begins with {begins!r}"
        raise DataError(str(path), problem, "remove .gz from its name, or compress it")
    for magic, kind, suffix in (
        (b"PAR1", "a Parquet file", ".parquet"),
        (b"PK\x03\x04", "a workbook or archive", ".xlsx"),
    ):
        if begins == magic:
            raise DataError(str(path), f"is {kind}, though it is named CSV", f"name it {suffix}")
