from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from andon.errors import ConfigError
from andon.frames import signal_frame
from andon.ports import Documents, Signals
from andon.services.definitions import (
    apply_definitions,
    get_definitions,
    known_kind,
    selected_lines,
    typed_definition,
)
from andon.stores import open_documents, open_signals
from configs.definitions import Alert, Monitor
from configs.loading import load_definitions

PRESSES = Path(__file__).parents[3] / "configs" / "examples" / "presses.yaml"
START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 4, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


@pytest.fixture
def documents(tmp_path: Path) -> Iterator[Documents]:
    store = open_documents(f"sqlite:///{tmp_path}/documents.db")
    yield store
    store.close()


@pytest.fixture
def signals(tmp_path: Path) -> Iterator[Signals]:
    store = open_signals(f"sqlite:///{tmp_path}/signals.db")
    yield store
    store.close()


def write(folder: Path, text: str) -> list[Path]:
    path = folder / "some.yaml"
    path.write_text(text, encoding="utf-8")
    return [path]


def readings(line: str, days: int = 90, **types: Any) -> Any:
    times = pl.Series("time", [START + timedelta(hours=hour) for hour in range(24 * days)], pl.Datetime("us", "UTC"))
    columns = {name: ["a" if kind == "category" else 1.0] * len(times) for name, kind in types.items()}
    return signal_frame(line, pl.DataFrame({"time": times, **columns}), types)


def show_all(documents: Documents, signals: Signals) -> list[dict[str, Any]]:
    return [body for kind in ("line", "alerts", "Monitor") for body in get_definitions(kind, None, documents, signals)]


def test_the_example_is_applied_and_applied_again(documents: Documents, signals: Signals) -> None:
    first = apply_definitions([PRESSES], documents, signals, NOW)
    assert [(one.kind, one.name) for one in first] == [one.key for one in load_definitions([PRESSES])]
    assert {(one.version, one.change, one.warnings) for one in first} == {(1, "created", ())}
    again = apply_definitions([PRESSES], documents, signals, LATER)
    assert {(one.version, one.change) for one in again} == {(1, "unchanged")}
    assert {one.applied_at for one in documents.list_definitions()} == {NOW}


def test_a_change_is_a_new_version_and_the_old_stays(documents: Documents, signals: Signals, tmp_path: Path) -> None:
    apply_definitions([PRESSES], documents, signals, NOW)
    text = PRESSES.read_text("utf-8").replace("oil_temperature > 80", "oil_temperature > 85")
    changes = {
        one.name: (one.version, one.change)
        for one in apply_definitions(write(tmp_path, text), documents, signals, LATER)
    }
    assert changes.pop("oil-too-hot") == (2, "changed")
    assert set(changes.values()) == {(1, "unchanged")}
    old = documents.get_definition("Alert", "oil-too-hot", 1)
    assert old is not None and old.body["when"] == "oil_temperature > 80"


def test_what_is_stored_is_what_was_written(documents: Documents, signals: Signals) -> None:
    apply_definitions([PRESSES], documents, signals, NOW)
    stored = {(one.kind, one.name): typed_definition(one) for one in documents.list_definitions()}
    assert stored == {one.key: one.definition for one in load_definitions([PRESSES])}


def test_one_mistake_keeps_all_from_being_stored(documents: Documents, signals: Signals, tmp_path: Path) -> None:
    text = PRESSES.read_text("utf-8") + "---\nkind: Monitor\nname: late\nlines: {family: unknown}\n"
    with pytest.raises(ConfigError, match=r"late: lines\.family: no line belongs to 'unknown'"):
        apply_definitions(write(tmp_path, text), documents, signals, NOW)
    assert documents.list_definitions() == []


def test_an_alert_may_be_applied_on_data_without_a_line(documents: Documents, signals: Signals, tmp_path: Path) -> None:
    signals.append_signals(readings("oven-1", heat="number"))
    text = "kind: Alert\nname: hot\nlines: {names: [oven-1]}\ntype: threshold\nwhen: heat > 3\n"
    assert apply_definitions(write(tmp_path, text), documents, signals, NOW)[0].change == "created"


def test_a_line_that_breaks_a_stored_alert_is_refused_unless_both_change(
    documents: Documents, signals: Signals, tmp_path: Path
) -> None:
    line = "kind: Line\nname: oven-1\nvariables: [{name: heat, type: number}]\n"
    alert = "---\nkind: Alert\nname: hot\nlines: {names: [oven-1]}\ntype: threshold\nwhen: heat > 3\n"
    apply_definitions(write(tmp_path, line + alert), documents, signals, NOW)
    renamed = line.replace("heat", "warmth")
    with pytest.raises(
        ConfigError, match="Line oven-1: would break the stored Alert hot: when: unknown variable 'heat'"
    ):
        apply_definitions(write(tmp_path, renamed), documents, signals, NOW)
    both = apply_definitions(write(tmp_path, renamed + alert.replace("heat", "warmth")), documents, signals, NOW)
    assert [one.change for one in both] == ["changed", "changed"]


def test_what_was_broken_before_stands_in_nobodys_way(documents: Documents, signals: Signals, tmp_path: Path) -> None:
    alert = {"kind": "Alert", "name": "hot", "lines": {"names": ["gone"]}, "type": "threshold", "when": "heat > 3"}
    documents.put_definitions([alert], NOW)
    line = "kind: Line\nname: oven-1\nvariables: [{name: heat}]\n"
    assert apply_definitions(write(tmp_path, line), documents, signals, NOW)[0].change == "created"


def test_a_stored_definition_that_is_no_longer_valid_can_be_applied_anew(
    documents: Documents, signals: Signals, tmp_path: Path
) -> None:
    documents.put_definitions([{"kind": "Line", "name": "oven-1", "of_old": 1}], NOW)
    line = "kind: Line\nname: oven-1\nvariables: [{name: heat}]\n"
    with pytest.raises(ConfigError, match="stored Line oven-1: of_old: unknown field"):
        apply_definitions(write(tmp_path, line.replace("oven-1", "oven-2")), documents, signals, NOW)
    assert apply_definitions(write(tmp_path, line), documents, signals, NOW)[0].change == "changed"


def test_lines_are_those_of_the_family_or_the_list(documents: Documents, signals: Signals, tmp_path: Path) -> None:
    text = "---\n".join(
        f"kind: Line\nname: {name}\nfamily: {family}\nvariables: [{{name: heat}}]\n"
        for name, family in (("oven-2", "ovens"), ("oven-1", "ovens"), ("press-1", "presses"))
    )
    apply_definitions(write(tmp_path, text), documents, signals, NOW)
    of_family = Monitor.model_validate({"name": "m", "lines": {"family": "ovens"}})
    of_names = Monitor.model_validate({"name": "m", "lines": {"names": ["press-1", "oven-1"]}})
    nowhere = Monitor.model_validate({"name": "m", "lines": {"names": ["press-9"]}})
    assert selected_lines(of_family, documents, signals) == ["oven-1", "oven-2"]
    assert selected_lines(of_names, documents, signals) == ["oven-1", "press-1"]
    with pytest.raises(ConfigError, match=r"Monitor m: lines\.names: unknown line 'press-9'; did you mean 'press-1'\?"):
        selected_lines(nowhere, documents, signals)


def test_every_default_is_shown_and_can_be_applied(documents: Documents, signals: Signals, tmp_path: Path) -> None:
    import yaml

    apply_definitions([PRESSES], documents, signals, NOW)
    shown = show_all(documents, signals)
    by_name = {body["name"]: body for body in shown}
    jam = by_name["jam-soon"]
    assert jam["costs"] == {"missed": 5.0, "false": 1.0}
    assert jam["search"] == {"trials": 30, "time": "10m", "metric": "average_precision"}
    assert all(jam["features"][part] for part in ("windows", "functions", "stride"))
    assert "when" not in jam and "monitor" not in jam
    assert by_name["will-run-dry"]["clear"] == "not (oil_level < 10)"
    assert by_name["normal-running"]["validation"] == {"start": "2026-01-25T19:12:00Z", "end": "2026-02-01T00:00:00Z"}
    again = write(tmp_path, yaml.safe_dump_all(shown))
    apply_definitions(again, documents, signals, LATER)
    assert show_all(documents, signals) == shown


def test_default_periods_are_shown_where_data_say_them(documents: Documents, signals: Signals, tmp_path: Path) -> None:
    signals.append_signals(readings("oven-1", days=10, heat="number"))
    text = (
        "kind: Line\nname: oven-1\nvariables: [{name: heat}]\n---\nkind: Monitor\nname: m\nlines: {names: [oven-1]}\n"
    )
    apply_definitions(write(tmp_path, text), documents, signals, NOW)
    shown = get_definitions("monitor", "m", documents, signals)[0]
    assert shown["train"] == {"start": "2026-01-01T00:00:00Z", "end": "2026-01-09T00:00:00Z"}
    assert shown["validation"] == {"start": "2026-01-09T00:00:00Z", "end": "2026-01-11T00:00:00Z"}
    line = get_definitions("line", "oven-1", documents, signals)[0]
    assert (line["sampling"], line["variables"][0]["type"]) == ("1h", "number")


def test_what_does_not_exist_is_refused_with_the_nearest(documents: Documents, signals: Signals) -> None:
    apply_definitions([PRESSES], documents, signals, NOW)
    with pytest.raises(ConfigError, match="Alert jam-son: is not defined; did you mean 'jam-soon'"):
        get_definitions("alert", "jam-son", documents, signals)
    with pytest.raises(ConfigError, match=r"unknown kind 'alrets'; did you mean 'Alert'\?"):
        get_definitions("alrets", None, documents, signals)


@pytest.mark.parametrize("kind", ["alert", "Alert", "ALERTS", "alerts"])
def test_a_kind_is_known_in_any_case_and_number(kind: str) -> None:
    assert known_kind(kind) == "Alert"


def test_a_definition_is_typed(documents: Documents, signals: Signals) -> None:
    apply_definitions([PRESSES], documents, signals, NOW)
    stored = documents.get_definition("Alert", "jam-soon")
    assert stored is not None
    typed = typed_definition(stored)
    assert isinstance(typed, Alert) and typed.horizon == timedelta(minutes=30)
