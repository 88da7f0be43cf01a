"""Features that are kept: equal to a full computation, whatever came in between, and never half-written."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from andon.errors import DataError
from andon.features.engine import compute_features
from andon.features.spec import FeatureSpec, VariableSpec
from andon.frames import SignalFrame, from_microseconds
from andon.ports import Signals
from andon.stores import open_signals
from pipelines.aggregations.feature_set import FeatureSet
from pipelines.aggregations.line_features import MOST_PIECES, LineFeatures
from tests.series import awkward

MINUTE = timedelta(minutes=1)
SPEC = FeatureSpec(
    (
        VariableSpec("level", "number"),
        VariableSpec("open", "boolean"),
        VariableSpec("product", "category", ("fries", "rösti")),
        VariableSpec("sparse", "number"),
    ),
    (5 * MINUTE, 120 * MINUTE),
    ("mean", "std", "min", "slope", "delta", "count", "last", "since_change", "share"),
    5 * MINUTE,
    MINUTE,
)
ROWS = 30_000
"""Above three weeks: three parts."""
DAY = 1_440


class Plant:
    """A store, and the feature set of one line in it."""

    def __init__(self, folder: Path, spec: FeatureSpec = SPEC, start: datetime | None = None) -> None:
        self.url = f"sqlite:///{folder}/signals.db"
        self.signals: Signals = open_signals(self.url)
        self.made = FeatureSet(spec, start, str(folder / "features"))
        self.folder = self.made.line_folder("press-07")

    def line(self, end: datetime | None = None) -> LineFeatures:
        return LineFeatures(self.made, "press-07", self.signals, end)

    def update(self, end: datetime | None = None) -> int:
        line = self.line(end)
        return line.update(line.part_numbers())

    def files(self) -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in self.folder.iterdir()}

    def agrees(self, end: datetime | None = None) -> bool:
        """Whether what is read is the full computation on all readings of the span, to the last bit."""
        frame = self.signals.read_signals("press-07", None, self.made.start, end)
        full = compute_features(frame, self.made.features, one_per_stride=True)
        found = list(self.line(end).read())
        times = np.concatenate([rows.times for rows in found])
        values = np.concatenate([rows.values for rows in found])
        assert len(times) > 100
        assert np.array_equal(times, full.times[full.complete])
        return values.tobytes() == full.values[full.complete].tobytes()


@pytest.fixture(scope="module")
def readings() -> SignalFrame:
    return awkward(np.random.default_rng(7), ROWS)


def part_of(readings: SignalFrame, begin: int, end: int) -> SignalFrame:
    return replace(readings, data=readings.data[begin:end])


def test_parts_equal_one_computation(tmp_path, readings):
    plant = Plant(tmp_path)
    plant.signals.append_signals(readings)
    assert plant.agrees(), "nothing was made yet: all is computed at reading"
    assert plant.update() >= 3
    assert plant.agrees()
    assert plant.update() == 0, "nothing is made twice"
    spans = sorted((int(name.split("_")[0]), int(name.split("_")[1])) for name in plant.files())
    assert all(one[1] == other[0] for one, other in itertools.pairwise(spans))


@pytest.mark.parametrize("stride", [1, 5, 7, 90])
def test_new_readings_make_the_new_rows_only(tmp_path, readings, stride):
    spec = replace(SPEC, stride=stride * MINUTE, windows=(stride * MINUTE, stride * 2 * MINUTE))
    plant = Plant(tmp_path, spec)
    end = ROWS // 2
    plant.signals.append_signals(part_of(readings, 0, end))
    plant.update()
    for _ in range(4):
        before = plant.files()
        added = int(np.random.default_rng(end).integers(1, 3 * DAY))
        plant.signals.append_signals(part_of(readings, end, end + added))
        end += added
        plant.update()
        begun = [int(name.split("_")[0]) for name in before]
        newest = max(begun) // plant.made.blocks_a_part * plant.made.blocks_a_part
        gone = sorted(set(before) - set(plant.files()))
        assert all(int(name.split("_")[0]) >= newest for name in gone), "only what was growing is replaced"
        assert all(plant.files()[name] == at for name, at in before.items() if name not in gone)
        assert plant.agrees()


def test_a_part_grows_in_pieces_that_are_joined(tmp_path, readings):
    plant = Plant(tmp_path)
    counts = []
    for begin in range(0, 12_000, 500):
        plant.signals.append_signals(part_of(readings, begin, begin + 500))
        plant.update()
        counts.append(len(plant.files()))
    assert plant.agrees()
    assert counts[:3] == [1, 2, 3]
    assert max(counts) <= MOST_PIECES + 1
    assert min(counts[MOST_PIECES:]) < MOST_PIECES, "joined"


def test_late_and_changed_readings_are_noticed(tmp_path, readings):
    plant = Plant(tmp_path)
    late = (readings.data["time"] > readings.data["time"][9_000]) & (
        readings.data["time"] < readings.data["time"][9_050]
    )
    plant.signals.append_signals(replace(readings, data=readings.data.filter(~late)))
    plant.update()
    before = plant.files()
    plant.signals.append_signals(replace(readings, data=readings.data.filter(late)))
    assert plant.agrees(), "a stale part is not read"
    assert plant.update() == 1
    assert plant.agrees()
    kept = set(before) & set(plant.files())
    assert len(kept) == len(before) - 1
    changed = readings.data[20_000:20_001].with_columns(level=pl.lit(-5.0))
    plant.signals.append_signals(replace(readings, data=changed))
    assert plant.agrees()
    assert plant.update() == 1
    assert plant.agrees()


def test_a_change_in_the_window_before_a_part_reaches_into_it(tmp_path, readings):
    plant = Plant(tmp_path)
    plant.signals.append_signals(readings)
    plant.update()
    border = plant.made.blocks_a_part * plant.made.stride * (plant.line().part_numbers()[1])
    row = int(np.searchsorted(readings.times, border - 115 * 60_000_000))
    assert 65 * 60_000_000 < border - readings.times[row] < 120 * 60_000_000, (
        "in the window, and in no hour of the part"
    )
    changed = readings.data[row : row + 1].with_columns(level=pl.lit(77.0), sparse=pl.lit(7.0))
    plant.signals.append_signals(replace(readings, data=changed))
    assert plant.agrees()
    assert plant.update() == 2
    assert plant.agrees()


def test_readings_before_the_first_complete_what_was_not(tmp_path, readings):
    plant = Plant(tmp_path)
    plant.signals.append_signals(part_of(readings, 9_000, ROWS))
    plant.update()
    plant.signals.append_signals(part_of(readings, 8_900, 8_910))
    assert plant.agrees()
    plant.signals.append_signals(part_of(readings, 0, 100))
    assert plant.agrees()
    plant.update()
    assert plant.agrees()


def test_periods_bound_what_is_read(tmp_path, readings):
    start = from_microseconds(int(readings.times[4_000]) + 1)
    plant = Plant(tmp_path, start=start)
    plant.signals.append_signals(readings)
    for row in (12_000, 25_000, 18_003):
        end = from_microseconds(int(readings.times[row]))
        plant.update(end)
        assert plant.agrees(end)
    before = plant.files()
    assert plant.update(from_microseconds(int(readings.times[15_000]))) == 0, "what reaches further is used"
    plant.signals.append_signals(replace(readings, data=readings.data[3_000:3_001].with_columns(level=pl.lit(1.0))))
    assert plant.update(from_microseconds(int(readings.times[25_000]))) == 0, "what came before the start is not read"
    assert plant.files() == before
    plant.update()
    assert plant.agrees()


def test_long_gaps_and_early_hours(tmp_path, readings):
    plant = Plant(tmp_path)
    for row, days in ((0, 0), (700, 900), (1_400, 905)):
        moved = part_of(readings, row, row + 700).data.with_columns(pl.col("time") + timedelta(days=days))
        plant.signals.append_signals(replace(readings, data=moved))
        plant.update()
        assert plant.agrees()
    assert len(plant.files()) <= 4, "nothing is written where nothing was read"
    few = Plant(tmp_path / "few")
    few.signals.append_signals(part_of(readings, 0, 30))
    assert few.update() <= 1
    assert sum(len(rows.times) for rows in few.line().read()) == 0


def test_a_damaged_part_is_made_again(tmp_path, readings):
    plant = Plant(tmp_path)
    plant.signals.append_signals(readings)
    plant.update()
    oldest, newest = sorted(plant.files(), key=lambda name: int(name.split("_")[1]))[:: len(plant.files()) - 1]
    (plant.folder / oldest).write_bytes(b"PAR1")
    (plant.folder / newest).write_bytes(b"")
    assert plant.agrees()
    assert plant.update() == 2
    assert plant.agrees()


def test_a_variable_that_the_line_lacks_is_named(tmp_path, readings):
    plant = Plant(tmp_path, replace(SPEC, variables=(VariableSpec("speed", "number"),)))
    plant.signals.append_signals(part_of(readings, 0, 2_000))
    with pytest.raises(DataError, match="press-07: speed"):
        plant.update()
    assert not plant.folder.exists()


MAKE = """
import json
import sys
from datetime import timedelta
from andon.features.spec import FeatureSpec
from andon.stores import open_signals
from pipelines.aggregations.feature_set import FeatureSet
from pipelines.aggregations.line_features import LineFeatures
spec = FeatureSpec.from_json(json.loads(sys.argv[1]))
line = LineFeatures(FeatureSet(spec, None, sys.argv[3]), "press-07", open_signals(sys.argv[2]))
line.update(line.part_numbers())
"""


def test_killed_midway_nothing_is_half_written(tmp_path, readings):
    plant = Plant(tmp_path)
    plant.signals.append_signals(readings)
    arguments = [sys.executable, "-c", MAKE, json.dumps(SPEC.to_json()), plant.url, plant.made.folder]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, cwd=Path(__file__).parents[4]) as process:
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            if len(list(plant.folder.glob("*.parquet"))) >= 2:
                break
        os.kill(process.pid, signal.SIGKILL)
    assert len(list(plant.folder.glob("*.parquet"))) >= 2
    assert plant.agrees()
    made = plant.update()
    assert made < len(list(plant.folder.glob("*.parquet"))), "what was there is kept"
    assert plant.agrees()
