"""The real data as tables and definitions that a user would write; shared by tests and benchmarks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

CYCLE = timedelta(hours=1)
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def write_skab(data: Path, folder: Path) -> tuple[Path, Path, pl.DataFrame]:
    """Write SKAB valve1 as one table of 16 lines, and a monitor a file that learns from its first 400 rows.

    Returns table, definitions, and the truth: ``line, time, anomaly`` of the test rows.
    """
    rows = (
        pl.read_parquet(data / "skab-valve1" / "valve1.parquet")
        .sort("file", "datetime")
        .with_columns(line=pl.format("valve1-{}", pl.col("file")), time=pl.col("datetime").dt.replace_time_zone("UTC"))
    )
    hidden = ("subset", "file", "datetime", "anomaly", "changepoint", "split")
    table = folder / "skab.parquet"
    rows.drop(*hidden).write_parquet(table)
    documents = []
    for (line,), of_line in rows.group_by("line", maintain_order=True):
        training = of_line.filter(pl.col("split") == "train")["time"]
        end = training[-1] + timedelta(seconds=1)
        documents.append(
            f"kind: Monitor\nname: normal-{line}\nlines: {{names: [{line}]}}\n"
            f"train: {{start: {training[0].isoformat()}, end: {end.isoformat()}}}\n"
        )
    definitions = folder / "skab.yaml"
    definitions.write_text("---\n".join(documents))
    truth = rows.filter(pl.col("split") != "train").select("line", "time", "anomaly")
    return table, definitions, truth


def skab_score(flags: pl.DataFrame, truth: pl.DataFrame) -> dict[str, float]:
    """Pool true and false positives over all test rows (the leaderboard's protocol); ``flags`` has line, time, flag."""
    joined = truth.join(flags.select("line", "time", "flag"), on=["line", "time"], how="left", validate="1:1")
    assert joined["flag"].null_count() == 0, "a test row has no line-level verdict"
    flag, bad = joined["flag"].to_numpy(), joined["anomaly"].to_numpy() == 1
    tp, fp, fn, tn = (float(np.sum(m)) for m in (flag & bad, flag & ~bad, ~flag & bad, ~flag & ~bad))
    return {"f1": 2 * tp / (2 * tp + fp + fn), "far": fp / (fp + tn), "mar": fn / (fn + tp)}


def write_fd001(data: Path, folder: Path) -> tuple[Path, Path, pl.DataFrame]:
    """Write FD001 as one table of 200 lines: ``train-*`` with the failure in the last cycle, ``test-*`` without.

    Returns table, definitions (a family each, one pooled alert on the training family), and the truth of protocol B:
    ``line, time, positive`` of every test row.
    """
    tables, truth = [], pl.DataFrame()
    for split in ("train", "test"):
        rows = (
            pl.read_parquet(data / "cmapss-fd001" / f"{split}_FD001.parquet")
            .sort("unit", "cycle")
            .with_columns(line=pl.format(f"{split}-{{}}", pl.col("unit")), time=pl.lit(EPOCH) + pl.col("cycle") * CYCLE)
        )
        if split == "train":
            rows = rows.with_columns(failed=(pl.col("cycle") == pl.col("cycle").max().over("unit")).cast(pl.Int8))
        else:
            truth = rows.select("line", "time", positive=pl.col("fails_within_30") == 1)
        tables.append(rows.drop("unit", "cycle", "rul", "fails_within_30"))
    table = folder / "fd001.parquet"
    pl.concat(tables, how="diagonal").write_parquet(table)
    variables = "".join(f"  - {{name: {name}}}\n" for name in tables[1].columns if name not in ("line", "time"))
    documents = []
    for split, frame in zip(("train", "test"), tables, strict=True):
        for line in frame["line"].unique(maintain_order=True):
            failed = "  - {name: failed}\n" if split == "train" else ""
            documents.append(
                f"kind: Line\nname: {line}\nfamily: engines-{split}\nsampling: 1h\nvariables:\n{variables}{failed}"
            )
    documents.append(
        "kind: Alert\nname: fails-soon\nlines: {family: engines-train}\ntype: classifier\n"
        "target: failed == 1\nhorizon: 30h\nmodel: pooled\n"
    )
    definitions = folder / "fd001.yaml"
    definitions.write_text("---\n".join(documents))
    return table, definitions, truth


def fd001_average_precision(scores: pl.DataFrame, truth: pl.DataFrame) -> float:
    """Return PR-AUC over all test rows (protocol B); a row before its first full window counts as score 0."""
    from sklearn.metrics import average_precision_score

    joined = truth.join(scores.select("line", "time", "score"), on=["line", "time"], how="left", validate="1:1")
    return float(average_precision_score(joined["positive"], joined["score"].fill_null(0.0)))
