"""A server that speaks MongoDB's wire protocol: SecantusDB, a process of its own."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.servers.waiting import Server, answers, free_port, running

SECANTUSD = shutil.which("secantusd-py", path=str(Path(sys.executable).parent)) or ""


@contextlib.contextmanager
def mongodb(folder: Path, port: int | None = None, *, auth: bool = False, host: str = "127.0.0.1") -> Iterator[Server]:
    """Run the server until the block ends. What it stores stays in ``folder``. ``auth``: it asks who one is."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    command = [
        SECANTUSD,
        "--host",
        host,
        "--port",
        str(port),
        "--storage-path",
        str(folder / "data"),
        "--log-level",
        "ERROR",
    ]
    command += ["--auth"] if auth else []
    with running(command, port, folder / "mongodb.log", lambda: answers(port, host)) as server:
        yield server
