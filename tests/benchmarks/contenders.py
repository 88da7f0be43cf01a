"""Environments of packages that Andon is measured against and that must not enter its own lock."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2] / ".venv"


def python_with(*requirements: str) -> Path:
    """Return the python of a separate environment that holds ``requirements``, each pinned as ``name==version``.

    It is made on the first call, by the project's own uv and with the interpreter that runs this, and kept under
    ``.venv/contenders``.

    Raises
    ------
    ValueError
        If a requirement is not pinned.
    RuntimeError
        If the environment cannot be made; the message ends as uv's does.
    """
    for requirement in requirements:
        if requirement.count("==") != 1:
            raise ValueError(f"{requirement} is not pinned; write for example tsflex==0.4.1")
    wanted = "\n".join(sorted(requirements))
    key = hashlib.sha256(f"{sys.version}\n{wanted}".encode()).hexdigest()[:16]
    folder = _ROOT / "contenders" / key
    python, ready = folder / "bin" / "python", folder / "ready"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            uv = str(_ROOT / "bin" / "uv")
            _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
            _run(uv, "pip", "install", "--quiet", "--python", str(python), *requirements)
            ready.write_text(wanted)
    return python


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:3])} failed: {done.stderr.strip()[-2_000:]}")
