"""History as if live, on a clock of its own: nobody waits."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from andon.errors import ConfigError, DataError
from andon.frames import TIME, SignalFrame, signal_frame
from andon.ports import Documents, Signals
from andon.stores import open_documents, open_signals
from pipelines.tables.injecting import Pace, fingerprint, inject, parse_pace, parse_shift, read_line
from pipelines.tables.options import TableOptions

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class FakeClock:
    """Sleeps at once; stops with Ctrl-C when ``patience`` seconds have passed."""

    signals: Signals
    patience: float = float("inf")
    passed: float = 100.0
    seen: list[tuple[float, int]] = field(default_factory=list)
    """After how many seconds how many rows were stored."""

    def now(self) -> datetime:
        return datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=self.passed)

    def seconds(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.seen.append((round(self.passed - 100, 3), self.signals.count_readings("press-07")))
        if self.passed - 100 + seconds > self.patience:
            raise KeyboardInterrupt
        self.passed += seconds


@dataclass
class Plant:
    signals: Signals
    documents: Documents

    def run(self, frame: SignalFrame, pace: Pace, patience: float = float("inf"), **more: object) -> FakeClock:
        clock = FakeClock(self.signals, patience)
        self.report = inject(frame, self.signals, self.documents, pace, clock, source="s", **more)  # type: ignore[arg-type]
        return clock


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    signals, documents = open_signals(f"sqlite:///{tmp_path}/s.db"), open_documents(f"sqlite:///{tmp_path}/d.db")
    yield Plant(signals, documents)
    signals.close()
    documents.close()


def history(*minutes: int) -> SignalFrame:
    times = pl.Series([START + timedelta(minutes=minute) for minute in minutes], dtype=TIME)
    data = pl.DataFrame({"time": times, "a": [float(minute) for minute in minutes]})
    return signal_frame("press-07", data, {"a": "number"})


def test_one_row_each_time(plant: Plant) -> None:
    clock = plant.run(history(0, 1, 2, 60), Pace(every=timedelta(seconds=2)))
    assert clock.seen == [(0.0, 1), (2.0, 2), (4.0, 3)]
    assert plant.signals.read_signals("press-07").data.equals(history(0, 1, 2, 60).data)


def test_at_a_multiple_of_the_real_pace_with_its_gaps(plant: Plant) -> None:
    clock = plant.run(history(0, 1, 2, 60), Pace(speed=60))
    assert [(round(passed), rows) for passed, rows in clock.seen] == [(0, 1), (1, 2), (2, 3)]
    assert clock.passed == pytest.approx(160, abs=1e-3)


def test_without_a_pace_it_is_the_real_one(plant: Plant) -> None:
    assert plant.run(history(0, 1, 3), Pace()).passed == pytest.approx(280, abs=1e-3)


def test_every_so_often_what_is_due(plant: Plant) -> None:
    clock = plant.run(history(*range(10)), Pace(every=timedelta(seconds=2), speed=120))
    assert clock.seen == [(0.0, 1), (2.0, 5), (4.0, 9)]
    assert plant.report.done


def test_stopped_and_begun_again_it_goes_on(plant: Plant) -> None:
    rows = history(*range(10))
    plant.run(rows, Pace(every=timedelta(seconds=1)), patience=3.5)
    assert (plant.report.resumed_at, plant.report.position, plant.report.done) == (0, 4, False)
    clock = plant.run(rows, Pace(every=timedelta(seconds=1)))
    assert clock.seen[0] == (0.0, 5)
    assert (plant.report.resumed_at, plant.report.position, plant.report.done) == (4, 10, True)
    assert plant.signals.read_signals("press-07").data.equals(rows.data)


def test_a_resumed_replay_waits_from_where_it_stopped(plant: Plant) -> None:
    plant.run(history(0, 1, 2, 62, 63), Pace(speed=60), patience=10)
    assert plant.report.position == 3
    clock = plant.run(history(0, 1, 2, 62, 63), Pace(speed=60))
    assert clock.passed - 100 == pytest.approx(1, abs=1e-3)


def test_done_is_done_and_a_restart_changes_no_value(plant: Plant) -> None:
    rows = history(0, 1, 2)
    plant.run(rows, Pace(every=timedelta(seconds=1)))
    assert plant.run(rows, Pace(every=timedelta(seconds=1))).seen == []
    assert (plant.report.resumed_at, plant.report.position) == (3, 3)
    plant.run(rows, Pace(every=timedelta(seconds=1)), restart=True)
    assert plant.report.resumed_at == 0
    assert plant.signals.read_signals("press-07").data.equals(rows.data)


def test_shifted_to_now_and_resumed_with_the_same_shift(plant: Plant) -> None:
    rows, now = history(*range(6)), datetime(2026, 11, 1, 8, tzinfo=UTC)
    pace = Pace(every=timedelta(seconds=1))
    plant.run(rows, pace, patience=2.5, shift_to=now)
    plant.run(rows, pace, shift_to=now + timedelta(hours=3))
    times = plant.signals.read_signals("press-07").data["time"].to_list()
    assert times == [now + timedelta(minutes=minute) for minute in range(6)]
    assert plant.report.last == times[-1]


def test_a_stop_between_row_and_note_loses_and_doubles_nothing(plant: Plant) -> None:
    rows = history(*range(4))
    plant.signals.append_signals(SignalFrame("press-07", rows.data.head(2), rows.types, rows.sampling))
    plant.run(rows, Pace(every=timedelta(seconds=1)))
    assert plant.signals.read_signals("press-07").data.equals(rows.data)


def test_progress_counts_rows(plant: Plant) -> None:
    told: list[tuple[int, int]] = []
    pace = Pace(every=timedelta(seconds=1))
    plant.run(history(0, 1), pace, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


@pytest.mark.parametrize(("every", "speed", "says"), [("1", None, "--every"), ("0s", None, "--every"),
                                                     (None, 0.0, "--speed"), (None, float("inf"), "--speed"),
                                                     (None, float("nan"), "--speed")])  # fmt: skip
def test_a_pace_that_is_none_is_refused(every: str | None, speed: float | None, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse_pace(every, speed)


def test_a_shift_is_now_or_a_time() -> None:
    assert parse_shift(None, START) is None
    assert parse_shift("now", START) == START
    assert parse_shift("2026-01-01T02:00:00+02:00", datetime.now(UTC)) == START
    with pytest.raises(ConfigError, match="--shift-to: is not a time: 'soon'"):
        parse_shift("soon", START)


def test_one_line_of_a_table_of_many(plant: Plant, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("time,unit,a\n2026-01-01,1,1\n2026-01-02,2,5\n2026-01-03,1,3\n")
    options = TableOptions(line_column="unit")
    assert read_line(path, "1", options, plant.signals, plant.documents).data["a"].to_list() == [1.0, 3.0]
    with pytest.raises(DataError, match="no rows of line '3'"):
        read_line(path, "3", options, plant.signals, plant.documents)
    assert len(fingerprint(path)) == 64
