"""How well alerts really did, as an Excel workbook: with intervals, by alert, line, shift and week, and the models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from andon.evaluation.advice import AdviceOutcome
from andon.evaluation.intervals import Estimate
from andon.evaluation.performance import Occurrence
from andon.evaluation.performance_report import Figures, Part, PerformanceReport
from andon.records import Decision, PublishedModel
from andon.reports.workbook import Chart, Table, add_chart, add_facts, add_table, new_book, save_book

NAMES: dict[Part, str] = {"alert": "By alert", "line": "By line", "shift": "By shift", "week": "By week"}
_HOW = (
    "precision: right ones (confirmed or avoided) among those with a verdict",
    "precision, data too: the same, where there is no verdict by what the data show",
    "recall: events that an alert preceded, among all; one that was avoided counts as an event",
    "lead: median time from the alert to its event, in minutes",
    "false alarms a day: rejected, or refuted by the data, for each day and line watched",
    "advice followed: people said avoided, or the settings went half of the way in time; beside it, where they did not",
    "low and high: 95 % intervals (Wilson for shares, Garwood for rates, order statistics for the median)",
)
_OUTCOMES = {"true": "right", "avoided": "avoided", "false": "wrong", "unknown": "not known"}


def write_performance_workbook(report: PerformanceReport, path: Path, zone: str = "UTC") -> None:
    """Write the workbook, or nothing: a file that was there stays as it is until the new one is whole.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    book = new_book()
    summary = add_facts(book, "Summary", "How well alerts did", performance_facts(report, zone), zone)
    for number, line in enumerate((*_HOW, *report.notes), len(performance_facts(report, zone)) + 4):
        summary.cell(number, 1).value = line
        summary.cell(number, 1).data_type = "s"
    for part, title in NAMES.items():
        table = figures_table(title, part, report.part(part))
        sheet = add_table(book, table, zone)
        if part == "alert" and table.rows:
            rows = len(table.rows)
            height = max(7.0, 0.9 * min(rows, 20) + 3)
            columns = {name: number for number, name in enumerate(table.columns, 1)}
            shares = (columns["precision, data too"], columns["recall"])
            colours = ("1F5FA8", "F59E0B")
            chart = Chart("bars", "Precision and recall", 1, shares, "D3", 20, (20.0, height), colours, "0 %", 0.25)
            add_chart(summary, chart, sheet, rows)
            false = Chart("bars", "False alarms a day and line", 1, (columns["false alarms a day"],), "P3", 20,
                          (16.0, height), ("B91C1C",))  # fmt: skip
            add_chart(summary, false, sheet, rows)
    time = f"({zone})"
    add_table(
        book,
        Table(
            "Alerts",
            (f"opened {time}", "line", "alert", "severity", "verdict", "outcome", "lead, minutes", "score", "version",
             "id"),
            [_occurrence(one) for one in report.occurrences],
            severity="severity",
            formats={"lead, minutes": "0.0"},
            note="none was opened",
        ),
        zone,
    )  # fmt: skip
    add_table(
        book,
        Table(
            "Models",
            ("model", "version", "in use", "learner", f"data from {time}", f"data to {time}", "metrics"),
            [_model(one) for one in report.models],
            note="none is trained",
        ),
        zone,
    )
    add_table(book, advice_table(report.advice), zone)
    add_table(
        book,
        Table(
            "Decisions",
            (f"decided {time}", "model", "champion", "challenger", "verdict", "reason"),
            [_decision(one) for one in report.decisions],
            note="none was made",
        ),
        zone,
    )
    save_book(book, path)


def performance_facts(report: PerformanceReport, zone: str) -> dict[str, Any]:
    """Return what a reader is told first, by name."""
    wholes = [one.performance for one in report.part("alert")]
    return {
        f"from ({zone})": report.start,
        f"to ({zone})": report.end,
        "alert definitions": len(wholes),
        "alerts opened": sum(one.alerts for one in wholes),
        "with a verdict": sum(one.reviewed for one in wholes),
        "unreviewed": sum(one.unreviewed for one in wholes),
        "confirmed": sum(one.confirmed for one in wholes),
        "rejected": sum(one.rejected for one in wholes),
        "avoided": sum(one.avoided for one in wholes),
        "events in the data": sum(one.events for one in wholes),
        "of them foreseen": sum(one.foreseen for one in wholes),
        "alerts with advice followed": sum(one.holds.followed for one in report.advice),
        "of them the event stayed away": sum(one.holds.followed_away for one in report.advice),
        "with advice not followed": sum(one.holds.ignored for one in report.advice),
        "of those the event stayed away": sum(one.holds.ignored_away for one in report.advice),
    }


def figures_table(title: str, part: Part, figures: Sequence[Figures]) -> Table:
    """Return the table of some figures: counts, and each estimate with the ends of its interval."""
    shares = ("precision", "precision, data too", "recall")
    estimates = (*shares, "lead, minutes", "false alarms a day")
    columns = tuple(name for estimate in estimates for name in (estimate, f"{estimate}: low", f"{estimate}: high"))
    formats = {name: "0 %" if name.startswith(shares) else "0.00" for name in columns}
    head = ("alert",) if part == "alert" else ("alert", part)
    counts = ("alerts", "unreviewed", "confirmed", "rejected", "avoided", "events", "foreseen", "days watched")
    rows = []
    for one in figures:
        found = one.performance
        named = (one.alert,) if part == "alert" else (one.alert, one.value)
        counted = (
            *(found.alerts, found.unreviewed, found.confirmed, found.rejected, found.avoided, found.events),
            *(found.foreseen, found.watched_days),
        )
        ranges = (found.precision, found.precision_seen, found.recall, found.lead_minutes, found.false_alarms_a_day)
        rows.append((*named, *counted, *(end for estimate in ranges for end in _ends(estimate))))
    return Table(title, (*head, *counts, *columns), rows, formats={**formats, "days watched": "0.0"}, note="no alert")


def advice_table(advice: Sequence[AdviceOutcome]) -> Table:
    """Return in how many alerts the event stayed away, of those whose advice was followed and of the others."""
    shares = ("stayed away, followed", "stayed away, not followed")
    columns = tuple(name for estimate in shares for name in (estimate, f"{estimate}: low", f"{estimate}: high"))
    rows = [
        (
            *(one.definition, one.line, one.holds.followed, one.holds.ignored, one.unknown),
            *(end for estimate in (one.holds.when_followed, one.holds.when_ignored) for end in _ends(estimate)),
            ", ".join(one.withdrawn_words),
        )
        for one in advice
    ]
    head = ("alert", "line", "followed", "not followed", "not known")
    formats = dict.fromkeys(columns, "0 %")
    return Table("Advice", (*head, *columns, "withdrawn"), rows, formats=formats, note="none was given")


def _ends(estimate: Estimate) -> tuple[float | None, float | None, float | None]:
    return estimate.value, estimate.low, estimate.high


def _occurrence(one: Occurrence) -> tuple[Any, ...]:
    lead = None if one.lead is None else one.lead.total_seconds() / 60
    return (
        *(one.alert.opened_at, one.alert.line, one.alert.definition, one.alert.severity, one.verdict or "unreviewed"),
        *(_OUTCOMES[one.outcome], lead, one.alert.score, one.alert.version, one.alert.id),
    )


def _model(one: PublishedModel) -> tuple[Any, ...]:
    metrics = ", ".join(f"{name} {value:.3g}" for name, value in sorted(one.card.metrics.items()))
    use = {"champion": "yes", "challenger": "challenger", None: ""}[one.alias]
    return str(one.key), one.version, use, one.card.learner, one.card.data_start, one.card.data_end, metrics


def _decision(one: Decision) -> tuple[Any, ...]:
    return one.at, str(one.key), one.champion, one.challenger, one.verdict, one.reason
