"""``andon assistant``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.commands.options import Json

if TYPE_CHECKING:
    from andon.services.assistant import Pass

app = typer.Typer(invoke_without_command=True)


@app.callback()
def assistant(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="One pass over all lines, and no loop.")] = False,
    every: Annotated[str, typer.Option(help="Time from the start of one pass to that of the next.")] = "60s",
    line: Annotated[list[str] | None, typer.Option(help="Only this line; may be given again.")] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Where a line begins that was never watched; default: its newest row."),
    ] = None,
    batch: Annotated[int, typer.Option(help="Rows that are judged, at most, before what was found is stored.")] = 5000,
    json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON, one object a line.")] = False,
) -> None:
    """Watch lines: judge what is new, forecast what is next, open and resolve alerts; for ever, or once.

    It can be killed at any time and started again: nothing is lost and nothing is written twice. A line that fails is
    told of and does not stop the others; with --once the exit code is then 1. Started several times, on one machine or
    on many, assistants share the lines, and take over those of one that dies.
    """
    if context.invoked_subcommand is not None:
        return
    from configs.durations import parse_duration
    from configs.errors import ConfigError
    from configs.settings import load_settings
    from pipelines.moments import parse_time
    from pipelines.running.watching import watch
    from pipelines.terminal import quiet

    try:
        pause = parse_duration(every)
    except ValueError as error:
        raise ConfigError("--every", str(error), "give a duration") from None
    start = parse_time("--since", since)
    settings = load_settings()
    with quiet(settings.home, "assistant") as terminal:
        failed = watch(
            settings,
            lines=tuple(line or ()),
            since=start,
            batch=batch,
            every=None if once else pause,
            report=lambda done: _report(done, terminal, once, json),
        )
    if once and failed:
        raise typer.Exit(1)


def _report(done: Pass, terminal: Any, once: bool, json: bool) -> None:
    from configs.periods import format_time

    last = None if done.last is None else format_time(done.last)
    if json:
        import json as text

        body = {
            "line": done.line,
            "rows": done.rows,
            "last": last,
            "forecasts": done.forecasts,
            "anomalies": done.anomalies,
            "opened": [alert.id for alert in done.opened],
            "resolved": done.resolved,
            "skips": [{"name": one.definition, "reason": one.reason} for one in done.skips],
            "error": done.error,
        }
        if once or done.rows or done.error or done.skips:
            terminal.text(text.dumps(body, ensure_ascii=False))
        return
    for alert in done.opened:
        score = "" if alert.score is None else f", score {alert.score:.3f}"
        said = f"{alert.definition} ({alert.severity}{score}), alert {alert.id}"
        terminal.text(f"{format_time(alert.opened_at)} {done.line}: {said}")
    for skip in done.skips:
        terminal.say(f"{format_time(skip.time)} {done.line}: {skip.definition}: {skip.reason}")
    if done.error:
        terminal.say(f"{done.line or 'pass'}: {done.error}")
    if once:
        terminal.text(
            f"{done.line}: {done.rows} rows to {last or 'none'}, {done.forecasts} forecasts, "
            f"{done.anomalies} anomalies, {len(done.opened)} alerts opened, {done.resolved} resolved"
        )


@app.command()
def status(json: Json = False) -> None:
    """Say who acts on which line, how far behind each is, what stands, and what is due."""
    from datetime import UTC, datetime

    from andon.services.scheduling import schedules_of
    from andon.services.status import assistant_status
    from andon.services.watching import Cache, read_watching
    from andon.stores import open_documents, open_signals
    from configs.settings import load_settings
    from pipelines.terminal import Terminal

    settings, terminal = load_settings(), Terminal()
    documents = open_documents(settings.documents)
    watching = read_watching(documents, Cache())
    told = assistant_status(
        watching, schedules_of(watching), datetime.now(UTC), documents, open_signals(settings.signals)
    )
    if json:
        terminal.json(told)
        return
    terminal.table("Assistants", ("assistant", "lines"), [(one["holder"], one["lines"]) for one in told["assistants"]])
    names = ("line", "state", "judged", "lag_seconds", "standing", "pending", "holder", "error")
    rows = [
        tuple(", ".join(one[name]) if isinstance(one[name], list) else one[name] for name in names)
        for one in told["lines"]
    ]
    terminal.table(
        "Lines", ("line", "state", "judged to", "behind (s)", "stands", "pending", "assistant", "error"), rows
    )
    names = ("name", "cron", "timezone", "last", "next", "error")
    schedules = [tuple(one[name] for name in names) for one in told["schedules"]]
    terminal.table("Schedules", ("what", "cron", "time zone", "ran", "next", "error"), schedules)
