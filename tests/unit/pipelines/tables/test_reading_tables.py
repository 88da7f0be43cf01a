"""One table, written in every format that people have, reads as the same line."""

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from andon.errors import DataError
from pipelines.tables.lines import LineTable, line_tables
from pipelines.tables.options import TableOptions, parse_options
from pipelines.tables.reading import read_table

START = datetime(2026, 1, 1, 6, tzinfo=UTC)
STEPS = 50
TIMES = [START + timedelta(seconds=7 * step) for step in range(STEPS)]
SPEED: list[float | None] = [None if step == 3 else 40 + step / 8 for step in range(STEPS)]
PRODUCT = ["A" if step < 20 else "bread, brown" for step in range(STEPS)]
RUNNING = [step % 5 > 0 for step in range(STEPS)]
TABLE = pl.DataFrame({"time": TIMES, "speed": SPEED, "product": PRODUCT, "running": RUNNING})


def read(path: Path, **options: str) -> list[LineTable]:
    parsed = parse_options(**options) if options else TableOptions(line="press-07")
    return line_tables(read_table(path, parsed), parsed)


def texts(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(time=pl.col("time").dt.strftime("%Y-%m-%d %H:%M:%S"))


def write_csv(path: Path) -> None:
    texts(TABLE).write_csv(path)


def write_gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(texts(TABLE).write_csv().encode()))


def write_european(path: Path) -> None:
    table = texts(TABLE).with_columns(speed=pl.col("speed").cast(pl.String).str.replace(".", ",", literal=True))
    table.write_csv(path, separator=";", quote_style="always")


def write_tabs(path: Path) -> None:
    texts(TABLE).write_csv(path, separator="\t", line_terminator="\r\n")


def write_pipes(path: Path) -> None:
    TABLE.with_columns(time=pl.col("time").dt.strftime("%d/%m/%Y %H:%M:%S")).with_columns(
        # An early row of the 31st settles what comes first.
        time=pl.col("time").str.replace("01/01/2026", "31/01/2026")
    ).write_csv(path, separator="|")


def write_parquet(path: Path) -> None:
    TABLE.write_parquet(path)


def write_categorical_parquet(path: Path) -> None:
    TABLE.with_columns(pl.col("product").cast(pl.Categorical), pl.col("speed").cast(pl.Float32)).write_parquet(path)


def write_xlsx(path: Path, shifted: int = 0, epoch_1904: bool = False) -> None:
    import openpyxl
    from openpyxl.utils.datetime import CALENDAR_MAC_1904

    book = openpyxl.Workbook()
    if epoch_1904:
        book.epoch = CALENDAR_MAC_1904
    sheet = book.active
    assert sheet is not None
    for number, row in enumerate([TABLE.columns, *TABLE.rows()], start=1 + shifted):
        for place, value in enumerate(row, start=1):
            value = value.replace(tzinfo=None) if isinstance(value, datetime) else value
            sheet.cell(row=number, column=place, value=value)
    book.save(path)


def write_lower_xlsx(path: Path) -> None:
    write_xlsx(path, shifted=4)


def write_mac_xlsx(path: Path) -> None:
    write_xlsx(path, epoch_1904=True)


@pytest.mark.parametrize(
    ("file", "write"),
    [
        ("t.csv", write_csv),
        ("t.csv.gz", write_gzip),
        ("european.csv", write_european),
        ("t.tsv", write_tabs),
        ("t.parquet", write_parquet),
        ("categorical.parquet", write_categorical_parquet),
        ("t.xlsx", write_xlsx),
        ("lower.xlsx", write_lower_xlsx),
        ("mac.xlsx", write_mac_xlsx),
    ],
)
def test_every_format_reads_the_same(file: str, write: Callable[[Path], None], tmp_path: Path) -> None:
    write(tmp_path / file)
    (table,) = read(tmp_path / file)
    assert dict(table.frame.types) == {"product": "category", "running": "boolean", "speed": "number"}
    assert table.frame.data["time"].to_list() == TIMES
    assert table.frame.data["speed"].to_list() == SPEED
    assert table.frame.data["product"].to_list() == PRODUCT
    assert table.frame.data["running"].to_list() == [float(one) for one in RUNNING]
    assert table.frame.sampling == timedelta(seconds=7)
    assert (table.refused.height, table.refused_rows.height, table.order.duplicates, table.order.unsorted) == (
        0,
        0,
        0,
        0,
    )


def test_day_first_is_told_from_one_row_of_the_column(tmp_path: Path) -> None:
    write_pipes(tmp_path / "t.csv")
    (table,) = read(tmp_path / "t.csv")
    assert table.frame.data["time"][0] == datetime(2026, 1, 31, 6, tzinfo=UTC)


@pytest.mark.parametrize("unit", ["ns", "us", "ms"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Kolkata"])
def test_parquet_times_of_every_unit_and_zone(unit: str, zone: str | None, tmp_path: Path) -> None:
    time = pl.Series("time", TIMES).dt.cast_time_unit(unit)  # type: ignore[arg-type]
    time = time.dt.replace_time_zone(None) if zone is None else time.dt.convert_time_zone(zone)
    TABLE.with_columns(time).write_parquet(tmp_path / "t.parquet")
    (table,) = read(tmp_path / "t.parquet")
    assert table.frame.data["time"].to_list() == TIMES


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".xlsx"])
def test_many_lines_by_a_column_of_numbers(suffix: str, tmp_path: Path) -> None:
    table = TABLE.with_columns(unit=pl.int_range(pl.len()) % 3 + 7).with_columns(
        time=pl.col("time").dt.replace_time_zone(None)
    )
    path = tmp_path / f"t{suffix}"
    if suffix == ".parquet":
        table.with_columns(pl.col("unit").cast(pl.Float64)).write_parquet(path)
    elif suffix == ".csv":
        table.write_csv(path)
    else:
        import openpyxl

        book = openpyxl.Workbook()
        assert book.active is not None
        for row in [table.columns, *table.rows()]:
            book.active.append(row)
        book.save(path)
    tables = read(path, line_column="unit", line_prefix="test-")
    assert [one.frame.line for one in tables] == ["test-7", "test-8", "test-9"]
    assert [len(one.frame) for one in tables] == [17, 17, 16]
    assert tables[1].frame.data["time"][0] == TIMES[1]
    assert "unit" not in tables[0].frame.variables


def test_another_sheet_and_codes_of_a_spreadsheet(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.create_sheet("Shift 2")
    for row in [["time", "code", "note"], [datetime(2026, 1, 1), 12, "x"], [datetime(2026, 1, 2), "12B", "y"]]:
        sheet.append(row)
    book.save(tmp_path / "t.xlsx")
    (table,) = read(tmp_path / "t.xlsx", line="p", sheet="Shift 2")
    assert table.frame.data["code"].to_list() == ["12", "12B"]
    assert table.notes[0] == "sheet 'Shift 2' of 2"


def test_days_of_excel_that_are_not_formatted_are_refused_with_the_remedy(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    assert book.active is not None
    for row in [["time", "a"], [46023.25, 1], [46023.5, 2]]:
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(DataError, match=r"row 2, column 'time': .*46023.*; .*format the cells as date"):
        read(tmp_path / "t.xlsx")


def test_a_quoted_cell_of_several_lines_keeps_the_line_numbers_right(tmp_path: Path) -> None:
    rows = "".join(f'2026-01-01 00:{minute:02d},{minute},"a"\n' for minute in range(2, 40))
    content = 'time,a,note\n2026-01-01 00:00,0,"two\nlines ""quoted"""\n\n2026-01-01 00:01,bad,"b, c"\n'
    (tmp_path / "t.csv").write_text(content + rows)
    (table,) = read(tmp_path / "t.csv")
    assert table.frame.data["note"][:2].to_list() == ['two\nlines "quoted"', "b, c"]
    assert table.refused.rows() == [(5, "a", "bad")]


def test_a_quote_inside_a_plain_cell_is_text(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('time,size\n2026-01-01,3" pipe\n2026-01-02,"4"" pipe"\n')
    (table,) = read(tmp_path / "t.csv")
    assert table.frame.data["size"].to_list() == ['3" pipe', '4" pipe']


def test_columns_may_have_any_name(tmp_path: Path) -> None:
    names = ["line", "row", "index", "literal", "unit °C", "µ", "local", "offset"]
    header = ",".join(["ts", *names])
    (tmp_path / "t.csv").write_text(f"{header}\n2026-01-02,{','.join('12345678')}\n2026-01-01,{','.join('23456789')}\n")
    (table,) = read(tmp_path / "t.csv")
    assert table.frame.variables == sorted(names)
    assert table.frame.data.row(1)[1:] == tuple(float(names.index(name) + 1) for name in sorted(names))


def test_the_last_value_of_a_time_counts_and_an_empty_cell_erases_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("time,a,b\n2026-01-01,1,\n2026-01-02,5,6\n2026-01-01,2,\n2026-01-01,,3\n")
    (table,) = read(tmp_path / "t.csv")
    assert table.frame.data.select("a", "b").rows() == [(2.0, 3.0), (5.0, 6.0)]
    assert (table.order.duplicates, table.order.conflicts, table.order.first_conflict) == (2, 1, 5)


def test_mostly_numbers_is_a_number_and_half_is_a_category(tmp_path: Path) -> None:
    rows = [f"2026-01-01 00:{i:02d},{i if i else 'x'},{i if i % 2 else 'x'}" for i in range(40)]
    (tmp_path / "t.csv").write_text("time,a,b\n" + "\n".join(rows))
    (table,) = read(tmp_path / "t.csv")
    assert dict(table.frame.types) == {"a": "number", "b": "category"}
    assert table.refused.rows() == [(2, "a", "x")]


def test_a_wanted_type_refuses_single_cells_where_its_absence_would_make_a_category(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("time,a\n2026-01-01,1\n2026-01-02,x\n2026-01-03,3\n")
    options = TableOptions(line="p")
    (table,) = line_tables(read_table(tmp_path / "t.csv", options), options, lambda line: {"a": "number"})
    assert table.frame.data["a"].to_list() == [1.0, 3.0]
    assert table.refused.rows() == [(3, "a", "x")]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".xlsx"])
def test_a_date_and_a_time_of_day_in_two_columns(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"t{suffix}"
    rows = [(moment.date(), moment.time(), float(step)) for step, moment in enumerate(TIMES)]
    table = pl.DataFrame(rows, schema=["Date", "Time", "a"], orient="row")
    if suffix == ".csv":
        table.with_columns(pl.col("Date").dt.strftime("%d.%m.%Y"), pl.col("Time").dt.strftime("%H:%M:%S")).write_csv(
            path
        )
    elif suffix == ".parquet":
        table.write_parquet(path)
    else:
        import openpyxl

        book = openpyxl.Workbook()
        assert book.active is not None
        for row in [tuple(table.columns), *rows]:
            book.active.append(row)
        book.save(path)
    (read_back,) = read(path)
    assert read_back.frame.data["time"].to_list() == TIMES
    assert read_back.frame.variables == ["a"]
    assert "time: columns 'Date' and 'Time' together" in read_back.notes


def test_a_date_beside_a_whole_time_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("date,time,a\n2026-01-01,2026-01-01 06:00,1\n2026-01-01,2026-01-01 07:00,2\n")
    with pytest.raises(DataError, match=r"2 columns that may be the time: 'date', 'time'; .*--time-column 'date'"):
        read(tmp_path / "t.csv")
    (table,) = read(tmp_path / "t.csv", line="p", time_column="time")
    assert table.frame.variables == ["a", "date"]
