"""Workbooks opened by LibreOffice, which knows nothing of the library that wrote them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import openpyxl
from PIL import Image

from andon.records import AlertEvent, AlertRecord, AlertState, Anomaly, make_id
from andon.reports.anomalies import write_anomaly_workbook
from andon.reports.period_figures import PeriodReport, Trace
from andon.reports.workbook import SEVERITY_COLOURS
from tests.servers.office import first_page, resaved

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
TEXTS = ("=1+1", "+1+1", "-1+1", "@SUM(A1)", '=cmd|"/c calc"!A1')


def make_report() -> PeriodReport:
    severities = ("low", "medium", "high", "critical")
    anomalies = [
        Anomaly("press-07", "normal", None, START + number * HOUR, 4.0, 2.0, severities[number % 4], 1)
        for number in range(12)
    ]
    odd = [Anomaly("press-07", "normal", text, START + HOUR, 4.0, 2.0, "high", 1, 1.0, 2.0, "low") for text in TEXTS]
    opened = AlertEvent(make_id("x"), START, AlertState.FIRING, "assistant")
    alerts = [
        AlertRecord("press-07", TEXTS[0], START + number * HOUR, AlertState.FIRING, "high", (opened,))
        for number in range(3)
    ]
    wave = np.sin(np.arange(200) / 9)
    trace = Trace("press-07", "oil", [START + number * HOUR / 10 for number in range(200)], wave, wave + 0.1)
    return PeriodReport(START, START + 24 * HOUR, [*anomalies, *odd], alerts, traces=[trace], names=("press-07",))


def test_libreoffice_reads_it_shows_its_charts_and_computes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "report.xlsx"
    write_anomaly_workbook(make_report(), path)
    again = openpyxl.load_workbook(resaved(path, tmp_path / "again"))
    assert again.sheetnames == openpyxl.load_workbook(path).sheetnames
    assert (len(again["Summary"]._charts), len(again["Series 1"]._charts)) == (4, 1)
    cells = [cell for sheet in again for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert not [cell.coordinate for cell in cells if cell.data_type == "f"]
    assert {cell.value for cell in cells if isinstance(cell.value, str)} >= set(TEXTS)
    assert again["Anomalies"].auto_filter.ref.startswith("A1:")
    page = np.asarray(Image.open(first_page(path, tmp_path / "shown")).convert("RGB")).astype(int)
    for colour in (*SEVERITY_COLOURS.values(), "1F5FA8"):
        wanted = np.array([int(colour[at : at + 2], 16) for at in (0, 2, 4)])
        drawn = int((np.abs(page - wanted).max(axis=2) < 12).sum())
        assert drawn > 150, f"the bars of colour {colour} are not seen"
