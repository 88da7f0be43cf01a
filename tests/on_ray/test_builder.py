"""What Serve keeps of Andon's deployment is small: what is large pins the node that it lies on."""

from __future__ import annotations

from ray import cloudpickle

from configs.serving import ServingPlan
from serve_deployments.builder import build

INLINE = 100 * 1024
"""What Ray still sends within a message; more goes into a node's memory, and such a node is never given back."""


def test_what_serve_keeps_of_a_deployment_travels_within_a_message() -> None:
    plan = ServingPlan(documents="x", signals="y", models="z", tokens_file="t")
    deployment = build(plan)._bound_deployment
    assert len(cloudpickle.dumps(deployment)) < INLINE // 4
    router = deployment._deployment_config.request_router_config
    assert router.is_default_request_router()
    assert router.get_request_router_class().__name__ == "PowerOfTwoChoicesRequestRouter"
