"""`andon init` and `andon inject` through the command, and both real tables as they are."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from andon.stores import open_signals
from configs.settings import Settings
from tests.e2e.table_files import GOOD, run, stored, write


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def test_init_prints_what_apply_takes(tmp_path: Path) -> None:
    path = write(tmp_path, "press-07.csv", GOOD)
    printed = run("init", path)
    assert printed.exit_code == 0, printed.output
    assert "name: press-07" in printed.stdout
    assert stored(tmp_path) == []
    written = run("init", path, "--out", tmp_path / "plant.yaml", "--family", "presses")
    assert written.exit_code == 0, written.output
    assert run("import", path, "--line", "press-07").exit_code == 0
    applied = json.loads(run("apply", tmp_path / "plant.yaml", "--json").stdout)
    assert [(one["kind"], one["name"]) for one in applied] == [("Line", "press-07"), ("Monitor", "normal-presses")]


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    path, out = write(tmp_path, "t.csv", GOOD), write(tmp_path, "edited.yaml", "kind: Line")
    result = run("init", path, "--out", out)
    assert result.exit_code == 2
    assert "edited.yaml: exists already; name another file" in result.stderr
    assert out.read_text() == "kind: Line"
    nowhere = run("init", path, "--out", tmp_path / "gone" / "a.yaml")
    assert nowhere.exit_code == 2
    assert "cannot be written: No such file" in nowhere.stderr


def test_init_refuses_what_import_refuses(tmp_path: Path) -> None:
    result = run("init", write(tmp_path, "t.csv", GOOD + "x\n"))
    assert result.exit_code == 2
    assert "t.csv: line 5" in result.stderr


def test_inject_replays_once_and_tells(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", GOOD)
    before = datetime.now(UTC)
    arguments = ("inject", path, "--line", "press-07", "--every", "1ms", "--shift-to", "now")
    first = json.loads(run(*arguments, "--json").stdout)
    assert (first["rows"], first["resumed_at"], first["position"], first["done"]) == (3, 0, 3, True)
    again = run(*arguments)
    assert again.exit_code == 0
    assert again.stdout.splitlines()[1].split("\t")[:4] == ["press-07", "0", "3", "3"]
    assert "every row was injected before" in again.stderr
    signals = open_signals(Settings(home=tmp_path / "home").signals)
    times = signals.read_signals("press-07").data["time"].to_list()
    signals.close()
    assert before <= times[0] <= datetime.now(UTC)
    assert times[2] - times[0] == timedelta(minutes=2)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--every", "soon"), "--every: is not a duration: 'soon'"),
        (("--speed", "-1"), "--speed: must be above 0, got -1"),
        (("--shift-to", "later"), "--shift-to: is not a time: 'later'"),
        (("--line-column", "product"), "has no rows of line 'press-07'"),
    ],
)
def test_inject_refuses_what_is_wrong(options: tuple[str, ...], says: str, tmp_path: Path) -> None:
    result = run("inject", write(tmp_path, "t.csv", GOOD), "--line", "press-07", *options)
    assert result.exit_code == 2
    assert says in result.stderr
    assert stored(tmp_path) == []


@pytest.mark.data
def test_skab_as_it_is(real_data: Path, tmp_path: Path) -> None:
    path = real_data / "skab-valve1" / "valve1.parquet"
    arguments = ("import", path, "--line-column", "file", "--line-prefix", "valve1-", "--exclude", "split", "--json")
    reports = json.loads(run(*arguments).stdout)
    assert len(reports) == 16
    assert sum(report["rows"] for report in reports) == pl.read_parquet(path).height
    assert {report["sampling"] for report in reports} == {"1s"}
    assert all(report["unchanged"] and not report["added"] for report in json.loads(run(*arguments).stdout))


@pytest.mark.data
def test_cmapss_as_it_is_by_its_steps(real_data: Path, tmp_path: Path) -> None:
    path = real_data / "cmapss-fd001" / "train_FD001.parquet"
    lines = ("--line-column", "unit", "--line-prefix", "train-", "--time-column", "cycle")
    refused = run("import", path, *lines)
    assert refused.exit_code == 2
    assert "row 1, column 'cycle': holds numbers such as 1" in refused.stderr
    assert "--step 1h" in refused.stderr
    assert stored(tmp_path) == []
    reports = json.loads(run("import", path, *lines, "--step", "1h", "--json").stdout)
    assert len(reports) == 100
    assert sum(report["rows"] for report in reports) == 20_631
    assert (reports[0]["line"], reports[0]["rows"], reports[0]["first"]) == ("train-1", 192, "1970-01-01T01:00:00Z")
    assert "s1" in reports[0]["constant"]
