"""Pictures of a classifier: what is drawn, what is left out, and that nothing is shared between two of them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from andon.evaluation.drawing import draw_evaluation
from andon.records import Evaluation

ALL = ["precision_recall", "calibration", "lead_time", "importance"]


def evaluation(rows: int = 600, events: int = 5) -> Evaluation:
    rng = np.random.default_rng(0)
    labels = np.zeros(rows)
    for begin in range(50, 50 + 100 * events, 100):
        labels[begin : begin + 20] = 1
    scores = np.clip(0.05 + 0.6 * labels * rng.random(rows) + 0.2 * rng.random(rows), 0, 1)
    times = np.arange(rows) * 60_000_000
    importance = {"température $x_1.mean": 0.7, "speed." * 20: 0.3, "level": 0.0}
    return Evaluation(labels, scores, times, np.zeros(rows, dtype=np.int64), 0.4, timedelta(minutes=20), importance)


def names(files: list[Path]) -> list[str]:
    assert all(file.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" for file in files)
    return [file.stem for file in files]


def test_everything_is_drawn(tmp_path):
    files = draw_evaluation(evaluation(), "jam-soon $ on press_07 é", tmp_path / "plots")
    assert names(files) == ALL
    assert sorted(file.name for file in (tmp_path / "plots").iterdir()) == sorted(f"{name}.png" for name in ALL)


@pytest.mark.parametrize(
    ("given", "drawn"),
    [
        (evaluation(events=0), ["calibration", "importance"]),
        (replace(evaluation(), importance={}), ALL[:3]),
        (replace(evaluation(), threshold=1.5), ALL),  # nothing is flagged, nothing foreseen
        (replace(evaluation(events=1), threshold=0.0), ALL),
        (replace(evaluation(rows=0, events=0), importance={}), []),
        (replace(evaluation(), horizon=timedelta(days=3)), ALL),
        (replace(evaluation(), scores=np.zeros(600)), ALL),
    ],
    ids=["no event", "no importance", "no alarm", "always an alarm", "no row", "days", "never sure"],
)
def test_what_cannot_be_drawn_is_left_out(tmp_path, given, drawn):
    assert names(draw_evaluation(given, "jam-soon", tmp_path / "plots")) == drawn
    assert (tmp_path / "plots").exists() == bool(drawn)


def test_each_picture_shows_its_own_model(tmp_path):
    other = replace(evaluation(), threshold=0.6, importance={"level": 1.0})
    drawn = [
        [file.read_bytes() for file in draw_evaluation(one, "jam-soon", tmp_path / str(number))]
        for number, one in enumerate([evaluation(), other, evaluation()])
    ]
    assert drawn[0] == drawn[2]
    assert all(one != another for one, another in zip(drawn[0], drawn[1], strict=True))


ALONE = """
import sys
from datetime import timedelta
from pathlib import Path
import numpy as np
from andon.evaluation.drawing import draw_evaluation
from andon.records import Evaluation
assert "matplotlib" not in sys.modules
times, groups = np.arange(4) * 60_000_000, np.zeros(4, dtype=np.int64)
given = Evaluation(np.array([0.0, 1, 0, 1]), np.ones(4) / 2, times, groups, 0.5, timedelta(hours=1))
assert draw_evaluation(given, "jam-soon", Path(sys.argv[1]))
assert "matplotlib.pyplot" not in sys.modules
"""


def test_it_is_loaded_late_and_keeps_no_state_of_pyplot(tmp_path):
    done = subprocess.run([sys.executable, "-c", ALONE, str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
