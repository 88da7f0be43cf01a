"""C-MAPSS FD001, protocol B, beside FLAML on the same features in the same run; needs ANDON_TEST_DATA.

Both get 60 s on two cores and the 100 training engines; neither sees the test file before it is scored.

``python -m tests.benchmarks.bench_fd001 [seed]...`` (1, 2 and 3 by default)
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from andon.features.engine import compute_features
from andon.features.spec import feature_spec
from andon.frames import SignalFrame, signal_frame
from andon.models.training import training_rows
from configs.definitions import Alert
from tests.benchmarks.bench_real_data import andon
from tests.benchmarks.contenders import python_with
from tests.benchmarks.timing import verdict
from tests.e2e import real_data as real

SECONDS = 60
SEEDS = (1, 2, 3)
FLAML = (
    "flaml[automl]==2.7.0",
    "scikit-learn==1.7.2",
    "pandas==2.3.3",
    "numpy==2.2.6",
    "lightgbm==4.7.0",
    "xgboost==2.1.4",
)
CONTENDER = """
import json, sys
import numpy as np
from flaml import AutoML
from sklearn.metrics import average_precision_score
data = np.load(sys.argv[1])
seconds, seed = float(sys.argv[2]), int(sys.argv[3])
model = AutoML()
model.fit(
    data["values"], data["labels"], task="classification", metric="ap", time_budget=seconds, n_jobs=2, seed=seed,
    split_type="group", groups=data["groups"], eval_method="cv", n_splits=5, verbose=0, log_file_name="",
)
scores = np.zeros(len(data["known"]))
scores[data["known"]] = model.predict_proba(data["test"])[:, 1]
print(json.dumps({"ap": average_precision_score(data["truth"], scores), "learner": model.best_estimator}))
"""


def frames_of(table: pl.DataFrame, split: str) -> list[SignalFrame]:
    """Return the readings of each engine of a split."""
    kept = table.filter(pl.col("line").str.starts_with(split))
    kept = kept.drop("failed") if split == "test" else kept
    types = {name: "boolean" if name == "failed" else "number" for name in kept.columns if name not in ("line", "time")}
    return [
        signal_frame(line, rows.drop("line"), types, timedelta(hours=1))  # type: ignore[arg-type]
        for (line,), rows in kept.group_by("line", maintain_order=True)
    ]


def write_features(table: Path, truth: pl.DataFrame, definitions: Path, out: Path) -> None:
    """Write the features that the default definition gives, for whoever searches with something else."""
    from configs.loading import load_definitions

    alert = next(one.definition for one in load_definitions([definitions]) if isinstance(one.definition, Alert))
    readings = pl.read_parquet(table).with_columns(pl.col("time").cast(pl.Datetime("us", "UTC")))
    training = frames_of(readings, "train")
    assert alert.horizon is not None and alert.target is not None
    spec = feature_spec(alert.features, training, alert.horizon, alert.include, alert.exclude, alert.target)
    rows = training_rows(training, spec, alert.target, alert.horizon)
    parts = []
    for frame in frames_of(readings, "test"):
        found = compute_features(frame, spec)
        times = pl.Series("time", found.times[found.complete]).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        parts.append((pl.DataFrame({"line": [frame.line] * len(times), "time": times}), found.values[found.complete]))
    places = pl.concat([place for place, _ in parts]).with_row_index("row")
    joined = truth.with_columns(pl.col("time").cast(pl.Datetime("us", "UTC"))).join(
        places, on=["line", "time"], how="left", maintain_order="left"
    )
    known = joined["row"].is_not_null().to_numpy()
    test = np.concatenate([values for _, values in parts])[joined["row"].drop_nulls().to_numpy()]
    np.savez(
        out,
        values=rows.values,
        labels=rows.labels.astype(int),
        groups=rows.groups,
        test=test,
        known=known,
        truth=truth["positive"].to_numpy(),
    )


def main(seeds: Sequence[int] = SEEDS) -> int:
    """Search with some seeds each."""
    named = os.environ.get("ANDON_TEST_DATA")
    if not named:
        print("skipped: ANDON_TEST_DATA names no folder of real data")
        return 0
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table, definitions, truth = real.write_fd001(Path(named), folder)
        andon(folder / "home", "import", table, "--line-column", "line")
        andon(folder / "home", "apply", definitions)
        write_features(table, truth, definitions, folder / "features.npz")
        try:
            python = python_with(*FLAML)
        except RuntimeError as error:
            print(f"FLAML cannot be installed: {error}")
            python = None
        for seed in seeds:
            home = folder / f"home-{seed}"
            subprocess.run(["cp", "-r", str(folder / "home"), str(home)], check=True)
            andon(home, "train", "--alert", "fails-soon", "--time", f"{SECONDS}s", "--seed", seed)
            out = folder / f"test-{seed}.parquet"
            andon(home, "backtest", "--family", "engines-test", "--alert", "fails-soon", "--out", out)
            ours.append(real.fd001_average_precision(pl.read_parquet(out), truth))
            if python is not None:
                run = [str(python), "-c", CONTENDER, str(folder / "features.npz"), str(SECONDS), str(seed)]
                found = json.loads(
                    subprocess.run(run, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
                )
                theirs.append(float(found["ap"]))
            print(f"seed {seed}: andon {ours[-1]:.4f}" + (f", FLAML {theirs[-1]:.4f}" if theirs else ""), flush=True)
    good = [
        verdict(f"FD001 protocol B, PR-AUC, the least of {len(seeds)} seeds", min(ours), ">= .94", min(ours) >= 0.94)
    ]
    gain = float(np.mean(ours) - np.mean(theirs)) if theirs else float("nan")
    good.append(verdict("mean PR-AUC less FLAML's", gain, ">= 0", gain >= 0))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main([int(argument) for argument in sys.argv[1:]] or SEEDS))
