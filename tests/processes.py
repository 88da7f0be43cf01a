"""Which processes were started with a home, and their children's children: by the environment they began with."""

from __future__ import annotations

import contextlib
from pathlib import Path


def processes_of(home: Path) -> list[str]:
    """Return the commands of all processes that have this ``ANDON_HOME``."""
    found = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if f"ANDON_HOME={home}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found
