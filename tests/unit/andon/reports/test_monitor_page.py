"""The page of a monitor: what stands on it is what the scores say, whatever the names, gaps and labels are."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from andon.errors import StoreError
from andon.frames import SignalFrame
from andon.models.monitors.accuracy import measure_accuracy
from andon.reports.monitor import monitor_page, monitor_pictures, write_monitor_page
from andon.reports.monitor_figures import (
    MonitorPage,
    detection,
    learners,
    shown_rows,
    spells,
    tried,
    unwatched,
    variable_rows,
)
from andon.scoring import score_monitor
from tests.watched_line import LINE, SAMPLING, TRAINED, make_rows, normal_bundle

AT = datetime(2026, 4, 1, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n"
FRAME = make_rows(900, seed=3)


@cache
def pictures() -> dict[str, bytes]:
    """Return the pictures of the page without labels."""
    return monitor_pictures(page_of())


def page_of(frame: SignalFrame = FRAME, **changes: object) -> MonitorPage:
    page = MonitorPage(LINE, normal_bundle(), 4, score_monitor(normal_bundle(), frame), units={"oil": "°C"})
    return replace(page, **changes)  # type: ignore[arg-type]


def test_the_files_are_one_page_that_fetches_nothing_and_its_pictures(tmp_path: Path) -> None:
    out = tmp_path / "new" / "line.html"
    files = write_monitor_page(page_of(), out, AT)
    assert sorted(path.name for path in (tmp_path / "new" / "line").iterdir()) == sorted(path.name for path in files)
    names = {"overview", "variable-01-oil", "variable-02-speed", "variable-03-vibration", "learners", "search"}
    assert {path.stem for path in files} == names
    assert all(path.read_bytes().startswith(PNG) for path in files)
    html = out.read_text("utf-8")
    assert set(re.findall(r'(?:src|href)="([^"]{0,10})', html)) <= {
        "data:image", *(f"#{name}"[:10] for name in ("line", "spells", "variables", "accuracy", "learners", "search"))
    }  # fmt: skip
    assert html.count("data:image/png;base64,") == len(files)


def test_accuracy_is_that_of_the_scores_and_the_most_anomalous_come_first() -> None:
    page = page_of()
    rows = variable_rows(page)
    assert [row.flagged for row in rows] == sorted((row.flagged for row in rows), reverse=True)
    for row in rows:
        actual, expected = page.scores.actual[:, row.column], page.scores.expected[:, row.column]
        known = measure_accuracy(actual, expected, float(page.reach[row.column]), 0.01)
        assert row.forecast["rmse"] == pytest.approx(known.rmse) and row.chosen == "linear"
        assert row.flagged == page.scores.flags[:, row.column].sum()
        assert row.ratio is not None and row.ratio < 1
    assert rows[[row.name for row in rows].index("oil")].unit == "°C"


def test_spells_join_flags_that_are_near_and_blame_by_share() -> None:
    page = page_of()
    found = spells(page)
    assert sum(one.flagged for one in found) == page.scores.line_flag.sum()
    assert [one.peak for one in found] == sorted((one.peak for one in found), reverse=True)
    ordered = sorted(found, key=lambda one: one.first)
    for one, following in itertools.pairwise(ordered):
        assert following.first - one.last >= page.bundle.window
    for one in found:
        assert page.scores.line_flag[[one.first, one.last]].all() and one.peak >= 1
        assert 0 < sum(share for _, share in one.blamed) <= 1 + 1e-9


def test_labels_are_measured_and_drawn() -> None:
    labels = FRAME.numbers("jam")
    page = page_of(labels=labels, label="jam")
    found = detection(page)
    assert found is not None and found.anomalous == int(labels[~np.isnan(page.scores.line_score)].sum())
    assert monitor_pictures(page)["overview"] != pictures()["overview"]
    html = monitor_page(page, pictures(), AT)
    assert "Against jam" in html and f"{found.f1:.3f}" in html
    assert detection(page_of()) is None and "Against" not in monitor_page(page_of(), pictures(), AT)


def test_what_the_model_has_read_is_told() -> None:
    scores = page_of().scores
    assert page_of().known == len(scores)
    html = monitor_page(page_of(), pictures(), AT)
    assert "It has read these rows when it was trained" in html
    moved = SignalFrame(LINE, FRAME.data.with_columns(pl.col("time") + TRAINED * SAMPLING), FRAME.types, FRAME.sampling)
    assert page_of(moved).known == 0
    assert "It has read none of these rows" in monitor_page(page_of(moved), pictures(), AT)


def test_the_card_tells_of_learners_and_the_search() -> None:
    card = normal_bundle().card
    names, rows = learners(card)
    assert names == ["persistence", "linear"] and [row["variable"] for row in rows] == ["oil", "speed", "vibration"]
    assert [one["learner"] for one in tried(card)] == ["linear"]
    gone = replace(card, comparison=(*card.comparison, {"variable": "x", "chosen": None, "reason": "no readings"}))
    assert unwatched(gone) == [("x", "no readings")] and learners(gone) == learners(card)


def test_names_are_shown_as_they_are() -> None:
    names = ("a<script>alert(1)</script>", "cost $ per $ unit", "z" * 200)
    bundle = replace(normal_bundle(), variables=names)
    page = replace(page_of(), bundle=bundle, scores=replace(page_of().scores, variables=names), line="<b>line</b>")
    drawn = monitor_pictures(page)
    html = monitor_page(page, drawn, AT)
    assert "<script>" not in html and "<b>line</b>" not in html
    assert all(name in html for name in ("a&lt;script&gt;", "cost $ per $ unit", "z" * 200))
    assert max(len(name) for name in drawn) < 60


@pytest.mark.parametrize("rows", [1, 40])
def test_a_page_of_few_rows_of_nothing_and_of_constants_is_drawn(rows: int) -> None:
    frame = make_rows(rows, holes=False)
    for fill in (None, 3.0):
        blank = frame.data.with_columns(pl.lit(fill, pl.Float64).alias(name) for name in ("oil", "vibration"))
        page = page_of(SignalFrame(LINE, blank, frame.types, SAMPLING), labels=np.full(rows, np.nan), label="none")
        drawn = monitor_pictures(page)
        assert all(one.startswith(PNG) for one in drawn.values())
        assert "The line was never flagged" in monitor_page(page, drawn, AT) or page.scores.line_flag.any()


def test_all_that_was_extreme_is_drawn() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=20_000)
    values[[77, 15_000]] = 50, -50
    values[9_000:11_000] = np.nan
    marked = np.zeros(20_000, bool)
    marked[[5, 19_000]] = True
    rows = shown_rows(values, marked, 1_000)
    assert {0, 5, 77, 15_000, 19_000, 19_999} <= set(rows.tolist()) and len(rows) <= 1_010
    assert np.isnan(values[rows]).any(), "a gap is still one"
    assert (np.diff(rows) > 0).all()


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        write_monitor_page(page_of(), tmp_path / "file" / "page.html", AT)
