from datetime import UTC, datetime, timedelta

import numpy as np
import openpyxl

from andon.records import AlertRecord, AlertState, Anomaly, Skip
from andon.reports.anomalies import AnomalyReport, Trace, hourly_counts, write_anomaly_workbook

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(hours=3)


def anomaly(minutes: float, variable: str | None, **more) -> Anomaly:
    fields = {"score": 4.0, "threshold": 2.0, "severity": "high", "version": 1}
    return Anomaly("press-07", "normal", variable, START + timedelta(minutes=minutes), **(fields | more))


def full_report() -> AnomalyReport:
    times = [START + timedelta(minutes=i) for i in range(180)]
    wave = np.sin(np.arange(180) / 10)
    return AnomalyReport(
        START,
        END,
        [
            anomaly(10, None, blamed=("oil", "speed")),
            anomaly(10, "=HYPERLINK(0)", actual=9.0, expected=1.0, direction="high"),
            anomaly(130, "+speed", actual=0.0, expected=1.0, direction="low", severity="critical"),
        ],
        [AlertRecord("press-07", "@jam", START, AlertState.FIRING, "medium", ())],
        [Skip("press-07", "jam", START, "-not trained yet")],
        [Trace("press-07", "oil", times, wave, np.where(np.arange(180) < 5, np.nan, wave))],
    )


def test_hours_without_an_anomaly_are_counted_too():
    counts = hourly_counts([anomaly(10, None), anomaly(130, None), anomaly(131, None)], START, END)
    assert [count for _, count in counts] == [1, 0, 2]


def test_sheets_charts_and_filters(tmp_path):
    path = tmp_path / "deep" / "report.xlsx"
    write_anomaly_workbook(full_report(), path)
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["Summary", "By hour", "By variable", "Anomalies", "Alerts", "Not evaluated", "Chart 1"]
    assert [len(book[name]._charts) for name in ("By hour", "By variable", "Chart 1")] == [1, 1, 1]
    sheet = book["Anomalies"]
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref.startswith("A1:")
    rows = list(sheet.iter_rows(min_row=2, values_only=True))
    assert len(rows) == 3
    assert rows[0][3] == "(whole line)"
    assert rows[1][5] == "too high"
    assert rows[2][0] == datetime(2026, 1, 1, 2, 10)


def test_text_never_becomes_a_formula(tmp_path):
    path = tmp_path / "report.xlsx"
    write_anomaly_workbook(full_report(), path)
    for sheet in openpyxl.load_workbook(path):
        for row in sheet.iter_rows():
            assert not [cell.coordinate for cell in row if cell.data_type == "f"]
    assert openpyxl.load_workbook(path)["Anomalies"]["D3"].value == "=HYPERLINK(0)"


def test_a_quiet_period_gives_a_report_too(tmp_path):
    path = tmp_path / "quiet.xlsx"
    write_anomaly_workbook(AnomalyReport(START, END, []), path)
    facts = dict(openpyxl.load_workbook(path)["Summary"].iter_rows(values_only=True))
    assert facts["verdict"] == "nothing abnormal"
