"""``andon dashboards``."""

from __future__ import annotations

from typing import Annotated

import typer


def dashboards(
    port_tensorboard: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Default: 6006, or the next that is free.", show_default=False)
    ] = None,
    port_mlflow: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Default: 5000, or the next that is free.", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the addresses as JSON.")] = False,
) -> None:
    """Start TensorBoard on the searches and MLflow's pages on the models; print the addresses; until Ctrl-C."""
    from configs.settings import load_settings
    from pipelines.running.dashboards import show_dashboards
    from pipelines.terminal import quiet

    settings = load_settings()
    with quiet(settings.home, "dashboards") as terminal:
        show_dashboards(settings, terminal, port_tensorboard=port_tensorboard, port_mlflow=port_mlflow, as_json=json)
