"""``andon report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _reports() -> None:
    """Excel and HTML reports."""


@app.command()
def anomalies(
    out: Annotated[Path, typer.Option(help="Workbook to write.")] = Path("anomalies.xlsx"),
    line: Annotated[str | None, typer.Option(help="Only this line.")] = None,
    monitor: Annotated[str | None, typer.Option(help="Only this monitor.")] = None,
    start: Annotated[str | None, typer.Option(help="First time; default: a day before the end.")] = None,
    end: Annotated[str | None, typer.Option(help="Time before which it ends; default: the newest data.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write what was not normal in a period as an Excel workbook with charts."""
    from datetime import UTC, datetime

    from andon.stores import open_documents, open_signals
    from configs.settings import load_settings
    from pipelines.moments import parse_time
    from pipelines.reporting import report_anomalies
    from pipelines.terminal import quiet

    settings = load_settings()
    first, last = parse_time("--start", start), parse_time("--end", end)
    with quiet(settings.home, "report") as terminal:
        summary = report_anomalies(
            open_documents(settings.documents),
            open_signals(settings.signals),
            line=line,
            monitor=monitor,
            start=first,
            end=last,
            out=out,
            at=datetime.now(UTC),
        )
        if json:
            terminal.json(summary)
        else:
            terminal.text(f"wrote {out}: {summary['anomalies']} anomalies, {summary['alerts']} alerts")


@app.command()
def monitor(
    monitor: Annotated[str, typer.Option(help="This monitor.")],
    line: Annotated[
        list[str] | None, typer.Option(help="Only this line; may be repeated. Default: all of the monitor's.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for a page a line, or one line's HTML file.")] = Path("monitors"),
    start: Annotated[str | None, typer.Option(help="First time; default: what the model has not read.")] = None,
    end: Annotated[str | None, typer.Option(help="Time before which it ends; default: the newest data.")] = None,
    labels: Annotated[
        str | None, typer.Option(help="Variable that is not 0 where the line was not normal: measure against it.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write a monitor as an HTML page a line, with PNGs: forecasts, residuals, anomalies, learners, search, metrics."""
    from datetime import UTC, datetime

    from andon.stores import open_documents, open_models, open_signals
    from configs.settings import load_settings
    from pipelines.moments import parse_time
    from pipelines.monitor_reporting import MonitorReport, report_monitor
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
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write a search as one HTML page: leaderboard, curves, importance, learners, cost, failures."""
    from datetime import UTC, datetime

    from andon.reports.search import write_search_page
    from configs.settings import load_settings
    from pipelines.searched import LISTED, listed_searches, search_summary
    from pipelines.terminal import quiet
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
