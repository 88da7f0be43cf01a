"""The command as people run it: a process of its own, with a home of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Andon:
    """Runs ``andon`` in a home."""

    home: Path

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ANDON_")}
        return kept | {"ANDON_HOME": str(self.home)} | more

    def run(self, *arguments: object, code: int = 0, timeout: float = 600, **more: str) -> str:
        """Run a command; return what it printed, after checking its exit code."""
        done = subprocess.run(
            [sys.executable, "-m", "pipelines", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=self.home.parent,
            env=self.environment(**more),
        )
        said = f"andon {' '.join(map(str, arguments))}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        assert done.returncode == code, said
        assert "Traceback" not in done.stdout + done.stderr, said
        return done.stdout if code == 0 else done.stderr

    def json(self, *arguments: object, **options: Any) -> Any:
        """Run a command with ``--json``; return its result."""
        return json.loads(self.run(*arguments, "--json", **options))

    @contextlib.contextmanager
    def serving(self, **more: str) -> Iterator[str]:
        """Run ``andon serve`` on a free port until the block ends; yield its address once it is ready."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-m", "pipelines", "serve", "--port", str(port)],
            env=self.environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(600):
                assert process.poll() is None, process.stdout.read().decode()
                with contextlib.suppress(OSError, ValueError):
                    if self.call(address, "/readyz", token=None)[0] == 200:
                        break
                time.sleep(0.2)  # until it is ready
            yield address
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
        assert process.returncode == 0

    def call(self, address: str, path: str, body: Any = None, method: str = "GET", token: str | None = "") -> tuple:
        """Call the API; return status and body. ``token`` None: none is sent; empty: the home's own."""
        if token == "":
            token = (self.home / "api-token").read_text()
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{address}{path}", data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


@pytest.fixture
def andon(tmp_path: Path) -> Andon:
    return Andon(tmp_path / "home")


@pytest.fixture(scope="module")
def shared_andon(tmp_path_factory: pytest.TempPathFactory) -> Andon:
    """One home for the tests of a module."""
    return Andon(tmp_path_factory.mktemp("shared") / "home")
