"""How well alerts did, read from real stores, by alert, line, shift and week; and its workbook and page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import openpyxl
import polars as pl
import pytest

from andon.errors import ConfigError
from andon.evaluation.performance_report import Figures, PerformanceReport
from andon.frames import signal_frame
from andon.ports import Documents, Signals
from andon.records import (
    AlertEvent,
    AlertRecord,
    AlertState,
    Decision,
    Feedback,
    ModelKey,
    MoveOption,
    Recommendation,
    make_id,
)
from andon.reports.performance import write_performance_workbook
from andon.reports.performance_page import performance_page
from andon.services.performance import measure_alerts
from andon.services.recommended import state_key, to_state, withdrawn_key
from andon.stores import open_documents, open_signals

START = datetime(2026, 3, 1, 21, tzinfo=UTC)  # a Sunday, ten at night in Paris
MINUTE = timedelta(minutes=1)
MINUTES = 16 * 60
END = START + MINUTES * MINUTE
JAMS = (60, 500, 700, 955)
"""Minutes at which press-07 jams for five minutes; press-08 never does."""


def define(documents: Documents) -> None:
    line = {
        "kind": "Line", "family": "presses", "timezone": "Europe/Paris", "shifts": ["06:00", "22:00"],
        "variables": [{"name": "jam", "type": "boolean"}, {"name": "oil"}],
    }  # fmt: skip
    alert = {"kind": "Alert", "lines": {"family": "presses"}}
    jam = {"type": "classifier", "target": "jam == 1", "horizon": "30m"}
    documents.put_definitions(
        [
            *({**line, "name": name} for name in ("press-07", "press-08")),
            {**alert, "name": "jam-soon", **jam},
            {**alert, "name": "hot", "type": "threshold", "when": "oil > 80"},
            {**alert, "name": "elsewhere", **jam, "target": "gone == 1"},
        ],
        START,
    )


def read(signals: Signals) -> None:
    for line, jams in (("press-07", JAMS), ("press-08", ())):
        jam = np.zeros(MINUTES)
        for minute in jams:
            jam[minute : minute + 5] = 1
        times = [START + number * MINUTE for number in range(MINUTES)]
        data = pl.DataFrame({"time": times, "jam": jam, "oil": np.full(MINUTES, 70.0)})
        signals.append_signals(signal_frame(line, data, {"jam": "boolean", "oil": "number"}))


def raise_alert(documents: Documents, minute: int, line: str = "press-07", name: str = "jam-soon") -> AlertRecord:
    at = START + minute * MINUTE
    first = AlertEvent(make_id(line, name, minute), at, AlertState.FIRING, "assistant")
    one = AlertRecord(line, name, at, AlertState.FIRING, "high", (first,), 1, 0.9, 0.4)
    documents.open_alert(one)
    over = AlertEvent(make_id(line, name, minute, 1), at + 2 * MINUTE, AlertState.RESOLVED, "assistant")
    documents.transition_alert(one.id, over, 1)
    return one


@pytest.fixture
def stores(tmp_path: Path) -> tuple[Documents, Signals]:
    documents, signals = open_documents(f"sqlite:///{tmp_path}/d.db"), open_signals(f"sqlite:///{tmp_path}/s.db")
    define(documents)
    read(signals)
    raise_alert(documents, 40)  # foresees the first jam, in the night
    raise_alert(documents, 200)  # foresees nothing
    raise_alert(documents, 475)  # at five to six in the morning, foresees the jam in the shift that follows
    avoided = raise_alert(documents, 800)
    documents.add_feedback(Feedback(avoided.id, "avoided", "Zoë", END))
    hot = raise_alert(documents, 10, "press-08", "hot")
    documents.add_feedback(Feedback(hot.id, "rejected", "Zoë", END))
    raise_alert(documents, 20, "press-08", "hot")
    kept = Decision(ModelKey("jam-soon", "press-07"), 1, 2, END, END, "kept", "-no better")
    documents.add_decision(kept)
    return documents, signals


@pytest.fixture
def report(stores: tuple[Documents, Signals]) -> PerformanceReport:
    return measure_alerts(START, END, *stores)


def figures(report: PerformanceReport, alert: str, part: str, value: str = "") -> Figures:
    (found,) = [one for one in report.figures if (one.alert, one.part, one.value) == (alert, part, value)]
    return found


def test_an_alert_as_a_whole(report: PerformanceReport) -> None:
    whole = figures(report, "jam-soon", "alert").performance
    assert (whole.alerts, whole.reviewed, whole.avoided, whole.events, whole.foreseen) == (4, 1, 1, 4, 2)
    assert whole.precision.value == 1.0
    assert whole.precision_seen.value == pytest.approx(3 / 4)
    assert whole.recall.value == pytest.approx(3 / 5)
    assert whole.lead_minutes.value == pytest.approx(22.5)
    assert whole.watched_days == pytest.approx(2 * (MINUTES - 1) / 1440)
    assert whole.false_alarms_a_day.value == pytest.approx(1 / whole.watched_days)
    assert whole.recall.low is not None
    assert 0 < whole.recall.low < 0.6


def test_what_has_no_target_is_judged_by_verdicts(report: PerformanceReport) -> None:
    hot = figures(report, "hot", "alert").performance
    assert (hot.alerts, hot.rejected, hot.unreviewed, hot.unknown, hot.events) == (2, 1, 1, 1, 0)
    assert (hot.precision.value, hot.recall.value) == (0.0, None)
    assert hot.false_alarms_a_day.value is not None


def test_where_nobody_knows_of_any_alert_nothing_is_said_of_false_alarms(stores: tuple[Documents, Signals]) -> None:
    unknown = measure_alerts(START + 15 * MINUTE, START + 30 * MINUTE, *stores, alerts=["hot"])
    hot = figures(unknown, "hot", "alert").performance
    assert (hot.alerts, hot.unknown, hot.false_alarms_a_day.value) == (1, 1, None)
    quiet = measure_alerts(START + 30 * MINUTE, START + 60 * MINUTE, *stores, alerts=["hot"])
    assert figures(quiet, "hot", "alert").performance.false_alarms_a_day.value == 0.0


def test_by_line_shift_and_week(report: PerformanceReport) -> None:
    assert [one.value for one in report.part("line") if one.alert == "jam-soon"] == ["press-07", "press-08"]
    other = figures(report, "jam-soon", "line", "press-08").performance
    assert (other.alerts, other.events, other.false_alarms_a_day.value) == (0, 0, 0.0)
    night = figures(report, "jam-soon", "shift", "22:00").performance
    morning = figures(report, "jam-soon", "shift", "06:00").performance
    assert (night.alerts, night.events, night.foreseen) == (3, 1, 1)
    assert (morning.alerts, morning.events) == (1, 3)
    assert morning.foreseen == 1, "by the alert that was raised in the shift before"
    weeks = {one.value: one.performance for one in report.part("week") if one.alert == "jam-soon"}
    assert set(weeks) == {"2026-W09", "2026-W10"}
    assert weeks["2026-W09"].alerts == night.alerts


def test_the_end_of_a_period_looks_ahead_and_its_beginning_back(stores: tuple[Documents, Signals]) -> None:
    early = measure_alerts(START, START + 50 * MINUTE, *stores)
    assert figures(early, "jam-soon", "alert").performance.precision_seen.value == 1.0
    late = measure_alerts(START + 50 * MINUTE, START + 70 * MINUTE, *stores)
    found = figures(late, "jam-soon", "alert").performance
    assert (found.alerts, found.events, found.foreseen) == (0, 1, 1)


def test_what_cannot_be_measured_is_said(report: PerformanceReport, stores: tuple[Documents, Signals]) -> None:
    assert any("elsewhere on press-07" in note and "gone" in note for note in report.notes)
    with pytest.raises(ConfigError, match="jam-son"):
        measure_alerts(START, END, *stores, alerts=["jam-son"])
    only = measure_alerts(START, END, *stores, alerts=["hot"], lines=["press-08"])
    assert {(one.alert, one.part) for one in only.figures} == {
        ("hot", part) for part in ("alert", "line", "shift", "week")
    }


def test_the_workbook(report: PerformanceReport, tmp_path: Path) -> None:
    write_performance_workbook(report, tmp_path / "p.xlsx", "Europe/Paris")
    book = openpyxl.load_workbook(tmp_path / "p.xlsx")
    assert book.sheetnames == [
        "Summary",
        "By alert",
        "By line",
        "By shift",
        "By week",
        "Alerts",
        "Models",
        "Advice",
        "Decisions",
    ]
    assert len(book["Summary"]._charts) == 2
    header, *rows = book["By alert"].iter_rows(values_only=True)
    found = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert found["jam-soon"]["recall"] == pytest.approx(0.6)
    assert found["jam-soon"]["recall: low"] < 0.6 < found["jam-soon"]["recall: high"]
    assert found["hot"]["recall"] is None
    alerts = list(book["Alerts"].iter_rows(min_row=2, values_only=True))
    assert [row[5] for row in alerts if row[2] == "jam-soon"] == ["right", "wrong", "right", "avoided"]
    assert book["Decisions"]["F2"].value == "-no better"
    assert book["Decisions"]["F2"].data_type == "s"
    for sheet in book:
        assert not [cell.coordinate for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]


def test_the_page(report: PerformanceReport) -> None:
    page = performance_page(report, END, "Europe/Paris")
    for said in ("60 % (", "2026-W10", "unreviewed", "avoided", "-no better", "elsewhere on press-07"):
        assert said in page


def test_advice_that_was_followed_stands_beside_advice_that_was_not(
    stores: tuple[Documents, Signals], tmp_path: Path
) -> None:
    """People say that the alert at minute 800 was avoided; of the two before, one jammed; oil stayed as it was."""
    documents, _ = stores
    changes = (("oil", 70.0, 60.0),)
    for one in documents.list_alerts(definition="jam-soon"):
        minute = (one.opened_at - START) // MINUTE
        if minute in (40, 200, 800):
            option = MoveOption(changes, one.opened_at - 10 * MINUTE, 0.9, 0.1, 1.0, 0.2)
            found = Recommendation(one.id, changes, 0.9, 0.1, 0.4, one.opened_at, (option,))
            documents.put_state(state_key(one.id), to_state(found))
    report = measure_alerts(START, END, *stores)
    (outcome,) = report.advice
    assert (outcome.definition, outcome.line, outcome.unknown) == ("jam-soon", "press-07", 0)
    held = outcome.holds
    assert (held.followed, held.followed_away, held.ignored, held.ignored_away) == (1, 1, 2, 1)
    assert documents.get_state(withdrawn_key("jam-soon", "press-07")) is None, "a report changes nothing"
    assert measure_alerts(START, END, *stores, lines=["press-08"]).advice == ()
    write_performance_workbook(report, tmp_path / "p.xlsx")
    header, row = openpyxl.load_workbook(tmp_path / "p.xlsx")["Advice"].iter_rows(values_only=True)
    told = dict(zip(header, row, strict=True))
    assert (told["followed"], told["not followed"]) == (1, 2)
    assert (told["stayed away, followed"], told["stayed away, not followed"]) == (1.0, 0.5)
    page = performance_page(report, END)
    assert 'id="advice"' in page and "50 % (" in page


def test_nothing_happened(tmp_path: Path) -> None:
    documents, signals = open_documents(f"sqlite:///{tmp_path}/d.db"), open_signals(f"sqlite:///{tmp_path}/s.db")
    empty = measure_alerts(START, END, documents, signals)
    write_performance_workbook(empty, tmp_path / "p.xlsx")
    assert openpyxl.load_workbook(tmp_path / "p.xlsx")["Alerts"]["A2"].value == "none was opened"
    assert "How well alerts did" in performance_page(empty, END)
