"""Ray's autoscaler on simulated nodes: workers of a search from none and back to none, and Serve by its queue.

A head without cores runs Ray's autoscaler, which starts and ends nodes by Ray's own simulation of a cloud: each is a
raylet of one core, with the label of its duty, as the node groups of ``cluster/kubernetes`` have. All live in one
network namespace (root and iproute2), where nodes share an address: Serve answers through the head's proxy alone.
Bars: a search starts with no node, gets as many as it asks for, and ends; then there is none. Under load a second
replica comes with a node of its own, and both go afterwards; no request fails. Search and serving share no node.

Usage: ``python -m tests.benchmarks.bench_cluster_autoscaling [--steps search,serving]``
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cluster.profiles import DUTY_LABEL, Machine, node_options, start_command, start_environment
from configs.cluster import ClusterPlan
from configs.settings import Settings
from tests.benchmarks.bench_cluster_faults import CLIENT, deploy_config, lost
from tests.benchmarks.bench_cluster_nodes import home_with_lines, train
from tests.benchmarks.bench_cluster_upgrade import TOKEN, serve_config
from tests.nodes import ROOT, Host, Hosts, hosts, lacking

HEAD_ID = "f" * 51 + "00000"
HEAD_TYPE = "ray.head.default"
"""What Ray's simulation calls the type of the head."""
PORT = 8000
NODES = """
import json, ray
ray.init(address="auto", log_to_driver=False, logging_level="ERROR")
print(json.dumps([one["Labels"]["andon.io/duty"] for one in ray.nodes() if one["Alive"]]))
"""


def start(made: Hosts) -> Host:
    """Start a head that simulates a cloud with two groups of nodes, neither of which has any at first."""
    head = made["head"]
    plan = ClusterPlan(profile="node", host=head.address, cpus=0, duty="none", object_store_bytes=100 * 1024**2)
    options = node_options(plan, Machine(2, 2**34, 2**34, head.address), head=True)
    groups = {
        duty: {
            "resources": {"CPU": 1, "object_store_memory": 80 * 1024**2},
            "labels": {DUTY_LABEL: duty},
            "node_config": {},
            "min_workers": 0,
            "max_workers": 2,
        }
        for duty in ("search", "serving")
    }
    cloud = {
        "cluster_name": "simulated",
        "max_workers": 4,
        "idle_timeout_minutes": 0.2,
        "upscaling_speed": 10.0,
        "provider": {
            "type": "external",
            "module": "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider",
            "gcs_address": f"{head.address}:6379",
            "head_node_id": HEAD_ID,
            "launch_multiple": True,
            "disable_node_updaters": True,
        },
        "auth": {"ssh_user": "nobody"},
        "available_node_types": groups | {HEAD_TYPE: {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0}},
        "head_node_type": HEAD_TYPE,
        **{key: [] for key in ("head_setup_commands", "setup_commands", "worker_setup_commands")},
        **{key: [] for key in ("initialization_commands", "head_start_ray_commands", "worker_start_ray_commands")},
        **{key: [] for key in ("cluster_synced_files", "rsync_exclude", "rsync_filter")},
        "file_mounts_sync_continuously": False,
        **{key: {} for key in ("file_mounts", "docker")},
    }
    file = made.folder / "cloud.json"
    file.write_text(json.dumps(cloud))
    ray = str(Path(sys.executable).with_name("ray"))
    environment = start_environment(plan, options, head=True) | {
        "RAY_FAKE_CLUSTER": "1",
        "RAY_enable_autoscaler_v2": "1",
        "RAY_CLOUD_INSTANCE_ID": HEAD_ID,
        "RAY_OVERRIDE_NODE_ID_FOR_TESTING": HEAD_ID,
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
    }
    head.ray = head.popen("ray", *start_command(ray, options, join=None), f"--autoscaling-config={file}", **environment)
    wait_for(lambda: "Ray runtime started" in head.said("ray"), 90, lambda: head.said("ray"))
    return head


def nodes(head: Host) -> Counter[str]:
    """Return how many nodes of each duty are there."""
    done = head.run(sys.executable, "-c", NODES)
    # Among it, the autoscaler tells every driver what it does.
    told = [line for line in done.stdout.splitlines() if line.startswith("[")]
    return Counter(json.loads(told[0])) if told else Counter()


def wait_for(done: Callable[[], bool], seconds: float, said: Callable[[], str]) -> float:
    """Wait until something is so; return how long that took."""
    began = time.monotonic()
    while not done():
        if time.monotonic() - began > seconds:
            raise SystemExit(f"it did not come to that within {seconds:.0f} s:\n{said()[-3000:]}")
        time.sleep(0.3)  # until it is so
    return time.monotonic() - began


def monitor_log(made: Hosts) -> str:
    """Return the last words of the autoscaler."""
    logs = made.folder.glob("tmp-head/ray/session_2*/logs/monitor*.log")
    return "".join(path.read_text(errors="replace")[-2000:] for path in logs)


def bar(text: str, met: bool) -> int:
    """Print a figure beside its bar; return whether it was missed."""
    print(f"{text}: {'met' if met else 'MISSED'}", flush=True)
    return int(not met)


def a_search(made: Hosts) -> int:
    """Search with as many workers as there may be, where there is no node yet."""
    head = made["head"]
    settings = home_with_lines(made.folder / "home")
    before = nodes(head)
    more = {"ANDON_HOME": str(settings.home), "ANDON_RAY_ADDRESS": f"{head.address}:6379", "ANDON_WORKERS": "2"}
    began, most = time.monotonic(), Counter[str]()
    driver = head.popen("train", *train(4), **more)

    def ended() -> bool:
        nonlocal most
        now = nodes(head)
        if now - most:
            print(f"  {time.monotonic() - began:.0f} s: nodes {dict(now)}", flush=True)
        most |= now
        return driver.poll() is not None

    taken = wait_for(ended, 300, lambda: monitor_log(made) + head.said("train"))
    after = wait_for(lambda: nodes(head)["search"] == 0, 90, lambda: head.said("ray"))
    there, given, code = before["search"], most["search"], driver.returncode
    told = f"nodes for a search: {there} before, {given} in it, exit code {code} after {taken:.0f} s"
    missed = bar(told, (there, given, code) == (0, 2, 0))
    missed += bar(f"none {after:.0f} s after it (idle for 12 s)", True)
    missed += bar(f"nodes for serving that it was given: {most['serving']}", most["serving"] == 0)
    print(f"  all in all {time.monotonic() - began:.0f} s", flush=True)
    return missed


def serving(made: Hosts) -> int:
    """Serve with one replica, and more while four clients ask at once."""
    from tests.benchmarks.serving_plant import build_lines

    head, home = made["head"], made.folder / "serving-home"
    build_lines(Settings(home=home), 4)
    environment = {"ANDON_HOME": str(home), "ANDON_API_TOKEN": TOKEN, "PYTHONPATH": str(ROOT)}
    config: dict[str, Any] = serve_config(PORT, "one", environment)
    config["http_options"]["host"] = "0.0.0.0"
    config["proxy_location"] = "HeadOnly"
    (deployment,) = config["applications"][0]["deployments"]
    deployment["ray_actor_options"] = {"num_cpus": 1, "label_selector": {DUTY_LABEL: "serving"}}
    deployment["autoscaling_config"] |= {
        "min_replicas": 1, "initial_replicas": 1, "max_replicas": 2, "target_ongoing_requests": 1,
        "upscale_delay_s": 3, "downscale_delay_s": 10, "look_back_period_s": 5,
    }  # fmt: skip
    deploy_config(head, config, made.folder)
    serve = str(Path(sys.executable).with_name("serve"))

    def status() -> str:
        return head.run(serve, "status", "--address", f"http://{head.address}:8265").stdout

    def running(count: int) -> bool:
        return f"replica_states:\n          RUNNING: {count}\n" in status() and nodes(head)["serving"] == count

    first = wait_for(lambda: running(1), 120, status)
    print(f"a replica, on a node that came for it, after {first:.0f} s", flush=True)
    out = made.folder / "answers.json"
    lines = ",".join(f"line-{number:03d}" for number in range(4))
    load = head.popen("load", sys.executable, "-c", CLIENT, head.address, lines, TOKEN, "45", str(out))
    second = wait_for(lambda: running(2), 45, status)
    load.wait(120)
    answered = Counter(json.loads(out.read_text())["told"])
    missed = bar(f"a second one on a node of its own {second:.0f} s after the load began", True)
    back = wait_for(lambda: running(1), 120, status)
    missed += bar(f"one replica and one node again {back:.0f} s after it", True)
    missed += bar(f"{lost(answered)} of {sum(answered.values())} requests failed: {dict(answered)}", not lost(answered))
    return missed


def main(steps: list[str]) -> int:
    """Print each bar; return how many were missed."""
    if reason := lacking():
        print(reason)
        return 0
    missed = 0
    with hosts("head") as made:
        start(made)
        for step in steps:
            missed += {"search": a_search, "serving": serving}[step](made)
    return missed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", default="search,serving")
    sys.exit(min(1, main(parser.parse_args().steps.split(","))))
