"""``andon notify``: what people are to be told, and whether they can be."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.options import Json

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _notify() -> None:
    """Messages to people: what waits, what could not be delivered, and whether routes work."""


@app.command("list")
def list_(
    state: Annotated[str | None, typer.Option(help="waiting, sent or dead (given up); default: waiting, dead.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many of each state, the newest.")] = 50,
    json: Json = False,
) -> None:
    """List messages, oldest first, each with why it was not delivered."""
    from andon.stores import open_documents
    from configs.periods import format_time
    from configs.settings import load_settings
    from pipelines.telling.outbox_listing import list_messages, message_json
    from pipelines.terminal import Terminal

    found = list_messages(open_documents(load_settings().documents), state, limit)
    if json:
        Terminal().json([message_json(one) for one in found])
        return
    rows = []
    for one in found:
        shown = message_json(one)
        rows.append(
            (
                one.key,
                one.state,
                shown["to"],
                shown["about"],
                one.severity,
                format_time(one.time),
                one.attempts,
                one.error,
            )
        )
    columns = ("key", "state", "to", "about", "severity", "time", "attempts", "why")
    Terminal().table("Messages", columns, rows)


@app.command()
def deliver(json: Json = False) -> None:
    """Deliver what is due now, as the assistant does."""
    from dataclasses import asdict

    from andon.stores import open_documents, open_signals
    from configs.settings import load_settings
    from pipelines.telling.notifying import Notifier
    from pipelines.telling.outbox_listing import message_json
    from pipelines.terminal import quiet

    settings = load_settings()
    with quiet(settings.home, "notify") as terminal:
        done = Notifier(open_documents(settings.documents), open_signals(settings.signals), settings).run()
        if json:
            terminal.json({**asdict(done), "dead": [message_json(one) for one in done.dead]})
            return
        terminal.text(
            f"{done.messages} messages delivered in {done.parcels} parcels, {done.postponed} postponed, "
            f"{done.deferred} to be tried again, {len(done.dead)} given up"
        )
        for trouble in done.troubles:
            terminal.say(trouble)
        for one in done.dead:
            terminal.say(f"given up: {message_json(one)['to']}: {one.error}")


@app.command()
def retry(
    keys: Annotated[list[str] | None, typer.Argument(help="Keys of messages; none: all that were given up.")] = None,
    json: Json = False,
) -> None:
    """Let messages that wait or were given up be tried again at once."""
    from datetime import UTC, datetime

    from andon.stores import open_documents
    from configs.settings import load_settings
    from pipelines.telling.outbox_listing import retry_messages
    from pipelines.terminal import Terminal

    count = retry_messages(open_documents(load_settings().documents), keys or [], datetime.now(UTC))
    if json:
        Terminal().json({"messages": count})
    else:
        Terminal().text(f"{count} messages will be tried again")


@app.command()
def test(
    route: Annotated[str, typer.Argument(help="Name of a Route.", show_default=False)],
    json: Json = False,
) -> None:
    """Send a test message to everybody on a route now, and tell of each whether it arrived; 1 where one did not."""
    from datetime import UTC, datetime

    from andon.stores import open_documents
    from configs.settings import load_settings
    from pipelines.telling.outbox_listing import probe_route
    from pipelines.terminal import quiet

    settings = load_settings()
    with quiet(settings.home, "notify") as terminal:
        rows = probe_route(route, open_documents(settings.documents), settings, lambda: datetime.now(UTC))
        if json:
            terminal.json([{"to": to, "arrived": not why, "why": why} for to, why in rows])
        else:
            for to, why in rows:
                terminal.text(f"{to}: {why or 'arrived'}")
    if any(why for _, why in rows):
        raise typer.Exit(1)
