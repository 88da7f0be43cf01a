"""What must hold of the Serve config in a RayService: Ray's schema, and that its replicas have where to run."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from tests.manifest_parts import Manifest, called, of_kind
from tests.manifest_rules import rule


@rule
def serve_configs_are_valid_and_fit(manifests: list[Manifest]) -> Iterator[str]:
    from pydantic import ValidationError
    from ray.serve.schema import ServeDeploySchema

    for one in of_kind(manifests, "RayService"):
        try:
            config = ServeDeploySchema.model_validate(yaml.safe_load(one["spec"]["serveConfigV2"]))
        except ValidationError as error:
            first = error.errors()[0]
            yield f"{called(one)}: serveConfigV2: {'.'.join(map(str, first['loc']))}: {first['msg']}"
            continue
        groups = one["spec"]["rayClusterConfig"]["workerGroupSpecs"]
        for application in config.applications:
            for deployment in application.deployments:
                options = deployment.ray_actor_options
                scaling = deployment.autoscaling_config
                wanted = options.label_selector or {}
                fitting = [group for group in groups if wanted.items() <= group.get("labels", {}).items()]
                if not wanted or not fitting:
                    yield f"{called(one)}: {deployment.name}: no group has the labels {wanted}"
                    continue
                (group,) = fitting
                cores = float(group["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"])
                for most, replicas in (("min_replicas", "minReplicas"), ("max_replicas", "maxReplicas")):
                    if scaling[most] * options.num_cpus > group[replicas] * cores:
                        yield f"{called(one)}: {deployment.name}: {most} {scaling[most]} do not fit into {replicas}"
                if scaling["downscale_delay_s"] < 600 or scaling["upscale_delay_s"] > 10:
                    yield f"{called(one)}: {deployment.name}: must grow within seconds, and shrink late"
