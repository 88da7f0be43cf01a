"""``andon doctor``."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.options import Json


def doctor(
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="versions, stores, clock, disk, memory, ports, tokens or ray; may be given again.", show_default=False
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Look at everything that Andon stands on, and say what to do. The exit code is 1 where something is wrong."""
    from dataclasses import asdict
    from datetime import UTC, datetime

    from configs.settings import load_settings
    from pipelines.doctor.examining import examine
    from pipelines.terminal import quiet

    settings = load_settings()
    with quiet(settings.home, "doctor") as terminal:
        found = list(examine(settings, lambda: datetime.now(UTC), only or ()))
        if json:
            terminal.json(
                [{"area" if name == "store" else name: value for name, value in asdict(one).items()} for one in found]
            )
        else:
            rows = [(one.store, one.what, "ok" if one.good else "FAILS", one.detail) for one in found]
            terminal.table("Examined", ("area", "what", "", "found"), rows)
            wrong = sum(not one.good for one in found)
            terminal.say(f"{wrong} of {len(found)} are wrong" if wrong else f"all {len(found)} are well")
    if not all(one.good for one in found):
        raise typer.Exit(1)
