"""Standard clients, unmodified and each in an environment of its own, against `andon serve`: Triton's and KServe's.

And schemathesis over the OpenAPI document, then hostile bodies, with the memory of the replica watched.
"""

from __future__ import annotations

import argparse
import http.client
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from configs.settings import Settings
from tests.benchmarks.bench_serving_changes import replicas, served_by_command
from tests.benchmarks.contenders import python_with
from tests.benchmarks.http_load import call
from tests.benchmarks.serving_plant import build_lines
from tests.benchmarks.timing import verdict
from tests.hostile_bodies import hostile_requests

TRITON, KSERVE, SCHEMATHESIS = "tritonclient[http]==2.73.0", "kserve==0.21.0", "schemathesis==4.32.5"
MODEL = "jam-soon~line-000"

_TRITON = """
import sys
import numpy as np
import tritonclient.http as http
address, token, model = sys.argv[1:]
headers = {"Authorization": f"Bearer {token}"}
client = http.InferenceServerClient(address.removeprefix("http://"))
assert client.is_server_live(headers=headers) and client.is_server_ready(headers=headers)
assert client.is_model_ready(model, headers=headers) and client.is_model_ready(model, "1", headers=headers)
assert not client.is_model_ready("nobody", headers=headers)
metadata = client.get_model_metadata(model, headers=headers)
assert client.get_server_metadata(headers=headers)["name"] == "andon"
width = metadata["inputs"][0]["shape"][1]
rows = np.random.default_rng(0).normal(size=(7, width))
answers = []
for binary in (True, False):
    given = http.InferInput("features", rows.shape, "FP64")
    given.set_data_from_numpy(rows, binary_data=binary)
    wanted = [http.InferRequestedOutput(name, binary_data=binary) for name in ("probability", "flag")]
    answer = client.infer(model, [given], outputs=wanted, headers=dict(headers), request_id="7")
    assert answer.get_response()["model_version"] == "1" and answer.get_response()["id"] == "7"
    answers.append(answer.as_numpy("probability"))
    assert answer.as_numpy("flag").dtype == np.bool_
assert np.array_equal(answers[0], answers[1]) and answers[0].shape == (7,), answers
try:
    given = http.InferInput("features", (1, 2), "FP64")
    given.set_data_from_numpy(rows[:1, :2])
    client.infer(model, [given], headers=dict(headers))
    raise SystemExit("a wrong shape was taken")
except http.InferenceServerException as error:
    assert "shape" in str(error), error
print("health, metadata, infer by JSON and by binary tensors")
"""
_KSERVE = """
import asyncio, sys
import numpy as np
from kserve import InferInput, InferRequest, InferenceRESTClient, RESTConfig
address, token, model = sys.argv[1:]
headers = {"Authorization": f"Bearer {token}"}

async def main():
    client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=30))
    assert await client.is_server_live(address, headers=headers)
    assert await client.is_server_ready(address, headers=headers)
    assert await client.is_model_ready(address, model, headers=headers)
    rows = np.random.default_rng(0).normal(size=(7, 60))
    found = []
    for binary in (False, True):
        given = InferInput("features", list(rows.shape), "FP64")
        given.set_data_from_numpy(rows, binary_data=binary)
        request = InferRequest(model, [given], request_id="7")
        answer = await client.infer(address, request, model_name=model, headers=headers)
        outputs = {one.name: one.as_numpy() for one in answer.outputs}
        found.append(outputs["probability"])
    assert np.array_equal(found[0], found[1]) and found[0].shape == (7,)
    print("health, infer by JSON and by binary tensors")

asyncio.run(main())
"""


def client(requirement: str, script: str, address: str, token: str) -> bool:
    """Run a client's script in an environment of its own."""
    done = subprocess.run(
        [str(python_with(requirement)), "-c", script, address, token, MODEL],
        capture_output=True,
        text=True,
        timeout=180,
    )
    good = done.returncode == 0
    print(f"{'met   ' if good else 'MISSED'} {requirement}: {done.stdout.strip() or done.stderr[-1_500:]}", flush=True)
    return good


def megabytes(pids: list[int]) -> float:
    """Return the resident memory of processes."""
    total = 0
    for pid in pids:
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
        total += int(found[1]) if found else 0
    return total / 1024


def schemathesis(address: str, token: str, cases: int, timeout: float) -> bool:
    """Let schemathesis make cases of every operation; none may be answered by 5xx."""
    tool = python_with(SCHEMATHESIS).with_name("schemathesis")
    operations = sum(len(of) for of in call(f"{address}/openapi.json")[1]["paths"].values())
    command = [str(tool), "run", f"{address}/openapi.json", "--checks", "not_a_server_error", "--no-color"]
    command += ["--header", f"Authorization: Bearer {token}", "--max-examples", str(-(-cases // operations))]
    command += ["--phases", "examples,coverage,fuzzing", "--request-timeout", "20"]
    command += ["--seed", "1", "--continue-on-failure"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    told = re.search(r"Test cases:\s*\n?.*?([\d,]+) generated", done.stdout, re.DOTALL) or re.search(
        r"([\d,]+) generated", done.stdout
    )
    made = int(told[1].replace(",", "")) if told else 0
    if done.returncode:
        print(done.stdout[-3_000:], done.stderr[-500:])
    return verdict("cases of schemathesis, none with 5xx", made, f">= {cases}", done.returncode == 0 and made >= cases)


def hostile(address: str, token: str, count: int) -> bool:
    """Send hostile bodies over sockets; none may be answered by 5xx, or not at all."""
    where, bad, slowest = urlsplit(address), 0, 0.0
    for one in hostile_requests(count):
        connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=20)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **one.headers}
        began = time.monotonic()
        try:
            path = one.path.replace("press-07", "line-000")
            head = {name: value.encode("latin-1", "replace") for name, value in headers.items()}
            connection.request(one.method, path, one.body, head)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= 500:
                bad += 1
                print(answer.status, one.method, path[:100], (one.body or b"")[:80], text[:200])
        except (OSError, http.client.HTTPException) as error:
            # A body that is too large is refused while it is still being sent.
            if one.body is None or len(one.body) < 500_000:
                bad += 1
                print(repr(error), one.method, one.path[:100], (one.body or b"")[:80])
        finally:
            slowest = max(slowest, time.monotonic() - began)
            connection.close()
    print(f"slowest answer {slowest:.2f} s")
    return verdict(f"of {count} hostile requests, answered by 5xx or not at all", bad, "0", bad == 0)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=2_000)
    parser.add_argument("--hostile", type=int, default=900)
    parser.add_argument("--skip-clients", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(home=Path(name) / "home")
        build_lines(settings, 2)
        with served_by_command(settings, 1) as (address, headers):
            token = headers["Authorization"].removeprefix("Bearer ")
            good = []
            if not options.skip_clients:
                good = [client(TRITON, _TRITON, address, token), client(KSERVE, _KSERVE, address, token)]
            if options.hostile:
                hostile(address, token, options.hostile)  # what is kept of the first time is kept
                before = megabytes(replicas(settings.home))
                good.append(hostile(address, token, options.hostile))
                after = megabytes(replicas(settings.home))
                good.append(verdict("memory after, of before", after / before, "<= 1.05", after <= 1.05 * before))
            if options.cases:
                before = megabytes(replicas(settings.home))
                good.append(schemathesis(address, token, options.cases, 240))
                after = megabytes(replicas(settings.home))
                print(f"memory of the replica {before:.0f} MB before, {after:.0f} MB after")
            good.append(call(f"{address}/readyz")[0] == 200)
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
