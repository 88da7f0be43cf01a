"""What people said of alerts becomes labels: avoided and confirmed rows are positive, rejected ones negative."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from andon.frames import Integers, to_microseconds
from andon.labels import Reviewed, label_rows
from andon.ports import Documents
from andon.records import AlertRecord, AlertState
from andon.services.alerts import give_feedback
from andon.services.feedback import reviewed_spans
from andon.stores import open_documents, open_signals
from configs.settings import Settings
from pipelines.selecting import select
from pipelines.training.preparing import prepare_study
from pipelines.training.train import TrainRequest, study_specs
from tests.watched_line import DEFINED, JAM, LINE, SAMPLING, START, make_rows
from tune_jobs.files import read_rows

TARGET = JAM.target
assert TARGET is not None
HORIZON = timedelta(minutes=1)
FRAME = make_rows(600, holes=False)
TIMES: Integers = FRAME.times


def labels(*reviewed: Reviewed) -> list[float]:
    return label_rows(FRAME, TARGET, HORIZON, reviewed).tolist()


def span(begin: int, end: int, label: float) -> Reviewed:
    return int(TIMES[begin]), int(TIMES[end]), label


def quiet_row() -> int:
    """A row at which, and for a while around, nothing happens."""
    known = np.array(labels())
    return next(row for row in range(50, 550) if (known[row - 5 : row + 40] == 0).all())


def test_rows_of_an_avoided_alert_are_positive_and_no_others_change() -> None:
    row, plain = quiet_row(), labels()
    said = labels(span(row, row + 4, 1.0))
    assert said[row : row + 5] == [1.0] * 5
    assert said[:row] + said[row + 5 :] == pytest.approx(plain[:row] + plain[row + 5 :], nan_ok=True)


def test_a_row_at_which_the_target_holds_has_no_label_whoever_says_what() -> None:
    plain = np.array(labels())
    holding = int(np.flatnonzero(FRAME.data["jam"].to_numpy() == 1)[0])
    for label in (0.0, 1.0):
        assert np.isnan(labels(span(holding, holding, label))[holding])
    assert np.isnan(plain[holding])


def test_a_rejected_alert_never_hides_an_onset_and_tells_where_nobody_saw() -> None:
    plain = labels()
    positive = plain.index(1.0)
    assert labels(span(positive, positive, 0.0)) == pytest.approx(plain, nan_ok=True)
    last = len(FRAME) - 1  # Its horizon passes the end of the data.
    assert np.isnan(plain[last])
    assert labels(span(last, last, 0.0))[last] == 0.0


@pytest.fixture
def documents(tmp_path: Path) -> Documents:
    store = open_documents(Settings(home=tmp_path).documents)
    store.put_definitions([DEFINED.to_json(), JAM.to_json()], START)
    return store


def alert(documents: Documents, row: int, rows: int | None, line: str = LINE) -> str:
    opened = START + row * SAMPLING
    resolved = None if rows is None else opened + rows * SAMPLING
    state = AlertState.FIRING if rows is None else AlertState.RESOLVED
    one = AlertRecord(line, JAM.name, opened, state, "high", (), resolved_at=resolved)
    documents.open_alert(one)
    return one.id


def test_the_newest_verdict_on_each_alert_gives_a_span_within_the_horizon(documents: Documents) -> None:
    short, long, open_, other = (
        alert(documents, 10, 3), alert(documents, 100, 200), alert(documents, 400, None), alert(documents, 5, 1, "x"),
    )  # fmt: skip
    alert(documents, 500, 2)
    for one, verdict in (
        (short, "confirmed"),
        (short, "rejected"),
        (long, "avoided"),
        (open_, "confirmed"),
        (other, "avoided"),
    ):
        give_feedback(one, verdict, "ana", "", START, documents)
    step, begin = SAMPLING // timedelta(microseconds=1), to_microseconds(START)
    found = reviewed_spans(JAM.name, [LINE], HORIZON, documents)
    assert {
        line: [((a - begin) // step, (b - begin) // step, label) for a, b, label in some]
        for line, some in found.items()
    } == {LINE: [(10, 13, 0.0), (100, 112, 1.0), (400, 412, 1.0)]}
    assert reviewed_spans("another", [LINE], HORIZON, documents) == {}


def test_the_next_training_learns_from_it(documents: Documents, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    signals = open_signals(settings.signals)
    signals.append_signals(make_rows(2400, holes=False))
    plain = labels_of(documents, settings, tmp_path / "plain")
    row = next(row for row in range(200, 1500) if all(plain.get(row + k) == 0.0 for k in range(5)))
    give_feedback(alert(documents, row, 4), "avoided", "ana", "we cleaned it", START, documents)
    said = labels_of(documents, settings, tmp_path / "said")
    assert {key: value for key, value in said.items() if value != plain[key]} == {row + k: 1.0 for k in range(5)}
    assert said.keys() == plain.keys()


def labels_of(documents: Documents, settings: Settings, folder: Path) -> dict[int, float]:
    """Return the labels by row that a search of the classifier would learn from, or be validated by."""
    (spec,) = study_specs(select(documents, alerts=[JAM.name]), documents, settings, TrainRequest(), folder)
    prepare_study(spec, open_signals(settings.signals))
    rows = read_rows(Path(spec.folder))
    step, begin = SAMPLING // timedelta(microseconds=1), to_microseconds(START)
    return {
        (int(time) - begin) // step: float(label) for time, label in zip(rows.rows.times, rows.rows.labels, strict=True)
    }
