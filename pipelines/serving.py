"""``andon serve``: the Serve application on this machine's Ray."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import signal
import socket
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from andon.errors import ConfigError
from configs.serving import ServingPlan
from configs.settings import Settings

if TYPE_CHECKING:
    from pipelines.terminal import Terminal


def api_token(settings: Settings) -> str:
    """Return ``ANDON_API_TOKEN``, or the token kept in ``ANDON_HOME/api-token``, made on first use."""
    if settings.api_token is not None:
        return settings.api_token.get_secret_value()
    path = settings.home / "api-token"
    if not path.exists():
        settings.home.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
    return path.read_text().strip()


def serving_plan(settings: Settings, replicas: int = 1) -> ServingPlan:
    """Return the plan of these settings; the token is in it as a digest only."""
    return ServingPlan(
        documents=settings.documents,
        signals=settings.signals,
        models=settings.models,
        token_sha256=hashlib.sha256(api_token(settings).encode()).hexdigest(),
        replicas=replicas,
    )


@contextlib.contextmanager
def serving(settings: Settings, *, replicas: int = 1, dashboard: bool = False) -> Iterator[str]:
    """Serve until the block ends; yield the address.

    Raises
    ------
    ConfigError
        If the port is taken.
    """
    from cluster.session import ray_session

    host, port = settings.serve_host, settings.serve_port
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"{host}:{port}", f"cannot be bound: {error.strerror}", "stop what holds it, or set ANDON_SERVE_PORT"
            ) from None
    with ray_session(settings, dashboard=dashboard):
        from ray import serve

        from serve_deployments.builder import build

        serve.start(http_options={"host": host, "port": port}, logging_config={"log_level": "WARNING"})
        try:
            serve.run(build(serving_plan(settings, replicas)), name="andon", route_prefix="/")
            yield f"http://{host}:{port}"
        finally:
            serve.shutdown()


def serve_forever(settings: Settings, terminal: Terminal, replicas: int) -> None:
    """Serve until interrupted or terminated."""
    stop = threading.Event()
    with serving(settings, replicas=replicas, dashboard=True) as address:
        for kind in (signal.SIGINT, signal.SIGTERM):
            signal.signal(kind, lambda *_: stop.set())
        terminal.text(f"serving at {address}; its description: {address}/docs")
        where = "ANDON_API_TOKEN" if settings.api_token else settings.home / "api-token"
        terminal.say(f"bearer token: in {where}; stop with Ctrl-C")
        stop.wait()
        terminal.say("stopping")
