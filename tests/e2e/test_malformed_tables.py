"""Malformed tables through the command: each gives one clear error, exit code 2, and nothing is stored."""

import gzip
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from tests.e2e.table_files import (
    GOOD,
    OLD_OFFICE,
    TIMES,
    Content,
    as_parquet,
    run,
    stored,
    wide,
    write,
    write_cut_parquet,
    write_cut_xlsx,
    write_scrambled_parquet,
    write_xlsx,
    write_zip,
)


@dataclass(frozen=True)
class Wrong:
    """A table that is refused as a whole, and what its error must say: where, what, and what to do."""

    name: str
    file: str
    content: Content | None
    says: tuple[str, ...]
    options: tuple[str, ...] = ("--line", "press-07")


WRONG = [
    Wrong("no file", "gone.csv", None, ("gone.csv", "does not exist", "check the path")),
    Wrong("no bytes", "t.csv", "", ("t.csv", "is empty", "export it again")),
    Wrong("only blank lines", "t.csv", "\n\n \n", ("t.csv", "is empty")),
    Wrong("header alone", "t.csv", "time,speed\n", ("t.csv", "header and no rows", "export it again")),
    Wrong("header and blank rows", "t.csv", "time,speed\n,\n\n,\n", ("t.csv", "no rows")),
    Wrong("no header", "t.csv", "2026-01-01,1.5\n2026-01-02,2\n", ("line 1", "2026-01-01, 1.5", "into the first row")),
    Wrong("one column", "t.csv", "time\n2026-01-01\n2026-01-02\n", ("one column, 'time'", "--delimiter")),
    Wrong("unknown suffix", "t.json", "{}", ("t.json", ".json", "save it as .csv")),
    Wrong("name twice", "t.csv", "time,speed,speed\n2026-01-01,1,2\n", ("line 1, column 3", "'speed'", "rename")),
    Wrong("name missing", "t.csv", "time,,speed\n2026-01-01,1,2\n", ("line 1, column 2", "no name", "name it")),
    Wrong("name too long", "t.csv", f"time,{'x' * 201}\n2026-01-01,1\n", ("column 2", "201 characters", "shorten")),
    Wrong("name of control characters", "t.csv", "time,a\x07b\n2026-01-01,1\n", ("column 2", "'a\\x07b'", "rename")),
    Wrong("name of a pattern", "t.csv", "time,^a$\n2026-01-01,1\n", ("column 2", "'^a$'", "rename")),
    Wrong(
        "variable named time",
        "t.csv",
        "time,ts,x\n2026-01-01,5,2\n",
        ("column 'time'", "--exclude time"),
        ("--line", "p", "--time-column", "ts", "--step", "1h"),
    ),
    Wrong("a million columns", "t.csv", wide(1_000_000), ("header", "1,000,001 columns", "split it")),
    Wrong("too many columns", "t.csv", wide(5_001), ("header", "5,002 columns", "split it")),
    Wrong(
        "too many columns of parquet",
        "t.parquet",
        as_parquet(time=TIMES, **{f"v{i}": [1.0] * 3 for i in range(5_001)}),
        ("header", "5,002 columns", "split it"),
    ),
    Wrong("a cell too few", "t.csv", GOOD + "2026-01-01 00:03,44\n", ("line 5", "has 2 cells", "header has 3")),
    Wrong("a cell too many", "t.csv", GOOD + "2026-01-01 00:03,44,5,A\n", ("line 5", "has 4 cells", "mend the line")),
    Wrong("too many in quoted file", "t.csv", 'time,a\n2026-01-01,"1"\n2026-01-02,2,3\n', ("line 3", "has 3 cells")),
    Wrong(
        "quote not closed",
        "t.csv",
        GOOD + '2026-01-01 00:03,44,"A\n2026-01-01 00:04,45,B\n',
        ("line 5", "quote", "twice"),
    ),
    Wrong("quote in the middle", "t.csv", 'time,a\n2026-01-01,"A"x\n', ("line 2", "quote", "twice")),
    Wrong(
        "latin-1",
        "t.csv",
        "time,Öl\n2026-01-01,1\n".encode("latin-1"),
        ("line 1, byte 6", "not UTF-8", "0xd6", "--encoding cp1252"),
    ),
    Wrong(
        "mixed encodings",
        "t.csv",
        "time,Öl\n2026-01-01,ü\n".encode() + "2026-01-02,ü\n".encode("latin-1"),
        ("line 3, byte 12", "0xfc", "--encoding"),
    ),
    Wrong(
        "wrong encoding given",
        "t.csv",
        "time,Öl\n2026-01-01,1\n".encode("latin-1"),
        ("not text in utf-16", "UTF-8"),
        ("--line", "p", "--encoding", "utf-16"),
    ),
    Wrong("NUL bytes", "t.csv", GOOD.encode() + b"2026-01-01 00:03,4\x004,A\n", ("line 5, byte 19", "NUL", "UTF-8")),
    Wrong("UTF-16 without mark", "t.csv", GOOD.encode("utf-16-le"), ("line 1", "NUL", "--encoding utf-16")),
    Wrong("cut gzip", "t.csv.gz", gzip.compress(GOOD.encode() * 50)[:-12], ("t.csv.gz", "cannot be unpacked", "again")),
    Wrong("broken gzip", "t.csv.gz", gzip.compress(GOOD.encode())[:-8] + b"\0" * 8, ("cannot be unpacked", "CRC")),
    Wrong("named gzip", "t.csv.gz", GOOD, ("not compressed by gzip", "remove .gz")),
    Wrong("workbook named CSV", "t.csv", write_xlsx([["time", "a"], [TIMES[0], 1]]), ("workbook", "name it .xlsx")),
    Wrong("parquet named CSV", "t.csv", as_parquet(time=TIMES, a=[1, 2, 3]), ("Parquet", "name it .parquet")),
    Wrong("text named parquet", "t.parquet", GOOD, ("no Parquet file", "b'time'", "write it as Parquet")),
    Wrong("cut parquet", "t.parquet", write_cut_parquet, ("cannot be read as Parquet", "again")),
    Wrong("scrambled parquet", "t.parquet", write_scrambled_parquet, ("cannot be read as Parquet", "again")),
    Wrong(
        "parquet without rows",
        "t.parquet",
        as_parquet(time=pl.Series([], dtype=pl.Datetime), a=pl.Series([], dtype=pl.Float64)),
        ("header and no rows",),
    ),
    Wrong(
        "lists in parquet",
        "t.parquet",
        as_parquet(time=TIMES, v=[[1], [2], [3]]),
        ("column 'v'", "list", "--exclude 'v'"),
    ),
    Wrong(
        "bytes in parquet",
        "t.parquet",
        as_parquet(time=TIMES, v=[b"1", b"2", b"3"]),
        ("column 'v'", "binary", "--exclude"),
    ),
    Wrong("text named XLSX", "t.xlsx", GOOD, ("cannot be read as XLSX", "save the table")),
    Wrong("cut XLSX", "t.xlsx", write_cut_xlsx, ("cannot be read as XLSX", "save the table")),
    Wrong("archive named XLSX", "t.xlsx", write_zip, ("is no XLSX workbook", "save the table")),
    Wrong("password", "t.xlsx", OLD_OFFICE, ("protected by a password", "without a password")),
    Wrong("empty sheet", "t.xlsx", write_xlsx([]), ("sheet 'Data'", "is empty", "--sheet")),
    Wrong(
        "no such sheet",
        "t.xlsx",
        write_xlsx([["time", "a"], [TIMES[0], 1]]),
        ("no sheet 'Raw'", "'Data'"),
        ("--line", "p", "--sheet", "Raw"),
    ),
    Wrong(
        "name missing in XLSX",
        "t.xlsx",
        write_xlsx([["time", None, "a"], [TIMES[0], 1, 2]]),
        ("sheet 'Data', row 1, column 2", "no name"),
    ),
    Wrong("no time", "t.csv", "a,b\n1,2\n3,4\n", ("no column of times among 'a', 'b'", "--time-column")),
    Wrong("two times", "t.csv", "begin,end,a\n2026-01-01,2026-01-02,1\n", ("'begin', 'end'", "--time-column 'begin'")),
    Wrong(
        "time column not there",
        "t.csv",
        GOOD,
        ("no column 'tiem' for the time", "'time'"),
        ("--line", "p", "--time-column", "tiem"),
    ),
    Wrong(
        "time of texts",
        "t.csv",
        "time,a\nmonday,1\ntuesday,2\n",
        ("line 2, column 'time'", "'monday'", "--time-column"),
    ),
    Wrong("time of step numbers", "t.csv", "time,a\n1,1\n2,2\n", ("line 2, column 'time'", "such as 1", "--step 1h")),
    Wrong(
        "time of day alone", "t.csv", "time,a\n06:00,1\n06:01,2\n", ("line 2, column 'time'", "'06:00'", "2026-03-29T")
    ),
    Wrong("times empty", "t.csv", "time,a\n,1\n,2\n", ("line 2, column 'time'", "no readable time")),
    Wrong(
        "days or months",
        "t.csv",
        "time,a\n01/02/2026 06:00,1\n03/02/2026 06:00,2\n",
        ("line 2, column 'time'", "'01/02/2026 06:00'", "--date-order dmy"),
    ),
    Wrong(
        "days and months",
        "t.csv",
        "time,a\n13/02/2026 06:00,1\n02/13/2026 06:00,2\n",
        ("line 3, column 'time'", "'02/13/2026 06:00'", "'13/02/2026 06:00'", "--date-order"),
    ),
    Wrong(
        "steps that are times",
        "t.csv",
        GOOD,
        ("line 2, column 'time'", "'2026-01-01 00:00'", "step numbers"),
        ("--line", "p", "--step", "1h"),
    ),
    Wrong(
        "beyond the calendar",
        "t.csv",
        "time,a\n2026-02-30 00:00,1\n2026-13-01 00:00,2\n",
        ("'2026-02-30 00:00'", "not a time"),
    ),
    Wrong("before all machines", "t.csv", "time,a\n0001-01-01 00:00,1\n0001-01-01 00:01,2\n", ("before 1900",)),
    Wrong(
        "no variable",
        "t.csv",
        "time,line\n2026-01-01,a\n",
        ("no column beside time and line",),
        ("--line-column", "line"),
    ),
    Wrong("nothing in any column", "t.csv", "time,a,b\n2026-01-01,,NA\n2026-01-02,-,NaN\n", ("no reading", "export")),
    Wrong(
        "prose",
        "t.csv",
        "time,note\n"
        + "".join(f"2026-01-01 {i // 3600:02d}:{i // 60 % 60:02d}:{i % 60:02d},note {i}\n" for i in range(10_001)),
        ("column 'note'", "10,001 different values", "'note 0'", "--exclude 'note'"),
    ),
    Wrong(
        "both decimals",
        "t.csv",
        "time;a;b\n2026-01-01;1,5;2.5\n",
        ("line 2, column 'a'", "'1,5'", "'2.5'", "--decimal"),
    ),
    Wrong(
        "line column not there", "t.csv", GOOD, ("no column 'unit' for the line", "choose"), ("--line-column", "unit")
    ),
    Wrong(
        "line missing",
        "t.csv",
        "time,unit,a\n2026-01-01,1,1\n2026-01-02,,2\n",
        ("line 3, column 'unit'", "empty", "fill in"),
        ("--line-column", "unit"),
    ),
    Wrong(
        "line with a bad name",
        "t.csv",
        "time,unit,a\n2026-01-01,A,1\n2026-01-02,B/2,2\n",
        ("line 3, column 'unit'", "'B/2'", "'B-2'"),
        ("--line-column", "unit"),
    ),
    Wrong(
        "line is the time",
        "t.csv",
        GOOD,
        ("column 'time'", "both the time and the line"),
        ("--line-column", "time", "--time-column", "time"),
    ),
    Wrong(
        "a line without times",
        "t.csv",
        "time,unit,a\n2026-01-01,1,1\n2026-01-02,1,2\n,2,3\n",
        ("line 4", "line 2 has no row"),
        ("--line-column", "unit"),
    ),
    Wrong("neither line nor lines", "t.csv", GOOD, ("--line, --line-column", "neither"), ()),
    Wrong("bad name given", "t.csv", GOOD, ("--line", "'a/b'", "'a-b'"), ("--line", "a/b")),
    Wrong(
        "zone not known",
        "t.csv",
        GOOD,
        ("--timezone", "'Paris'", "Europe/Paris"),
        ("--line", "p", "--timezone", "Paris"),
    ),
    Wrong("nothing to exclude", "t.csv", GOOD, ("no column 'sped'", "'speed'"), ("--line", "p", "--exclude", "sped")),
    Wrong("step of no length", "t.csv", GOOD, ("--step", "'1 hour'", "30m"), ("--line", "p", "--step", "1 hour")),
    Wrong(
        "encoding not known",
        "t.csv",
        GOOD,
        ("--encoding", "'klingon'", "latin-1"),
        ("--line", "p", "--encoding", "klingon"),
    ),
    Wrong("delimiter too long", "t.csv", GOOD, ("--delimiter", "';;'"), ("--line", "p", "--delimiter", ";;")),
    Wrong("wrong delimiter", "t.csv", GOOD, ("one column", "--delimiter"), ("--line", "p", "--delimiter", ";")),
]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDON_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_a_malformed_table_is_one_clear_error_and_nothing_is_stored(wrong: Wrong, tmp_path: Path) -> None:
    path = write(tmp_path, wrong.file, wrong.content)
    result = run("import", path, *wrong.options)
    assert result.exit_code == 2, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    errors = result.stderr.strip().splitlines()
    assert len(errors) == 1, result.output
    assert errors[0].startswith("error: ")
    assert errors[0].count("; ") >= 1, "an error has a remedy"
    for text in wrong.says:
        assert text in errors[0]
    assert stored(tmp_path) == []


def test_a_bad_line_or_file_keeps_all_good_ones_out(tmp_path: Path) -> None:
    good, bad = write(tmp_path, "a.csv", GOOD), write(tmp_path, "b.csv", GOOD + "2026-01-01 00:03,4\n")
    result = run("import", good, bad, "--line", "press-07")
    assert result.exit_code == 2
    assert "b.csv: line 5" in result.stderr
    assert stored(tmp_path) == []


def test_files_that_disagree_on_a_type_are_refused_together(tmp_path: Path) -> None:
    one = write(tmp_path, "a.csv", GOOD)
    other = write(tmp_path, "b.csv", GOOD.replace("41.5", "fast").replace("42", "slow").replace("43", "stop"))
    result = run("import", one, other, "--line", "press-07")
    assert result.exit_code == 2
    assert "b.csv: line 2, column 'speed': is a number, and 3 of 3 cells are not; the first is 'fast'" in result.stderr
    assert stored(tmp_path) == []


@pytest.mark.parametrize("name", ["a million columns", "mixed encodings", "cut XLSX", "scrambled parquet"])
def test_a_process_of_its_own_leaves_with_code_2_and_no_traceback(name: str, tmp_path: Path) -> None:
    wrong = next(one for one in WRONG if one.name == name)
    path = write(tmp_path, wrong.file, wrong.content)
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "import", str(path), *wrong.options],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stdout + done.stderr
    assert "panicked" not in done.stdout + done.stderr
    assert done.stderr.startswith("error: ")
    assert not (tmp_path / "home" / "signals.db").exists()
