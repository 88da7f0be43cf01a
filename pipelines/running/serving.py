"""``andon serve``: the Serve application on this machine's Ray."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from andon.errors import AndonError, ConfigError
from andon.serving.tokens import digest_of, new_token
from configs.serving import ServingLimits, ServingPlan, TokenDigest
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
            file.write(new_token())
    return path.read_text().strip()


def tokens_file(settings: Settings) -> Path:
    """Return where the digests of further tokens are, which `andon tokens` makes and withdraws."""
    return settings.home / "tokens.json"


def serving_plan(settings: Settings, replicas: int | None = None, limits: ServingLimits | None = None) -> ServingPlan:
    """Return the plan of these settings; the token is in it as a digest only.

    ``limits`` and ``replicas`` take the place of what the settings say of them.
    """
    given = (limits or settings.serving).model_dump()
    if given["access_log"] is None:
        given["access_log"] = str(settings.home / "logs")
    if replicas is not None:
        given["replicas"] = replicas
    return ServingPlan(
        documents=settings.documents,
        signals=settings.signals,
        models=settings.models,
        tokens=(TokenDigest(name="api-token", role="admin", sha256=digest_of(api_token(settings))),),
        tokens_file=str(tokens_file(settings)),
        **given,
    )


@contextlib.contextmanager
def serving(settings: Settings, *, replicas: int | None = None, dashboard: bool = False) -> Iterator[str]:
    """Serve until the block ends; yield the address once every model is there that can be.

    Raises
    ------
    ConfigError
        If the port is taken.
    """
    with serving_plan_at(settings, serving_plan(settings, replicas), dashboard=dashboard) as address:
        wait_until_ready(address)
        yield address


def wait_until_ready(address: str, timeout: float = 120.0) -> None:
    """Ask a server until it says that it is ready.

    Raises
    ------
    AndonError
        If it does not within ``timeout`` seconds, saying what it waits for.
    """
    last, until = "no answer", time.monotonic() + timeout
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{address}/readyz", timeout=10):
                return
        except urllib.error.HTTPError as error:
            last = error.read().decode(errors="replace")[:500]
        except OSError as error:
            last = str(error)
        time.sleep(0.1)
    raise AndonError(address, f"is not ready after {timeout:g} s: {last}", "see its log")


@contextlib.contextmanager
def serving_plan_at(settings: Settings, plan: ServingPlan, *, dashboard: bool = False) -> Iterator[str]:
    """Serve a plan at the settings' host and port until the block ends; yield the address. Models may still load.

    Inside a Ray that was started before, Serve is as fast as its environment lets it (see `cluster.serve_fast_path`).

    Raises
    ------
    ConfigError
        If the port is taken.
    """
    from cluster.serve_fast_path import serve_fast_path
    from cluster.session import ray_session

    host, port = settings.serve_host, settings.serve_port
    _require_free(host, port)
    with contextlib.nullcontext() if _ray_is_there() else serve_fast_path(), ray_session(settings, dashboard=dashboard):
        from ray import serve
        from ray.serve.schema import LoggingConfig

        from serve_deployments.builder import build_shards

        logging_config = LoggingConfig(log_level="WARNING", enable_access_log=False)
        serve.start(http_options={"host": host, "port": port}, logging_config=logging_config)
        try:
            # The one at the root last: what it sends elsewhere is there then.
            for name, prefix, application in reversed(build_shards(plan)):
                serve.run(application, name=name, route_prefix=prefix, logging_config=logging_config)
            yield f"http://{host}:{port}"
        finally:
            serve.shutdown()


def _ray_is_there() -> bool:
    ray = sys.modules.get("ray")
    return ray is not None and bool(ray.is_initialized())


def _require_free(host: str, port: int) -> None:
    """Refuse a port that is taken, and say so where a killed server left HAProxy behind.

    Raises
    ------
    ConfigError
        If it cannot be bound.
    """
    from cluster.serve_fast_path import haproxies_left

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            left = ", ".join(map(str, haproxies_left()))
            remedy = "stop what holds it, or set ANDON_SERVE_PORT"
            if left:
                remedy = (
                    f"a server that was killed left HAProxy behind, end it: kill {left.replace(',', '')}; or {remedy}"
                )
            raise ConfigError(f"{host}:{port}", f"cannot be bound: {error.strerror}", remedy) from None


def serve_forever(settings: Settings, terminal: Terminal, replicas: int | None) -> None:
    """Serve until interrupted or terminated, which may come before all is up: to be told to end is no failure."""
    stop = threading.Event()
    with (
        contextlib.suppress(KeyboardInterrupt),
        serving_plan_at(settings, serving_plan(settings, replicas), dashboard=True) as address,
    ):
        for kind in (signal.SIGINT, signal.SIGTERM):
            signal.signal(kind, lambda *_: stop.set())
        terminal.text(f"serving at {address}; its description: {address}/docs")
        where = "ANDON_API_TOKEN" if settings.api_token else settings.home / "api-token"
        terminal.say(f"bearer token: in {where}; stop with Ctrl-C")
        stop.wait()
        terminal.say("stopping")
