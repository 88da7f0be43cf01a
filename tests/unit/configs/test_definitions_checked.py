"""Checks against lines and data that need no store."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from configs.checking import check_definition, check_types, input_variables
from configs.definitions import Alert, Line, Monitor
from configs.errors import ConfigError
from configs.loading import LoadedDefinition, parse_definition
from configs.world import World, usual_sampling

START = datetime(2026, 1, 1, tzinfo=UTC)
TYPES = {"heat": "number", "speed": "number", "jam": "boolean", "product": "category"}


@dataclass(frozen=True)
class Data:
    types: dict[str, Any]
    first: datetime = START
    last: datetime = START + timedelta(days=10)
    sampling: timedelta = timedelta(minutes=1)


def line(name: str, types: dict[str, Any] | None = None, **fields: Any) -> Line:
    variables = [{"name": variable, "type": kind} for variable, kind in (types or TYPES).items()]
    return Line.model_validate({"name": name, "family": "ovens", "variables": variables} | fields)


def world(*lines: Line, monitors: tuple[Monitor, ...] = (), **data: Data) -> World:
    named = {name.replace("_", "-"): found for name, found in data.items()}
    return World(
        {one.name: one for one in lines}, {one.name: one for one in monitors}, frozenset(named), named.__getitem__
    )


def alert(**fields: Any) -> Alert:
    body = {"kind": "Alert", "name": "jam-soon", "lines": {"family": "ovens"}, "type": "classifier", "target": "jam"}
    found = parse_definition({**body, "horizon": "30m"} | fields, "a.yaml: Alert jam-soon")
    assert isinstance(found, Alert)
    return found


def monitor(**fields: Any) -> Monitor:
    body = {"kind": "Monitor", "name": "calm", "lines": {"family": "ovens"}}
    found = parse_definition(body | fields, "a.yaml: Monitor calm")
    assert isinstance(found, Monitor)
    return found


def warnings(definition: Any, of: World) -> list[str]:
    return check_definition(LoadedDefinition(definition, f"a.yaml: {definition.kind} {definition.name}"), of)


def refusal(definition: Any, of: World) -> str:
    with pytest.raises(ConfigError) as caught:
        warnings(definition, of)
    return str(caught.value)


def test_a_sound_alert_passes_before_and_after_its_data_come() -> None:
    assert warnings(alert(), world(line("o-1"))) == []
    assert warnings(alert(), world(line("o-1"), o_1=Data(TYPES))) == []
    assert warnings(alert(lines={"names": ["o-1"]}), world(o_1=Data(TYPES))) == []


def test_types_declared_and_found_agree_in_either_order() -> None:
    declared = line("o-1")
    assert check_types(declared, TYPES, "p") == []
    assert warnings(declared, world(declared, o_1=Data(TYPES))) == []
    wrong = Data({**TYPES, "heat": "category"})
    assert "variables[0].type: 'heat' is declared a number, its data are a category" in refusal(
        declared, world(declared, o_1=wrong)
    )


def test_what_the_data_lack_and_an_odd_sampling_are_warned_of() -> None:
    declared = line("o-1", sampling="10m")
    found = warnings(declared, world(declared, o_1=Data({"heat": "number"})))
    assert found == [
        "a.yaml: Line o-1: variables: the data of o-1 lack 'speed', 'jam', 'product'",
        "a.yaml: Line o-1: sampling: 10m is declared, the data have a reading every 1m",
    ]


def test_the_type_of_a_variable_may_be_unknown_until_data_come() -> None:
    late = line("o-1", {"jam": None, "heat": None})
    assert warnings(alert(), world(late)) == []
    assert "is a category, not a condition" in refusal(alert(), world(late, o_1=Data({"jam": "category"})))


def test_variables_found_in_data_need_no_declaration() -> None:
    partly = line("o-1", {"jam": "boolean"})
    assert warnings(alert(include=["speed"]), world(partly, o_1=Data(TYPES))) == []
    assert "unknown variable 'speed'" in refusal(alert(include=["speed"]), world(partly))


def test_the_first_line_that_lacks_a_variable_is_named() -> None:
    of = world(line("o-1"), line("o-2", {"heat": "number"}))
    assert "Alert jam-soon: target: line o-2: unknown variable 'jam'" in refusal(alert(), of)


def test_an_exclusion_may_name_what_only_some_lines_have() -> None:
    of = world(line("o-1"), line("o-2", {"heat": "number", "jam": "boolean"}))
    assert warnings(alert(exclude=["product"]), of) == []


def test_including_the_targets_own_variable_is_warned_of() -> None:
    found = warnings(alert(include=["jam", "heat"]), world(line("o-1")))
    assert found == ["a.yaml: Alert jam-soon: include: 'jam' is the target's own; the model will see it"]


def test_a_classifier_learns_from_all_but_the_targets_own_and_the_excluded() -> None:
    assert input_variables(alert(exclude=["speed"]), TYPES) == {"heat", "product"}
    assert input_variables(alert(include=["jam", "heat"]), TYPES) == {"jam", "heat"}


def test_a_pooled_model_needs_variables_in_common() -> None:
    jam = {"jam": "boolean"}
    of = world(line("o-1", {**jam, "heat": "number"}), line("o-2", {**jam, "speed": "number"}))
    assert "no variable is left to learn from" in refusal(alert(model="pooled"), of)
    assert warnings(alert(), of) == []


def test_a_pooled_model_serves_lines_that_never_report_its_target() -> None:
    of = world(line("o-1"), line("o-2", {"heat": "number", "speed": "number"}))
    assert warnings(alert(model="pooled"), of) == [
        "a.yaml: Alert jam-soon: target: 'o-2' lack 'jam': scored, but not trained on"
    ]
    assert "unknown variable 'yam'" in refusal(alert(model="pooled", target="yam"), of)


@pytest.mark.parametrize(
    ("train", "validation", "emptied"),
    [
        (("2026-01-01", "2026-01-02"), ("2026-01-02", "2026-01-03"), False),
        (("2026-01-01", "2026-01-01T00:30"), ("2026-01-01T00:30", "2026-01-03"), True),
        (("2026-01-01", "2026-01-01T00:31"), ("2026-01-01T00:31", "2026-01-03"), False),
        (("2026-01-01", "2026-01-01T00:30"), ("2026-01-02", "2026-01-03"), False),
        (("2026-01-01", "2026-01-01T00:37"), None, True),
        (("2026-01-01", "2026-01-01T00:38"), None, False),
    ],
)
def test_a_train_period_is_refused_when_the_purge_empties_it(train: Any, validation: Any, emptied: bool) -> None:
    fields = {"train": dict(zip(("start", "end"), train, strict=True))}
    if validation:
        fields["validation"] = dict(zip(("start", "end"), validation, strict=True))
    if emptied:
        assert "is left after purging the horizon 30m" in refusal(alert(**fields), world(line("o-1")))
    else:
        assert warnings(alert(**fields), world(line("o-1"))) == []


def test_a_period_without_data_is_refused_only_if_no_line_has_any_there() -> None:
    late = Data(TYPES, START + timedelta(days=40), START + timedelta(days=50))
    train = {"start": "2026-01-02", "end": "2026-01-04"}
    of = world(line("o-1"), line("o-2"), o_1=Data(TYPES), o_2=late)
    found = warnings(monitor(train=train), of)
    assert all("no data of o-2 from" in warning for warning in found) and found
    only_late = world(line("o-2"), o_2=late)
    assert "Monitor calm: train: holds no data from" in refusal(monitor(train=train), only_late)


def test_little_data_without_periods_is_a_warning() -> None:
    young = Data(TYPES, last=START + timedelta(minutes=20))
    assert warnings(alert(), world(line("o-1"), o_1=young)) == [
        "a.yaml: Alert jam-soon: horizon: the data of o-1 span 20m, too little to train on yet"
    ]


def test_windows_are_made_of_samplings_or_of_the_strides_given() -> None:
    odd: dict[str, Any] = {"features": {"windows": ["90s"]}}
    declared, found = world(line("o-1", sampling="60s")), world(line("o-1"), o_1=Data(TYPES))
    for of in (declared, found):
        assert "1m30s is not a multiple of the sampling 1m of o-1; write a multiple of 1m" in refusal(alert(**odd), of)
    by_stride: dict[str, Any] = {"features": {"windows": ["90s"], "stride": "30s"}}
    assert "is not a multiple of the sampling 1m" in refusal(alert(**by_stride), declared)
    assert warnings(alert(**by_stride), found) == [
        "a.yaml: Alert jam-soon: features.stride: 30s is shorter than the sampling 1m of o-1"
    ]
    assert warnings(alert(**odd), world(line("o-1"))) == []


@pytest.mark.parametrize(
    ("when", "clear", "warned"),
    [
        ("heat > 80", "heat < 75", False),
        ("heat > 80", "heat < 90", True),
        ("heat < 10", "heat > 5", True),
        ("heat < 10", "heat > 12", False),
        ("heat > 80", "speed < 90", False),
        ("heat > 80", "heat < 70 or jam", False),
    ],
)
def test_a_clear_that_holds_beside_when_is_warned_of(when: str, clear: str, warned: bool) -> None:
    body = {"kind": "Alert", "name": "hot", "lines": {"family": "ovens"}, "type": "threshold", "when": when}
    found = warnings(parse_definition({**body, "clear": clear}, "hot"), world(line("o-1")))
    assert bool(found) == warned


def test_a_forecast_alert_needs_a_monitor_that_watches_its_lines_and_variables() -> None:
    body = {"kind": "Alert", "name": "dry", "lines": {"family": "ovens"}, "type": "forecast", "horizon": "10m"}
    dry = parse_definition({**body, "monitor": "calm", "when": 'heat < 1 and product == "a"'}, "dry")
    assert warnings(dry, world(line("o-1"), monitors=(monitor(),))) == []
    assert "unknown monitor 'calm'" in refusal(dry, world(line("o-1")))
    narrow = monitor(variables={"include": ["speed"]})
    assert "does not forecast 'heat'" in refusal(dry, world(line("o-1"), monitors=(narrow,)))
    text_only = parse_definition({**body, "monitor": "calm", "when": 'product == "a"'}, "dry")
    assert "does not forecast any variable" in refusal(text_only, world(line("o-1"), monitors=(monitor(),)))


def test_a_forecast_alert_looks_one_sampling_ahead_at_least() -> None:
    body = {"kind": "Alert", "name": "dry", "lines": {"family": "ovens"}, "type": "forecast", "monitor": "calm"}
    of = world(line("o-1", sampling="10s"), line("o-2", sampling="1m"), monitors=(monitor(),))
    for horizon, refused in (("1m", False), ("59s", True)):
        dry = parse_definition({**body, "when": "heat < 1", "horizon": horizon}, "dry")
        if refused:
            assert "horizon: 59s is shorter than the sampling of o-2; give 1m or more" in refusal(dry, of)
        else:
            assert warnings(dry, of) == []


def test_data_are_described_once_a_line() -> None:
    asked: list[str] = []

    def describe(name: str) -> Data:
        asked.append(name)
        return Data(TYPES)

    of = World({"o-1": line("o-1")}, {}, frozenset({"o-1"}), describe)
    warnings(alert(), of)
    warnings(monitor(), of)
    assert asked == ["o-1"]


def test_the_usual_sampling_is_that_of_most_lines() -> None:
    of = world(line("o-1", sampling="1m"), line("o-2", sampling="10s"), line("o-3", sampling="1m"), line("o-4"))
    assert usual_sampling(of, ["o-1", "o-2", "o-3", "o-4"]) == timedelta(minutes=1)
    assert usual_sampling(of, ["o-4"]) is None
