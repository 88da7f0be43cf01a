"""Decisions are recorded once, carried out once, and told again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from andon.errors import ConfigError
from andon.ports import Documents, Models
from andon.records import Decision, ModelCard, ModelKey
from andon.services.promoting import explain_champion, settle, unread_from
from andon.stores import open_documents, open_models

AT, HOUR = datetime(2026, 3, 1, tzinfo=UTC), timedelta(hours=1)
KEY = ModelKey("jam-soon", "press-07")
TRIED = tuple({"learner": "lightgbm", "params": {"leaves": n}, "metric": n / 100, "seconds": 0.1} for n in range(20))


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Documents, Models]:
    """Return stores with three versions of a model, the first of which is champion and the second challenger."""
    folder = tmp_path_factory.mktemp("stores")
    (folder / "bundle").mkdir()
    documents, models = open_documents(f"sqlite:///{folder}/documents.db"), open_models(f"sqlite:///{folder}/mlflow.db")
    for version in range(3):
        card = ModelCard("classifier", "lightgbm", {}, {"ap": 0.5}, {}, 1, AT, AT + version * HOUR, 0, TRIED)
        models.publish(KEY, folder / "bundle", card)
    models.promote(KEY, 1, "first model", AT)
    models.set_challenger(KEY, 2)
    return documents, models


def decision(**changes: object) -> Decision:
    evidence = {"comparison": {"difference": -12.5, "high": -2.0}}
    return replace(Decision(KEY, 1, 2, AT, AT + 9 * HOUR, "promoted", "better", evidence), **changes)


def test_a_decision_is_carried_out_once_wherever_it_was_interrupted(stores: tuple[Documents, Models]) -> None:
    documents, models = stores
    kept = settle(decision(challenger=None, data_end=AT, verdict="kept", reason="too little"), documents, models)
    assert models.pointer(KEY) == 1
    documents.add_decision(decision())  # A process died here.
    assert settle(decision(at=AT + HOUR, reason="again"), documents, models) == decision(), "the first one stays"
    assert models.pointer(KEY) == 2
    assert models.challenger(KEY) is None
    assert documents.list_decisions(KEY) == [kept, decision()]
    assert models.rollback(KEY, "by hand", AT) == 1
    assert settle(decision(), documents, models) == decision()
    assert models.pointer(KEY) == 1, "what people did since is not undone"
    models.promote(KEY, 3, "by hand", AT)

    second, third, first = (explain_champion(KEY, documents, models, version) for version in (2, None, 1))
    assert (second["version"], second["alias"], second["decision"]["id"]) == (2, None, decision().id)
    assert second["why"] == "promoted at 2026-03-01T00:00:00Z: better; champion no more"
    assert second["comparison"][0]["params"] == {"leaves": 19}
    assert (second["configurations"], len(second["comparison"])) == (20, 10)
    assert (third["version"], third["alias"], third["decision"]) == (3, "champion", None)
    assert "by hand" in third["why"]
    assert [one["version"] for one in third["history"]] == [1, 2, 3]
    assert [one["verdict"] for one in first["decisions"]] == ["kept", "promoted"]
    assert first["why"].endswith("; lost its place at 2026-03-01T00:00:00Z against version 2: better; champion no more")


def test_what_is_not_there_cannot_be_explained(stores: tuple[Documents, Models]) -> None:
    with pytest.raises(ConfigError, match="has no version 9"):
        explain_champion(KEY, *stores, 9)
    with pytest.raises(ConfigError, match="has no champion; see `andon models list`"):
        explain_champion(ModelKey("jam-soon", "oven"), *stores)


def test_new_data_begin_after_what_was_read_and_what_chose(stores: tuple[Documents, Models]) -> None:
    _, models = stores
    model = models.get(KEY, 2)
    assert model is not None
    assert unread_from(model, []) == AT + HOUR
    others = [decision(verdict="kept"), decision(challenger=3)]
    assert unread_from(model, others) == AT + HOUR
    assert unread_from(model, [*others, decision()]) == AT + 9 * HOUR
