"""``andon apply`` and ``andon get``, through the command."""

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from pipelines.cli import app

PRESSES = Path(__file__).parents[2] / "configs" / "examples" / "presses.yaml"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
    return tmp_path


def run(*words: str | Path) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_applied_definitions_are_listed_and_shown(home: Path) -> None:
    rows = [line.split("\t") for line in run("apply", PRESSES).splitlines()]
    assert rows[0][:3] == ["kind", "name", "version"]
    assert rows[1] == ["Line", "press-07", "1", "created"]
    assert {row[-1] for row in rows[1:]} == {"created"}
    assert {one["change"] for one in json.loads(run("apply", PRESSES, "--json"))} == {"unchanged"}

    alerts = run("get", "alerts").splitlines()
    assert len(alerts) == 5
    jam = next(line for line in alerts if line.startswith("jam-soon"))
    assert jam.split("\t") == ["jam-soon", "classifier", "family presses", "jam == 1 within 30m", "1"]
    assert "press-07\tpresses\t1m\t6\t1" in run("get", "Line")


def test_one_definition_is_shown_as_yaml_that_can_be_applied(home: Path) -> None:
    run("apply", PRESSES)
    shown = run("get", "alert", "jam-soon")
    body = yaml.safe_load(shown)
    assert body["learners"] == ["lightgbm", "xgboost", "random_forest", "logistic_regression"]
    assert body["features"]["windows"]
    as_json = json.loads(run("get", "alert", "jam-soon", "--json"))
    assert {key: as_json[key] for key in ("horizon", "features", "train", "costs")} == {
        key: body[key] for key in ("horizon", "features", "train", "costs")
    }
    (home / "shown.yaml").write_text(shown, encoding="utf-8")
    run("apply", home / "shown.yaml")
    assert run("get", "alert", "jam-soon") == shown


def test_many_definitions_are_written_as_documents(home: Path) -> None:
    run("apply", PRESSES)
    names = [body["name"] for body in yaml.safe_load_all(run("get", "alert", "--yaml"))]
    assert names == sorted(names) and len(names) == 4


def test_warnings_are_told_apart_from_the_result(home: Path) -> None:
    text = (
        "kind: Line\nname: o\nvariables: [{name: x, type: number}]\n---\nkind: Alert\nname: hot\nlines: {names: [o]}\n"
    )
    (home / "a.yaml").write_text(text + "type: threshold\nwhen: x > 80\nclear: x < 90\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["apply", "a.yaml"])
    assert result.exit_code == 0
    assert "warning" not in result.stdout
    assert "warning: a.yaml: Alert hot: clear: holds together with when for x between 80 and 90" in result.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("get", "alrt"), "unknown kind 'alrt'; did you mean 'Alert'?"),
        (("get", "monitor", "none"), "Monitor none: is not defined; apply a Monitor first"),
        (("get", "line", "--json", "--yaml"), "keep one of them"),
        (("apply", "none.yaml"), "none.yaml: does not exist; check the path"),
    ],
)
def test_what_is_asked_wrongly_exits_with_two(words: tuple[str, ...], says: str, home: Path) -> None:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 2
    assert says in result.stderr
    assert result.stdout == ""
