"""Whatever is sent, the answer is a problem in its form, never one of 5xx."""

from __future__ import annotations

import pytest

from tests.hostile_bodies import hostile_requests

REQUESTS = hostile_requests(900)


@pytest.mark.parametrize("part", range(6))
def test_nothing_that_is_sent_breaks_the_server(served, part):
    for one in REQUESTS[part::6]:
        headers = {**served.headers, "Content-Type": "application/json", **one.headers}
        headers = {name: value.encode("latin-1", "replace") for name, value in headers.items()}
        answer = served.client.request(one.method, one.path, content=one.body, headers=headers)
        said = (one.method, one.path[:100], (one.body or b"")[:100], answer.status_code, answer.text[:300])
        assert answer.status_code < 500, said
        assert "Traceback" not in answer.text, said
        if answer.status_code >= 400 and one.method != "HEAD":
            assert answer.headers["content-type"] == "application/problem+json", said
            assert answer.json()["status"] == answer.status_code, said
