"""SKAB valve1 and C-MAPSS FD001 by their published protocols, through the commands; needs ANDON_TEST_DATA."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from tests.benchmarks.timing import verdict
from tests.e2e import real_data as real


def andon(home: Path, *arguments: object) -> None:
    """Run a command in a home; its errors end the benchmark."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANDON_")}
    command = [sys.executable, "-m", "pipelines", *map(str, arguments)]
    subprocess.run(command, check=True, env=environment | {"ANDON_HOME": str(home)}, stdout=subprocess.DEVNULL)


def skab(data: Path, folder: Path) -> bool:
    table, definitions, truth = real.write_skab(data, folder)
    andon(folder / "home", "import", table, "--line-column", "line")
    andon(folder / "home", "apply", definitions)
    began = time.perf_counter()
    andon(folder / "home", "train")
    print(f"trained 16 monitors in {time.perf_counter() - began:.0f} s")
    flags = []
    for line in truth["line"].unique(maintain_order=True):
        out = folder / f"{line}.parquet"
        andon(folder / "home", "backtest", "--line", line, "--monitor", f"normal-{line}", "--out", out)
        flags.append(pl.read_parquet(out).filter(pl.col("variable").is_null()))
    score = real.skab_score(pl.concat(flags), truth)
    print(f"SKAB valve1: F1 {score['f1']:.3f}, FAR {score['far']:.3f}, MAR {score['mar']:.3f}")
    return verdict("SKAB valve1 F1", score["f1"], ">= .70 at FAR <= .20", score["f1"] >= 0.7 and score["far"] <= 0.2)


def fd001(data: Path, folder: Path) -> bool:
    table, definitions, truth = real.write_fd001(data, folder)
    andon(folder / "home", "import", table, "--line-column", "line")
    andon(folder / "home", "apply", definitions)
    began = time.perf_counter()
    andon(folder / "home", "train", "--alert", "fails-soon", "--time", "60s")
    print(f"trained the pooled alert in {time.perf_counter() - began:.0f} s")
    out = folder / "test.parquet"
    andon(folder / "home", "backtest", "--family", "engines-test", "--alert", "fails-soon", "--out", out)
    score = real.fd001_average_precision(pl.read_parquet(out), truth)
    return verdict("FD001 protocol B, PR-AUC", score, ">= .88", score >= 0.88)


def main() -> int:
    named = os.environ.get("ANDON_TEST_DATA")
    if not named:
        print("skipped: ANDON_TEST_DATA names no folder of real data")
        return 0
    good = []
    for run in (skab, fd001):
        with tempfile.TemporaryDirectory() as folder:
            good.append(run(Path(named), Path(folder)))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
