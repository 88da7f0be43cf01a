"""What must hold of the manifests beyond their schemas: KubeRay's own refusals, and what a plant relies on."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from zoneinfo import available_timezones

import yaml
from croniter import croniter

from tests.manifest_parts import Manifest, bytes_of, called, of_kind, pods, ray_groups, ray_specs, walk

ROOT = Path(__file__).parents[1]
SECRETS = ROOT / "cluster" / "kubernetes" / "secrets.example.yaml"
Rule = Callable[[list[Manifest]], Iterator[str]]
RULES: dict[str, Rule] = {}


def rule(function: Rule) -> Rule:
    RULES[function.__name__] = function
    return function


@rule
def ray_is_the_version_that_is_locked(manifests: list[Manifest]) -> Iterator[str]:
    for name, spec in ray_specs(manifests).items():
        if spec.get("rayVersion") != version("ray"):
            yield f"{name}: rayVersion is {spec.get('rayVersion')}, the lock has {version('ray')}"


@rule
def clusters_ask_for_a_token(manifests: list[Manifest]) -> Iterator[str]:
    for name, spec in ray_specs(manifests).items():
        if spec.get("authOptions", {}).get("mode") != "token" or not spec["authOptions"].get("secretName"):
            yield f"{name}: authOptions must be mode token with a secretName"


@rule
def heads_have_no_cores_for_work(manifests: list[Manifest]) -> Iterator[str]:
    for one in ray_groups(manifests):
        if one.head and one.group["rayStartParams"].get("num-cpus") != "0":
            yield f"{one.cluster}: num-cpus of the head is {one.group['rayStartParams'].get('num-cpus')}"


@rule
def heads_keep_their_state_in_redis(manifests: list[Manifest]) -> Iterator[str]:
    listed = of_kind(manifests, "Service")
    found = [(one["metadata"]["name"], port["port"]) for one in listed for port in one["spec"]["ports"]]
    services = {f"{name}:{port}" for name, port in found}
    for name, spec in ray_specs(manifests).items():
        options = spec.get("gcsFaultToleranceOptions", {})
        if options.get("redisAddress") not in services:
            yield f"{name}: redisAddress {options.get('redisAddress')} is none of {sorted(services)}"
        if "secretKeyRef" not in options.get("redisPassword", {}).get("valueFrom", {}):
            yield f"{name}: redisPassword must come from a secret"


@rule
def pods_are_confined(manifests: list[Manifest]) -> Iterator[str]:
    for pod in pods(manifests):
        context = pod.spec.get("securityContext", {})
        if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
            yield f"{pod.place}: must run as a user that is not root"
        if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{pod.place}: seccompProfile must be RuntimeDefault"
        for container in pod.containers:
            inner = container.get("securityContext", {})
            if inner.get("allowPrivilegeEscalation") is not False or inner.get("capabilities") != {"drop": ["ALL"]}:
                yield f"{pod.place}: {container['name']}: must drop all capabilities and not gain privileges"


@rule
def memory_is_reserved_and_bounded(manifests: list[Manifest]) -> Iterator[str]:
    for pod in pods(manifests):
        for container in pod.containers:
            given = container.get("resources", {})
            asked, limit = (given.get(kind, {}) for kind in ("requests", "limits"))
            if not asked.get("cpu") or not asked.get("memory") or asked["memory"] != limit.get("memory"):
                yield f"{pod.place}: {container['name']}: needs cpu, and as much memory as its limit"


@rule
def shared_memory_fits_beside_the_workers(manifests: list[Manifest]) -> Iterator[str]:
    for one in ray_groups(manifests):
        spec, container = one.pod.spec, one.pod.containers[0]
        mounted = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        empty = volumes.get(mounted.get("/dev/shm", ""), {}).get("emptyDir", {})
        if empty.get("medium") != "Memory" or not empty.get("sizeLimit"):
            yield f"{one.pod.place}: /dev/shm must be memory with a limit"
        elif bytes_of(empty["sizeLimit"]) * 2 > bytes_of(container["resources"]["limits"]["memory"]):
            yield f"{one.pod.place}: /dev/shm may take {empty['sizeLimit']}, more than half of the container's memory"


@rule
def images_are_one_and_pinned(manifests: list[Manifest]) -> Iterator[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for pod in pods(manifests):
        for container in pod.containers:
            name, _, tag = container["image"].rpartition(":")
            if not name or tag == "latest" or "/" in tag:
                yield f"{pod.place}: {container['image']} is not pinned"
            elif name.rpartition("/")[2] == "andon" and tag != project:
                yield f"{pod.place}: andon is {tag}, the project is {project}"


@rule
def what_is_named_is_there(manifests: list[Manifest]) -> Iterator[str]:
    secrets = {one["metadata"]["name"]: set(one["stringData"]) for one in yaml.safe_load_all(SECRETS.read_text())}
    maps = {one["metadata"]["name"] for one in of_kind(manifests, "ConfigMap")}
    claims = {one["metadata"]["name"] for one in of_kind(manifests, "PersistentVolumeClaim")}
    for manifest in manifests:
        for place, value in walk(manifest.get("spec", {})):
            field = place.rpartition(".")[2]
            if field == "secretKeyRef" and value["key"] not in secrets.get(value["name"], set()):
                yield f"{called(manifest)}: {place}: secrets.example.yaml has no {value['name']}/{value['key']}"
            elif field == "secretName" and value not in secrets:
                yield f"{called(manifest)}: {place}: secrets.example.yaml has no {value}"
            elif field == "configMapRef" and value["name"] not in maps:
                yield f"{called(manifest)}: {place}: there is no ConfigMap {value['name']}"
            elif field == "claimName" and value not in claims:
                yield f"{called(manifest)}: {place}: there is no claim {value}"


@rule
def secrets_stay_out(manifests: list[Manifest]) -> Iterator[str]:
    for manifest in manifests:
        if manifest["kind"] == "Secret":
            yield f"{called(manifest)}: secrets are made by the secrets manager of the house"
        for place, value in walk(manifest):
            if (
                isinstance(value, dict)
                and re.search("PASSWORD|TOKEN|SECRET", str(value.get("name")))
                and "value" in value
            ):
                yield f"{called(manifest)}: {place}: {value['name']} is written out"
            elif isinstance(value, str) and re.search(r"//[^/@\s]*:[^/@\s]+@", value):
                yield f"{called(manifest)}: {place}: a URL holds a password"


@rule
def long_running_pods_are_probed(manifests: list[Manifest]) -> Iterator[str]:
    for one in of_kind(manifests, "Deployment", "StatefulSet"):
        for container in one["spec"]["template"]["spec"]["containers"]:
            if "livenessProbe" not in container or not {"readinessProbe", "startupProbe"} & set(container):
                yield f"{called(one)}: {container['name']}: needs a liveness probe, and one of readiness or start"


@rule
def jobs_are_as_kuberay_takes_them(manifests: list[Manifest]) -> Iterator[str]:
    """What its webhook refuses (KubeRay, ``ray-operator/controllers/ray/utils/validation.go``)."""
    clusters = {one["metadata"]["name"] for one in of_kind(manifests, "RayCluster")}
    for one in of_kind(manifests, "RayJob", "RayCronJob"):
        spec = one["spec"]
        if one["kind"] == "RayCronJob":
            if not croniter.is_valid(spec["schedule"]):
                yield f"{called(one)}: schedule {spec['schedule']!r} is none"
            if spec.get("timeZone") not in available_timezones():
                yield f"{called(one)}: timeZone {spec.get('timeZone')!r} is none"
            spec = spec["jobTemplate"]
        if spec.get("clusterSelector", {}).get("ray.io/cluster") not in clusters:
            yield f"{called(one)}: clusterSelector names none of {sorted(clusters)}"
        if spec.get("suspend"):
            yield f"{called(one)}: cannot be suspended on a cluster that it selects"
        if spec.get("ttlSecondsAfterFinished") and not spec.get("shutdownAfterJobFinishes"):
            yield f"{called(one)}: ttlSecondsAfterFinished needs shutdownAfterJobFinishes"
        if not spec["entrypoint"].startswith("python -m pipelines "):
            yield f"{called(one)}: {spec['entrypoint']!r} is not the command"


@rule
def clusters_are_as_kuberay_takes_them(manifests: list[Manifest]) -> Iterator[str]:
    """What its webhook refuses (KubeRay, ``ray-operator/controllers/ray/utils/validation.go``)."""
    for one in ray_groups(manifests):
        if "labels" in one.group["rayStartParams"]:
            yield f"{one.pod.place}: labels belong beside rayStartParams"
        if one.pod.spec.get("restartPolicy", "Never") != "Never":
            yield f"{one.pod.place}: restartPolicy must be Never with the second autoscaler"
        for container in one.pod.containers:
            names = {variable["name"] for variable in container.get("env", [])}
            if names & {"REDIS_PASSWORD", "RAY_REDIS_ADDRESS", "REDIS_USERNAME"}:
                yield f"{one.pod.place}: Redis is told by gcsFaultToleranceOptions alone"
    for one in of_kind(manifests, "RayService"):
        strategy = one["spec"].get("upgradeStrategy", {})
        options = strategy.get("clusterUpgradeOptions", {})
        needed = {"gatewayClassName", "stepSizePercent", "intervalSeconds"}
        if strategy.get("type") == "NewClusterWithIncrementalUpgrade" and needed - set(options):
            yield f"{called(one)}: clusterUpgradeOptions lack {sorted(needed - set(options))}"
        if strategy.get("type") not in ("NewCluster", "NewClusterWithIncrementalUpgrade"):
            yield f"{called(one)}: an upgrade must leave the old version serving"


@rule
def search_scales_to_zero_and_serving_does_not(manifests: list[Manifest]) -> Iterator[str]:
    for name, spec in ray_specs(manifests).items():
        if spec.get("enableInTreeAutoscaling") is not True:
            yield f"{name}: does not scale"
    for one in ray_groups(manifests):
        if one.head:
            continue
        least, duty = one.group["minReplicas"], one.group.get("labels", {}).get("andon.io/duty")
        if (least == 0) != (duty == "search"):
            yield f"{one.pod.place}: is for {duty}, and may shrink to {least}"
        if one.group["maxReplicas"] <= least:
            yield f"{one.pod.place}: cannot grow"
        if one.group["groupName"] == "search":
            (pod,) = one.pod.containers
            cores = one.group["maxReplicas"] * int(pod["resources"]["requests"]["cpu"])
            for settings in of_kind(manifests, "ConfigMap"):
                if settings["data"].get("ANDON_WORKERS") != str(cores):
                    yield f"{one.pod.place}: has {cores} cores at most, for which ANDON_WORKERS does not ask"


@rule
def drains_are_possible_and_bounded(manifests: list[Manifest]) -> Iterator[str]:
    """Kubernetes cannot count the pods of a kind without a scale: there only minAvailable holds, as a number."""
    workers = [one for one in ray_groups(manifests) if not one.head]
    by_ray = {one.pod.labels.get("app.kubernetes.io/name"): one.group["minReplicas"] for one in workers}
    budgets = {}
    for one in of_kind(manifests, "PodDisruptionBudget"):
        name = one["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"]
        budgets[name] = one["spec"]
        if name in by_ray:
            kept = one["spec"].get("minAvailable")
            if not isinstance(kept, int) or kept >= by_ray[name]:
                yield f"{called(one)}: minAvailable {kept} must be a number below the {by_ray[name]} that there are"
        elif one["spec"].get("maxUnavailable", 0) == 0:
            yield f"{called(one)}: no machine could be drained"
    needed = {name for name, least in by_ray.items() if least > 1}
    needed |= {one["metadata"]["name"] for one in of_kind(manifests, "Deployment") if one["spec"]["replicas"] > 1}
    for name in sorted(needed - set(budgets)):
        yield f"{name}: nothing bounds how many may be drained at once"


@rule
def nothing_is_let_in_but_what_is_named(manifests: list[Manifest]) -> Iterator[str]:
    policies = of_kind(manifests, "NetworkPolicy")
    closed = [one for one in policies if one["spec"]["podSelector"] == {} and not one["spec"].get("ingress")]
    if not any(set(one["spec"]["policyTypes"]) == {"Ingress", "Egress"} for one in closed):
        yield "no NetworkPolicy closes all pods in both directions"
    for one in policies:
        for entry in one["spec"].get("ingress", []):
            if not entry.get("from"):
                yield f"{called(one)}: lets in whoever comes"
            elif any("namespaceSelector" in peer for peer in entry["from"]) and not entry.get("ports"):
                yield f"{called(one)}: opens every port to other namespaces"
    for pod in pods(manifests):
        if pod.labels.get("app.kubernetes.io/part-of") != "andon":
            yield f"{pod.place}: is no part-of andon, and so cut off"


@rule
def settings_are_settings(manifests: list[Manifest]) -> Iterator[str]:
    from cluster.serve_fast_path import FAST_PATH
    from configs.cluster import ClusterPlan
    from configs.settings import Settings

    for one in of_kind(manifests, "ConfigMap"):
        given = one["data"]
        unknown = [
            name for name in given if name.startswith("ANDON_") and name[6:].lower() not in Settings.model_fields
        ]
        if unknown:
            yield f"{called(one)}: {unknown[0]} is no setting"
        if ClusterPlan.model_validate(json.loads(given["ANDON_CLUSTER"])).profile != "kubernetes":
            yield f"{called(one)}: the profile is not kubernetes"
        if {given.get(name) for name in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS")} != {"1"}:
            yield f"{called(one)}: libraries must be told one thread"
        if given.get("RAY_USAGE_STATS_ENABLED") != "0" or given.get("MLFLOW_DISABLE_TELEMETRY") != "true":
            yield f"{called(one)}: something would phone home"
        if not FAST_PATH.items() <= given.items():
            yield f"{called(one)}: Serve's fast path lacks {sorted(FAST_PATH.items() - given.items())[0][0]}"


@rule
def everything_is_in_one_namespace(manifests: list[Manifest]) -> Iterator[str]:
    for one in manifests:
        if one["kind"] != "Namespace" and one["metadata"].get("namespace") != "andon":
            yield f"{called(one)}: is in {one['metadata'].get('namespace')}"
