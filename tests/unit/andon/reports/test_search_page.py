"""The page of a search: its figures by hand, and a page that is whole, safe and fetches nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from andon.errors import StoreError
from andon.reports.search import search_page, write_search_page
from andon.reports.search_figures import (
    best_so_far,
    failures,
    leaders,
    learner_rows,
    line_rows,
    source_rows,
    standings,
)
from andon.reports.search_importance import parameter_importance
from andon.searches import SearchRecord, StudyRecord, TriedConfiguration

AT = datetime(2026, 3, 1, tzinfo=UTC)


def tried(number: int, metric: float | None, learner: str = "lightgbm", **more) -> TriedConfiguration:
    fields = {"params": {"rounds": number}, "seconds": 2.0, "error": "", "pruned": False, "source": "sampled"}
    return TriedConfiguration(number=number, learner=learner, metric=metric, at=None, **(fields | more))


def study(*configurations: TriedConfiguration, line: str = "press-1", **more) -> StudyRecord:
    fields = {"definition": "jam-soon", "kind": "Alert", "family": None, "trials": 9, "seed": 0, "state": "done"}
    fields |= {"error": "", "seconds": 9.0, "summary": None}
    return StudyRecord(line=line, configurations=tuple(configurations), **(fields | more))


def search(*studies: StudyRecord) -> SearchRecord:
    return SearchRecord("abc", Path("/searches/abc"), AT, AT, studies)


ALERT = study(
    tried(0, 0.4, source="default"),
    tried(1, 0.9, pruned=True),
    tried(2, None, error="did not converge", learner="logistic_regression", seconds=1.0),
    tried(3, 0.7, source="transfer", fitting=1.0),
    tried(4, 0.4),
)
MONITOR = study(tried(0, 2.0, "linear"), tried(1, 1.5, "dense", seconds=6.0), line="press-2", kind="Monitor")


def test_who_leads_and_by_how_much():
    alert, monitor = leaders(search(ALERT, replace(MONITOR, definition="normal")))
    assert (alert.best.metric, alert.found) == (0.7, 4), "what was pruned does not lead"
    assert alert.gain == pytest.approx(0.3)
    assert (monitor.best.metric, monitor.gain) == (1.5, None), "an error is minimised; no default was tried"


def test_the_best_so_far_and_the_standing_follow_the_direction():
    assert best_so_far(ALERT) == [0.4, 0.4, 0.4, 0.7, 0.7]
    assert best_so_far(MONITOR) == [2.0, 1.5]
    assert standings(ALERT) == {0: 0.25, 3: 1.0, 4: 0.25}
    assert standings(MONITOR) == {0: 0.0, 1: 1.0}
    assert standings(study(tried(0, 0.5))) == {0: 1.0}
    assert standings(study(tried(0, None))) == {}


def test_learners_lines_and_sources_are_counted():
    record = search(ALERT, MONITOR)
    (dense, lightgbm, linear, logistic) = sorted(learner_rows(record), key=lambda row: row.learner)
    assert (lightgbm.configurations, lightgbm.wins, lightgbm.studies, lightgbm.pruned) == (4, 1, 2, 1)
    assert (logistic.failed, logistic.median) == (1, None)
    assert (dense.wins, linear.wins) == (1, 0)
    first, second = line_rows(record)
    assert (first.where, first.seconds, first.by_learner) == (
        "press-1",
        9.0,
        {"lightgbm": 8.0, "logistic_regression": 1.0},
    )
    assert (first.pruned, first.failed) == (pytest.approx(2 / 9), pytest.approx(1 / 9))
    assert (first.fitting, second.fitting) == (pytest.approx(1 / 9), None)
    assert first.share == pytest.approx(9 / 17)
    rows = {row.source: row for row in source_rows(record)}
    assert list(rows) == ["default", "transfer", "sampled"]
    assert (rows["transfer"].wins, rows["transfer"].standing) == (1, 1.0)
    assert rows["sampled"].standing == pytest.approx((0.25 + 0.0 + 1.0) / 3)


def test_failures_are_grouped():
    broken = study(line="press-3", state="failed", error="no rows")
    found = failures(search(ALERT, broken, replace(broken, line="press-4")))
    assert [(one.error, one.times, one.whole) for one in found] == [
        ("no rows", 2, True),
        ("did not converge", 1, False),
    ]
    assert found[0].example == "jam-soon on press-3"


def test_the_parameter_that_decides_is_the_important_one():
    rng = np.random.default_rng(0)
    studies = []
    for number, level in enumerate((0.1, 0.8)):
        rows = []
        for place in range(60):
            params = {
                "rate": float(rng.random()),
                "noise": float(rng.random()),
                "same": 1,
                "kind": str(rng.choice(["a", "b"])),
            }
            rows.append(tried(place, level + 0.1 * params["rate"], params=params))
        studies.append(study(*rows, line=f"press-{number}"))
    (one,) = parameter_importance(search(*studies))
    assert one.configurations == 120
    assert one.shares[0][0] == "rate" and one.shares[0][1] > 0.8
    assert {name for name, _ in one.shares} == {"rate", "noise", "kind"}, "what never changed says nothing"
    assert sum(share for _, share in one.shares) == pytest.approx(1)
    assert one.told > 0.8
    assert parameter_importance(search(study(*studies[0].configurations[:10]))) == []
    assert parameter_importance(search(*studies)) == [one], "the same search gives the same shares"


class Page(HTMLParser):
    """Collects what a page would fetch, its text, and tags that are open."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.fetched += [
            value for name, value in attrs if name in {"src", "srcset", "data"} or (name, tag) == ("href", "link")
        ]

    def handle_data(self, data):
        self.text += data


def test_the_page_is_whole_and_fetches_nothing():
    page = Page()
    whole = search_page(search(ALERT, MONITOR, study(line="press-3", state="failed", error="no rows")), AT)
    page.feed(whole)
    assert page.fetched
    assert all(address.startswith("data:image/svg+xml;base64,") for address in page.fetched)
    assert not {"script", "link", "iframe"} & set(page.tags)
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//|url\(|@import""", whole)
    for words in ("Leaderboard", "press-1", "0.700", "+0.300", "did not converge", "no rows", "Transferred", "core"):
        assert words in page.text


@pytest.mark.parametrize("studies", [(), (study(),), (study(tried(0, None, error="x")),), (study(tried(0, 0.5)),) * 12])
def test_any_search_has_a_page(studies):
    assert "Leaderboard" in search_page(search(*studies), AT)


def test_names_and_errors_are_text():
    nasty = "<script>alert(1)</script>"
    one = tried(0, None, error=nasty, learner=nasty, params={nasty: nasty})
    page = search_page(
        search(study(one, line=nasty, definition=nasty), study(tried(0, 0.5, params={nasty: nasty}))), AT
    )
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_a_page_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        write_search_page(search(ALERT), tmp_path / "file" / "page.html", AT)
    write_search_page(search(ALERT), tmp_path / "new" / "page.html", AT)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["page.html"]
