"""What `andon init` writes can be applied as it is, beside the data it was made from."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from andon.services.definitions import apply_definitions
from andon.stores import open_documents, open_signals
from configs.definitions import Line, Monitor
from configs.loading import load_definitions
from pipelines.tables.importing import import_tables
from pipelines.tables.lines import line_tables
from pipelines.tables.options import TableOptions
from pipelines.tables.proposing import find_unit, line_name, propose
from pipelines.tables.reading import read_table

HEADER = 'time,oil temperature [°C],speed_setpoint,temp_C,jam,recipe,on,spare,"odd: name, {x} #1",yes,broken'


def write(folder: Path, rows: int = 200) -> Path:
    lines = [HEADER]
    for i in range(rows):
        time = f"2026-01-01 {i // 60:02d}:{i % 60:02d}"
        jam, on = int(i % 50 == 7), "true" if i % 3 else "false"
        recipe = "A" if i < 90 else "B: brown"
        lines.append(
            f"{time},{70 + i % 7}.5,{60 if i < 120 else 70},{i / 9:.2f},{jam},{recipe},{on},5,{i % 11},{i % 13},"
        )
    path = folder / "Press 07.csv"
    path.write_text("\n".join(lines))
    return path


def proposal(path: Path, family: str | None = None) -> str:
    options = TableOptions(line=line_name(path))
    return propose(line_tables(read_table(path, options), options), family=family)


@pytest.mark.parametrize("family", [None, "presses"])
@pytest.mark.parametrize("imported_first", [True, False])
def test_it_can_be_applied_before_and_after_the_import(
    family: str | None, imported_first: bool, tmp_path: Path
) -> None:
    path = write(tmp_path)
    (tmp_path / "line.yaml").write_text(proposal(path, family))
    signals, documents = open_signals(f"sqlite:///{tmp_path}/s.db"), open_documents(f"sqlite:///{tmp_path}/d.db")
    options = TableOptions(line="Press-07")
    if imported_first:
        import_tables([path], signals, documents, options)
    applied = apply_definitions([tmp_path / "line.yaml"], documents, signals, datetime(2026, 1, 2, tzinfo=UTC))
    if not imported_first:
        import_tables([path], signals, documents, options)
    assert [(one.kind, one.change) for one in applied] == [("Line", "created"), ("Monitor", "created")]
    again = apply_definitions([tmp_path / "line.yaml"], documents, signals, datetime(2026, 1, 2, tzinfo=UTC))
    assert [one.change for one in again] == ["unchanged", "unchanged"]
    stored = signals.describe_line("Press-07")
    line = load_definitions([tmp_path / "line.yaml"])[0].definition
    assert isinstance(line, Line)
    assert stored is not None
    assert {variable.name: variable.type for variable in line.variables} == dict(stored.types)
    assert line.sampling == stored.sampling
    signals.close()
    documents.close()


def test_what_it_sees(tmp_path: Path) -> None:
    text = proposal(write(tmp_path))
    (tmp_path / "line.yaml").write_text(text)
    line, monitor = (one.definition for one in load_definitions([tmp_path / "line.yaml"]))
    assert isinstance(line, Line)
    assert isinstance(monitor, Monitor)
    seen = {variable.name: variable for variable in line.variables}
    assert seen["oil temperature [°C]"].unit == "°C"
    assert seen["temp_C"].unit == "°C"
    assert seen["speed_setpoint"].role == "setting"
    assert seen["recipe"].role == "recipe"
    assert (seen["on"].type, seen["jam"].type) == ("boolean", "number")
    assert "odd: name, {x} #1" in seen
    assert set(monitor.variables.exclude) == {"jam", "on", "spare"}
    assert "constant: always 5" in text
    assert "target: jam == 1" in text
    assert "2 values: A, B: brown" in text
    assert "without any reading, so left out: broken" in text


def test_a_table_without_numbers_gets_no_monitor(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("time,a\n2026-01-01,on\n2026-01-02,off\n")
    (tmp_path / "line.yaml").write_text(proposal(path))
    assert [one.definition.kind for one in load_definitions([tmp_path / "line.yaml"])] == ["Line"]


@pytest.mark.parametrize(
    ("header", "unit"),
    [("oil [bar]", "bar"), ("flow (l/min) ", "l/min"), ("zone_c", None), ("oil_temp_c", "°C"), ("speed_rpm", "1/min"),
     ("_c", None), ("a_b", None), ("power_kW", "kW"), ("empty []", None)],
)  # fmt: skip
def test_units_in_headers(header: str, unit: str | None) -> None:
    assert find_unit(header) == unit


@pytest.mark.parametrize(
    ("file", "name"), [("a/Press 07.csv.gz", "Press-07"), ("..csv", "line-1"), ("é.csv", "line-1")]
)
def test_a_line_is_named_after_its_file(file: str, name: str) -> None:
    assert line_name(Path(file)) == name
