"""``andon run-due``."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.options import Json


def run_due(
    kind: Annotated[
        list[str] | None,
        typer.Option(help="Only retrain, report, shadow or compaction; may be repeated. Default: all."),
    ] = None,
    json: Json = False,
) -> None:
    """Do what is due by the definitions' cron expressions, once: for cron, Kubernetes or Airflow.

    Beside a running assistant, or given by many at once, each firing is still done once.
    """
    from configs.errors import ConfigError
    from configs.expressions import did_you_mean
    from configs.settings import load_settings
    from pipelines.running.scheduling import KINDS
    from pipelines.terminal import quiet

    for one in kind or ():
        if one not in KINDS:
            raise ConfigError("--kind", f"unknown kind {one!r}", did_you_mean(one, KINDS))
    settings = load_settings()
    with quiet(settings.home, "schedule") as terminal:
        from andon.services.turns import Stores
        from andon.stores import open_documents, open_models, open_signals
        from pipelines.running.scheduling import Scheduler

        stores = Stores(
            open_documents(settings.documents), open_signals(settings.signals), open_models(settings.models)
        )
        done = Scheduler(settings, stores, tuple(kind or KINDS)).run()
        if json:
            terminal.json([one.as_json() for one in done])
        elif done:
            rows = [(one.name, one.at.isoformat(), one.error or "done") for one in done]
            terminal.table("Done", ("what", "due at", "outcome"), rows)
        else:
            terminal.say("nothing is due")
    if any(one.error for one in done):
        raise typer.Exit(1)
