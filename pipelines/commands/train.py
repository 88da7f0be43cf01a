"""``andon train``."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.options import Json


def train(
    line: Annotated[list[str] | None, typer.Option(help="Only this line; may be repeated.")] = None,
    family: Annotated[list[str] | None, typer.Option(help="Only the lines of this family.")] = None,
    alert: Annotated[list[str] | None, typer.Option(help="Only this classifier alert.")] = None,
    monitor: Annotated[list[str] | None, typer.Option(help="Only this monitor.")] = None,
    variable: Annotated[
        list[str] | None, typer.Option(help="Monitors: a model of this variable alone; may be repeated.")
    ] = None,
    time: Annotated[str | None, typer.Option(help="Time of the whole search, such as 10m.")] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Configurations a line and model.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of samplers and learners.")] = 0,
    across: Annotated[
        bool,
        typer.Option(
            "--across/--no-across", help="Lines learn from similar ones, and the budget moves to where it still gains."
        ),
    ] = True,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew where the same search was interrupted.")] = False,
    json: Json = False,
) -> None:
    """Search, evaluate, register, and promote the first champion; without selectors, everything.

    A command that was killed goes on where it stopped when it is given again.
    """
    from configs.durations import parse_duration
    from configs.errors import ConfigError
    from configs.settings import load_settings
    from pipelines.terminal import quiet
    from pipelines.training.train import TrainRequest, train_models

    settings = load_settings()
    try:
        seconds = None if time is None else parse_duration(time).total_seconds()
    except ValueError as error:
        raise ConfigError("--time", str(error), "give a duration") from None
    request = TrainRequest(
        lines=tuple(line or ()),
        families=tuple(family or ()),
        alerts=tuple(alert or ()),
        monitors=tuple(monitor or ()),
        variables=tuple(variable or ()),
        seconds=seconds,
        trials=trials,
        seed=seed,
        across=across,
        fresh=fresh,
    )
    with quiet(settings.home, "train") as terminal:
        trained = train_models(settings, request, terminal)
        if json:
            terminal.json([one.as_json() for one in trained])
        else:
            terminal.table(
                "Trained",
                ["model", "version", "learner", "metric", "validation", "configurations", "seconds", "result"],
                [one.as_row() for one in trained],
            )
    if any(one.error for one in trained):
        raise typer.Exit(1)
