"""The DAG in a real Airflow 3, against a Ray that runs here: to success, and to failure when its job fails.

Airflow has an environment of its own, made once with uv in the user's cache, since its dependencies exclude Andon's.

Usage: ``python -m tests.benchmarks.bench_cluster_airflow [--only-prepare]``
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
AIRFLOW = "apache-airflow-core==3.3.2"
STANDARD = "apache-airflow-providers-standard==1.21.0"
DEFINITIONS = """
kind: Line
name: press-1
family: presses
variables: [{name: level}, {name: step}, {name: jam}]
"""


def prepare() -> Path:
    """Return the folder of Airflow's environment, made where it is not there."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "andon" / "airflow-3.3"
    if not (cache / "bin" / "airflow").exists():
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "-q", "--clear", "--python", sys.executable, str(cache)], check=True)
        subprocess.run(
            [uv, "pip", "install", "-q", "--python", str(cache / "bin/python"), AIRFLOW, STANDARD], check=True
        )
    return cache / "bin"


def andon(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "pipelines", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200)
    if done.returncode:
        raise SystemExit(f"andon {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def dag(binaries: Path, environment: dict[str, str], day: int) -> tuple[int, str, float]:
    """Run ``airflow dags test`` for a day; return its exit code, what it said, and the seconds.

    For a day whose jobs have succeeded, the tasks take these for their own.
    """
    began = time.monotonic()
    command = [str(binaries / "airflow"), "dags", "test", "andon", f"2026-02-{day:02d}T02:15:00"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=220)
    return done.returncode, done.stdout + done.stderr, time.monotonic() - began


def main() -> int:
    """Print both runs beside their bar; return how many were missed."""
    binaries = prepare()
    folder = Path(tempfile.mkdtemp(prefix="airflow"))
    home = folder / "home"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANDON_", "RAY_", "AIRFLOW"))}
    ours = kept | {"ANDON_HOME": str(home), "HOME": str(folder), "ANDON_CLUSTER": '{"cpus": 1}'}
    missed = 0
    try:
        (folder / "line.yaml").write_text(DEFINITIONS)
        andon(ours, "apply", str(folder / "line.yaml"))
        node = json.loads(andon(ours, "cluster", "up", "--json"))
        theirs = kept | {
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "cluster" / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "ANDON_RAY": str(Path(sys.executable).with_name("ray")),
            "ANDON_JOB_FOLDER": str(ROOT),
            "ANDON_JOB_VARIABLES": json.dumps({"ANDON_HOME": str(home)}),
            "ANDON_BACKUPS": str(folder / "backups"),
            "ANDON_JOB_RETRY_SECONDS": "1",
            "RAY_ADDRESS": node["dashboard"],
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(home / "ray-token"),
        }
        subprocess.run(
            [str(binaries / "airflow"), "db", "migrate"], env=theirs, check=True, capture_output=True, timeout=120
        )
        code, said, seconds = dag(binaries, theirs, 1)
        backups = list((folder / "backups").glob("*/backup.json"))
        good = code == 0 and len(backups) == 1
        told = f"exit code {code} in {seconds:.0f} s, {len(backups)} backup"
        print(f"a DAG whose jobs succeed: {told}: {'met' if good else 'MISSED'}")
        if not good:
            print(said[-4000:])
        # A backup in ANDON_HOME is refused: the job fails, and so must the DAG.
        code, said, seconds = dag(binaries, theirs | {"ANDON_BACKUPS": str(home / "backups")}, 2)
        bad = (code != 0 or "state=failed" in said) and "would be lost with it" in said
        told = f"exit code {code} in {seconds:.0f} s"
        print(f"a DAG whose job fails, with the job's own words in its log: {told}: {'met' if bad else 'MISSED'}")
        if not bad:
            print(said[-4000:])
        missed = (not good) + (not bad)
    finally:
        andon(ours, "cluster", "down")
        shutil.rmtree(folder, ignore_errors=True)
    return missed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only-prepare", action="store_true", help="make Airflow's environment and end")
    if parser.parse_args().only_prepare:
        print(prepare())
    else:
        sys.exit(main())
