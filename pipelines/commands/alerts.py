"""``andon alerts``."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.options import Json

app = typer.Typer(no_args_is_help=True)

AlertId = Annotated[str, typer.Argument(help="Id of the alert, from `andon alerts list`.", show_default=False)]
Author = Annotated[str | None, typer.Option(help="Who says so; default: the user of this machine.")]
Note = Annotated[str, typer.Option(help="What there is to say; kept with the alert.")]


@app.command("list")
def list_(
    line: Annotated[str | None, typer.Option(help="Only this line.")] = None,
    alert: Annotated[str | None, typer.Option(help="Only this definition.")] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(
            help="open, pending, firing, silenced, no-data, error, acknowledged, acted or resolved; may be repeated."
        ),
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
            None if one.group in ("", one.id) else one.group,
        )
        for one in found
    ]
    titles = ("id", "line", "alert", "state", "severity", "opened", "resolved", "score", "with")
    Terminal().table("Alerts", titles, rows)


@app.command()
def ack(alert_id: AlertId, author: Author = None, note: Note = "", json: Json = False) -> None:
    """Say that you have seen an alert."""
    _move("acknowledge", alert_id, author, note, json)


@app.command()
def act(alert_id: AlertId, author: Author = None, note: Note = "", json: Json = False) -> None:
    """Say that something was done about an alert."""
    _move("act", alert_id, author, note, json)


@app.command()
def resolve(alert_id: AlertId, author: Author = None, note: Note = "", json: Json = False) -> None:
    """Close an alert by hand."""
    _move("resolve", alert_id, author, note, json)


@app.command()
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


@app.command()
def silence(
    reason: Annotated[str, typer.Argument(help="Why nobody is to be told; everybody can read it.")],
    line: Annotated[str | None, typer.Option(help="Only on this line.")] = None,
    alert: Annotated[str | None, typer.Option(help="Only this definition.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All alerts of all lines.")] = False,
    for_: Annotated[str, typer.Option("--for", help="How long, from the start on.")] = "1h",
    start: Annotated[str | None, typer.Option(help="First time; default: now.")] = None,
    author: Author = None,
    json: Json = False,
) -> None:
    """Tell nobody of some alerts for a while; what still stands at the end is told of then."""
    from datetime import UTC, datetime

    from andon.services import silences
    from andon.stores import open_documents
    from configs.durations import parse_duration
    from configs.errors import ConfigError
    from configs.periods import format_time
    from configs.settings import load_settings
    from pipelines.moments import parse_time
    from pipelines.terminal import Terminal

    if everything == (line is not None or alert is not None):
        raise ConfigError("--line, --alert, --all", "say what to silence", "name a line, an alert, both, or --all")
    try:
        length = parse_duration(for_)
    except ValueError as error:
        raise ConfigError("--for", str(error), "give a duration") from None
    now = datetime.now(UTC)
    begin = parse_time("--start", start) or now
    made = silences.silence(
        line=line,
        definition=alert,
        start=begin,
        end=begin + length,
        reason=reason,
        author=_author(author),
        at=now,
        documents=open_documents(load_settings().documents),
    )
    if json:
        Terminal().json(silences.silence_json(made))
    else:
        Terminal().text(f"silence {made.id}: until {format_time(made.end)}")


@app.command()
def unsilence(
    silence_id: Annotated[str, typer.Argument(help="Id of the silence, from `andon alerts silences`.")],
    json: Json = False,
) -> None:
    """End a silence early."""
    from datetime import UTC, datetime

    from andon.services.silences import end_silence, silence_json
    from andon.stores import open_documents
    from configs.settings import load_settings
    from pipelines.terminal import Terminal

    ended = end_silence(silence_id, datetime.now(UTC), open_documents(load_settings().documents))
    if json:
        Terminal().json(silence_json(ended))
    else:
        Terminal().text(f"silence {silence_id}: ended")


@app.command("silences")
def list_silences(
    over: Annotated[bool, typer.Option("--over", help="Also those that are over.")] = False, json: Json = False
) -> None:
    """List silences, by start."""
    from datetime import UTC, datetime

    from andon.services import silences
    from andon.stores import open_documents
    from configs.settings import load_settings
    from pipelines.terminal import Terminal

    documents = open_documents(load_settings().documents)
    found = [silences.silence_json(one) for one in silences.list_silences(datetime.now(UTC), documents, over=over)]
    if json:
        Terminal().json(found)
        return
    names = ("id", "line", "alert", "start", "end", "ended_at", "author", "reason")
    Terminal().table("Silences", names, [tuple(one[name] for name in names) for one in found])


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
