"""A simulated line through the commands: train, back-test, serve; the API answers as the back-test did."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import yaml

from andon.records import ModelKey
from andon.simulate import plant_definitions, simulate_line
from andon.stores import open_models


@pytest.fixture
def server(andon, tmp_path):
    line = simulate_line("oven", datetime(2026, 1, 6, tzinfo=UTC), 8, seed=7)
    line.data.write_csv(tmp_path / "oven.csv")
    definitions = [
        one
        for one in plant_definitions([line])
        if one["kind"] == "Line" or one.get("type") == "classifier" or one["kind"] == "Monitor"
    ]
    for one in definitions:
        if one["kind"] == "Alert":
            one |= {"learners": ["lightgbm", "logistic_regression"], "search": {"trials": 3}}
        elif one["kind"] == "Monitor":
            one |= {"learners": ["linear"], "search": {"trials": 2}}
    (tmp_path / "oven.yaml").write_text(yaml.safe_dump_all(definitions))
    andon.run("apply", tmp_path / "oven.yaml")
    andon.run("import", tmp_path / "oven.csv", "--line", line.name)
    trained = andon.json("train", timeout=300)
    assert {one["result"] for one in trained} == {"champion"}
    with andon.serving() as address:
        yield address, line, [one["name"] for one in definitions if one["kind"] != "Line"]


@pytest.mark.ray
def test_the_api_answers_as_the_back_test_did(andon, server, tmp_path):
    address, line, names = server
    assert andon.call(address, "/healthz", token=None)[0] == 200
    assert andon.call(address, "/v1/lines", token=None)[0] == 401
    assert andon.call(address, "/v1/lines", token="wrong")[0] == 401
    status, lines = andon.call(address, "/v1/lines")
    assert (status, [one["name"] for one in lines]) == (200, [line.name])

    status, newest = andon.call(address, f"/v1/lines/{line.name}/score", method="POST")
    assert (status, newest["skipped"]) == (200, [])
    assert sorted(one["name"] for one in newest["alerts"] + newest["monitors"]) == sorted(names)
    for one in newest["alerts"] + newest["monitors"]:
        kind = "--alert" if one in newest["alerts"] else "--monitor"
        out = tmp_path / f"{one['name']}.parquet"
        andon.run("backtest", "--line", line.name, kind, one["name"], "--out", out)
        rows = pl.read_parquet(out)
        said = rows.filter(pl.col("variable").is_null()).row(-1, named=True)
        assert said["score"] == pytest.approx(one["score"], abs=1e-9)
        assert said["flag"] == one["flag"]

    tail = line.data.tail(200).with_columns(pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ")).to_dicts()
    status, given = andon.call(address, f"/v1/lines/{line.name}/score", {"rows": tail}, "POST")
    assert status == 200
    for mine, theirs in zip(given["alerts"] + given["monitors"], newest["alerts"] + newest["monitors"], strict=True):
        assert mine["score"] == pytest.approx(theirs["score"], abs=1e-9)

    status, refused = andon.call(address, f"/v1/lines/{line.name}/score", {"rows": tail[-3:]}, "POST")
    assert status == 422
    assert "needs" in refused["detail"]
    assert andon.call(address, "/v1/lines/nowhere/score", method="POST")[0] == 404
    model = next(one["model"] for one in lines[0]["models"] if one["kind"] == "Alert")
    status, told = andon.call(address, f"/v2/models/{model}")
    assert (status, told["versions"]) == (200, ["1"])
    row = {"name": "features", "shape": told["inputs"][0]["shape"], "datatype": "FP64"}
    row |= {"shape": [1, row["shape"][1]], "data": [0.5] * row["shape"][1]}
    status, inferred = andon.call(address, f"/v2/models/{model}/infer", {"inputs": [row]}, "POST")
    assert (status, inferred["model_version"]) == (200, "1")
    promoted = _promote_again(andon, model)
    deadline = time.monotonic() + 5  # by when every replica serves it
    while inferred["model_version"] != str(promoted):
        assert time.monotonic() < deadline
        status, inferred = andon.call(address, f"/v2/models/{model}/infer", {"inputs": [row]}, "POST")
        assert status == 200

    status, described = andon.call(address, "/openapi.json", token=None)
    assert "/v1/lines/{line}/score" in described["paths"]


def _promote_again(andon, name):
    """Publish a champion's bundle as one more version, and make that champion; return it."""
    definition, line = name.split("~")
    key, models = ModelKey(definition, line), open_models(f"sqlite:///{andon.home}/mlflow.db")
    champion = models.champion(key)
    version = models.publish(key, Path(champion.path), replace(champion.card, search=""))
    models.promote(key, version, "again", datetime.now(UTC))
    models.close()
    return version
