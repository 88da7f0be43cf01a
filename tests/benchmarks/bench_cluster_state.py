"""State off the nodes: MLflow on PostgreSQL and S3 keeps every promise of the registry, and outlives its servers.

The contract of the registry runs on a tracking server that keeps runs in PostgreSQL and artifacts in an S3 server; then
another tracking server, with an empty disk, is started on the same state, and the champion is what it was.

Usage: ``python -m tests.benchmarks.bench_cluster_state``
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from andon.records import ModelCard, ModelKey
from andon.stores import open_models
from tests.servers.state import S3_KEYS, lacking, objects, postgresql, s3
from tests.tracking_server import tracking_server

AT = datetime(2026, 3, 1, tzinfo=UTC)
CARD = ModelCard("classifier", "lightgbm", {"leaves": 31}, {"ap": 0.9}, {"kind": "Alert"}, 1, AT, AT, 7)
KEY = ModelKey("jam-soon", "press-07")
BUCKET = "andon-models"


def main() -> int:
    """Print each bar; return how many were missed."""
    if missing := lacking():
        print(missing)
        return 1
    missed = 0
    with ExitStack() as started, tempfile.TemporaryDirectory(prefix="state") as name:
        folder = Path(name)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        store = started.enter_context(s3(folder / "s3", BUCKET))
        variables = {**S3_KEYS, "MLFLOW_S3_ENDPOINT_URL": store}
        database = started.enter_context(postgresql(folder))
        with tracking_server(folder / "one", database.url, f"s3://{BUCKET}", variables) as address:
            command = [sys.executable, "-m", "pytest", "-q", "tests/contracts/test_models_contract.py", "-k", "server"]
            done = subprocess.run(
                command,
                env=os.environ | {"ANDON_TEST_MODELS_URL": address},
                capture_output=True,
                text=True,
                timeout=270,
            )
            said = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr[-500:]
            missed += done.returncode != 0
            print(
                f"contract of the registry on PostgreSQL and S3: {said}: {'met' if not done.returncode else 'MISSED'}"
            )
            if done.returncode:
                print(done.stdout[-3000:])
            models = open_models(address)
            bundle = folder / "bundle"
            bundle.mkdir()
            (bundle / "bundle.json").write_text("one")
            models.promote(KEY, models.publish(KEY, bundle, CARD), "first", AT)
            models.close()
        kept = len(objects(store, BUCKET))
        os.environ["XDG_CACHE_HOME"] = str(folder / "another cache")
        with tracking_server(folder / "two", database.url, f"s3://{BUCKET}", variables) as address:
            models = open_models(address)
            champion = models.champion(KEY)
            same = champion is not None and (Path(champion.path) / "bundle.json").read_text() == "one"
            models.close()
        missed += not (same and kept)
        told = f"{kept} objects, champion {'as before' if same else 'gone'}"
        print(f"another tracking server on the same state: {told}: {'met' if same and kept else 'MISSED'}")
    return missed


if __name__ == "__main__":
    sys.exit(min(1, main()))
