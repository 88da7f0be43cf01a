"""``andon report search`` on what a search left."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app


def search_in(folder: Path, age: int) -> None:
    (folder / "00000").mkdir(parents=True)
    spec = {"definition": {"kind": "Alert", "name": "jam-soon"}, "line": "press-1", "family": None, "folder": "00000"}
    (folder / "studies.json").write_text(json.dumps([spec]))
    body = {"number": 0, "learner": "lightgbm", "params": {"rounds": 9}, "metric": 0.5, "seconds": 1.5, "error": ""}
    (folder / "00000" / "configurations.jsonl").write_text(json.dumps(body) + "\n")
    os.utime(folder / "studies.json", (1e9 - age, 1e9 - age))


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str):
        return CliRunner().invoke(app, ["report", "search", *arguments])

    return run


def test_the_newest_is_reported_and_all_are_listed(run, tmp_path):
    for age, name in enumerate(("new", "old")):
        search_in(tmp_path / "home" / "searches" / name, age)
    listed = json.loads(run("--list", "--json").stdout)
    assert [(one["search"], one["state"], one["configurations"]) for one in listed] == [
        ("new", "unfinished", 1),
        ("old", "unfinished", 1),
    ]
    assert run("--list").stdout.splitlines()[1].startswith("new\t")
    assert run().stdout == "wrote search.html: search new, 1 studies, 1 configurations\n"
    assert "Search new" in (tmp_path / "search.html").read_text()
    told = json.loads(run("--search", "ol", "--out", "old.html", "--json").stdout)
    assert (told["search"], told["core_seconds"], told["out"]) == ("old", 1.5, "old.html")
    assert "Search old" in (tmp_path / "old.html").read_text()


def test_what_is_not_there_is_refused(run, tmp_path):
    refused = run()
    assert refused.exit_code == 2
    assert "holds no search; run `andon train` first" in refused.stderr
    search_in(tmp_path / "home" / "searches" / "new", 0)
    refused = run("--search", "x")
    assert refused.exit_code == 2
    assert "--search: names no search, got 'x'; see `andon report search --list`" in refused.stderr
    assert not (tmp_path / "search.html").exists()
