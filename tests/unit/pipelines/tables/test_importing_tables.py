"""Tables into real stores: what is stored, what is said about it, and what happens the second time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from andon.errors import DataError
from andon.ports import Documents, Signals
from andon.stores import open_documents, open_signals
from pipelines.tables.importing import ImportReport, import_tables
from pipelines.tables.options import parse_options


@dataclass
class Plant:
    folder: Path
    signals: Signals
    documents: Documents

    def load(self, *contents: str, **options: str) -> list[ImportReport]:
        files = []
        for number, content in enumerate(contents):
            files.append(self.folder / f"{number}.csv")
            files[-1].write_text(content)
        given = options or {"line": "press-07"}
        return import_tables(files, self.signals, self.documents, parse_options(**given))


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    signals, documents = open_signals(f"sqlite:///{tmp_path}/s.db"), open_documents(f"sqlite:///{tmp_path}/d.db")
    yield Plant(tmp_path, signals, documents)
    signals.close()
    documents.close()


def hours(*values: object, start: int = 0) -> str:
    return "time,a\n" + "".join(f"2026-01-01 {start + i:02d}:00,{value}\n" for i, value in enumerate(values))


def test_twice_changes_nothing(plant: Plant) -> None:
    first, second = plant.load(hours(1, 2, 3)), plant.load(hours(1, 2, 3))
    assert (first[0].added, first[0].is_unchanged) == (3, False)
    assert (second[0].unchanged, second[0].is_unchanged) == (3, True)


def test_a_correction_is_counted_as_a_change(plant: Plant) -> None:
    plant.load(hours(1, 2, 3))
    (report,) = plant.load(hours(1, 2, 7, 9))
    assert (report.added, report.changed, report.unchanged) == (1, 1, 2)
    assert plant.signals.read_signals("press-07").data["a"].to_list() == [1.0, 2.0, 7.0, 9.0]


def test_several_files_of_one_line(plant: Plant) -> None:
    reports = plant.load(hours(1, 2), hours(3, 4, start=2))
    assert [report.rows for report in reports] == [2, 2]
    stored = plant.signals.describe_line("press-07")
    assert stored is not None
    assert (plant.signals.count_readings("press-07"), stored.first) == (4, datetime(2026, 1, 1, tzinfo=UTC))


def test_a_bad_line_of_many_keeps_all_out(plant: Plant) -> None:
    with pytest.raises(DataError, match=r"0\.csv: line 4, column 'unit': .*'b/'"):
        plant.load("time,unit,a\n2026-01-01,a,1\n2026-01-02,a,1\n2026-01-01,b/,2\n", line_column="unit")
    assert plant.signals.list_lines() == []


def test_the_stored_type_wins_over_the_look_of_the_cells(plant: Plant) -> None:
    plant.load("time,a\n2026-01-01,yes\n2026-01-02,no\n")
    (report,) = plant.load("time,a\n2026-01-03,1\n2026-01-04,0\n")
    assert dict(report.types) == {"a": "boolean"}
    assert plant.signals.read_signals("press-07").data["a"].to_list() == [1.0, 0.0, 1.0, 0.0]


def test_a_column_that_changed_its_type_is_refused_and_nothing_changes(plant: Plant) -> None:
    plant.load(hours(1, 2, 3))
    with pytest.raises(DataError, match=r"line 2, column 'a': is a number, and 2 of 2 cells are not; .*'on'"):
        plant.load("time,a,b\n2026-01-02,on,1\n2026-01-03,off,2\n")
    assert plant.signals.read_signals("press-07").variables == ["a"]


def test_lines_whose_stored_types_differ_are_not_read_together(plant: Plant) -> None:
    plant.load("time,unit,a\n2026-01-01,x,1\n", line_column="unit")
    plant.load("time,unit,a\n2026-01-01,y,on\n", line_column="unit")
    with pytest.raises(DataError, match="column 'a': is a number on line x and a category on line y"):
        plant.load("time,unit,a\n2026-01-02,x,1\n2026-01-02,y,2\n", line_column="unit")


def test_a_declaration_against_what_is_stored_is_said_before_anything_is_read_wrong(plant: Plant) -> None:
    plant.load(hours(1, 2, 3))
    body = {"kind": "Line", "name": "press-07", "variables": [{"name": "a", "type": "category"}]}
    plant.documents.put_definitions([body], datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(DataError, match="variable 'a': is declared a category, and is stored as a number"):
        plant.load(hours(4))


def test_gaps_are_steps_of_more_than_three_times_the_usual_one(plant: Plant) -> None:
    times = ["00:00", "00:01", "00:02", "00:05", "00:06", "00:10", "00:11", "01:00", "01:01", "01:02"]
    (report,) = plant.load("time,a\n" + "".join(f"2026-01-01 {time},1\n" for time in times))
    assert report.sampling == timedelta(minutes=1)
    assert report.gaps == 2
    assert report.longest_gap is not None
    assert report.longest_gap.start == datetime(2026, 1, 1, 0, 11, tzinfo=UTC)
    assert report.longest_gap.length == timedelta(minutes=49)


def test_ten_refused_cells_are_shown_and_all_are_counted(plant: Plant) -> None:
    rows = "".join(
        f"2026-01-{1 + i // 1440:02d} {i // 60 % 24:02d}:{i % 60:02d},{'bad' if i % 40 == 7 else i},1\n"
        for i in range(2000)
    )
    (report,) = plant.load("time,a,b\n" + rows)
    assert (report.rows, report.refused, len(report.refused_cells)) == (2000, 50, 10)
    assert [cell.row for cell in report.refused_cells[:2]] == [9, 49]


def test_refused_cells_and_rows_are_told_by_line(plant: Plant) -> None:
    rows = "".join(f"2026-01-01 00:{i:02d},{'x' if i % 2 else 'y'},{i}\n" for i in range(50))
    rows = rows.replace(",y,6\n", ",y,bad\n") + "never,x,1\n"
    one, other = plant.load("time,unit,a\n" + rows, line_column="unit")
    assert (one.line, one.refused, one.rows_refused) == ("y", 1, 0)
    assert (other.line, other.refused, other.rows_refused) == ("x", 0, 1)


def test_progress_is_told(plant: Plant) -> None:
    (plant.folder / "t.csv").write_text(hours(1))
    told: list[tuple[str, int, int]] = []
    import_tables(
        [plant.folder / "t.csv"],
        plant.signals,
        plant.documents,
        parse_options(line="p"),
        lambda what, done, total: told.append((what, done, total)),
    )
    assert told == [("reading t.csv", 0, 1), ("storing p", 0, 1), ("stored", 1, 1)]
