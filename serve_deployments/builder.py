"""The builder: where the plain scorer and the HTTP factory become a Serve application."""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from typing import Any

from andon.serving.sharding import mount_of
from configs.serving import ServingPlan

_SWITCH = 0.001
"""Seconds after which a thread that scores lets the event loop go on; Python's 5 ms would be the slowest answers."""


class Ingress:
    """One replica: opens the stores, keeps the models, and builds the HTTP application around a scorer."""

    def __init__(self, plan: dict[str, Any]) -> None:
        from andon.stores import open_documents, open_models, open_signals
        from serve_deployments.app import create_app
        from serve_deployments.background import Background
        from serve_deployments.scorer import LineScorer

        logging.getLogger("andon").setLevel(logging.INFO)
        sys.setswitchinterval(_SWITCH)
        self._plan = ServingPlan.model_validate(plan)
        self._scorer = LineScorer(
            open_documents(self._plan.documents),
            open_signals(self._plan.signals),
            open_models(self._plan.models),
            loaders=self._plan.loaders,
            shard=self._plan.shard,
            shards=self._plan.shards,
        )
        self._application = create_app(self._scorer, self._plan, _replica(), tells_id=False)
        self._background = Background(self._application.look_after, self._plan.refresh.total_seconds())
        # A replica that takes another's place does not answer before it knows what that one knew.
        self._background.start(self._plan.patience.total_seconds())

    def __serve_build_asgi_app__(self) -> Any:
        """Return the ASGI application; Serve asks for it once a replica."""
        return self._application

    def check_health(self) -> None:
        """Fail where no score comes out; a store that is away is no reason to throw away models that are in memory."""
        self._scorer.check()

    def __del__(self) -> None:
        """End what runs beside, once Serve has drained the replica."""
        if hasattr(self, "_background"):
            self._background.close()
            self._application.close()


def build_shards(plan: ServingPlan) -> list[tuple[str, str, Any]]:
    """Return name, route prefix and Serve application of each shard of a plan; the first one is at the root."""
    return [
        (
            f"andon-{shard}" if shard else "andon",
            mount_of(shard) or "/",
            build(plan.model_copy(update={"shard": shard})),
        )
        for shard in range(plan.shards)
    ]


def build(plan: ServingPlan) -> Any:
    """Return the Serve application of a plan, of one shard of it."""
    from ray import serve

    deployment = serve.deployment(serve.ingress()(Ingress))
    return deployment.options(
        name="andon",
        num_replicas=plan.replicas,
        request_router_config=_usual_router(),
        ray_actor_options={"num_cpus": plan.cpus},
        # The application itself refuses what is too much, with Retry-After; Serve must not hold it back before.
        max_ongoing_requests=4 * plan.max_ongoing,
        max_queued_requests=4 * plan.max_ongoing,
        health_check_period_s=5,
        health_check_timeout_s=30,
        graceful_shutdown_wait_loop_s=0.5,
        graceful_shutdown_timeout_s=plan.timeout.total_seconds() + 5,
    ).bind(plan.model_dump(mode="json"))


def _usual_router() -> Any:
    """Return Serve's own router by its name alone.

    Left to itself, Serve puts a copy of the router's class into what it keeps of a deployment. That is too large to
    travel within a message, so it would lie in the memory of the node that built the application and of each that ever
    had a replica, and Ray's autoscaler gives no node back that holds something.
    """
    from ray import cloudpickle
    from ray.serve.config import RequestRouterConfig

    router = RequestRouterConfig()
    module, name = str(router.request_router_class).split(":")
    router.set_serialized_request_router_cls(cloudpickle.dumps(getattr(import_module(module), name)))
    return router


def _replica() -> str:
    """Return a short name of this replica, for its metrics and its log."""
    from ray import serve

    try:
        return str(serve.get_replica_context().replica_id.unique_id)
    except Exception:  # not within Serve
        return ""
