"""What `andon.ports.Signals` promises, on every adapter."""

from __future__ import annotations

import multiprocessing
import pickle
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import polars as pl
import pytest

from andon.errors import DataError
from andon.frames import TIME, SignalFrame, signal_frame
from andon.ports import Appended, Signals
from andon.records import Forecast
from andon.stores import open_signals
from configs.definitions import VariableType
from tests.series import TYPES, awkward

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def url(signals_url: str) -> str:
    return signals_url


@pytest.fixture
def signals(url: str) -> Signals:
    return open_signals(url)


def frame_of(
    line: str = "press-07",
    start: datetime = START,
    step: timedelta = MINUTE,
    types: dict[str, VariableType] | None = None,
    **columns: list[object],
) -> SignalFrame:
    rows = len(next(iter(columns.values())))
    times = pl.Series("time", [start + row * step for row in range(rows)], dtype=TIME)
    known: dict[str, VariableType] = {
        name: "category" if any(isinstance(value, str) for value in values) else "number"
        for name, values in columns.items()
    }
    data = pl.DataFrame({"time": times, **{name: pl.Series(values) for name, values in columns.items()}})
    return signal_frame(line, data, known | (types or {}))


def same(one: SignalFrame, other: SignalFrame) -> None:
    assert (one.line, one.types) == (other.line, other.types)
    assert list(one.types) == list(other.types)
    assert one.data.equals(other.data)
    assert one.data.schema == other.data.schema


def test_readings_come_back_as_they_were(signals: Signals) -> None:
    frame = awkward(np.random.default_rng(0), 2_000)
    assert signals.append_signals(frame).added == sum(frame.data[name].count() for name in TYPES)
    same(signals.read_signals("press-07"), frame)


def test_edge_values_come_back_as_they_were(signals: Signals) -> None:
    types: dict[str, VariableType] = {
        "open": "boolean",
        "Öltemperatur °C; DROP TABLE": "number",
        "prod'uct": "category",
    }
    frame = frame_of(
        start=START + timedelta(microseconds=1),
        step=timedelta(microseconds=1),
        types=types,
        open=[True, None, False, True],
        **{
            "Öltemperatur °C; DROP TABLE": [5e-324, -1.7976931348623157e308, 0.1 + 0.2, 2.0**53 + 2],
            "prod'uct": ["", "1", "日本 🍟\n\x00", "NULL"],
        },
    )
    signals.append_signals(frame)
    same(signals.read_signals("press-07"), frame)


@pytest.mark.parametrize("year", [1, 1969, 2262, 9999])
def test_times_of_any_year_come_back_or_are_refused(signals: Signals, year: int) -> None:
    frame = frame_of(start=datetime(year, 1, 1, 0, 0, 0, 1, tzinfo=UTC), a=[1.0, 2.0])
    try:
        signals.append_signals(frame)
    except DataError as error:
        # What InfluxDB's clock of 64 bits cannot hold.
        assert year in (1, 9999)
        assert "1677-09-21 to 2262-04-11" in str(error)
        assert signals.list_lines() == []
        return
    same(signals.read_signals("press-07"), frame)
    stored = signals.describe_line("press-07")
    assert stored is not None
    assert (stored.first, stored.last) == (frame.data["time"][0], frame.data["time"][1])


def test_appending_twice_changes_nothing(signals: Signals) -> None:
    frame = awkward(np.random.default_rng(1), 500)
    first = signals.append_signals(frame)
    before = signals.read_signals("press-07"), signals.describe_line("press-07"), signals.count_readings("press-07")
    assert first == Appended(first.added, 0, 0)
    assert signals.append_signals(frame) == Appended(0, 0, first.added)
    same(signals.read_signals("press-07"), before[0])
    assert (signals.describe_line("press-07"), signals.count_readings("press-07")) == before[1:]


def test_appends_are_counted_in_values(signals: Signals) -> None:
    signals.append_signals(frame_of(a=[1, 2, None], p=["x", None, "y"]))
    again = frame_of(a=[1, 5, 3], p=["x", "z", None])
    assert signals.append_signals(again) == Appended(added=2, changed=1, unchanged=2)
    same(signals.read_signals("press-07"), frame_of(a=[1, 5, 3], p=["x", "z", "y"]))


def test_a_null_never_erases_and_an_empty_row_is_no_reading_time(signals: Signals) -> None:
    signals.append_signals(frame_of(a=[1, 2], b=[None, 4]))
    bare = frame_of(a=[1, 2, 3], b=[1, 1, 1]).data.with_columns(a=pl.lit(None, pl.Float64), b=pl.lit(None, pl.Float64))
    nothing = SignalFrame("press-07", bare, {"a": "number", "b": "number"}, MINUTE)
    assert signals.append_signals(nothing) == Appended(0, 0, 0)
    same(signals.read_signals("press-07"), frame_of(a=[1, 2], b=[None, 4]))
    assert signals.count_readings("press-07") == 2


def test_a_frame_without_values_stores_no_line(signals: Signals) -> None:
    signals.append_signals(frame_of(a=[1, 2]).between(START - MINUTE, START))
    times_only = frame_of(a=[1, 2]).select([])
    assert signals.append_signals(times_only) == Appended(0, 0, 0)
    assert signals.list_lines() == []
    assert signals.describe_line("press-07") is None


def test_late_and_out_of_order_frames_meet_in_order(signals: Signals) -> None:
    frame = awkward(np.random.default_rng(2), 600)
    parts = [SignalFrame(frame.line, frame.data[i : i + 50], frame.types, frame.sampling) for i in range(0, 600, 50)]
    random.Random(0).shuffle(parts)
    for part in parts:
        signals.append_signals(part)
    same(signals.read_signals("press-07"), frame)


def test_another_type_is_refused_and_nothing_of_its_frame_is_stored(url: str, signals: Signals) -> None:
    signals.append_signals(frame_of(a=[1.0], p=["x"]))
    with pytest.raises(DataError, match=r"line press-07: p: is stored as category, given as number"):
        signals.append_signals(frame_of(start=START + MINUTE, a=[2.0], new=[1.0], p=[3.0]))
    same(signals.read_signals("press-07"), frame_of(a=[1.0], p=["x"]))
    if "measurement=machines" in url:
        # Where lines share a measurement of InfluxDB, a field is of one type for all of them.
        with pytest.raises(DataError, match=r"line oven: p: is stored as category, given as number"):
            signals.append_signals(frame_of("oven", p=[3.0]))
    else:
        assert signals.append_signals(frame_of("oven", p=[3.0])).added == 1


def test_ranges_are_half_open_and_know_offsets(signals: Signals) -> None:
    frame = frame_of(a=[0, 1, 2, 3], b=[None, 1, None, 3])
    signals.append_signals(frame)
    same(
        signals.read_signals("press-07", None, START + MINUTE, START + 3 * MINUTE),
        frame.between(START + MINUTE, START + 3 * MINUTE),
    )
    paris = (START + MINUTE).astimezone(timezone(timedelta(hours=2)))
    assert signals.read_signals("press-07", None, paris).data["a"].to_list() == [1, 2, 3]
    assert signals.read_signals("press-07", None, None, paris).data["a"].to_list() == [0]


def test_a_variable_is_read_at_its_own_times(signals: Signals) -> None:
    signals.append_signals(frame_of(a=[0, 1, 2, 3], b=[None, 1, None, 3], c=[9, None, None, None]))
    assert signals.read_signals("press-07", ["b"]).data["b"].to_list() == [1, 3]
    both = signals.read_signals("press-07", ["c", "b", "b"])
    assert both.variables == ["b", "c"]
    assert both.data["b"].to_list() == [None, 1, 3]
    assert both.data["c"].to_list() == [9, None, None]


def test_a_span_without_readings_is_empty_and_typed(signals: Signals) -> None:
    signals.append_signals(frame_of(a=[1, 2], p=["x", "y"]))
    empty = signals.read_signals("press-07", None, START + timedelta(days=1))
    assert (len(empty), empty.types) == (0, {"a": "number", "p": "category"})
    assert empty.data.schema == {"time": TIME, "a": pl.Float64, "p": pl.String}
    assert len(signals.read_signals("press-07", [])) == 0
    assert len(signals.latest_signals("press-07", 0)) == 0


def test_what_was_never_stored_is_an_error_that_names_what_is(signals: Signals) -> None:
    for ask in (signals.read_signals, lambda line: signals.latest_signals(line, 1)):
        with pytest.raises(DataError, match=r"line oven: has no readings; .*none imported yet"):
            ask("oven")
    signals.append_signals(frame_of(a=[1.0]))
    with pytest.raises(DataError, match=r"line oven: has no readings; choose one of: press-07"):
        signals.read_signals("oven")
    for again in (signals.read_signals, lambda line, names: signals.latest_signals(line, 1, names)):
        with pytest.raises(DataError, match=r"has no variable 'b'; it has a"):
            again("press-07", ["a", "b"])


def test_the_newest_rows_are_the_end_of_all(signals: Signals) -> None:
    frame = awkward(np.random.default_rng(3), 300)
    signals.append_signals(frame)
    for rows in (1, 7, 299, 300, 5_000):
        same(signals.latest_signals("press-07", rows), SignalFrame("press-07", frame.data[-rows:], frame.types, MINUTE))
    for names in (["sparse"], ["sparse", "open"]):
        every = signals.read_signals("press-07", names)
        same(
            signals.latest_signals("press-07", 20, names),
            SignalFrame("press-07", every.data[-20:], every.types, MINUTE),
        )


def test_lines_are_described_and_listed_by_name(signals: Signals) -> None:
    frames = [
        frame_of(line, a=[1, None, 3], open=[1, 0, 1], p=["x", None, "y"], types={"open": "boolean"})
        for line in ("press 10", "b.1", "Ä", "a")
    ]
    for frame in frames:
        signals.append_signals(frame)
    assert signals.list_lines() == ["a", "b.1", "press 10", "Ä"]
    stored = signals.describe_line("press 10")
    assert stored is not None
    assert (stored.line, stored.types) == ("press 10", {"a": "number", "open": "boolean", "p": "category"})
    assert (stored.first, stored.last) == (START, START + 2 * MINUTE)
    assert (signals.count_readings("press 10"), signals.count_readings("oven")) == (3, 0)
    assert (stored.sampling, signals.read_signals("press 10").sampling) == (MINUTE, MINUTE)
    assert signals.describe_line("oven") is None


def test_the_usual_sampling_is_not_moved_by_gaps(signals: Signals) -> None:
    step = timedelta(seconds=7, microseconds=3)
    for begin in (START, START + timedelta(days=3), START - timedelta(days=9)):
        signals.append_signals(frame_of(start=begin, step=step, a=list(range(40))))
    stored = signals.describe_line("press-07")
    assert stored is not None
    assert stored.sampling == step


def forecast(minute: int, variable: str = "a", monitor: str = "normal", expected: float = 1.0) -> Forecast:
    return Forecast("press-07", monitor, variable, START + minute * MINUTE, expected, 0.5, 1.5, 3)


def test_the_first_forecast_of_a_time_stays(signals: Signals) -> None:
    assert signals.append_forecasts([forecast(1), forecast(1, "b"), forecast(1, monitor="other")]) == 3
    assert signals.append_forecasts(iter([forecast(1, expected=9.0), forecast(2, expected=9.0)])) == 1
    assert signals.append_forecasts([]) == 0
    got = signals.read_forecasts("press-07")
    assert got.columns == ["time", "monitor", "variable", "expected", "low", "high", "version"]
    assert got.schema["time"] == TIME
    assert got.select("monitor", "variable", "expected").rows() == [
        ("normal", "a", 1.0),
        ("normal", "b", 1.0),
        ("other", "a", 1.0),
        ("normal", "a", 9.0),
    ]
    assert got.row(0) == (START + MINUTE, "normal", "a", 1.0, 0.5, 1.5, 3)


def test_forecasts_are_read_by_monitor_and_span(signals: Signals) -> None:
    signals.append_forecasts([forecast(minute, monitor=name) for minute in range(5) for name in ("x", "y")])
    got = signals.read_forecasts("press-07", "x", START + MINUTE, START + 3 * MINUTE)
    assert got["time"].to_list() == [START + MINUTE, START + 2 * MINUTE]
    assert signals.read_forecasts("oven").schema == got.schema
    assert signals.read_forecasts("oven").height == 0
    assert (signals.list_lines(), signals.forecast_lines()) == ([], ["press-07"])


def test_a_forecast_that_is_not_finite_is_left_out(signals: Signals) -> None:
    odd = [forecast(minute, expected=value) for minute, value in enumerate([float("nan"), float("inf"), 1.0])]
    assert signals.append_forecasts(odd) == 1
    assert signals.read_forecasts("press-07")["expected"].to_list() == [1.0]


def test_a_closed_store_can_be_used_again(signals: Signals) -> None:
    signals.close()
    signals.append_signals(frame_of(a=[1.0]))
    signals.close()
    signals.close()
    assert signals.list_lines() == ["press-07"]


def test_a_store_is_never_pickled(signals: Signals) -> None:
    with pytest.raises(TypeError, match="never pickled: send its URL"):
        pickle.dumps(signals)


def test_threads_append_to_one_store_at_once(signals: Signals) -> None:
    frames = [frame_of(start=START + i * MINUTE, a=[float(i)], p=[str(i)]) for i in range(80)]
    with ThreadPoolExecutor(4) as pool:
        appended = list(pool.map(signals.append_signals, frames))
    assert appended == [Appended(2, 0, 0)] * 80
    same(signals.read_signals("press-07"), frame_of(a=list(range(80)), p=[str(i) for i in range(80)]))


def write_line(url: str, line: str, frames: int) -> None:
    signals = open_signals(url)
    for index in range(frames):
        signals.append_signals(frame_of(line, start=START + index * MINUTE, a=[float(index)]))


def test_processes_make_and_fill_a_new_store_at_once(signals_url_of_processes: str) -> None:
    url = signals_url_of_processes
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write_line, args=(url, f"line-{i}", 20)) for i in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    signals = open_signals(url)
    assert signals.list_lines() == ["line-0", "line-1", "line-2"]
    for line in signals.list_lines():
        same(signals.read_signals(line), frame_of(line, a=list(range(20))))


WRITER = """
import sys
from datetime import UTC, datetime, timedelta
import numpy as np, polars as pl
from andon.frames import TIME, signal_frame
from andon.stores import open_signals
signals, rows = open_signals(sys.argv[1]), int(sys.argv[3])
for index in range(int(sys.argv[2]), 1_000_000):
    times = pl.Series("time", 1_767_225_600_000_000 + (np.arange(rows) + index * rows) * 60_000_000).cast(TIME)
    values = {name: np.full(rows, float(index)) for name in ("a", "b", "c")}
    data = pl.DataFrame({"time": times, **values})
    signals.append_signals(signal_frame("press-07", data, dict.fromkeys(values, "number")))
    print(index, flush=True)
"""


def test_a_killed_writer_loses_nothing_acknowledged_and_leaves_no_half_frame(signals_url_of_processes: str) -> None:
    url = signals_url_of_processes
    rows, done, signals = 3_000, -1, open_signals(url)
    for seed in range(4):
        command = [sys.executable, "-c", WRITER, url, str(done + 1), str(rows)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            acknowledged = [int(process.stdout.readline()) for _ in range(2)]
            try:
                process.wait(random.Random(seed).uniform(0, 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
            acknowledged += [int(line) for line in process.stdout if line.endswith("\n")]
        frame = signals.read_signals("press-07")
        counts = frame.data.group_by("a").len().sort("a")
        assert counts["len"].to_list() == [rows] * counts.height
        assert frame.data["a"].equals(frame.data["c"], check_names=False)
        assert counts.height - 1 in (acknowledged[-1], acknowledged[-1] + 1)
        assert signals.count_readings("press-07") == len(frame)
        done = counts.height - 1


def test_the_span_of_readings_within_a_period(signals: Signals) -> None:
    signals.append_signals(frame_of(a=[1.0, 2.0, None, 4.0], b=[None, None, 3.0, None]))
    signals.append_signals(frame_of(line="oven", a=[9.0]))
    at = [START + row * MINUTE for row in range(5)]
    assert signals.reading_span("press-07") == (at[0], at[3])
    assert signals.reading_span("press-07", at[1], at[3]) == (at[1], at[2])
    assert signals.reading_span("press-07", None, at[1]) == (at[0], at[0])
    assert signals.reading_span("press-07", at[4]) is None
    with pytest.raises(DataError, match=r"line nowhere: has no readings"):
        signals.reading_span("nowhere")


def test_a_digest_changes_with_the_readings_of_its_span_alone(url: str, signals: Signals) -> None:
    hour = timedelta(hours=1)
    signals.append_signals(frame_of(step=30 * MINUTE, a=[float(row) for row in range(20)]))
    spans = [(START + begin * hour + MINUTE, START + (begin + 2) * hour + MINUTE) for begin in (0, 2, 4, 6)]

    def digests() -> list[str]:
        return [signals.digest("press-07", *span) for span in spans]

    def changed(before: list[str]) -> list[bool]:
        return [one != other for one, other in zip(before, digests(), strict=True)]

    before = digests()
    assert all(before)
    signals.append_signals(frame_of(step=30 * MINUTE, a=[float(row) for row in range(20)]))
    assert changed(before) == [False] * 4, "the same readings again change nothing"
    assert open_signals(url).digest("press-07", *spans[0]) == before[0]
    signals.append_signals(frame_of(start=START + 10 * hour, a=[1.0, 2.0]))
    assert changed(before) == [False] * 4, "later readings change nothing"
    signals.append_signals(frame_of(start=START + 4 * hour, a=[-1.0]))
    assert changed(before) == [False, True, False, False], "a changed value, on the hour that ends the span"
    before = digests()
    signals.append_signals(frame_of(start=START + 5 * hour + 7 * MINUTE, b=[1.0]))
    assert changed(before) == [False, False, True, False], "a late value of another variable"
    assert signals.digest("press-07", START - 9 * hour, START - 8 * hour) == ""
    assert signals.digest("nowhere", *spans[0]) == ""
