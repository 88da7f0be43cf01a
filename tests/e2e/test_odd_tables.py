"""Tables that are odd and yet accepted through the command, each with exactly the report that it deserves."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from andon.stores import open_signals
from configs.settings import Settings
from tests.e2e.table_files import GOOD, TIMES, Content, as_parquet, run, stored, write


@dataclass(frozen=True)
class Odd:
    """A table that is accepted with a report: what the report must say."""

    name: str
    file: str
    content: Content
    report: dict[str, Any]
    options: tuple[str, ...] = ("--line", "press-07")


BIG = "time,speed\n" + "".join(f"2026-01-01 00:{i:02d},{i}\n" for i in range(40))
ODD = [
    Odd(
        "unsorted",
        "t.csv",
        "time,a\n2026-01-01 00:02,3\n2026-01-01 00:00,1\n2026-01-01 00:01,2\n",
        {"rows": 3, "unsorted": 2, "first_unsorted": 3, "first": "2026-01-01T00:00:00Z"},
    ),
    Odd("repeated rows", "t.csv", GOOD + "2026-01-01 00:02,43,B\n", {"rows": 3, "duplicates": 1, "conflicts": 0}),
    Odd(
        "one time, two values",
        "t.csv",
        GOOD + "2026-01-01 00:02,44,B\n",
        {"rows": 3, "duplicates": 1, "conflicts": 1, "first_conflict": 5},
    ),
    Odd("BOM", "t.csv", b"\xef\xbb\xbf" + GOOD.encode(), {"rows": 3, "time_column": "time"}),
    Odd(
        "UTF-16 with mark",
        "t.csv",
        GOOD.encode("utf-16"),
        {"rows": 3, "types": {"speed": "number", "product": "category"}},
    ),
    Odd(
        "latin-1, said",
        "t.csv",
        "time,Öl\n2026-01-01,1\n".encode("latin-1"),
        {"types": {"Öl": "number"}},
        ("--line", "p", "--encoding", "latin-1"),
    ),
    Odd("CR LF", "t.csv", GOOD.replace("\n", "\r\n"), {"rows": 3, "types": {"speed": "number", "product": "category"}}),
    Odd("CR alone", "t.csv", GOOD.replace("\n", "\r"), {"rows": 3}),
    Odd("no line feed at the end", "t.csv", GOOD.rstrip(), {"rows": 3}),
    Odd("blank lines", "t.csv", "\n\n" + GOOD.replace("\n", "\n\n") + "\n\n", {"rows": 3, "rows_refused": 0}),
    Odd("separator line of Excel", "t.csv", "sep=;\n" + GOOD.replace(",", ";"), {"rows": 3}),
    Odd(
        "a text among numbers",
        "t.csv",
        BIG.replace(",7\n", ",broken\n"),
        {"rows": 39, "refused": 1, "refused_cells": [{"row": 9, "column": "speed", "value": "broken"}]},
    ),
    Odd(
        "infinite",
        "t.csv",
        BIG.replace(",7\n", ",inf\n").replace(",8\n", ",-Infinity\n").replace(",9\n", ",1e999\n"),
        {"refused": 3, "rows": 37},
    ),
    Odd(
        "infinite in parquet",
        "t.parquet",
        as_parquet(time=TIMES, a=[1.0, float("inf"), float("nan")]),
        {"refused": 1, "rows": 1, "refused_cells": [{"row": 2, "column": "a", "value": "inf"}]},
    ),
    Odd(
        "words for nothing",
        "t.csv",
        "time,a\n2026-01-01,1\n2026-01-02,NA\n2026-01-03,#N/A\n2026-01-04,-\n2026-01-05,null\n",
        {"refused": 0, "rows": 1},
    ),
    Odd(
        "a row without a time",
        "t.csv",
        GOOD + ",44,B\nlater,45,B\n",
        {
            "rows": 3,
            "rows_refused": 2,
            "refused_rows": [
                {"row": 5, "value": None, "reason": "no time"},
                {"row": 6, "value": "later", "reason": "not a time"},
            ],
        },
    ),
    Odd("constant", "t.csv", "time,a,b\n2026-01-01,1,2\n2026-01-02,1,3\n", {"constant": ["a"]}),
    Odd(
        "empty column", "t.csv", "time,a,b\n2026-01-01,,2\n2026-01-02,,3\n", {"empty": ["a"], "types": {"b": "number"}}
    ),
    Odd(
        "true and false",
        "t.csv",
        "time,a,b\n2026-01-01,yes,1\n2026-01-02,No,0\n",
        {"types": {"a": "boolean", "b": "number"}},
    ),
    Odd(
        "gap",
        "t.csv",
        GOOD + "2026-01-01 01:02,43,B\n",
        {"gaps": 1, "longest_gap": {"start": "2026-01-01T00:02:00Z", "length": "1h"}, "sampling": "1m"},
    ),
    Odd("day first", "t.csv", "time,a\n01/02/2026 06:00,1\n13/02/2026 06:00,2\n", {"first": "2026-02-01T06:00:00Z"}),
    Odd(
        "month first, said",
        "t.csv",
        "time,a\n01/02/2026 06:00,1\n03/02/2026 06:00,2\n",
        {"first": "2026-01-02T06:00:00Z"},
        ("--line", "p", "--date-order", "mdy"),
    ),
    Odd(
        "milliseconds",
        "t.csv",
        "ts,a\n1767225600000,1\n1767225660000,2\n",
        {"first": "2026-01-01T00:00:00Z", "notes": ["time: 'ts' counts milliseconds since 1970-01-01 UTC"]},
    ),
    Odd(
        "steps",
        "t.csv",
        "cycle,a\n1,1\n2,2\n",
        {"first": "1970-01-01T01:00:00Z", "sampling": "1h"},
        ("--line", "p", "--step", "1h"),
    ),
    Odd(
        "decimal commas",
        "t.csv",
        "time;a\n2026-01-01;1,5\n2026-01-02;2,5\n",
        {"types": {"a": "number"}, "notes": ["time: without an offset, read as UTC", "numbers: with decimal commas"]},
    ),
    Odd(
        "a clock that skips and repeats",
        "t.csv",
        "time,a\n2026-03-29 01:30,1\n2026-03-29 02:30,2\n2026-03-29 03:30,3\n"
        "2026-10-25 02:30,4\n2026-10-25T02:30+01:00,5\n",
        {
            "rows": 3,
            "last": "2026-10-25T01:30:00Z",
            "rows_refused": 2,
            "refused_rows": [
                {"row": 3, "value": "2026-03-29 02:30", "reason": "the clock of Europe/Paris skips it"},
                {"row": 5, "value": "2026-10-25 02:30", "reason": "the clock of Europe/Paris shows it twice"},
            ],
        },
        ("--line", "p", "--timezone", "Europe/Paris"),
    ),
]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.name)
def test_an_odd_table_is_accepted_with_a_report(odd: Odd, tmp_path: Path) -> None:
    path = write(tmp_path, odd.file, odd.content)
    result = run("import", path, *odd.options, "--json")
    assert result.exit_code == 0, result.output
    (report,) = json.loads(result.stdout)
    assert {name: report[name] for name in odd.report} == odd.report
    again = json.loads(run("import", path, *odd.options, "--json").stdout)[0]
    assert (again["added"], again["changed"]) == (0, 0)
    assert again["unchanged"] == report["added"] > 0


def test_the_summary_for_people_names_what_was_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", BIG.replace(",7\n", ",broken\n") + ",1\n")
    result = run("import", path, "--line", "press-07")
    header, row = result.stdout.strip().splitlines()
    assert dict(zip(header.split("\t"), row.split("\t"), strict=True)) == {
        "line": "press-07",
        "rows": "39",
        "from": "2026-01-01 00:00:00Z",
        "to": "2026-01-01 00:39:00Z",
        "sampling": "1m",
        "gaps": "0",
        "refused cells": "1",
        "refused rows": "1",
        "duplicates": "0",
        "values": "39 new",
    }
    assert "press-07: line 9, column 'speed': refused 'broken', not a number" in result.stderr
    assert "press-07: line 42: row refused, no time: None" in result.stderr
    assert run("import", path, "--line", "press-07").stdout.strip().endswith("\tunchanged")


@pytest.fixture
def _declared(tmp_path: Path) -> None:
    text = "kind: Line\nname: press-07\nvariables: [{name: jam, type: boolean}, {name: code, type: category}]\n"
    assert run("apply", write(tmp_path, "line.yaml", text)).exit_code == 0


@pytest.mark.usefixtures("_declared")
def test_declared_types_win(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "time,jam,code\n2026-01-01,0,7\n2026-01-02,1,8\n2026-01-03,1,9\n")
    assert run("import", path, "--line", "press-07").exit_code == 0
    signals = open_signals(Settings(home=tmp_path / "home").signals)
    frame = signals.read_signals("press-07")
    signals.close()
    assert dict(frame.types) == {"jam": "boolean", "code": "category"}
    assert frame.data["code"].to_list() == ["7", "8", "9"]


@pytest.mark.usefixtures("_declared")
def test_a_column_against_its_declared_type_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "time,jam\n2026-01-01,0\n2026-01-02,7.5\n2026-01-03,8\n")
    result = run("import", path, "--line", "press-07")
    assert result.exit_code == 2
    assert "line 3, column 'jam': is a boolean, and 2 of 3 cells are not; the first is '7.5'" in result.stderr
    assert stored(tmp_path) == []
