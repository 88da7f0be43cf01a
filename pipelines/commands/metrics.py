"""``andon metrics``."""

from __future__ import annotations

from typing import Annotated

import typer


def metrics(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any that is free.")] = 9464,
    once: Annotated[bool, typer.Option("--once", help="Print them and end, for node_exporter's text files.")] = False,
) -> None:
    """Tell Prometheus of lines, alerts, anomalies, models and searches, as the stores have them, until Ctrl-C."""
    from configs.settings import load_settings
    from pipelines.running.metrics_server import serve_metrics
    from pipelines.terminal import quiet

    settings = load_settings()
    with quiet(settings.home, "metrics") as terminal:
        serve_metrics(settings, terminal, host, port, once=once)
