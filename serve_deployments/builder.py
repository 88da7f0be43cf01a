"""The builder: where the plain scorer and the HTTP factory become a Serve application."""

from __future__ import annotations

from typing import Any

from configs.serving import ServingPlan


class Ingress:
    """One replica: opens the stores, and builds the HTTP application around a scorer."""

    def __init__(self, plan: dict[str, Any]) -> None:
        from andon.stores import open_documents, open_models, open_signals
        from serve_deployments.scorer import LineScorer

        self._plan = ServingPlan.model_validate(plan)
        self._scorer = LineScorer(
            open_documents(self._plan.documents), open_signals(self._plan.signals), open_models(self._plan.models)
        )

    def __serve_build_asgi_app__(self) -> Any:
        """Return the ASGI application; Serve asks for it once a replica."""
        from serve_deployments.app import create_app

        return create_app(self._scorer, self._plan)

    def check_health(self) -> None:
        """Fail where the stores cannot be read."""
        self._scorer.documents.list_definitions("Line")


def build(plan: ServingPlan) -> Any:
    """Return the Serve application of a plan."""
    from ray import serve

    deployment = serve.deployment(serve.ingress()(Ingress))
    return deployment.options(
        name="andon", num_replicas=plan.replicas, ray_actor_options={"num_cpus": 0.5}, max_ongoing_requests=64
    ).bind(plan.model_dump(mode="json"))
