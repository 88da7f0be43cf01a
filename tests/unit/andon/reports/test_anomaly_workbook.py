"""The report of a period, as a workbook and as a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from andon.errors import StoreError
from andon.outbox import Message
from andon.records import AlertEvent, AlertRecord, AlertState, Anomaly, Skip, make_id
from andon.reports.anomalies import write_anomaly_workbook
from andon.reports.period_figures import PeriodReport, Trace, by_hour, by_line, by_shift, by_variable
from andon.reports.period_page import period_page
from configs.definitions import Line

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(hours=3)
SHEETS = [
    *("Summary", "Alerts", "Anomalies", "By line", "By variable", "By shift", "By hour", "Series 1", "Not evaluated"),
    "Not delivered",
]


def anomaly(minutes: float, variable: str | None, **more) -> Anomaly:
    fields = {"score": 4.0, "threshold": 2.0, "severity": "high", "version": 1}
    return Anomaly("press-07", "normal", variable, START + timedelta(minutes=minutes), **(fields | more))


def alert(minutes: float, name: str = "@jam", state: AlertState = AlertState.FIRING) -> AlertRecord:
    opened = START + timedelta(minutes=minutes)
    blame = {"top": [{"variable": "=oil", "share": 0.7}, {"variable": "speed", "share": 0.3}]}
    events = [AlertEvent(make_id(minutes), opened, AlertState.FIRING, "assistant", "", blame)]
    if state is not AlertState.FIRING:
        events.append(AlertEvent(make_id(minutes, 1), opened + timedelta(minutes=5), AlertState.ACTED, "=Zoë"))
        events.append(AlertEvent(make_id(minutes, 2), opened + timedelta(minutes=8), state, "assistant"))
    resolved = opened + timedelta(minutes=8) if state is AlertState.RESOLVED else None
    return AlertRecord("press-07", name, opened, state, "medium", tuple(events), 2, 0.9, 0.4, resolved)


def full_report(**more) -> PeriodReport:
    times = [START + timedelta(minutes=i) for i in range(180)]
    wave = np.sin(np.arange(180) / 10)
    body = {"alert": {"line": "press-07", "alert": "=jam"}}
    dead = Message(
        "k", "r", "webhook", "https://hooks.example/s3cret", "alert", "high", START, START, body, "t", START, "dead",
        error="-410 gone", settled_at=START,
    )  # fmt: skip
    fields = {
        "anomalies": [
            anomaly(10, None, blamed=("oil", "speed")),
            anomaly(10, "=HYPERLINK(0)", actual=9.0, expected=1.0, direction="high"),
            anomaly(130, "+speed", actual=0.0, expected=float("nan"), direction="low", severity="critical"),
        ],
        "alerts": [alert(0), alert(70, "-jam", AlertState.RESOLVED)],
        "skips": [Skip("press-07", "jam", START, "-not trained yet")],
        "traces": [Trace("press-07", "=oil", times, wave, np.where(np.arange(180) < 5, np.nan, wave), "°C")],
        "names": ("press-07", "press-08"),
        "undelivered": [dead],
        "verdicts": {alert(0).id: "confirmed"},
        "advice": {alert(0).id: "=speed from 60 to 55 1/min"},
    }
    return PeriodReport(START, END, **(fields | more))


def rows_of(sheet: Worksheet) -> list[Sequence[object]]:
    return list(sheet.iter_rows(min_row=2, values_only=True))


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "deep" / "report.xlsx"
    write_anomaly_workbook(full_report(), path)
    return path


def test_hours_without_anything_are_counted_too():
    report = full_report(anomalies=[anomaly(10, None), anomaly(130, None, severity="low"), anomaly(131, None)])
    counts = by_hour(report)
    assert [one.anomalies for one in counts] == [1, 0, 2]
    assert (counts[2].by_severity["low"], counts[2].by_severity["high"]) == (1, 1)
    assert [one.alerts for one in counts] == [1, 1, 0]


def test_years_are_counted_in_wider_steps():
    counts = by_hour(PeriodReport(START, START + timedelta(days=700), []))
    assert len(counts) <= 1_000
    assert counts[1].start - counts[0].start == timedelta(hours=17)


def test_lines_and_variables():
    report = full_report()
    assert [(one.line, one.alerts, one.open, one.anomalies, one.variables) for one in by_line(report)] == [
        ("press-07", 2, 1, 1, 2),
        ("press-08", 0, 0, 0, 0),
    ]
    counts = by_variable([*report.anomalies, anomaly(20, "+speed", direction="high")])
    assert [(one.variable, one.anomalies, one.grave, one.high, one.low, one.worst) for one in counts] == [
        ("+speed", 2, 2, 1, 1, 2.0),
        ("=HYPERLINK(0)", 1, 1, 1, 0, 2.0),
    ]


def test_shifts_are_those_of_the_line_and_quiet_ones_are_told_too():
    line = Line.model_validate(
        {"name": "press-07", "timezone": "Europe/Paris", "shifts": ["02:00", "22:00"], "variables": [{"name": "oil"}]}
    )
    counts = by_shift(full_report(lines={"press-07": line}))
    assert [(one.day, one.shift, one.line, one.alerts, one.anomalies) for one in counts] == [
        (date(2025, 12, 31), "22:00", "press-07", 1, 1),
        (date(2026, 1, 1), "00:00", "press-08", 0, 0),
        (date(2026, 1, 1), "02:00", "press-07", 1, 0),
    ]


def test_sheets_charts_filters_and_colours(written):
    book = openpyxl.load_workbook(written)
    assert book.sheetnames == SHEETS
    charts = {name: len(book[name]._charts) for name in SHEETS if book[name]._charts}
    assert charts == {"Summary": 4, "Series 1": 1}
    for name in SHEETS[1:]:
        assert book[name].freeze_panes == "A2"
        assert re.fullmatch(r"A1:[A-Z]+\d+", book[name].auto_filter.ref)
    rules = [rule.formula for rules in book["Anomalies"].conditional_formatting for rule in rules.rules]
    assert rules == [[f'$E2="{severity}"'] for severity in ("low", "medium", "high", "critical")]
    rows = rows_of(book["Anomalies"])
    assert len(rows) == 3
    assert (rows[0][3], rows[1][5]) == ("(whole line)", "too high")
    assert rows[2][0] == datetime(2026, 1, 1, 2, 10)
    assert rows[2][7] is None, "what is no number has no place in a workbook"
    opened, resolved = rows_of(book["Alerts"])
    assert (opened[1], opened[6], opened[7], opened[10]) == (None, "firing", "confirmed", "=oil, speed")
    assert (opened[11], resolved[11]) == ("=speed from 60 to 55 1/min", None)
    assert (resolved[2], resolved[6], resolved[12]) == (8, "resolved", "=Zoë")
    assert "s3cret" not in str(rows_of(book["Not delivered"]))


def test_text_never_becomes_a_formula(written):
    found = set()
    for sheet in openpyxl.load_workbook(written):
        for row in sheet.iter_rows():
            assert not [cell.coordinate for cell in row if cell.data_type == "f"]
            dangerous = [cell for cell in row if isinstance(cell.value, str) and cell.value[:1] in ("=", "+", "-", "@")]
            assert all(cell.quotePrefix for cell in dangerous)
            found |= {cell.value for cell in dangerous}
    assert {"=HYPERLINK(0)", "+speed", "@jam", "-jam", "-not trained yet", "-410 gone", "=oil, speed"} <= found


def test_times_are_shown_in_the_zone_of_the_lines(tmp_path):
    write_anomaly_workbook(full_report(zone="Europe/Paris"), tmp_path / "r.xlsx")
    book = openpyxl.load_workbook(tmp_path / "r.xlsx")
    assert book["Anomalies"]["A1"].value == "time (Europe/Paris)"
    assert book["Anomalies"]["A2"].value == datetime(2026, 1, 1, 1, 10)
    facts = {name: value for name, value, *_ in rows_of(book["Summary"]) if name}
    assert facts["from (Europe/Paris)"] == datetime(2026, 1, 1, 1)


def test_a_quiet_period_gives_a_report_too(tmp_path):
    path = tmp_path / "quiet.xlsx"
    quiet = PeriodReport(START, END, [])
    write_anomaly_workbook(quiet, path)
    book = openpyxl.load_workbook(path)
    facts = {name: value for name, value, *_ in rows_of(book["Summary"]) if name}
    assert (facts["verdict"], facts["alerts opened"]) == ("nothing abnormal", 0)
    assert rows_of(book["Anomalies"])[0][0] == "none was found"
    assert "Nothing abnormal was found" in period_page(quiet, END)


def test_odd_values_are_written_as_they_can_be(tmp_path):
    old = datetime(1850, 1, 1, tzinfo=UTC)
    odd = Anomaly("a\x00b\uffff\ud83d", "m", "v" * 40_000, old, float("inf"), 0.0, "low", 1, float("-inf"))
    write_anomaly_workbook(full_report(anomalies=[odd]), tmp_path / "odd.xlsx")
    row = rows_of(openpyxl.load_workbook(tmp_path / "odd.xlsx")["Anomalies"])[0]
    assert row[:2] == ("1850-01-01 00:00:00", "ab?")
    assert (len(str(row[3])), row[6], row[8], row[10]) == (32_000, None, None, None)


def test_what_cannot_be_written_leaves_an_earlier_report_and_nothing_else(tmp_path):
    path = tmp_path / "report.xlsx"
    write_anomaly_workbook(full_report(), path)
    before = path.read_bytes()
    broken = full_report(anomalies=[anomaly(1, None, severity=object())])
    with pytest.raises(ValueError, match="Cannot convert"):
        write_anomaly_workbook(broken, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    blocked = tmp_path / "report.xlsx" / "below.xlsx"
    with pytest.raises(StoreError, match=r"below\.xlsx: cannot be written"):
        write_anomaly_workbook(full_report(), blocked)
    assert path.read_bytes() == before


def test_the_page_says_the_same_and_runs_nothing(tmp_path):
    page = period_page(full_report(title="<script>alert(1)</script>", zone="Europe/Paris"), END)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', page) == []
    for said in (
        "=speed from 60 to 55 1/min",
        "press-08",
        "=HYPERLINK(0)",
        "too low",
        "confirmed",
        "-410 gone",
        "2026-01-01 03:10:00",
    ):
        assert said in page
    assert "s3cret" not in page
