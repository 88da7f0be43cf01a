"""A command that a process starts for itself ends with that process, also where it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

TIED = "ANDON_ENDS_WITH_STDIN"


def start(command: Sequence[str]) -> subprocess.Popen[str]:
    """Start a command that calls `tie`; its output is dropped, and its errors are there to be read."""
    return subprocess.Popen(
        command,
        env=os.environ | {TIED: "1"},
        stdin=subprocess.PIPE,  # The other end closes when this process ends, whatever ends it.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def tie() -> None:
    """Ask this process to terminate once who started it has ended; nothing where it was not started by `start`."""
    if os.environ.pop(TIED, None):
        threading.Thread(target=_wait, name="lifeline", daemon=True).start()


def _wait() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
