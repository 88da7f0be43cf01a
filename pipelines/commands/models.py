"""``andon models``: versions by hand."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.options import Json

app = typer.Typer(no_args_is_help=True)

Definition = Annotated[str, typer.Argument(help="Name of the alert or monitor.")]
Line = Annotated[str | None, typer.Option(help="Its line.")]
Family = Annotated[str | None, typer.Option(help="Its family, for a pooled model.")]


@app.command("list")
def list_(json: Json = False) -> None:
    """List every version of every model."""
    from andon.stores import open_models
    from configs.periods import format_time
    from configs.settings import load_settings
    from pipelines.terminal import quiet

    settings = load_settings()
    with quiet(settings.home, "models") as terminal:
        models = open_models(settings.models)
        versions = [version for key in models.list_models() for version in models.history(key)]
        rows = [
            {
                "definition": one.key.definition,
                "line": one.key.line,
                "family": one.key.family,
                "version": one.version,
                "alias": one.alias,
                "learner": one.card.learner,
                "metrics": one.card.metrics,
                "data_start": format_time(one.card.data_start),
                "data_end": format_time(one.card.data_end),
            }
            for one in versions
        ]
        if json:
            terminal.json(rows)
            return
        terminal.table(
            "Models",
            ["model", "version", "alias", "learner", "metrics", "data to"],
            [
                (
                    str(one.key),
                    one.version,
                    one.alias,
                    one.card.learner,
                    ", ".join(f"{k} {v:.3g}" for k, v in list(one.card.metrics.items())[:3]),
                    format_time(one.card.data_end),
                )
                for one in versions
            ],
        )


@app.command()
def promote(
    definition: Definition,
    version: Annotated[int, typer.Option(min=1, help="Version that becomes champion.")],
    line: Line = None,
    family: Family = None,
    reason: Annotated[str, typer.Option(help="Why; kept with the model.")] = "by hand",
) -> None:
    """Make a version champion."""
    from datetime import UTC, datetime

    from andon.stores import open_models
    from configs.settings import load_settings
    from pipelines.terminal import quiet

    settings = load_settings()
    with quiet(settings.home, "models") as terminal:
        key = _key(definition, line, family)
        open_models(settings.models).promote(key, version, reason, datetime.now(UTC))
        terminal.text(f"{key}: version {version} is champion")


@app.command()
def rollback(
    definition: Definition,
    line: Line = None,
    family: Family = None,
    reason: Annotated[str, typer.Option(help="Why; kept with the model.")] = "by hand",
) -> None:
    """Make the champion before this one champion again."""
    from datetime import UTC, datetime

    from andon.stores import open_models
    from configs.settings import load_settings
    from pipelines.terminal import quiet

    settings = load_settings()
    with quiet(settings.home, "models") as terminal:
        key = _key(definition, line, family)
        version = open_models(settings.models).rollback(key, reason, datetime.now(UTC))
        terminal.text(f"{key}: version {version} is champion again")


@app.command()
def explain(
    definition: Definition,
    line: Line = None,
    family: Family = None,
    version: Annotated[int | None, typer.Option(min=1, help="This version instead of the champion.")] = None,
    json: Json = False,
) -> None:
    """Say why the champion is the champion: the decision, its evidence, what it was chosen from, and its history."""
    from andon.services.promoting import explain_champion
    from andon.stores import open_documents, open_models
    from configs.settings import load_settings
    from pipelines.explaining import tell_champion
    from pipelines.terminal import quiet

    settings = load_settings()
    with quiet(settings.home, "models") as terminal:
        key = _key(definition, line, family)
        why = explain_champion(key, open_documents(settings.documents), open_models(settings.models), version)
        if json:
            terminal.json(why)
        else:
            tell_champion(key, why, terminal)


def _key(definition: str, line: str | None, family: str | None):  # type: ignore[no-untyped-def]
    from andon.errors import ConfigError
    from andon.records import ModelKey

    if (line is None) == (family is None):
        raise ConfigError(
            "--line, --family", "name either the line or the family of the model", "see `andon models list`"
        )
    return ModelKey(definition, line, family)
