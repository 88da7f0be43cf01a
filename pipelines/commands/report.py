"""``andon report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.commands.options import Json

Route = Annotated[
    list[str] | None, typer.Option(help="Keep it in the archive, and send it by this route; may be repeated.")
]
End = Annotated[str | None, typer.Option(help="Time before which it ends; default: the newest data.")]
OnlyLine = Annotated[str | None, typer.Option(help="Only this line.")]

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _reports() -> None:
    """Excel and HTML reports."""


@app.command()
def anomalies(
    out: Annotated[
        list[Path] | None,
        typer.Option(
            help="Workbook (.xlsx) or page (.html); may be repeated. Default: anomalies.xlsx", show_default=False
        ),
    ] = None,
    line: OnlyLine = None,
    monitor: Annotated[str | None, typer.Option(help="Only this monitor.")] = None,
    start: Annotated[str | None, typer.Option(help="First time; default: a day before the end.")] = None,
    end: End = None,
    shift: Annotated[bool, typer.Option("--shift", help="The newest shift of --line that is over.")] = False,
    route: Route = None,
    json: Json = False,
) -> None:
    """Write what was not normal in a period, and its alerts, as an Excel workbook with charts or as a page."""
    from datetime import UTC, datetime, timedelta

    from andon.errors import ConfigError
    from andon.stores import open_documents, open_models, open_signals
    from configs.settings import load_settings
    from pipelines.moments import parse_time
    from pipelines.reports.archiving import ReportOrder
    from pipelines.reports.periods import last_shift, period_of, report_anomalies
    from pipelines.terminal import quiet

    settings = load_settings()
    first, last = parse_time("--start", start), parse_time("--end", end)
    if shift and (line is None or first is not None or last is not None):
        raise ConfigError("--shift", "is that of one line, and a period of its own", "give --line, no --start or --end")
    if route and monitor is not None:
        raise ConfigError("--monitor", "cannot be given with --route", "leave one of them out")
    now = datetime.now(UTC)
    with quiet(settings.home, "report") as terminal:
        documents, signals = open_documents(settings.documents), open_signals(settings.signals)
        if shift and line is not None:
            first, last = last_shift(line, documents, signals)
        outs = out or ([] if route else [Path("anomalies.xlsx")])
        summary = (
            report_anomalies(documents, signals, line=line, monitor=monitor, start=first, end=last, out=outs, at=now)
            if outs
            else {}
        )
        if route:
            first, last = period_of(first, last, line, signals, timedelta(days=1))
            lines = () if line is None else (line,)
            order = ReportOrder("anomalies", "", first, last, lines, tuple(route), line or "")
            summary |= _send(order, documents, signals, open_models(settings.models), settings, now)
        _tell_written(terminal, summary, outs, json)


@app.command()
def performance(
    out: Annotated[
        list[Path] | None,
        typer.Option(
            help="Workbook (.xlsx) or page (.html); may be repeated. Default: performance.xlsx", show_default=False
        ),
    ] = None,
    alert: Annotated[str | None, typer.Option(help="Only this alert.")] = None,
    line: OnlyLine = None,
    start: Annotated[str | None, typer.Option(help="First time; default: four weeks before the end.")] = None,
    end: End = None,
    route: Route = None,
    json: Json = False,
) -> None:
    """Write how well alerts really did: precision, recall, lead and false alarms with intervals, and the models."""
    from datetime import UTC, datetime, timedelta

    from andon.stores import open_documents, open_models, open_signals
    from configs.settings import load_settings
    from pipelines.moments import parse_time
    from pipelines.reports.archiving import ReportOrder
    from pipelines.reports.performance import report_performance
    from pipelines.reports.periods import period_of
    from pipelines.terminal import quiet

    settings = load_settings()
    first, last = parse_time("--start", start), parse_time("--end", end)
    now = datetime.now(UTC)
    with quiet(settings.home, "report") as terminal:
        documents, signals = open_documents(settings.documents), open_signals(settings.signals)
        models = open_models(settings.models)
        first, last = period_of(first, last, line, signals, timedelta(weeks=4))
        lines = () if line is None else (line,)
        outs = out or ([] if route else [Path("performance.xlsx")])
        summary = (
            report_performance(first, last, documents, signals, models, alert=alert, lines=lines, outs=outs, at=now)
            if outs
            else {}
        )
        if route:
            order = ReportOrder("performance", alert or "", first, last, lines, tuple(route), line or "")
            summary |= _send(order, documents, signals, models, settings, now)
        _tell_written(terminal, summary, outs, json)


@app.command("list")
def list_(json: Json = False) -> None:
    """List the reports that were written, oldest first."""
    from andon.stores import open_documents
    from configs.periods import format_time
    from configs.settings import load_settings
    from pipelines.terminal import Terminal

    found = open_documents(load_settings().documents).list_reports()
    times = ("at", "period_start", "period_end")
    shown = [{**one, **{name: format_time(one[name]) for name in times}} for one in found]
    if json:
        Terminal().json(shown)
    else:
        columns = ("at", "name", "period_start", "period_end", "path")
        Terminal().table("Reports", columns, [tuple(one[name] for name in columns) for one in shown])


@app.command()
def monitor(
    monitor: Annotated[str, typer.Option(help="This monitor.")],
    line: Annotated[
        list[str] | None, typer.Option(help="Only this line; may be repeated. Default: all of the monitor's.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for a page a line, or one line's HTML file.")] = Path("monitors"),
    start: Annotated[str | None, typer.Option(help="First time; default: what the model has not read.")] = None,
    end: End = None,
    labels: Annotated[
        str | None, typer.Option(help="Variable that is not 0 where the line was not normal: measure against it.")
    ] = None,
    json: Json = False,
) -> None:
    """Write a monitor as an HTML page a line, with PNGs: forecasts, residuals, anomalies, learners, search, metrics."""
    from datetime import UTC, datetime

    from andon.stores import open_documents, open_models, open_signals
    from configs.settings import load_settings
    from pipelines.moments import parse_time
    from pipelines.reports.monitors import MonitorReport, report_monitor
    from pipelines.terminal import quiet

    settings = load_settings()
    first, last = parse_time("--start", start), parse_time("--end", end)
    report = MonitorReport(monitor, tuple(line or ()), first, last, labels, out)
    with quiet(settings.home, "report") as terminal:
        summaries = report_monitor(
            report,
            open_documents(settings.documents),
            open_signals(settings.signals),
            open_models(settings.models),
            datetime.now(UTC),
        )
        if json:
            terminal.json(summaries)
            return
        for one in summaries:
            terminal.text(f"wrote {one['out']}" if one["out"] else f"{one['line']}: {one['note']}")


@app.command()
def search(
    search: Annotated[
        str | None, typer.Option(help="Its id, or the beginning of it; default: the newest.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("search.html"),
    list_: Annotated[bool, typer.Option("--list", help="List the searches instead.")] = False,
    json: Json = False,
) -> None:
    """Write a search as one HTML page: leaderboard, curves, importance, learners, cost, failures."""
    from datetime import UTC, datetime

    from andon.reports.search import write_search_page
    from configs.settings import load_settings
    from pipelines.terminal import quiet
    from pipelines.training.searched import LISTED, listed_searches, search_summary
    from tune_jobs.journal import find_search, read_search

    settings = load_settings()
    searches = settings.home / "searches"
    with quiet(settings.home, "report") as terminal:
        if list_:
            rows = listed_searches(searches)
            if json:
                terminal.json(rows)
            else:
                terminal.table("Searches", list(LISTED), [tuple(row.values()) for row in rows])
            return
        record = read_search(find_search(searches, search))
        write_search_page(record, out, datetime.now(UTC))
        summary = search_summary(record) | {"out": str(out)}
        if json:
            terminal.json(summary)
        else:
            terminal.text(
                f"wrote {out}: search {record.identity}, {summary['studies']} studies, "
                f"{summary['configurations']} configurations"
            )


def _send(order: Any, documents: Any, signals: Any, models: Any, settings: Any, now: Any) -> dict[str, Any]:
    """Archive a report, put it into the outbox, and deliver what can be delivered at once."""
    from pipelines.reports.archiving import deliver_report
    from pipelines.telling.notifying import Notifier

    sent = deliver_report(order, documents, signals, models, settings.archive, now)
    done = Notifier(documents, signals, settings).run()
    return {
        "archived": sent["files"],
        "messages": sent["messages"],
        "troubles": done.troubles + [one.error for one in done.dead],
    }


def _tell_written(terminal: Any, summary: dict[str, Any], outs: list[Path], json: bool) -> None:
    if json:
        terminal.json(summary)
        return
    counts = [f"{summary[name]} {name}" for name in ("anomalies", "alerts") if name in summary]
    for path in [*outs, *summary.get("archived", [])]:
        terminal.text(f"wrote {path}{': ' if counts else ''}{', '.join(counts)}")
    if "messages" in summary:
        terminal.text(f"{summary['messages']} messages put into the outbox")
    for trouble in summary.get("troubles", []):
        terminal.say(trouble)
