"""Load over HTTP by wrk, and the processes that answer it."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}
_SCRIPT = """
local bodies, paths, at = {}, {}, 0
for line in io.lines(os.getenv("LOAD_BODIES")) do bodies[#bodies + 1] = line end
for line in io.lines(os.getenv("LOAD_PATHS")) do paths[#paths + 1] = line end
wrk.method = "POST"
for line in io.lines(os.getenv("LOAD_HEADERS")) do
  local name, value = line:match("^(.-): (.*)$")
  wrk.headers[name] = value
end
local made = {}
request = function()
  at = at + 1
  local path = (at - 1) % #paths + 1
  local body = (at - 1) % #bodies + 1
  local key = path * 100000 + body
  if made[key] == nil then made[key] = wrk.format(nil, paths[path], nil, bodies[body]) end
  return made[key]
end
"""


@dataclass(frozen=True)
class Load:
    """What wrk saw: percentiles of latency in milliseconds, requests a second, and answers that were none or errors."""

    p50: float
    p99: float
    rate: float
    requests: int
    errors: int

    def __str__(self) -> str:
        return f"p50 {self.p50:.2f} ms, p99 {self.p99:.2f} ms, {self.rate:,.0f} req/s, {self.errors} errors"


def require_wrk() -> None:
    """Stop where wrk is missing, and say where it comes from."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing: apt-get install wrk")


def wrk(
    address: str,
    paths: Sequence[str],
    bodies: Sequence[str],
    *,
    connections: int,
    seconds: float,
    headers: Mapping[str, str],
) -> Load:
    """Send POST requests, over ``paths`` and ``bodies`` in turn."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = {
            "BODIES": "\n".join(bodies),
            "PATHS": "\n".join(paths),
            "HEADERS": "\n".join(f"{key}: {value}" for key, value in headers.items()),
        }
        environment = dict(os.environ)
        for part, text in texts.items():
            (folder / part).write_text(text + "\n")
            environment[f"LOAD_{part}"] = str(folder / part)
        (folder / "load.lua").write_text(_SCRIPT)
        command = ["wrk", "-t1", f"-c{connections}", f"-d{math.ceil(seconds)}s", "--timeout", "20s", "--latency"]
        done = subprocess.run(
            [*command, "-s", str(folder / "load.lua"), address], capture_output=True, text=True, env=environment
        )
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return read_wrk(done.stdout)


def read_wrk(text: str) -> Load:
    """Read what wrk prints.

    Examples
    --------
    >>> read_wrk("  50%  1.50ms\\n  99%  20.00us\\n  12 requests in 1.00s\\nRequests/sec: 12.5").rate
    12.5
    """

    def percentile(which: int) -> float:
        found = re.search(rf"^\s+{which}%\s+([\d.]+)(us|ms|s|m)\s*$", text, re.MULTILINE)
        assert found is not None, text
        return float(found[1]) * _UNITS[found[2]]

    rate, count = re.search(r"Requests/sec:\s+([\d.]+)", text), re.search(r"(\d+) requests in", text)
    assert rate is not None and count is not None, text
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    lost = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    errors = int(bad[1]) if bad else 0
    errors += sum(int(one) for one in lost.groups()) if lost else 0
    return Load(percentile(50), percentile(99), float(rate[1]), int(count[1]), errors)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def process(
    command: Sequence[str], ready: str, *, timeout: float = 120, **more: str
) -> Iterator[subprocess.Popen[str]]:
    """Run a server until the block ends; yield once ``ready`` answers 200."""
    environment = {**os.environ, **more}
    with tempfile.TemporaryFile("w+") as log:
        started = subprocess.Popen(
            list(command), env=environment, stdout=log, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        try:
            until = time.monotonic() + timeout
            while call(ready)[0] != 200:
                if started.poll() is not None or time.monotonic() > until:
                    log.seek(0)
                    raise RuntimeError(f"{command[0]} does not serve: {log.read()[-3_000:]}")
                time.sleep(0.05)
            yield started
        finally:
            started.send_signal(signal.SIGTERM)
            try:
                started.wait(90)
            except subprocess.TimeoutExpired:
                os.killpg(started.pid, signal.SIGKILL)
                started.wait(10)


def call(
    url: str, body: Any = None, headers: Mapping[str, str] | None = None, method: str | None = None, timeout: float = 30
) -> tuple[int, Any]:
    """Call once; return the status (0: no answer) and the body, read as JSON where it is."""
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=dict(headers or {}), method=method)
    if data is not None and not request.has_header("Content-type"):
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, _read(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, _read(error.read())
    except (OSError, ValueError):
        return 0, None


def _read(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
