"""``andon tokens``: who may ask the server, and what for."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.options import Json

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Whose it is.", show_default=False)]


@app.command()
def add(
    name: Name,
    role: Annotated[
        str, typer.Option(help="score (reads and scores), operate (also answers alerts), admin (also definitions).")
    ] = "score",
    json: Json = False,
) -> None:
    """Make a token and print it, this once: only its digest is kept. Servers know it within seconds."""
    from configs.settings import load_settings
    from pipelines.terminal import quiet
    from pipelines.tokens import add_token

    settings = load_settings()
    with quiet(settings.home, "tokens") as terminal:
        token = add_token(settings, name, role)
        if json:
            terminal.json({"name": name, "role": role, "token": token})
        else:
            terminal.text(token)


@app.command("list")
def list_(json: Json = False) -> None:
    """Show whose tokens there are; the tokens themselves are nowhere."""
    from configs.settings import load_settings
    from pipelines.terminal import quiet
    from pipelines.tokens import list_tokens

    settings = load_settings()
    with quiet(settings.home, "tokens") as terminal:
        found = list_tokens(settings)
        if json:
            terminal.json([{"name": one.name, "role": one.role} for one in found])
        else:
            terminal.table("Tokens", ("name", "role"), [(one.name, one.role) for one in found])


@app.command()
def remove(name: Name) -> None:
    """Withdraw a token. Servers refuse it within seconds."""
    from configs.settings import load_settings
    from pipelines.terminal import quiet
    from pipelines.tokens import remove_token

    settings = load_settings()
    with quiet(settings.home, "tokens") as terminal:
        remove_token(settings, name)
        terminal.say(f"{name} may ask no more")
