"""A search's folder read back, whole, half-written and foreign."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from andon.errors import ConfigError, StoreError
from tune_jobs.journal import find_search, list_searches, read_search
from tune_jobs.lane import JOURNAL, read_journal


def row(number: int, metric: float | None, **more) -> dict:
    body = {"number": number, "learner": "lightgbm", "params": {"rounds": 9}, "metric": metric, "seconds": 0.5}
    return body | {"error": "" if metric is not None else "too few rows", "sampled": None} | more


def search_in(folder: Path) -> Path:
    specs = [
        {"definition": {"kind": "Alert", "name": "jam-soon"}, "line": "press-1", "family": None},
        {"definition": {"kind": "Monitor", "name": "normal"}, "line": None, "family": "presses"},
        {"definition": {"kind": "Alert", "name": "jam-soon"}, "line": "press-2", "family": None},
    ]
    folder.mkdir(parents=True)
    for index, spec in enumerate(specs):
        spec |= {"folder": f"/elsewhere/{index:05d}", "trials": 4, "seed": 3, "not_known_here": True}
        (folder / f"{index:05d}").mkdir()
    (folder / "studies.json").write_text(json.dumps(specs))
    return folder


def write(path: Path, *rows: dict, torn: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in rows) + torn)


def test_a_search_is_read_whatever_state_it_is_in(tmp_path):
    folder = search_in(tmp_path / "abc")
    write(folder / "00000/lightgbm/configurations.jsonl", row(0, 0.5, at=10.0), row(1, 0.9, at=30.0, pruned=True))
    write(folder / "00000/linear/configurations.jsonl", row(0, 0.7, at=20.0, learner="linear", source="default"))
    (folder / "00000/outcome.json").write_text(
        json.dumps({"summary": {"metric_name": "average precision"}, "error": "", "configurations": 3, "seconds": 9.0})
    )
    write(folder / "00001/configurations.jsonl", row(0, 2.0), row(1, None), row(2, 1.0), torn='{"number": 3, "lea')
    (folder / "00002/outcome.json").write_text(
        json.dumps({"summary": None, "error": "no rows", "configurations": 0, "seconds": 1.0})
    )
    search = read_search(folder)
    alert, monitor, failed = search.studies
    assert (search.identity, search.configurations) == ("abc", 6)
    assert [(one.learner, one.number) for one in alert.configurations] == [
        ("lightgbm", 0),
        ("linear", 0),
        ("lightgbm", 1),
    ]
    assert (alert.title, alert.state, alert.seconds) == ("jam-soon on press-1", "done", 9.0)
    assert alert.best is not None and (alert.best.metric, alert.best.source) == (0.7, "default"), "0.9 was pruned"
    assert (monitor.title, monitor.state, monitor.seconds) == ("normal on family presses", "unfinished", 1.5)
    assert monitor.best is not None and monitor.best.metric == 1.0, "a monitor's error is minimised"
    assert [one.error for one in monitor.configurations] == ["", "too few rows", ""]
    assert (failed.state, failed.error, failed.best) == ("failed", "no rows", None)
    (folder / "finished").touch()
    assert [one.state for one in read_search(folder).studies] == ["done", "failed", "failed"], (
        "nobody is at it any more"
    )


def test_searches_are_found_by_age_and_by_the_beginning_of_their_id(tmp_path):
    for age, name in enumerate(("abc1", "abd2", "old3")):
        os.utime(search_in(tmp_path / name) / "studies.json", (1e9 - age, 1e9 - age))
    (tmp_path / "no-search").mkdir()
    assert [path.name for path in list_searches(tmp_path)] == ["abc1", "abd2", "old3"]
    assert find_search(tmp_path, None).name == "abc1"
    assert find_search(tmp_path, "o").name == "old3"
    with pytest.raises(ConfigError, match="names 2 searches"):
        find_search(tmp_path, "ab")
    with pytest.raises(ConfigError, match="names no search"):
        find_search(tmp_path, "x")
    with pytest.raises(ConfigError, match="holds no search"):
        find_search(tmp_path / "empty", None)


def test_what_a_search_is_about_must_be_readable(tmp_path):
    folder = search_in(tmp_path / "abc")
    (folder / "studies.json").write_text("[{")
    with pytest.raises(StoreError, match=r"studies\.json: cannot be read"):
        read_search(folder)


def test_a_journal_that_has_grown_is_read_anew(tmp_path):
    row = '{"number": %d, "learner": "lightgbm", "params": {}, "metric": 0.5, "seconds": 0.1}\n'
    assert read_journal(tmp_path) == []
    for number in range(3):
        with (tmp_path / JOURNAL).open("a") as journal:
            journal.write(row % number)
        found = read_journal(tmp_path)
        assert [one.number for one in found] == list(range(number + 1))
        found.clear()  # whoever asked may do as they like with what they got
    assert len(read_journal(tmp_path)) == 3
