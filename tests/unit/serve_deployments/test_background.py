"""What runs beside the requests: the loop that looks after models, the threads, and the access log."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from pathlib import Path

import pytest

from andon.errors import StoreError
from andon.serving.problems import Problem
from serve_deployments.access_log import AccessLog
from serve_deployments.background import Background
from serve_deployments.workers import Workers


def test_work_that_fails_is_done_again_and_told_of_once(caplog):
    calls, done = [], threading.Event()

    def work(now: float) -> None:
        calls.append(now)
        if len(calls) < 4:
            raise StoreError("documents", "cannot be reached", "start it")
        if len(calls) == 5:
            raise RuntimeError("nobody foresaw this")
        if len(calls) > 6:
            done.set()

    background = Background(work, 0.001)
    with caplog.at_level(logging.ERROR):
        background.start()
        assert done.wait(10)
        background.close()
    assert len([one for one in caplog.records if "cannot be reached" in one.message]) == 1
    assert len([one for one in caplog.records if "cannot be looked after" in one.message]) == 1
    after = len(calls)
    background.close()
    assert len(calls) == after


def test_what_would_wait_too_long_is_refused_at_once():
    async def ask() -> None:
        workers, gate = Workers(1, 2, 30.0), threading.Event()
        first, second = (asyncio.ensure_future(workers.run(gate.wait)) for _ in range(2))
        await asyncio.sleep(0)
        with pytest.raises(Problem) as refused:
            await workers.run(lambda: None)
        assert (refused.value.status, refused.value.headers["Retry-After"]) == (503, "1")
        gate.set()
        assert await first and await second
        assert await workers.run(lambda: 7) == 7
        workers.close()

    asyncio.run(ask())


def test_an_answer_that_takes_too_long_is_a_problem_and_counts_until_it_ends():
    async def ask() -> None:
        workers, gate = Workers(1, 1, 0.01), threading.Event()
        with pytest.raises(Problem) as late:
            await workers.run(gate.wait)
        assert late.value.status == 503
        gate.set()
        workers.close()

    asyncio.run(ask())


def test_an_error_of_the_work_is_the_caller_s():
    async def ask() -> None:
        workers = Workers(1, 1, 1.0)
        with pytest.raises(ZeroDivisionError):
            await workers.run(lambda: 1 / 0)
        assert await workers.run(lambda: 1) == 1
        workers.close()

    asyncio.run(ask())


def test_the_access_log_is_json_and_knows_no_secret(tmp_path: Path):
    log = AccessLog(tmp_path / "logs", "r1")
    log.add("id-1", "POST", "/v1/lines/a\n\ud83d/score", "/v1/lines/{line}/score", 200, 0.00123, "powerop")
    log.add("id-2", "GET", "/v1/lines", "/v1/lines", 401, 0.1, None)
    log.close()
    first, second = (json.loads(line) for line in (tmp_path / "logs" / "access-r1.jsonl").read_text().splitlines())
    assert (first["request_id"], first["status"], first["ms"], first["bearer"]) == ("id-1", 200, 1.23, "powerop")
    assert second["bearer"] is None
    nothing = AccessLog(None, "r1")
    nothing.add("id-1", "GET", "/", "/", 200, 0.1, None)
    nothing.close()
