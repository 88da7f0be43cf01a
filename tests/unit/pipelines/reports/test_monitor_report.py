"""`andon report monitor` from the stores: which lines, which rows, which files, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from andon.errors import ConfigError, DataError
from andon.models.bundle import write_bundle
from andon.ports import Documents, Signals
from andon.stores import open_documents, open_models, open_signals
from configs.settings import load_settings
from pipelines.cli import app
from pipelines.reports.monitors import MonitorReport, report_monitor
from tests.watched_line import LINE, NORMAL, SAMPLING, START, TRAINED, define, make_rows, normal_bundle
from tests.watched_stores import FolderModels

ROWS = TRAINED + 150
NOW = START + ROWS * SAMPLING


class Models(FolderModels):
    """Whose versions come with their own card."""

    def get(self, key, version):
        found = super().get(key, version)
        return None if found is None else replace(found, card=normal_bundle().card)


@pytest.fixture
def stores(tmp_path: Path) -> tuple[Documents, Signals, FolderModels]:
    documents = open_documents(f"sqlite:///{tmp_path}/documents.db")
    signals = open_signals(f"sqlite:///{tmp_path}/signals.db")
    define(documents, at=NOW)
    signals.append_signals(make_rows(ROWS, holes=False))
    models = Models(tmp_path / "models")
    write_bundle(normal_bundle(), models._path(normal_bundle().key, 1))
    models.champions[normal_bundle().key] = 1
    return documents, signals, models


def asked(out: Path, **changes: object) -> MonitorReport:
    return replace(MonitorReport(NORMAL.name, (), None, None, None, out), **changes)  # type: ignore[arg-type]


def test_a_folder_gets_a_page_a_line_of_what_the_model_has_not_read(stores, tmp_path: Path) -> None:
    (one,) = report_monitor(asked(tmp_path / "out", labels="jam"), *stores, NOW)
    assert one["out"] == str(tmp_path / "out" / f"{LINE}.html") and Path(one["out"]).is_file()
    assert one["pictures"] == len(list((tmp_path / "out" / LINE).iterdir())) == 6
    unread = stores[1].read_signals(LINE, None, normal_bundle().card.data_end, None)
    assert one["rows"] == one["detection"]["rows"] == len(unread) >= 150


def test_a_file_and_a_period_may_be_given(stores, tmp_path: Path) -> None:
    start, end = START + timedelta(hours=1), START + timedelta(hours=2)
    (one,) = report_monitor(asked(tmp_path / "page.html", lines=(LINE,), start=start, end=end), *stores, NOW)
    assert one["out"] == str(tmp_path / "page.html") and one["rows"] == timedelta(hours=1) / SAMPLING


def test_without_new_rows_the_last_fifth_is_shown(stores, tmp_path: Path) -> None:
    end = START + TRAINED * SAMPLING
    (one,) = report_monitor(asked(tmp_path, end=end), *stores, NOW)
    assert one["rows"] == pytest.approx(TRAINED / 5, abs=2)


def test_what_is_not_there_is_refused(stores, tmp_path: Path) -> None:
    for changes, problem in (
        ({"monitor": "normal-fryin"}, "did you mean 'normal-frying'"),
        ({"lines": ("fryer-9",)}, "is not watched by monitor normal-frying"),
    ):
        with pytest.raises(ConfigError, match=problem):
            report_monitor(asked(tmp_path, **changes), *stores, NOW)
    for changes, problem in (
        ({"labels": "product"}, "--labels product: is a category"),
        ({"start": NOW + SAMPLING}, "has no rows from"),
    ):
        with pytest.raises(DataError, match=problem):
            report_monitor(asked(tmp_path, **changes), *stores, NOW)
    stores[2].champions.clear()
    with pytest.raises(DataError, match="run `andon train --monitor normal-frying`"):
        report_monitor(asked(tmp_path), *stores, NOW)


def test_the_command_writes_and_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    settings, bundle = load_settings(), normal_bundle()
    define(open_documents(settings.documents), at=NOW)
    open_signals(settings.signals).append_signals(make_rows(ROWS, holes=False))
    models = open_models(settings.models)
    write_bundle(bundle, tmp_path / "bundle")
    models.promote(bundle.key, models.publish(bundle.key, tmp_path / "bundle", bundle.card), "test", NOW)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    written = run("report", "monitor", "--monitor", NORMAL.name, "--out", "page.html")
    assert (written.exit_code, written.stdout) == (0, "wrote page.html\n") and (tmp_path / "page.html").is_file()
    (told,) = json.loads(run("report", "monitor", "--monitor", NORMAL.name, "--labels", "jam", "--json").stdout)
    assert (told["out"], told["line"]) == (f"monitors/{LINE}.html", LINE)
    assert told["detection"]["rows"] == told["rows"]
    unknown = run("report", "monitor", "--monitor", "nobody")
    assert unknown.exit_code == 2 and "monitor nobody: is not defined" in unknown.stderr

    asked = ("backtest", "--line", LINE, "--monitor", NORMAL.name, "--labels", "jam", "--out", "rows.parquet")
    tested = run(*asked, "--start", str(START + timedelta(hours=4)))
    assert tested.exit_code == 0, tested.stderr
    header, row = tested.stdout.splitlines()[2:4]
    assert header.startswith("line\tF1\tFAR") and row.startswith(f"{LINE}\t") and len(row.split("\t")) == 8
