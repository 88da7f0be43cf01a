"""The image's file: clean by hadolint, pinned, of a user that is not root, and without what must not be in it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCKERFILE = ROOT / "cluster" / "image" / "Dockerfile"
TEXT = DOCKERFILE.read_text()


def hadolint(path: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("hadolint")), "--no-color", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_hadolint_has_nothing_to_say():
    done = hadolint(DOCKERFILE)
    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_would_say_so(tmp_path):
    broken = tmp_path / "Dockerfile"
    broken.write_text(TEXT.replace("libgomp1=12.2*", "libgomp1").replace("USER 1000:1000", "USER root"))
    said = hadolint(broken).stdout
    assert "DL3008" in said
    assert "DL3002" in said


def test_the_base_can_be_named_and_both_stages_use_it():
    assert re.search(r"^ARG BASE_IMAGE=\S+:\d[^\s]+$", TEXT, re.MULTILINE)
    assert re.findall(r"^FROM (\S+)", TEXT, re.MULTILINE) == ["${BASE_IMAGE}", "${BASE_IMAGE}"]


def test_packages_are_checked_against_the_lock():
    installs = re.findall(r"uv pip install(.*?)(?=\\\n    &&|\nCOPY|\n\n)", TEXT, re.DOTALL)
    assert len(installs) == 3
    assert all(
        ("--require-hashes" in one and "--constraint requirements.lock" in one) or "--no-deps" in one
        for one in installs
    )
    (version,) = re.findall(r"ARG UV_VERSION=(\S+)", TEXT)
    assert (
        f"uv=={version}"
        in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["dev"]
    )


def test_it_runs_as_a_user_and_is_checked():
    last = TEXT.rpartition("FROM ")[2]
    assert re.findall(r"^USER (\S+)", last, re.MULTILINE) == ["1000:1000"]
    assert last.index("USER ") > last.rindex("RUN ")
    assert "HEALTHCHECK" in last and '"andon", "doctor"' in last
    assert not re.search(r"(TOKEN|PASSWORD|SECRET)=", TEXT)


def test_only_what_the_image_is_made_of_is_sent_to_the_builder():
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    sources = [word for line in re.findall(r"^COPY (?!--from)(.+)", TEXT, re.MULTILINE) for word in line.split()[:-1]]
    assert set(sources) == allowed
    assert set(sources) >= set(
        tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    )
    assert not any(fnmatch(secret, pattern) for secret in (".env", "andon.toml", ".andon") for pattern in allowed)
