"""Two applications over the same stores, each with its share of the lines; what is another's is sent there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from andon.records import ModelKey
from andon.serving.sharding import mount_of, shard_of
from andon.serving.tokens import digest_of
from andon.stores import open_documents, open_signals
from configs.serving import ServingPlan, TokenDigest
from serve_deployments.app import create_app
from serve_deployments.scorer import LineScorer
from tests.family_alert import NEW_LINE, family_alert, fill
from tests.watched_line import LINE, history, jam_bundle
from tests.watched_stores import FolderModels

SHARDS, TOKEN = 7, "open sesame"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_every_line_has_one_shard_and_few_move_when_one_more_comes():
    lines = [f"line {number}" for number in range(2_000)]
    four, five = [shard_of(line, 4) for line in lines], [shard_of(line, 5) for line in lines]
    assert min(Counter(four).values()) > 400
    moved = [after for before, after in zip(four, five, strict=True) if before != after]
    assert set(moved) == {4}
    assert 300 < len(moved) < 500


@pytest.fixture
def clients(tmp_path: Path) -> Iterator[dict[int, TestClient]]:
    documents = open_documents(f"sqlite:///{tmp_path}/documents.db")
    signals = open_signals(f"sqlite:///{tmp_path}/signals.db")
    fill(documents, signals, [family_alert("per-line")])
    signals.append_signals(history())
    models = FolderModels(tmp_path / "models")
    models.put(jam_bundle(), 1)
    tokens = (TokenDigest(name="all", role="admin", sha256=digest_of(TOKEN)),)
    plan = ServingPlan(documents="x", signals="y", models="z", tokens=tokens, shards=SHARDS)
    made = {}
    for shard in {shard_of(LINE, SHARDS), shard_of(NEW_LINE, SHARDS)}:
        scorer = LineScorer(documents, signals, models, shard=shard, shards=SHARDS)
        scorer.refresh()
        app = create_app(scorer, plan.model_copy(update={"shard": shard}))
        made[shard] = TestClient(app, root_path=mount_of(shard), follow_redirects=False)
    yield made
    documents.close()
    signals.close()


def test_a_line_is_served_by_its_shard_and_by_no_other(clients):
    own, other = shard_of(LINE, SHARDS), shard_of(NEW_LINE, SHARDS)
    assert own != other, "choose lines that are apart"
    headers, model = {"Authorization": f"Bearer {TOKEN}"}, f"jam-soon~{LINE}"
    there = f"{mount_of(own)}/v1/lines/{LINE}/score"
    assert clients[own].post(there, headers=headers).json()["alerts"][0]["version"] == 1
    assert [one["name"] for one in clients[own].get(f"{mount_of(own)}/v1/lines", headers=headers).json()] == [LINE]
    for method, path in [
        ("POST", f"/v1/lines/{LINE}/score"),
        ("GET", f"/v1/lines/{LINE}/signals?limit=3&variables=oil"),
        ("GET", f"/v1/lines/{LINE}"),
        ("GET", f"/v2/models/{model}"),
        ("GET", f"/v2/models/{model}/versions/1/ready"),
    ]:
        sent = clients[other].request(method, mount_of(other) + path, headers=headers)
        assert sent.status_code == 307, path
        assert sent.headers["location"] == mount_of(own) + path
        followed = clients[own].request(method, sent.headers["location"], headers=headers)
        assert followed.status_code == 200, (path, followed.text)
    assert clients[other].get(f"{mount_of(other)}/v2/models/{model}").status_code == 401


def test_only_its_own_models_are_in_memory(clients):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    own = shard_of(LINE, SHARDS)
    for shard, client in clients.items():
        metrics = client.get(f"{mount_of(shard)}/metrics", headers=headers).text
        count = 'andon_resident_models{kind="classifier",replica="'
        (found,) = [line for line in metrics.splitlines() if line.startswith(count)]
        assert found.endswith(" 1.0" if shard == own else " 0.0")
    assert ModelKey("jam-soon", LINE) == jam_bundle().key
