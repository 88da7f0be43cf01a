"""``andon retrain``."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.options import Json


def retrain(
    line: Annotated[list[str] | None, typer.Option(help="Only this line; may be repeated.")] = None,
    family: Annotated[list[str] | None, typer.Option(help="Only the lines of this family.")] = None,
    alert: Annotated[list[str] | None, typer.Option(help="Only this classifier alert.")] = None,
    monitor: Annotated[list[str] | None, typer.Option(help="Only this monitor.")] = None,
    due: Annotated[bool, typer.Option("--due", help="Only where the definition's `retrain` says it is time.")] = False,
    time: Annotated[str | None, typer.Option(help="Time of the whole search, such as 10m.")] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Configurations a line and model.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of samplers, learners and the gate.")] = 0,
    json: Json = False,
) -> None:
    """Train challengers on the newest data; promote one only if it beats its champion on data that neither has read.

    A command that was killed goes on where it stopped when it is given again.
    """
    from datetime import UTC, datetime

    from configs.durations import parse_duration
    from configs.errors import ConfigError
    from configs.settings import load_settings
    from pipelines.retraining.retrain import RetrainRequest, retrain_models
    from pipelines.terminal import quiet

    settings = load_settings()
    try:
        seconds = None if time is None else parse_duration(time).total_seconds()
    except ValueError as error:
        raise ConfigError("--time", str(error), "give a duration") from None
    request = RetrainRequest(
        lines=tuple(line or ()),
        families=tuple(family or ()),
        alerts=tuple(alert or ()),
        monitors=tuple(monitor or ()),
        due=due,
        seconds=seconds,
        trials=trials,
        seed=seed,
    )
    with quiet(settings.home, "retrain") as terminal:
        retrained = retrain_models(settings, request, terminal, datetime.now(UTC))
        if json:
            terminal.json([one.as_json() for one in retrained])
        elif retrained:
            terminal.table(
                "Retrained",
                ["model", "champion", "challenger", "verdict", "reason"],
                [one.as_row() for one in retrained],
            )
        else:
            terminal.say("nothing is due")
    if any(one.error for one in retrained):
        raise typer.Exit(1)
