"""Serving while hosts are lost: a serving node, and the head, whose state Redis keeps.

Hosts are network namespaces (root and iproute2), each with its own Ray: a head without cores, two serving nodes.
Clients ask the proxies of the serving nodes in turn over kept connections, and send what fails once more, half a second
later, over a new connection to the first node that accepts one: the other, or after an answer of 500 and above the
same, which is there and has learnt which replica is not. What was killed comes back by the unit of ``cluster/hosts``,
which a loop starts anew as systemd does.

Usage: ``python -m tests.benchmarks.bench_cluster_faults [--steps node,power,head]``
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from configs.settings import Settings
from tests.benchmarks.bench_cluster_upgrade import TOKEN, serve_config
from tests.nodes import ROOT, Host, Hosts, hosts, lacking
from tests.servers.state import REDIS

PORT = 8000
RAY = str(Path(sys.executable).with_name("ray"))
CLIENT = """
import collections, http.client, json, os, sys, threading, time
hosts, lines, token, seconds, out = sys.argv[1:]
hosts, lines, seconds = hosts.split(","), lines.split(","), float(seconds)
told, guard, end = collections.Counter(), threading.Lock(), time.monotonic() + seconds
by_second = collections.defaultdict(collections.Counter)
def ask(connections, host, line):
    connection = connections.get(host)
    if connection is None:
        connection = connections[host] = http.client.HTTPConnection(host, 8000, timeout=20)
    try:
        connection.request("POST", f"/v1/lines/{line}/score", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        return str(answer.status)
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        connections.pop(host, None)
        return type(error).__name__
def again(order, line):
    for host in order:
        connection = http.client.HTTPConnection(host, 8000, timeout=2)
        try:
            connection.connect()
        except OSError:
            continue
        connection.sock.settimeout(20)
        return ask({host: connection}, host, line), host
    return "no connection", "any"
def run(number):
    connections, turn = {}, number
    while time.monotonic() < end and not os.path.exists(out + ".enough"):
        turn += 1
        first, other = hosts[turn % len(hosts)], hosts[(turn + 1) % len(hosts)]
        line = lines[turn % len(lines)]
        one = ask(connections, first, line)
        if one != "200":
            time.sleep(0.5)
            there = one >= "500" and one.isdigit()
            two, second = again((first, other) if there else (other, first), line)
            one = f"{one} of {first}, then {two} of {second}"
        with guard:
            told[one] += 1
            by_second[int(time.time())][first if one == "200" else "failed"] += 1
threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
[one.start() for one in threads]
[one.join() for one in threads]
json.dump({"told": told, "seconds": by_second}, open(out, "w"))
"""


REPLICAS = """
import json, os, sys, urllib.request
token = open(os.environ["RAY_AUTH_TOKEN_PATH"]).read()
asked = urllib.request.Request(sys.argv[1] + "/api/serve/applications/", headers={"Authorization": f"Bearer {token}"})
told = json.load(urllib.request.urlopen(asked, timeout=10))["applications"]["andon"]["deployments"].values()
print(json.dumps([(r["node_ip"], r["replica_id"]) for d in told for r in d["replicas"] if r["state"] == "RUNNING"]))
"""


def deploy(made: Hosts, home: Path) -> None:
    """Deploy the application of the manifests, one replica a serving node, and wait until both answer."""
    head = made["head"]
    settings = {"ANDON_HOME": str(home), "ANDON_API_TOKEN": TOKEN, "PYTHONPATH": str(ROOT)}
    config = serve_config(PORT, "one", settings)
    config["http_options"]["host"] = "0.0.0.0"
    (deployment,) = config["applications"][0]["deployments"]
    deployment["ray_actor_options"] = {"num_cpus": 1, "label_selector": {"andon.io/duty": "serving"}}
    deployment["max_replicas_per_node"] = 1
    deploy_config(head, config, made.folder)
    for name in ("serving1", "serving2"):
        wait_for(lambda name=name: answers(head, made[name]), 150, f"{name} does not answer")


def deploy_config(head: Host, config: dict[str, Any], folder: Path) -> None:
    """Run ``serve deploy`` on a head."""
    path = folder / "serve.yaml"
    path.write_text(yaml.safe_dump(config))
    serve = str(Path(sys.executable).with_name("serve"))
    done = head.run(serve, "deploy", str(path), "--address", f"http://{head.address}:8265", PYTHONPATH=str(ROOT))
    if done.returncode:
        raise SystemExit(f"serve deploy: {done.stdout}{done.stderr}")


def answers(asker: Host, asked: Host) -> bool:
    """Return whether a host's proxy answers that it is ready."""
    text = f"import urllib.request as r; print(r.urlopen('http://{asked.address}:{PORT}/readyz', timeout=3).status)"
    return asker.run(sys.executable, "-c", text).stdout.strip() == "200"


def replicas(made: Hosts, name: str) -> set[str]:
    """Return the replicas that run on a host, as the head tells."""
    head = made["head"]
    done = head.run(sys.executable, "-c", REPLICAS, f"http://{head.address}:8265")
    return {replica for host, replica in json.loads(done.stdout or "[]") if host == made[name].address}


def wait_for(done: Any, seconds: float, problem: str) -> float:
    """Wait until something is so; return how long that took."""
    began = time.monotonic()
    while not done():
        if time.monotonic() - began > seconds:
            raise SystemExit(problem)
        time.sleep(0.5)  # until it is so
    return time.monotonic() - began


def load(made: Hosts) -> tuple[subprocess.Popen[bytes], Path]:
    """Start clients on a host of their own, which ask until `told` has enough."""
    out = made.folder / f"answers-{time.monotonic_ns()}.json"
    addresses = ",".join(made[name].address for name in ("serving1", "serving2"))
    lines = ",".join(f"line-{number:03d}" for number in range(4))
    return made["client"].popen("load", sys.executable, "-c", CLIENT, addresses, lines, TOKEN, "240", str(out)), out


def told(process: subprocess.Popen[bytes], out: Path) -> tuple[Counter[str], dict[str, dict[str, int]]]:
    """Let clients ask for five more seconds; return what they were answered, and by whom in each second."""
    time.sleep(5)  # of load after
    out.with_name(f"{out.name}.enough").touch()
    process.wait(60)
    body = json.loads(out.read_text())
    return Counter(body["told"]), body["seconds"]


def lost(answers_: Counter[str]) -> int:
    """Return how many requests failed, also the second time."""
    return sum(count for what, count in answers_.items() if what != "200" and ", then 200" not in what)


def main(steps: list[str]) -> int:
    """Print each bar; return how many were missed."""
    from tests.benchmarks.serving_plant import build_lines

    if reason := lacking() or ("" if REDIS else "apt-get install redis-server"):
        print(reason)
        return 0
    missed = 0
    with ExitStack() as started:
        made = started.enter_context(hosts("head", "serving1", "serving2", "client", "redis"))
        home = made.folder / "home"
        build_lines(Settings(home=home), 4)
        (made.folder / "redis").mkdir()
        keep = [
            "--bind",
            "0.0.0.0",
            "--protected-mode",
            "no",
            "--appendonly",
            "yes",
            "--dir",
            str(made.folder / "redis"),
        ]
        redis = made["redis"].popen("redis", str(REDIS), *keep)
        started.callback(redis.kill)
        made.start("head", cpus=0, duty="none", redis=f"{made['redis'].address}:6379")
        for name in ("serving1", "serving2"):
            made.start(name, cpus=1, duty="serving")
        deploy(made, home)
        print("deployed: a replica on each serving node", flush=True)
        for step in steps:
            missed += {"node": a_node, "power": the_power, "head": the_head}[step](made)
    return missed


def a_node(made: Hosts) -> int:
    """Kill all of a serving node under load; its unit starts it anew."""
    before = replicas(made, "serving2")
    process, out = load(made)
    time.sleep(5)  # of load before
    made["serving2"].kill_ray()
    return _back(made, before, process, out, "all processes of a serving node killed")


def the_power(made: Hosts) -> int:
    """Take the power from a serving node under load, so that no connection is even closed; it starts 10 s later."""
    before = replicas(made, "serving2")
    process, out = load(made)
    time.sleep(5)  # of load before
    made["serving2"].cut()
    made["serving2"].kill()
    time.sleep(10)  # without power
    made["serving2"].cut(off=False)
    made.start("serving2", cpus=1, duty="serving")
    return _back(made, before, process, out, "a serving node without power for 10 s")


def _back(made: Hosts, before: set[str], process: subprocess.Popen[bytes], out: Path, what: str) -> int:
    """Wait until the node that came back has a replica and answers; print what clients were told meanwhile."""
    began, node = time.monotonic(), made["serving2"]
    wait_for(lambda: bool(replicas(made, "serving2") - before), 150, "no replica came to the node that came back")
    wait_for(lambda: answers(made["client"], node), 60, "the node that came back does not answer")
    taken = time.monotonic() - began
    answered, by_second = told(process, out)
    failed = lost(answered)
    last = sorted(by_second)[-3:]
    back = any(by_second[second].get(made["serving2"].address, 0) for second in last)
    print(f"{what}: {dict(answered)}")
    verdict = "met" if back else "MISSED"
    print(f"  its proxy answers and it has a new replica after {taken:.0f} s, without a person: {verdict}")
    print(f"  {failed} requests failed after one retry (bar: 0): {'met' if not failed else 'MISSED'}", flush=True)
    return int(failed > 0) + int(not back)


def the_head(made: Hosts) -> int:
    """Kill the head under load, leave it away for 20 s, and start it again on what Redis has."""
    head = made["head"]
    first = job(head, "before")
    process, out = load(made)
    time.sleep(5)  # of load before
    head.kill()
    killed = time.monotonic()
    time.sleep(20)  # of the outage
    made.start("head", cpus=0, duty="none", redis=f"{made['redis'].address}:6379")
    back = time.monotonic() - killed
    serve = str(Path(sys.executable).with_name("serve"))

    def running() -> bool:
        said = head.run(serve, "status", "--address", f"http://{head.address}:8265").stdout
        return "status: RUNNING" in said and "replica_states:\n          RUNNING: 2" in said

    taken = wait_for(running, 90, f"Serve is not back: {head.run(serve, 'status').stdout[-1500:]}")
    answered, _ = told(process, out)
    failed = lost(answered)
    jobs = "SUCCEEDED" in first and "before" in head.run(RAY, "job", "list", *at(head)).stdout
    jobs = jobs and "SUCCEEDED" in job(head, "after")
    print(f"the head away for {back:.0f} s, of which 20 without power: {dict(answered)}")
    print(f"  Serve RUNNING with both replicas {taken:.0f} s later")
    print(f"  the job of before is known, and another runs (bar: intact): {'met' if jobs else 'MISSED'}")
    print(f"  {failed} requests failed after one retry (bar: 0): {'met' if not failed else 'MISSED'}", flush=True)
    return int(failed > 0) + int(not jobs)


def at(head: Host) -> list[str]:
    """Return the options that name a cluster by its dashboard."""
    return ["--address", f"http://{head.address}:8265"]


def job(head: Host, name: str) -> str:
    """Run a job to its end, and return what is said of it."""
    head.run(RAY, "job", "submit", *at(head), "--submission-id", name, "--", "echo", name)
    return head.run(RAY, "job", "status", *at(head), name).stdout.upper()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", default="node,power,head")
    sys.exit(min(1, main(parser.parse_args().steps.split(","))))
