"""``andon serve``."""

from __future__ import annotations

from typing import Annotated

import typer


def serve(
    host: Annotated[str | None, typer.Option(help="Address to bind; default ANDON_SERVE_HOST, 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default ANDON_SERVE_PORT, 8000.")] = None,
    replicas: Annotated[int | None, typer.Option(min=1, help="Processes that score; default ANDON_SERVING, 1.")] = None,
) -> None:
    """Serve the HTTP API until Ctrl-C."""
    from configs.settings import load_settings
    from pipelines.running.serving import serve_forever
    from pipelines.terminal import quiet

    given = {"serve_host": host, "serve_port": port}
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    with quiet(settings.home, "serve") as terminal:
        serve_forever(settings, terminal, replicas)
