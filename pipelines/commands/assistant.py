"""``andon assistant`` and ``andon alerts``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from andon.services.assistant import Pass

alerts_app = typer.Typer(no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
AlertId = Annotated[str, typer.Argument(help="Id of the alert, from `andon alerts list`.", show_default=False)]
Author = Annotated[str | None, typer.Option(help="Who says so; default: the user of this machine.")]
Note = Annotated[str, typer.Option(help="What there is to say; kept with the alert.")]


def assistant(
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
    told of and does not stop the others; with --once the exit code is then 1.
    """
    from configs.durations import parse_duration
    from configs.errors import ConfigError
    from configs.settings import load_settings
    from pipelines.moments import parse_time
    from pipelines.terminal import quiet
    from pipelines.watching import watch

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


@alerts_app.command("list")
def list_(
    line: Annotated[str | None, typer.Option(help="Only this line.")] = None,
    alert: Annotated[str | None, typer.Option(help="Only this definition.")] = None,
    state: Annotated[
        list[str] | None, typer.Option(help="open, firing, acknowledged, acted or resolved; may be given again.")
    ] = None,
    start: Annotated[str | None, typer.Option(help="Opened at or after.")] = None,
    end: Annotated[str | None, typer.Option(help="Opened before.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the newest.")] = None,
    json: Json = False,
) -> None:
    """List alerts, oldest first."""
    from andon.services.alerts import AlertSearch, alert_json, list_alerts, parse_states
    from andon.stores import open_documents
    from configs.periods import format_time
    from configs.settings import load_settings
    from pipelines.moments import parse_time
    from pipelines.terminal import Terminal

    first, last = parse_time("--start", start), parse_time("--end", end)
    documents = open_documents(load_settings().documents)
    found = list_alerts(AlertSearch(line, alert, parse_states(state or ()), first, last, limit), documents)
    if json:
        Terminal().json([alert_json(one, documents.list_feedback(one.id)) for one in found])
        return
    rows = [
        (
            one.id,
            one.line,
            one.definition,
            str(one.state),
            one.severity,
            format_time(one.opened_at),
            None if one.resolved_at is None else format_time(one.resolved_at),
            one.score,
        )
        for one in found
    ]
    Terminal().table("Alerts", ("id", "line", "alert", "state", "severity", "opened", "resolved", "score"), rows)


@alerts_app.command()
def ack(alert_id: AlertId, author: Author = None, note: Note = "", json: Json = False) -> None:
    """Say that you have seen an alert."""
    _move("acknowledge", alert_id, author, note, json)


@alerts_app.command()
def act(alert_id: AlertId, author: Author = None, note: Note = "", json: Json = False) -> None:
    """Say that something was done about an alert."""
    _move("act", alert_id, author, note, json)


@alerts_app.command()
def resolve(alert_id: AlertId, author: Author = None, note: Note = "", json: Json = False) -> None:
    """Close an alert by hand."""
    _move("resolve", alert_id, author, note, json)


@alerts_app.command()
def feedback(
    alert_id: AlertId,
    verdict: Annotated[str, typer.Argument(help="confirmed, rejected or avoided.", show_default=False)],
    author: Author = None,
    note: Note = "",
    json: Json = False,
) -> None:
    """Say whether an alert was right; the newest verdict counts."""
    from datetime import UTC, datetime

    from andon.services.alerts import alert_json, find_alert, give_feedback
    from andon.stores import open_documents
    from configs.settings import load_settings
    from pipelines.terminal import Terminal

    documents = open_documents(load_settings().documents)
    given = give_feedback(alert_id, verdict, _author(author), note, datetime.now(UTC), documents)
    if json:
        Terminal().json(alert_json(find_alert(alert_id, documents), documents.list_feedback(alert_id)))
    else:
        Terminal().text(f"{alert_id}: {given.verdict}, by {given.author}")


def _move(verb: str, alert_id: str, author: str | None, note: str, json: bool) -> None:
    from datetime import UTC, datetime

    from andon.services import alerts
    from andon.stores import open_documents
    from configs.settings import load_settings
    from pipelines.terminal import Terminal

    documents = open_documents(load_settings().documents)
    moved = getattr(alerts, verb)(alert_id, _author(author), note, datetime.now(UTC), documents)
    if json:
        Terminal().json(alerts.alert_json(moved, documents.list_feedback(alert_id)))
    else:
        Terminal().text(f"{alert_id}: {moved.state}, by {moved.events[-1].actor}")


def _author(author: str | None) -> str:
    if author is not None:
        return author
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        from configs.errors import ConfigError

        raise ConfigError("--author", "this machine does not tell who you are", "give --author NAME") from None
