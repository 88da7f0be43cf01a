"""LibreOffice without a screen: another program that reads workbooks, and shows what it made of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.servers.adapters import lacking

SOFFICE, PDFTOPPM = shutil.which("soffice"), shutil.which("pdftoppm")
_SECONDS = 240


def resaved(workbook: Path, folder: Path) -> Path:
    """Return the workbook as LibreOffice saves it after opening it."""
    return _converted(workbook, "xlsx", folder)


def first_page(workbook: Path, folder: Path) -> Path:
    """Return the first page of a workbook as LibreOffice prints it, as PNG."""
    pdf = _converted(workbook, "pdf", folder)
    assert PDFTOPPM is not None
    subprocess.run([PDFTOPPM, "-r", "60", "-l", "1", "-singlefile", "-png", pdf, folder / "page"], check=True)
    return folder / "page.png"


def _converted(workbook: Path, kind: str, folder: Path) -> Path:
    if SOFFICE is None or PDFTOPPM is None:
        lacking("LibreOffice is not installed: apt-get install libreoffice-calc-nogui poppler-utils")
    assert SOFFICE is not None
    folder.mkdir(parents=True, exist_ok=True)
    profile = f"-env:UserInstallation=file://{folder}/profile"
    command = [SOFFICE, "--headless", "--norestore", profile, "--convert-to", kind, "--outdir", folder, workbook]
    told = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True)
    made = folder / f"{workbook.stem}.{kind}"
    assert made.exists(), told.stderr
    return made
