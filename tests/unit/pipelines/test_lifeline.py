"""A command that was started for a process is gone once that process is killed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

CHILD = (
    "import sys, time; from pipelines.lifeline import tie; tie(); print(file=sys.stderr, flush=True); time.sleep(60)"
)
PARENT = f"""
import sys, time
from pipelines.lifeline import start
child = start([sys.executable, "-c", {CHILD!r}])
child.stderr.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


def test_it_ends_with_who_started_it() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = Path("/proc") / parent.stdout.readline().strip()
        assert child.exists()
        parent.kill()
        parent.wait()
    until = time.monotonic() + 20
    while child.exists() and (child / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < until
        time.sleep(0.05)


def test_one_that_nobody_started_so_stays() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from pipelines.lifeline import tie; tie(); import time; time.sleep(.3); print('there')",
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "there\n"
