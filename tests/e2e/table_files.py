"""Table files of every kind, good and broken, and the command that reads them; shared by tests."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from typer.testing import CliRunner, Result

from andon.stores import open_signals
from configs.settings import Settings
from pipelines.cli import app

GOOD = "time,speed,product\n2026-01-01 00:00,41.5,A\n2026-01-01 00:01,42,B\n2026-01-01 00:02,43,B\n"
TIMES = [datetime(2026, 1, 1) + timedelta(minutes=minute) for minute in range(3)]
OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600

Content = str | bytes | Callable[[Path], None]


def write_xlsx(rows: list[list[Any]], title: str = "Data") -> Callable[[Path], None]:
    def write(path: Path) -> None:
        import openpyxl

        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        sheet.title = title
        for row in rows:
            sheet.append(row)
        book.save(path)

    return write


def write_zip(path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "no workbook")


def write_cut_parquet(path: Path) -> None:
    pl.DataFrame({"time": TIMES, "speed": [1.0, 2.0, 3.0]}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])


def write_scrambled_parquet(path: Path) -> None:
    pl.DataFrame({"time": TIMES * 400, "speed": [float(i * 7919 % 997) for i in range(1200)]}).write_parquet(path)
    data = bytearray(path.read_bytes())
    data[4 : len(data) // 2] = b"\xff" * (len(data) // 2 - 4)
    path.write_bytes(bytes(data))


def write_cut_xlsx(path: Path) -> None:
    write_xlsx([["time", "speed"], [TIMES[0], 1.0]])(path)
    path.write_bytes(path.read_bytes()[:-200])


def as_parquet(**columns: Any) -> Callable[[Path], None]:
    return lambda path: pl.DataFrame(columns).write_parquet(path)


def wide(columns: int) -> str:
    header = "time," + ",".join(f"v{number}" for number in range(columns))
    return header + "\n" + "2026-01-01," + ",".join("1" for _ in range(columns)) + "\n"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def stored(tmp_path: Path) -> list[str]:
    signals = open_signals(Settings(home=tmp_path / "home").signals)
    try:
        return signals.list_lines()
    finally:
        signals.close()


def write(folder: Path, file: str, content: Content | None) -> Path:
    path = folder / file
    if callable(content):
        content(path)
    elif content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path
