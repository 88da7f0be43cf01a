"""The command as people run it: a process of its own, with a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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


@pytest.fixture
def andon(tmp_path: Path) -> Andon:
    return Andon(tmp_path / "home")


@pytest.fixture(scope="module")
def shared_andon(tmp_path_factory: pytest.TempPathFactory) -> Andon:
    """One home for the tests of a module."""
    return Andon(tmp_path_factory.mktemp("shared") / "home")
