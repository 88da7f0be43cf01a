"""What `andon.ports.Signals` promises of the newest readings of many lines, and of old forecasts, on every adapter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from andon.frames import TIME, signal_frame
from andon.ports import Signals
from andon.records import Forecast
from andon.stores import open_signals

START, MINUTE = datetime(2026, 3, 1, tzinfo=UTC), timedelta(minutes=1)


@pytest.fixture
def signals(signals_url: str) -> Signals:
    return open_signals(signals_url)


def bring(signals: Signals, line: str, minute: int, rows: int = 1, **values: float | str) -> datetime:
    """Store some rows; return the time of the last."""
    times = [START + (minute + row) * MINUTE for row in range(rows)]
    data = pl.DataFrame({"time": times, **{name: [value] * rows for name, value in values.items()}})
    types = {name: "category" if isinstance(value, str) else "number" for name, value in values.items()}
    signals.append_signals(signal_frame(line, data.with_columns(pl.col("time").cast(TIME)), types))  # type: ignore[arg-type]
    return times[-1]


def test_the_newest_reading_of_each_line_is_told(signals: Signals) -> None:
    assert signals.newest_readings([]) == signals.newest_readings(["press 07"]) == {}
    first = bring(signals, "press 07", 0, 30, speed=1.0, product="rösti")
    second = bring(signals, "press-08", 0, 5, speed=1.0)
    lines = ["press 07", "press-08", "press-09"]
    assert signals.newest_readings(lines) == {"press 07": first, "press-08": second}
    later = bring(signals, "press 07", 31, product="rösti")
    assert signals.newest_readings(lines) == {"press 07": later, "press-08": second}
    bring(signals, "press 07", 3, speed=9.0)  # It comes late, and is none of the newest.
    third = bring(signals, "press-09", 2, speed=1.0)
    assert signals.newest_readings(lines) == {"press 07": later, "press-08": second, "press-09": third}
    assert signals.newest_readings(["press-08"]) == {"press-08": second}


def test_what_another_process_brings_is_seen_at_once(signals: Signals, signals_url: str) -> None:
    lines = [f"line-{number}" for number in range(130)]
    bring(signals, lines[0], 0, speed=1.0)
    bring(signals, lines[129], 0, speed=1.0)
    assert signals.newest_readings(lines) == {lines[0]: START, lines[129]: START}
    other = open_signals(signals_url)
    for minute in (1, 2):
        newest = bring(other, lines[129], minute, speed=1.0)
        assert signals.newest_readings(lines) == {lines[0]: START, lines[129]: newest}
    other.close()


def test_old_forecasts_are_forgotten_and_readings_stay(signals: Signals) -> None:
    signals.forget_forecasts(START)
    bring(signals, "press 07", 0, 5, speed=1.0)
    signals.append_forecasts(
        Forecast("press 07", "normal", "speed", START + minute * MINUTE, 1.0, 0.0, 2.0, 1) for minute in range(5)
    )
    signals.forget_forecasts(START + 3 * MINUTE)
    assert signals.read_forecasts("press 07")["time"].to_list() == [START + 3 * MINUTE, START + 4 * MINUTE]
    assert len(signals.read_signals("press 07")) == 5
