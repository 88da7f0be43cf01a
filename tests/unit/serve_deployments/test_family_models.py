"""The scorer answers for a line without history by its family's model, and by its own from its promotion on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from andon.stores import open_documents, open_signals
from serve_deployments.scorer import LineScorer
from tests.family_alert import (
    FAMILY_THRESHOLD,
    NEW_LINE,
    OWN_THRESHOLD,
    family_alert,
    family_bundle,
    fill,
    own_bundle,
)
from tests.watched_line import JAM
from tests.watched_stores import FolderModels


@pytest.fixture
def models(tmp_path: Path) -> FolderModels:
    return FolderModels(tmp_path / "models")


@pytest.fixture(params=["pooled", "per-line"])
def scorer(request: pytest.FixtureRequest, tmp_path: Path, models: FolderModels) -> Iterator[LineScorer]:
    documents = open_documents(f"sqlite:///{tmp_path}/documents.db")
    signals = open_signals(f"sqlite:///{tmp_path}/signals.db")
    fill(documents, signals, [family_alert(request.param)])
    scorer = LineScorer(documents, signals, models)
    scorer.refresh()
    yield scorer
    documents.close()
    signals.close()


def alert_of(answer: dict[str, Any]) -> tuple[str, int, float]:
    (alert,) = answer["alerts"]
    return alert["name"], alert["version"], alert["threshold"]


def test_the_family_s_model_serves_until_the_line_has_its_own(scorer: LineScorer, models: FolderModels) -> None:
    assert scorer.score(NEW_LINE)["skipped"] == [{"name": JAM.name, "reason": "has no champion yet; train it"}]
    models.put(family_bundle(), 1)
    scorer.refresh()
    assert alert_of(scorer.score(NEW_LINE)) == (JAM.name, 1, FAMILY_THRESHOLD)
    assert scorer.line(NEW_LINE)["models"] == [
        {"name": JAM.name, "kind": "Alert", "version": 1, "model": f"{JAM.name}~~fryers"}
    ]
    models.put(own_bundle(), 2)
    scorer.refresh()
    assert alert_of(scorer.score(NEW_LINE)) == (JAM.name, 2, OWN_THRESHOLD)
    assert scorer.line(NEW_LINE)["models"] == [
        {"name": JAM.name, "kind": "Alert", "version": 2, "model": f"{JAM.name}~{NEW_LINE}"}
    ]
    del models.champions[own_bundle().key]
    scorer.refresh()
    assert alert_of(scorer.score(NEW_LINE)) == (JAM.name, 1, FAMILY_THRESHOLD)


def test_a_line_that_never_sent_a_reading_is_served_by_rows_in_the_request(
    scorer: LineScorer, models: FolderModels
) -> None:
    models.put(family_bundle(), 1)
    scorer.refresh()
    scorer.documents.put_definitions(
        [{**one.body, "name": "fryer-9"} for one in scorer.documents.list_definitions("Line")[:1]],
        scorer.documents.list_definitions("Line")[0].applied_at,
    )
    scorer.refresh()
    rows = scorer.signals.read_signals(NEW_LINE).data.tail(60)
    sent = [{**row, "time": row["time"].isoformat()} for row in rows.to_dicts()]
    own, other = scorer.score("fryer-9", sent), scorer.score(NEW_LINE, sent)
    assert alert_of(own) == (JAM.name, 1, FAMILY_THRESHOLD)
    assert own["alerts"] == other["alerts"]
