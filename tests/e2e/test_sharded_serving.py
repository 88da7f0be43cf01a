"""Two shards behind one HAProxy: any line can be asked for at the root, and is answered by the shard that has it."""

from __future__ import annotations

import httpx
import pytest

from andon.serving.sharding import mount_of, shard_of
from configs.settings import Settings
from tests.benchmarks.serving_plant import build_lines


@pytest.mark.ray
def test_a_line_is_answered_wherever_it_is_asked_for(andon):
    build_lines(Settings(home=andon.home), 3)
    lines = [f"line-{number:03d}" for number in range(3)]
    assert {shard_of(line, 2) for line in lines} == {0, 1}, "choose lines that are apart"
    with andon.serving(ANDON_SERVING='{"shards": 2, "cpus": 0.25}') as address:
        headers = {"Authorization": f"Bearer {(andon.home / 'api-token').read_text()}"}
        with httpx.Client(base_url=address, headers=headers, follow_redirects=True, timeout=30) as client:
            for line in lines:
                answer = client.post(f"/v1/lines/{line}/score")
                assert answer.status_code == 200, answer.text
                assert answer.json()["alerts"][0]["version"] == 1
                assert answer.url.path.startswith(f"{mount_of(shard_of(line, 2))}/v1/")
                assert client.get(f"/v2/models/jam-soon~{line}").json()["versions"] == ["1"]
            first = client.get("/readyz").json()
            second = client.get(f"{mount_of(1)}/readyz").json()
    assert first["lines"] + second["lines"] == 3
    assert min(first["models"], second["models"]) >= 1
