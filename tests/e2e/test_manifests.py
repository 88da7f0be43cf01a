"""The manifests as Kustomize renders them: valid by KubeRay's and Kubernetes' schemas, and by every rule of ours.

Each rule is broken once, and must tell of it.
"""

from __future__ import annotations

import copy
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

import tests.serve_config_rules  # noqa: F401 - adds its rule
from tests.kubectl import rendered
from tests.manifest_parts import Manifest, ray_specs
from tests.manifest_rules import RULES
from tests.manifest_schemas import crds, schema_problems

KUBERNETES = Path(__file__).parents[2] / "cluster" / "kubernetes"
OVERLAYS = ("small", "large")
BY_HAND = [KUBERNETES / "jobs" / "train.yaml", KUBERNETES / "secrets.example.yaml"]


@pytest.fixture(scope="module", params=OVERLAYS)
def manifests(request) -> list[Manifest]:
    return rendered(KUBERNETES / "overlays" / request.param)


@pytest.fixture(scope="module")
def large() -> list[Manifest]:
    return rendered(KUBERNETES / "overlays" / "large")


def test_all_kinds_are_there(manifests):
    kinds = {one["kind"] for one in manifests}
    assert {"RayCluster", "RayService", "RayCronJob", "NetworkPolicy", "PersistentVolumeClaim"} <= kinds


def test_all_are_valid_by_their_schemas(manifests):
    crds()
    assert [problem for one in manifests for problem in schema_problems(one)] == []


@pytest.mark.parametrize("name", sorted(RULES))
def test_every_rule_holds(manifests, name):
    assert list(RULES[name](manifests)) == []


@pytest.mark.parametrize("path", BY_HAND, ids=lambda path: path.stem)
def test_what_is_applied_by_hand_is_valid(path, large):
    crds()
    found = list(yaml.safe_load_all(path.read_text()))
    assert [problem for one in found for problem in schema_problems(one)] == []
    assert list(RULES["jobs_are_as_kuberay_takes_them"]([*large, *found])) == []


def entrypoints(manifests: list[Manifest]) -> set[str]:
    return {str(spec["entrypoint"]) for one in manifests for spec in (one["spec"], one["spec"].get("jobTemplate", {}))
            if "spec" in one and "entrypoint" in spec}  # fmt: skip


def test_the_jobs_call_commands_that_there_are(large):
    from pipelines.cli import app

    root = typer.main.get_command(app)
    jobs = [one for one in large if one["kind"].startswith("Ray")] + [yaml.safe_load(BY_HAND[0].read_text())]
    found = entrypoints(jobs)
    assert len(found) >= 2
    for entrypoint in found:
        words = shlex.split(entrypoint)[3:]
        assert words[0] in root.commands, entrypoint
        context = root.make_context("andon", words, resilient_parsing=False)
        command = root.commands[words[0]]
        command.make_context(words[0], words[1:], parent=context)  # raises where an option is none


Change = Callable[[list[Manifest]], Any]


def one(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    (found,) = [each for each in manifests if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def search(manifests: list[Manifest]) -> Any:
    return ray_specs(manifests)["RayCluster andon-search"]


def serving(manifests: list[Manifest]) -> Any:
    return one(manifests, "RayService", "andon-serving")["spec"]


def head(manifests: list[Manifest]) -> Any:
    return search(manifests)["headGroupSpec"]


def container(manifests: list[Manifest]) -> Any:
    return head(manifests)["template"]["spec"]["containers"][0]


def settings(manifests: list[Manifest]) -> Any:
    return one(manifests, "ConfigMap", "andon-settings")["data"]


def nightly(manifests: list[Manifest]) -> Any:
    return one(manifests, "RayCronJob", "andon-retrain")["spec"]


def without(kind: str, name: str) -> Change:
    def drop(manifests: list[Manifest]) -> None:
        manifests.remove(one(manifests, kind, name))

    return drop


def served(old: str, new: str) -> Change:
    def change(manifests: list[Manifest]) -> None:
        text = serving(manifests)["serveConfigV2"]
        assert old in text
        serving(manifests)["serveConfigV2"] = text.replace(old, new)

    return change


BREAKS: dict[str, list[Change]] = {
    "ray_is_the_version_that_is_locked": [lambda all_: search(all_).update(rayVersion="2.59.0")],
    "clusters_ask_for_a_token": [
        lambda all_: search(all_).pop("authOptions"),
        lambda all_: search(all_)["authOptions"].update(mode="disabled"),
    ],
    "heads_have_no_cores_for_work": [lambda all_: head(all_)["rayStartParams"].pop("num-cpus")],
    "heads_keep_their_state_in_redis": [
        lambda all_: search(all_).pop("gcsFaultToleranceOptions"),
        lambda all_: search(all_)["gcsFaultToleranceOptions"].update(redisAddress="nowhere:6379"),
        lambda all_: search(all_)["gcsFaultToleranceOptions"].update(redisPassword={"value": "x"}),
    ],
    "pods_are_confined": [
        lambda all_: head(all_)["template"]["spec"]["securityContext"].update(runAsNonRoot=False),
        lambda all_: head(all_)["template"]["spec"]["securityContext"].pop("seccompProfile"),
        lambda all_: container(all_)["securityContext"].pop("capabilities"),
        lambda all_: container(all_)["securityContext"].update(allowPrivilegeEscalation=True),
    ],
    "memory_is_reserved_and_bounded": [
        lambda all_: container(all_)["resources"].pop("limits"),
        lambda all_: container(all_)["resources"]["requests"].update(memory="1Gi"),
        lambda all_: container(all_)["resources"]["requests"].pop("cpu"),
    ],
    "shared_memory_fits_beside_the_workers": [
        lambda all_: container(all_)["volumeMounts"].pop(),
        lambda all_: head(all_)["template"]["spec"]["volumes"][-1]["emptyDir"].update(sizeLimit="4Gi"),
    ],
    "images_are_one_and_pinned": [
        lambda all_: container(all_).update(image="registry.plant.example/andon:latest"),
        lambda all_: container(all_).update(image="registry.plant.example:5000/andon"),
        lambda all_: container(all_).update(image="registry.plant.example/andon:0.0.9"),
    ],
    "what_is_named_is_there": [
        lambda all_: container(all_)["env"][0]["valueFrom"]["secretKeyRef"].update(key="api-tokn"),
        lambda all_: search(all_)["authOptions"].update(secretName="another"),
        without("ConfigMap", "andon-settings"),
        without("PersistentVolumeClaim", "andon-shared"),
    ],
    "secrets_stay_out": [
        lambda all_: container(all_)["env"].append({"name": "ANDON_API_TOKEN", "value": "abc"}),
        lambda all_: settings(all_).update(ANDON_DOCUMENTS_URL="mongodb://andon:abc@mongodb/andon"),
        lambda all_: all_.append({"kind": "Secret", "metadata": {"name": "x"}}),
    ],
    "long_running_pods_are_probed": [
        lambda all_: one(all_, "Deployment", "mlflow")["spec"]["template"]["spec"]["containers"][0].pop("livenessProbe")
    ],
    "jobs_are_as_kuberay_takes_them": [
        lambda all_: nightly(all_).update(schedule="every night"),
        lambda all_: nightly(all_).update(timeZone="Europe/Pariss"),
        lambda all_: nightly(all_)["jobTemplate"].update(clusterSelector={"ray.io/cluster": "another"}),
        lambda all_: nightly(all_)["jobTemplate"].update(suspend=True),
        lambda all_: nightly(all_)["jobTemplate"].update(ttlSecondsAfterFinished=60),
        lambda all_: nightly(all_)["jobTemplate"].update(entrypoint="bash -c true"),
    ],
    "clusters_are_as_kuberay_takes_them": [
        lambda all_: head(all_)["rayStartParams"].update(labels="a=b"),
        lambda all_: head(all_)["template"]["spec"].update(restartPolicy="Always"),
        lambda all_: container(all_)["env"].append({"name": "RAY_REDIS_ADDRESS", "value": "redis:6379"}),
        lambda all_: serving(all_)["upgradeStrategy"]["clusterUpgradeOptions"].pop("gatewayClassName"),
        lambda all_: serving(all_).update(upgradeStrategy={"type": "None"}),
    ],
    "search_scales_to_zero_and_serving_does_not": [
        lambda all_: search(all_)["workerGroupSpecs"][0].update(minReplicas=1),
        lambda all_: serving(all_)["rayClusterConfig"]["workerGroupSpecs"][0].update(minReplicas=0),
        lambda all_: search(all_)["workerGroupSpecs"][0].update(maxReplicas=0),
        lambda all_: search(all_).update(enableInTreeAutoscaling=False),
        lambda all_: settings(all_).pop("ANDON_WORKERS"),
    ],
    "drains_are_possible_and_bounded": [
        without("PodDisruptionBudget", "serving"),
        without("PodDisruptionBudget", "assistant"),
        lambda all_: one(all_, "PodDisruptionBudget", "serving")["spec"].update(minAvailable=4),
        lambda all_: one(all_, "PodDisruptionBudget", "serving")["spec"].update(minAvailable="50%"),
        lambda all_: one(all_, "PodDisruptionBudget", "mlflow")["spec"].update(maxUnavailable=0),
    ],
    "nothing_is_let_in_but_what_is_named": [
        without("NetworkPolicy", "andon-nothing"),
        lambda all_: one(all_, "NetworkPolicy", "andon-api")["spec"]["ingress"][0].pop("from"),
        lambda all_: one(all_, "NetworkPolicy", "andon-api")["spec"]["ingress"][0].pop("ports"),
        lambda all_: head(all_)["template"]["metadata"]["labels"].pop("app.kubernetes.io/part-of"),
    ],
    "settings_are_settings": [
        lambda all_: settings(all_).update(ANDON_DOCUMENT_URL="x"),
        lambda all_: settings(all_).update(ANDON_CLUSTER="{}"),
        lambda all_: settings(all_).update(OMP_NUM_THREADS="8"),
        lambda all_: settings(all_).update(MLFLOW_DISABLE_TELEMETRY="false"),
        lambda all_: settings(all_).pop("RAY_SERVE_HAPROXY_RETRIES"),
    ],
    "everything_is_in_one_namespace": [lambda all_: all_[-1]["metadata"].update(namespace="default")],
    "serve_configs_are_valid_and_fit": [
        served("proxy_location: EveryNode", "proxy_location: SomeNode"),
        served("andon.io/duty: serving", "andon.io/duty: search"),
        served("max_replicas: 48", "max_replicas: 49"),
        served("min_replicas: 8", "min_replicas: 9"),
        served("downscale_delay_s: 900", "downscale_delay_s: 30"),
        served("num_cpus: 1,", "num_cpus: -1,"),
    ],
}
BROKEN = [(name, number) for name, changes in BREAKS.items() for number in range(len(changes))]


def test_each_rule_is_broken():
    assert set(BREAKS) == set(RULES)


@pytest.mark.parametrize(("name", "number"), BROKEN, ids=lambda value: str(value))
def test_a_broken_rule_is_told_of(large, name, number):
    broken = copy.deepcopy(large)
    BREAKS[name][number](broken)
    assert list(RULES[name](broken))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda all_: search(all_).update(headGroup={}), "RayCluster andon-search: spec: .*'headGroup' was unexpected"),
        (lambda all_: search(all_).pop("headGroupSpec"), "'headGroupSpec' is a required property"),
        (lambda all_: search(all_)["workerGroupSpecs"][0].update(maxReplicas="8"), "maxReplicas: '8' is not of type"),
        (lambda all_: container(all_).update(imagePullPolice="Never"), "containers.0: .*'imagePullPolice' was"),
        (lambda all_: serving(all_).update(upgradeStrategy={"kind": "x"}), "upgradeStrategy: .*'kind' was unexpected"),
        (lambda all_: nightly(all_).pop("schedule"), "'schedule' is a required property"),
        (
            lambda all_: one(all_, "Deployment", "mlflow")["spec"].update(replica=3),
            "Deployment mlflow: spec: .*replica",
        ),
        (lambda all_: one(all_, "NetworkPolicy", "andon-api")["spec"].pop("podSelector"), "NetworkPolicy andon-api"),
        (lambda all_: one(all_, "PodDisruptionBudget", "serving")["spec"].update(minAvailable=[]), "PodDisruptionBudg"),
    ],
)
def test_what_the_schemas_do_not_know_is_told_of(large, change, said):
    import re

    crds()
    broken = copy.deepcopy(large)
    change(broken)
    problems = [problem for each in broken for problem in schema_problems(each)]
    assert any(re.search(said, problem) for problem in problems), problems
