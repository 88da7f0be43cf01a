"""The plant's definitions and files."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml

from andon.errors import DataError
from andon.simulate import MACHINES, plant_definitions, simulate_line, write_plant
from configs.definitions import KINDS, Alert, Line

START = datetime(2026, 3, 2, tzinfo=UTC)


def test_definitions_are_valid_and_name_what_the_lines_have() -> None:
    lines = [simulate_line(machine, START, 1, 0) for machine in MACHINES]
    definitions = [KINDS[body["kind"]].model_validate(body) for body in plant_definitions(lines)]
    assert [one.name for one in definitions if isinstance(one, Line)] == [f"{machine}-1" for machine in MACHINES]
    alerts = [one for one in definitions if isinstance(one, Alert)]
    soon = {"boil-over-soon", "burner-fault-soon", "pasteurisation-failure-soon", "jam-soon"}
    assert {one.name for one in alerts if one.type == "classifier"} == soon
    assert {one.name for one in alerts if one.type == "threshold"} == {f"{machine}-limit" for machine in MACHINES}
    assert definitions[-1].name == "normal-running"
    columns = {line.name: set(line.data.columns) for line in lines}
    for alert in alerts:
        assert alert.lines.names is not None
        for condition in (alert.target, alert.when, alert.clear):
            if condition is not None:
                assert condition.variables <= columns[alert.lines.names[0]]
        if alert.type == "classifier":
            assert alert.horizon == timedelta(minutes=30)


def test_the_limits_that_people_use_today_do_fire_and_not_all_day() -> None:
    for machine in MACHINES:
        line = simulate_line(machine, START, 14, 0)
        body = next(one for one in plant_definitions([line]) if one["name"] == f"{machine}-limit")
        variable, bound = body["when"].split(" > ")
        share = (line.data[variable] > float(bound)).mean()
        assert 0.0005 < share < 0.1, f"{machine}: {body['when']} in {share:.2%} of rows"


def test_a_written_plant_reads_back_as_it_was_simulated(tmp_path: Path) -> None:
    paths = write_plant(tmp_path / "plant", START, 1.0, seed=4)
    assert [path.name for path in paths] == [*(f"{machine}-1.csv" for machine in MACHINES), "plant.yaml", "faults.json"]
    for machine, path in zip(MACHINES, paths[:4], strict=True):
        line = simulate_line(machine, START, 1.0, seed=4)
        table = pl.read_csv(path, try_parse_dates=True, infer_schema_length=None)
        assert table.height == line.data.height
        assert table["time"].dt.cast_time_unit("us").to_list() == line.data["time"].to_list()
        for name in line.data.columns[1:]:
            assert table[name].cast(line.data.schema[name]).to_list() == line.data[name].to_list(), name
    bodies = list(yaml.safe_load_all(paths[4].read_text(encoding="utf-8")))
    assert bodies == plant_definitions([simulate_line(machine, START, 1.0, 4) for machine in MACHINES])
    faults = json.loads(paths[5].read_text(encoding="utf-8"))
    expected = [
        (f"{machine}-1", fault.onset.isoformat())
        for machine in MACHINES
        for fault in simulate_line(machine, START, 1.0, 4).faults
    ]
    assert [(fault["line"], fault["onset"]) for fault in faults] == expected
    assert {"kind", "precursor_start", "end", "causes", "remedy"} <= set(faults[0])


def test_definitions_of_a_foreign_line_are_refused() -> None:
    line = simulate_line("oven", START, 0.1, 0)
    foreign = type(line)("mixer-1", line.data, line.definition, line.faults, line.hazard)
    with pytest.raises(DataError, match="not of the plant"):
        plant_definitions([foreign])
