"""What Serve keeps of Andon's deployment is small: what is large pins the node that it lies on."""

from __future__ import annotations

import json
import subprocess
import sys

INLINE = 100 * 1024
"""What Ray still sends within a message; more goes into a node's memory, and such a node is never given back."""
# In a process of its own: Ray, once imported, no longer heeds the token of a session that is begun later.
LOOK = """
import json
from ray import cloudpickle
from configs.serving import ServingPlan
from serve_deployments.builder import build
deployment = build(ServingPlan(documents="x", signals="y", models="z", tokens_file="t"))._bound_deployment
router = deployment._deployment_config.request_router_config
used = router.get_request_router_class().__name__
print(json.dumps([len(cloudpickle.dumps(deployment)), router.is_default_request_router(), used]))
"""


def test_what_serve_keeps_of_a_deployment_travels_within_a_message() -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True, timeout=120)
    size, usual, used = json.loads(done.stdout.splitlines()[-1])
    assert size < INLINE // 4
    assert usual and used == "PowerOfTwoChoicesRequestRouter"
