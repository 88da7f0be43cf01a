"""``andon doctor``: each thing that can be wrong is made wrong, and it says so and what to do."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from andon.errors import ConfigError
from andon.stores import open_signals
from andon.stores.checking import Finding
from configs.cluster import ClusterPlan
from configs.settings import load_settings
from pipelines.doctor.cluster import holder_of
from pipelines.doctor.examining import examine
from tests.series import awkward

NOW = datetime(2026, 6, 1, tzinfo=UTC)
Look = Callable[..., dict[str, Finding]]


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Look:
    """Examine areas of a home of its own, at a given time; return findings by what was looked at."""
    for name in [name for name in os.environ if name.startswith(("ANDON_", "RAY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def run(*areas: str, at: datetime = NOW, **given: object) -> dict[str, Finding]:
        settings = load_settings(**{"home": tmp_path / "home", **given})
        return {one.what: one for one in examine(settings, lambda: at, areas)}

    return run


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_fresh_home_is_well(look, monkeypatch):
    for name in ("RAY_SERVE_HAPROXY_METRICS_PORT", "RAY_SERVE_HAPROXY_STATS_PORT"):
        monkeypatch.setenv(name, str(free_port()))
    found = look("versions", "stores", "clock", "disk", "memory", "ports", "tokens", "ray", serve_port=free_port())
    assert [one for one in found.values() if not one.good] == []
    assert found["Andon"].detail.startswith("0.1.0, Ray 2.")
    assert not (Path.cwd() / "home").exists(), "to look changes nothing"


def test_all_areas_are_looked_at_by_default(look):
    assert {one.store for one in look(serve_port=free_port()).values()} == {
        "versions", "stores", "clock", "disk", "memory", "ports", "tokens", "ray",
    }  # fmt: skip


def test_an_unknown_area_is_refused(look):
    with pytest.raises(ConfigError, match="--only: 'sky' is no area; choose of: versions, stores"):
        look("sky")


def test_packages_of_other_versions_are_named(look, monkeypatch, tmp_path):
    installed = tmp_path / "site" / "polars-0.1.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: polars\nVersion: 0.1\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    found = look("versions")
    assert not found["polars"].good
    assert "is 0.1, and must be >=2.1; install from requirements.lock" in found["polars"].detail
    assert not found["Andon"].good


def test_a_store_that_is_not_there_is_told_with_its_remedy(look):
    found = look("stores", documents_url=f"mongodb://127.0.0.1:{free_port()}/andon")
    wrong = [one for one in found.values() if not one.good]
    assert [one.what for one in wrong] == ["documents: reachable"]
    assert "; " in wrong[0].detail


def test_a_line_whose_clock_is_ahead_is_named(look, tmp_path):
    signals = open_signals(f"sqlite:///{tmp_path}/home/signals.db")
    signals.append_signals(awkward(np.random.default_rng(1), 50, line="press-1"))
    newest = signals.describe_line("press-1").last
    signals.close()
    assert look("clock", at=newest)["against the readings"].good
    found = look("clock", at=newest - timedelta(hours=1))["against the readings"]
    assert not found.good
    assert "press-1" in found.detail
    assert "NTP" in found.detail


def test_a_folder_that_cannot_be_made_is_told(look, tmp_path):
    (tmp_path / "file").write_text("")
    found = look("disk", home=tmp_path / "file" / "home")["ANDON_HOME"]
    assert not found.good
    assert "another folder" in found.detail


def test_more_workers_than_memory_are_told(look):
    found = look("memory", workers=10_000)["workers"]
    assert not found.good
    assert "set ANDON_WORKERS lower" in found.detail


def test_more_shared_memory_than_there_is_is_told(look):
    found = look("memory", cluster=ClusterPlan(profile="node", object_store_bytes=2**50))["shared memory"]
    assert not found.good
    assert "ask for less" in found.detail


def test_who_holds_a_port_is_named(look):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        assert f"(process {os.getpid()})" in (holder_of(port) or "")
        found = look("ports", serve_port=port, serve_host="127.0.0.1")["API"]
    assert f"127.0.0.1:{port}" in found.detail
    assert f"process {os.getpid()}" in found.detail
    assert holder_of(port) is None


def test_a_token_that_others_read_is_told(look):
    home = Path(tempfile.mkdtemp())  # others pass the folder of temporary files, but not pytest's own in it
    home.chmod(0o755)
    token = home / "api-token"
    token.write_text("x" * 40)
    token.chmod(0o644)
    found = look("tokens", home=home)["API"]
    assert not found.good
    assert f"chmod 600 {token}" in found.detail
    token.chmod(0o600)
    assert look("tokens", home=home)["API"].good
    home.chmod(0o700)
    token.chmod(0o644)
    assert look("tokens", home=home)["API"].good, "nobody passes its folder"
    shutil.rmtree(home)


@pytest.mark.parametrize(("token", "good"), [("short", False), ("x" * 32, True)])
def test_a_short_token_is_told_and_never_shown(look, token, good):
    found = look("tokens", api_token=token)["API"]
    assert found.good == good
    assert token not in found.detail


def test_an_open_ray_is_told_where_others_reach_it(look, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    assert look("tokens")["Ray's authentication"].good, "a laptop listens to itself"
    found = look("tokens", cluster=ClusterPlan(profile="node"))["Ray's authentication"]
    assert not found.good
    assert "unset RAY_AUTH_MODE" in found.detail


def test_the_command_prints_what_it_found_and_ends_with_1(look, tmp_path):
    from typer.testing import CliRunner

    from pipelines.cli import app

    environment = {"ANDON_HOME": str(tmp_path / "home"), "ANDON_API_TOKEN": "short"}
    done = CliRunner().invoke(app, ["doctor", "--only", "tokens", "--json"], env=environment)
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert {
        "area": "tokens",
        "what": "API",
        "good": False,
        "detail": "has 5 characters; give ANDON_API_TOKEN 16 or more",
    } in found
    assert CliRunner().invoke(app, ["doctor", "--only", "disk"], env=environment).exit_code == 0
