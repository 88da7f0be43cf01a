"""Start a local Ray, or join one by address; stop only what was started here."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from cluster.environment import QUIET, worker_environment
from cluster.jobs import job_variables
from cluster.profiles import node_options, refuse_open, this_machine
from cluster.tokens import MODE, authenticated
from configs.errors import AndonError, ConfigError
from configs.settings import Settings

__all__ = ["QUIET", "RaySession", "ray_session"]


@dataclass(frozen=True, slots=True)
class RaySession:
    """A Ray that is there: ``workers`` cores for work, and the address of its ``dashboard`` (empty: none)."""

    workers: int
    dashboard: str


@contextlib.contextmanager
def ray_session(settings: Settings, *, dashboard: bool = False) -> Iterator[RaySession]:
    """Yield a session on a Ray that was joined (``settings.ray_address``) or started here; inside one, on the same.

    Raises
    ------
    AndonError
        If the cluster at the address cannot be joined.
    ConfigError
        If the profile cannot be started here, or would be open to other machines.
    """
    for name in ("RAY_USAGE_STATS_ENABLED", "RAY_AIR_NEW_OUTPUT", "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"):
        os.environ[name] = QUIET[name]
    # Ctrl-C interrupts a search as it does anything else; Tune would end it as if it were done.
    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"
    os.environ.update(authenticated(settings.home, os.environ))  # before the import, at which Ray reads them
    import ray

    if ray.is_initialized():
        yield _session(settings, "")
        return
    # Inside a submitted job, RAY_ADDRESS is that of the cluster that the job runs on.
    address = settings.ray_address or os.environ.get("RAY_ADDRESS") or None
    source = "ANDON_RAY_ADDRESS" if settings.ray_address else "RAY_ADDRESS"
    plan = settings.cluster
    given = job_variables()  # Ray refuses a variable that is told twice.
    workers = worker_environment(plan.threads)
    runtime_env = {"env_vars": {name: value for name, value in workers.items() if name not in given}}
    if address is None and plan.profile == "kubernetes":
        raise ConfigError(
            "ANDON_RAY_ADDRESS", "names no cluster, and KubeRay starts it", "set it to auto, in a pod of it"
        )
    if os.environ.get(MODE, "").lower() == "disabled":
        refuse_open(plan.model_copy(update={"access": "open"}), plan.host or "127.0.0.1")
    try:
        with _same_termination():
            if address:
                _reach(address)
                context = ray.init(
                    address=address, runtime_env=runtime_env, log_to_driver=False, logging_level=logging.ERROR
                )
            else:
                options = node_options(plan, this_machine(), head=True)
                context = ray.init(
                    address="local",
                    num_cpus=settings.workers or plan.cpus or os.cpu_count() or 1,
                    object_store_memory=options.object_store_bytes,
                    object_spilling_directory=str(options.spill) if options.spill else None,
                    include_dashboard=dashboard,
                    runtime_env=runtime_env,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
    except (OSError, RuntimeError, ValueError) as error:
        raise AndonError(
            f"Ray at {address or 'this machine'}", f"cannot be reached: {error}", f"start it, or unset {source}"
        ) from None
    try:
        yield _session(settings, context.dashboard_url or "")
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Fail at once where nothing listens: Ray asks again for minutes."""
    host, _, port = address.rpartition(":")
    if port.isdigit() and "://" not in address:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


@contextlib.contextmanager
def _same_termination() -> Iterator[None]:
    """Keep what the process does when it is terminated: Ray would leave at once, without ending what was begun."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if callable(before) and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _session(settings: Settings, dashboard: str) -> RaySession:
    import ray

    return RaySession(settings.workers or int(ray.cluster_resources().get("CPU", 1)), dashboard)
