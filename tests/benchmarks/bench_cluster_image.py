"""The image, built and run for real without a container engine: it passes `andon doctor` and scores a row.

The base is Debian by debootstrap, imported by buildah; both are Debian packages and need root. What the builder needs
to reach the package registry comes by ``ANDON_TEST_BUILD_OPTIONS``, options of ``buildah build`` (for example
``--volume /etc/pip.conf:/etc/pip.conf:ro``).

Usage: ``python -m tests.benchmarks.bench_cluster_image [--steps base,build,run] [--keep]``
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
BASE, IMAGE = "localhost/andon-base:bookworm", "localhost/andon:test"
STORAGE = ["--storage-driver", "vfs"]
DOCTOR = ("--only", "versions", "--only", "stores", "--only", "clock", "--only", "disk", "--only", "tokens")
PACKAGES = "python3,python3-venv,ca-certificates"
SCORE = """
import sys, numpy as np
from pathlib import Path
from andon.models.bundle import read_bundle
print(read_bundle(Path("/data/bundle")).probabilities(np.load("/data/values.npy")).tobytes().hex())
"""


def buildah(*arguments: str, timeout: float = 3600) -> str:
    done = subprocess.run(["buildah", *STORAGE, *arguments], capture_output=True, text=True, timeout=timeout, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"buildah {' '.join(arguments)}:\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}")
    return done.stdout.strip()


def base() -> None:
    """Make the base image of Debian's own packages."""
    with tempfile.TemporaryDirectory(prefix="debian") as folder:
        root = str(Path(folder) / "root")
        debootstrap = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", root]
        subprocess.run(debootstrap, check=True, capture_output=True)
        container = buildah("from", "scratch")
        buildah("add", container, root, "/")
        buildah("commit", "--rm", container, BASE)


def build() -> None:
    """Build the image as its file says, on that base."""
    options = shlex.split(os.environ.get("ANDON_TEST_BUILD_OPTIONS", ""))
    command = ["bud", "--isolation", "chroot", "--build-arg", f"BASE_IMAGE={BASE}", *options]
    buildah(*command, "-f", "cluster/image/Dockerfile", "-t", IMAGE, ".")


def run() -> int:
    """Run the image as its user: `andon doctor`, and a row scored as here; return how many bars were missed."""
    from andon.models.bundle import write_bundle
    from tests.unit.andon.models.test_bundle import VALUES, bundle_of

    missed = 0
    container = buildah("from", IMAGE)
    with tempfile.TemporaryDirectory(prefix="image") as folder:
        Path(folder).chmod(0o755)
        try:
            made = bundle_of("lightgbm")
            write_bundle(made, Path(folder) / "bundle")
            np.save(Path(folder) / "values.npy", VALUES[:1])
            inside = ["run", "--isolation", "chroot", "--volume", f"{folder}:/data:ro", container, "--"]
            who = buildah(*inside, "id", "-u")
            print(f"it runs as user {who}: {'met' if who == '1000' else 'MISSED'}")
            command = ["buildah", *STORAGE, *inside, "env", "ANDON_HOME=/tmp/home", "andon", "doctor"]
            done = subprocess.run([*command, *DOCTOR], capture_output=True, text=True)
            print(done.stdout.strip())
            print(f"andon doctor: exit code {done.returncode}: {'met' if done.returncode == 0 else 'MISSED'}")
            said = buildah(*inside, "python", "-c", SCORE)
            same = said == made.probabilities(VALUES[:1]).tobytes().hex()
            print(f"a row scored in it, bit for bit as here: {'met' if same else 'MISSED'}")
            missed = (who != "1000") + (done.returncode != 0) + (not same)
        finally:
            buildah("rm", container)
    return missed


def main(steps: list[str], keep: bool) -> int:
    """Do the steps, and print what each took; return how many bars were missed."""
    if os.geteuid() != 0 or not shutil.which("buildah") or not shutil.which("debootstrap"):
        print("needs root, and: apt-get install buildah debootstrap")
        return 1
    missed = 0
    for step in steps:
        began = time.monotonic()
        missed += {"base": base, "build": build, "run": run}[step]() or 0
        print(f"{step}: {time.monotonic() - began:.0f} s", flush=True)
    if not keep:
        buildah("rmi", "--force", IMAGE, BASE)
    return missed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", default="base,build,run")
    parser.add_argument("--keep", action="store_true", help="keep the images")
    given = parser.parse_args()
    sys.exit(min(1, main(given.steps.split(","), given.keep)))
