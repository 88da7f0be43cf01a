from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from configs.definitions import Alert, Line, Monitor
from configs.errors import ConfigError
from configs.loading import load_definitions, parse_definition

EXAMPLES = Path(__file__).parents[3] / "configs" / "examples"
LINE = "kind: Line\nname: oven-1\nvariables: [{name: heat}]\n"


def test_the_example_holds_every_kind_and_every_type_of_alert() -> None:
    loaded = load_definitions([EXAMPLES / "presses.yaml"])
    alerts = [one.definition for one in loaded if isinstance(one.definition, Alert)]
    assert {one.definition.kind for one in loaded} == {"Line", "Alert", "Monitor"}
    assert {alert.type for alert in alerts} == {"threshold", "classifier", "forecast", "anomaly"}
    assert loaded[2].place == f"{EXAMPLES / 'presses.yaml'}: Alert jam-soon"


def test_every_example_loads() -> None:
    assert load_definitions([EXAMPLES])


@pytest.mark.parametrize("whole", [False, True], ids=["as given", "with every default"])
def test_a_definition_survives_its_json_form(whole: bool) -> None:
    for one in load_definitions([EXAMPLES]):
        body = one.definition.model_dump(mode="json", by_alias=True) if whole else one.definition.to_json()
        assert parse_definition(body, "again") == one.definition


def test_the_json_form_does_not_depend_on_how_a_value_is_written(tmp_path: Path) -> None:
    forms = []
    for number, text in enumerate(
        ["sampling: 60s", "sampling: 1m", 'sampling: "PT1M"', "# 1\nsampling: 0.0166666666667h"]
    ):
        path = tmp_path / f"{number}.yaml"
        path.write_text(LINE + text + "\n", encoding="utf-8")
        forms.append(load_definitions([path])[0].definition.to_json())
    assert forms[0]["sampling"] == "1m"
    assert forms == [forms[0]] * len(forms) and len(forms) == 4


def test_folders_are_read_to_the_bottom_in_name_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for path, name in (("b/z.yml", "three"), ("a.yaml", "one"), ("b/a.yaml", "two"), ("notes.txt", "none")):
        (tmp_path / path).write_text(LINE.replace("oven-1", name), encoding="utf-8")
    assert [one.definition.name for one in load_definitions([tmp_path])] == ["one", "two", "three"]


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(LINE, encoding="utf-8")
    assert len(load_definitions([path, tmp_path, path])) == 1


@pytest.mark.parametrize("data", [b"\xef\xbb\xbf" + LINE.encode(), LINE.replace("\n", "\r\n").encode()])
def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(data)
    assert load_definitions([path])[0].definition.name == "oven-1"


def test_text_that_old_yaml_would_change_stays_text(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        "kind: Line\nname: no\nfamily: on\nshifts: [06:00, 14:00, 22:00]\nvariables: [{name: 007, unit: 1_000}]\n",
        encoding="utf-8",
    )
    line = load_definitions([path])[0].definition
    assert isinstance(line, Line)
    assert (line.name, line.family, line.shifts) == ("no", "on", ("06:00", "14:00", "22:00"))
    assert (line.variables[0].name, line.variables[0].unit) == ("007", "1_000")


def test_aliases_within_a_document_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        "kind: Monitor\nname: m\nlines: {family: f}\ntrain: {start: &s 2026-01-01, end: &e 2026-02-01}\n"
        "validation: {start: *e, end: 2026-03-01T02:00+02:00}\n",
        encoding="utf-8",
    )
    monitor = load_definitions([path])[0].definition
    assert isinstance(monitor, Monitor) and monitor.train and monitor.validation
    assert monitor.validation.start == monitor.train.end == datetime(2026, 2, 1, tzinfo=UTC)
    assert monitor.validation.end == datetime(2026, 3, 1, tzinfo=UTC)


def test_defaults_are_those_of_the_design() -> None:
    base = {"kind": "Alert", "name": "a", "lines": {"family": "f"}}
    alert = parse_definition({**base, "type": "classifier", "target": "jam", "horizon": "30m"}, "a")
    monitor = parse_definition({"kind": "Monitor", "name": "m", "lines": {"family": "f"}}, "m")
    assert isinstance(alert, Alert) and isinstance(monitor, Monitor)
    assert (alert.for_, alert.keep_firing, alert.severity, alert.routes) == (timedelta(0), timedelta(0), "medium", ())
    assert (alert.costs.missed, alert.costs.false) == (5, 1)
    assert (alert.search.trials, alert.search.time) == (30, timedelta(minutes=10))
    assert alert.learners == ("lightgbm", "xgboost", "random_forest", "logistic_regression")
    assert (monitor.window, monitor.rate) == (30, 0.01)


def test_a_rate_is_a_share_or_a_percentage() -> None:
    base = {"kind": "Monitor", "name": "m", "lines": {"family": "f"}}
    assert parse_definition({**base, "rate": "2.5%"}, "m").rate == 0.025  # type: ignore[union-attr]
    assert parse_definition({**base, "rate": 0.025}, "m").rate == 0.025  # type: ignore[union-attr]


def test_the_error_keeps_its_parts() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_definition(
            {"kind": "Monitor", "name": "m", "lines": {"family": "f"}, "window": "30"}, "m.yaml: Monitor m"
        )
    error = caught.value
    assert error.place == "m.yaml: Monitor m: window"
    assert error.problem == "must be a whole number, got '30'"
    assert error.remedy == "write window: 30 without quotes"
    assert error.exit_code == 2
