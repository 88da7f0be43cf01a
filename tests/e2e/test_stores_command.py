"""``andon stores`` as people run it, on embedded stores and on servers."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path

from andon.stores import open_documents, open_signals
from tests.e2e.conftest import Andon
from tests.servers import adapters
from tests.servers.waiting import free_port
from tests.watched_line import define, make_rows


def test_stores_that_work_and_those_that_do_not_are_told_apart(andon: Andon, tmp_path: Path) -> None:
    found = andon.json("stores", "check")
    assert {one["store"] for one in found} == {"documents", "signals", "models"}
    assert all(one["good"] for one in found)
    port = free_port()
    gone = {
        "ANDON_DOCUMENTS_URL": f"mongodb://andon:hunter2@127.0.0.1:{port}/andon?serverSelectionTimeoutMS=200",
        "ANDON_SIGNALS_URL": f"influx://127.0.0.1:{port}/factory",
        "ANDON_MODELS_URL": f"http://127.0.0.1:{port}",
    }
    said = andon.run("stores", "check", code=1, **gone)
    assert "hunter2" not in said


def test_servers_are_checked_and_filled_from_embedded_stores(andon: Andon, tmp_path: Path) -> None:
    documents, signals = (f"sqlite:///{andon.home}/{name}.db" for name in ("documents", "signals"))
    define(open_documents(documents), at=datetime.now(UTC))
    open_signals(signals).append_signals(make_rows(2_000))
    with (
        adapters.mongo_server(tmp_path / "mongo") as mongo_port,
        adapters.influx_behind_forwarder(tmp_path / "influx") as influx,
    ):
        urls = {
            "ANDON_DOCUMENTS_URL": f"mongodb://127.0.0.1:{mongo_port}/t{secrets.token_hex(6)}",
            "ANDON_SIGNALS_URL": adapters.fresh_influx_url(*influx),
        }
        there = andon.json("stores", "migrate", documents, urls["ANDON_DOCUMENTS_URL"], **urls)
        assert {one["kind"]: one["new"] for one in there}["definitions"] >= 5
        there = andon.json("stores", "migrate", signals, urls["ANDON_SIGNALS_URL"], **urls)
        assert [(one["kind"], one["new"] > 0) for one in there] == [
            ("readings of fryer-1", True), ("forecasts of fryer-1", False),
        ]  # fmt: skip
        found = andon.json("stores", "check", **urls)
        assert all(one["good"] for one in found), found
        seen = {(one["store"], one["what"]) for one in found}
        assert {("documents", "clock"), ("documents", "indexes of alerts"), ("signals", "readings")} <= seen
        readings = next(one["detail"] for one in found if one["what"] == "readings")
        assert readings.startswith("1 lines; fryer-1: 2026-03-01 00:00 to")
        said = andon.run("get", "Line", **urls)
        assert "fryer-1" in said
    refused = andon.run("stores", "migrate", documents, signals, code=2)
    assert "are of different stores" in refused
