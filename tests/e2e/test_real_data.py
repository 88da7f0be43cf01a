"""Real data through the commands that people use; bars of published protocols."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest

from tests.e2e import real_data as real


@pytest.mark.ray
@pytest.mark.data
def test_skab_valve1(andon, real_data, tmp_path):
    table, definitions, truth = real.write_skab(real_data, tmp_path)
    imported = andon.json("import", table, "--line-column", "line")
    assert len(imported) == 16
    andon.run("apply", definitions)
    trained = andon.json("train", "--time", "60s", "--trials", "2", timeout=900)
    assert [one["result"] for one in trained] == ["champion"] * 16

    def flags_of(line: str) -> pl.DataFrame:
        out = tmp_path / f"{line}.parquet"
        andon.run("backtest", "--line", line, "--monitor", f"normal-{line}", "--out", out)
        rows = pl.read_parquet(out)
        assert rows["flag"].null_count() == 0
        return rows.filter(pl.col("variable").is_null())

    with ThreadPoolExecutor(2) as pool:
        flags = list(pool.map(flags_of, truth["line"].unique(maintain_order=True)))
    score = real.skab_score(pl.concat(flags), truth)
    print(score)
    assert score["f1"] >= 0.70
    assert score["far"] <= 0.20
    with andon.serving() as address:
        for number in (0, 15):
            line = f"valve1-{number}"
            status, answer = andon.call(address, f"/v1/lines/{line}/score", method="POST")
            assert (status, answer["skipped"]) == (200, [])
            said = flags[number].row(-1, named=True)
            assert (said["line"], answer["monitors"][0]["flag"]) == (line, said["flag"])
            assert answer["monitors"][0]["score"] == pytest.approx(said["score"], abs=1e-9)


@pytest.mark.ray
@pytest.mark.data
def test_fd001_pooled(andon, real_data, tmp_path):
    table, definitions, truth = real.write_fd001(real_data, tmp_path)
    assert len(andon.json("import", table, "--line-column", "line")) == 200
    andon.run("apply", definitions)
    (trained,) = andon.json("train", "--alert", "fails-soon", "--time", "30s", timeout=900)
    assert trained["result"] == "champion"
    out = tmp_path / "test.parquet"
    andon.run("backtest", "--family", "engines-test", "--alert", "fails-soon", "--out", out)
    rows = pl.read_parquet(out)
    assert rows.height == truth.height
    score = real.fd001_average_precision(rows, truth)
    print(score)
    assert score >= 0.88
    with andon.serving() as address:
        status, answer = andon.call(address, "/v1/lines/train-1/score", method="POST")
        assert (status, answer["skipped"]) == (200, [])
        assert answer["alerts"][0]["score"] > answer["alerts"][0]["threshold"], "the engine fails in its last cycle"
