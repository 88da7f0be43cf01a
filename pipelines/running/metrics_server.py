"""``andon metrics``: opens the stores and answers Prometheus until it is told to stop."""

from __future__ import annotations

import signal
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from andon.errors import ConfigError
from configs.settings import Settings

if TYPE_CHECKING:
    from pipelines.terminal import Terminal


def serve_metrics(settings: Settings, terminal: Terminal, host: str, port: int, *, once: bool) -> None:
    """Answer at ``http://host:port/metrics``; with ``once``, print what would be answered.

    Raises
    ------
    ConfigError
        If the port is taken.
    """
    from prometheus_client import CollectorRegistry, generate_latest, start_http_server

    from andon.stores import open_documents, open_models, open_signals
    from pipelines.running.plant_metrics import PlantCollector

    stores = open_documents(settings.documents), open_signals(settings.signals), open_models(settings.models)
    registry = CollectorRegistry()
    registry.register(PlantCollector(*stores, settings.home / "searches", lambda: datetime.now(UTC)))
    try:
        if once:
            terminal.text(generate_latest(registry).decode())
            return
        stop = threading.Event()
        for kind in (signal.SIGINT, signal.SIGTERM):
            signal.signal(kind, lambda *_: stop.set())
        try:
            server, thread = start_http_server(port, host, registry)
        except OSError as error:
            raise ConfigError(f"{host}:{port}", f"cannot be bound: {error.strerror}", "give another --port") from None
        terminal.text(f"http://{host}:{server.server_port}/metrics")
        stop.wait()
        server.shutdown()
        thread.join()
    finally:
        for store in stores:
            store.close()
