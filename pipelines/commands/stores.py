"""``andon stores``: what works, and everything from one store to another."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pipelines.commands.options import Json

app = typer.Typer(no_args_is_help=True)


@app.command()
def check(json: Json = False) -> None:
    """Say of each store what works and what does not: reachable, writable, indexes, clock, version.

    The exit code is 1 where something does not.
    """
    from dataclasses import asdict
    from datetime import UTC, datetime

    from andon.stores.checking import check_store
    from configs.settings import load_settings
    from pipelines.terminal import quiet

    settings = load_settings()
    with quiet(settings.home, "stores") as terminal:
        urls = {"documents": settings.documents, "signals": settings.signals, "models": settings.models}
        found = [one for store, url in urls.items() for one in check_store(store, url, lambda: datetime.now(UTC))]
        if json:
            terminal.json([asdict(one) for one in found])
        else:
            rows = [(one.store, one.what, "ok" if one.good else "FAILS", one.detail) for one in found]
            terminal.table("Stores", ("store", "what", "", "found"), rows)
    if not all(one.good for one in found):
        raise typer.Exit(1)


@app.command()
def migrate(
    source: Annotated[str, typer.Argument(metavar="FROM", help="URL of the store to copy from.", show_default=False)],
    target: Annotated[str, typer.Argument(metavar="TO", help="URL of the store to copy to.", show_default=False)],
    store: Annotated[
        str | None, typer.Option(help="documents or signals; default: told from the URLs or the file.")
    ] = None,
    json: Json = False,
) -> None:
    """Copy everything from one store to another of the same kind; verified; goes on where it was broken off.

    Passwords and tokens come from the environment. Models are MLflow's, and MLflow has tools of its own to move them.
    """
    from dataclasses import asdict

    from andon.stores import open_documents, open_signals
    from configs.settings import load_settings
    from pipelines.safekeeping.migrating import migrate_signals, store_of
    from pipelines.safekeeping.migrating_documents import migrate_documents
    from pipelines.terminal import quiet

    settings = load_settings()
    with quiet(settings.home, "stores") as terminal:
        kind = store_of(source, target, store)
        places = [settings.in_layout(url) for url in (source, target)]
        with terminal.progress() as bars:
            task, total = bars.add_task(kind, total=None), 0

            def tell(what: str, number: int) -> None:
                nonlocal total
                total += number
                bars.update(task, description=what, completed=total)

            if kind == "documents":
                stores: list[Any] = [open_documents(url) for url in places]
                done = migrate_documents(stores[0], stores[1], tell)
            else:
                stores = [open_signals(url) for url in places]
                done = migrate_signals(stores[0], stores[1], tell)
        for one in stores:
            one.close()
        if json:
            terminal.json([asdict(one) for one in done])
            return
        rows = [(one.kind, one.count, one.new, one.digest) for one in done]
        terminal.table("In both stores", ("what", "count", "new", "digest"), rows)
