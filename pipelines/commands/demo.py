"""``andon demo``."""

from __future__ import annotations

from typing import Annotated

import typer


def demo(
    days: Annotated[
        int, typer.Option(min=4, help="Simulated days to learn from; the day after them is replayed.")
    ] = 14,
    seed: Annotated[int, typer.Option(help="Seed of the plant.")] = 106,
    time: Annotated[str, typer.Option(help="Time of the whole search.")] = "90s",
    serve: Annotated[bool, typer.Option("--serve", help="Leave the API and the dashboards up.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Simulate a food plant, import, train, serve, replay the next day, and sum up; embedded stores, one machine."""
    from configs.durations import parse_duration
    from configs.errors import ConfigError
    from configs.settings import load_settings
    from pipelines.demo.run import run_demo
    from pipelines.terminal import quiet

    try:
        seconds = parse_duration(time).total_seconds()
    except ValueError as error:
        raise ConfigError("--time", str(error), "give a duration") from None
    settings = load_settings(home=load_settings().home / "demo")
    with quiet(settings.home.parent, "demo") as terminal:
        summary = run_demo(settings, terminal, days=days, seed=seed, seconds=seconds, stay=serve)
        if json:
            terminal.json(summary)
