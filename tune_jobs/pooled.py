"""Pooled models of more rows than one worker holds: searched on some of the lines, and fitted on all of them.

Lines stay whole everywhere: one is in the sample or not, and its rows are in one file.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from andon.errors import AndonError

if TYPE_CHECKING:
    from andon.models.xgboost import FittedXgboost

LEAST_LINES = 2
"""A sample holds at least so many: one to learn from and one to be measured on."""

LEAST_WORKERS = 2
SHARDS = "rows.lines"
"""Folder of a study's rows, a Parquet file a line."""
PIECE = 65_536
"""Rows that are written at a time."""

WORKERS = "fitting_workers"
"""Metric of a model's card: how many workers fitted it together."""


def row_bytes(rows: int, features: int) -> int:
    """Return what rows of features take in a worker, as float64.

    Examples
    --------
    >>> row_bytes(1_000_000, 60)
    480000000
    """
    return rows * features * 8


def sample_lines(sizes: Mapping[str, int], budget: int, seed: int) -> tuple[str, ...]:
    """Return lines that fit together into ``budget`` bytes, in name order; all of them if they do.

    Lines are drawn without looking at them: in the order of a hash of ``seed`` and name, each that still fits. The
    same lines give the same sample in any order, and another line more changes little of it. Where that gives fewer
    than `LEAST_LINES`, the smallest are taken, so many even if they do not fit.

    Examples
    --------
    >>> sample_lines({"press-1": 40, "press-2": 40, "press-3": 90}, 200, seed=0)
    ('press-1', 'press-2', 'press-3')
    >>> sample_lines({"press-1": 40, "press-2": 40, "press-3": 90}, 100, seed=0)
    ('press-1', 'press-2')
    """
    drawn = _fill(sorted(sizes, key=lambda line: _hash(seed, line)), sizes, budget)
    if len(drawn) < LEAST_LINES:
        smallest = sorted(sizes, key=lambda line: (sizes[line], line))
        least, others = smallest[:LEAST_LINES], smallest[LEAST_LINES:]
        drawn = least + _fill(others, sizes, budget - sum(sizes[line] for line in least))
    return tuple(sorted(drawn))


def _fill(lines: Sequence[str], sizes: Mapping[str, int], budget: int) -> list[str]:
    """Return, in their order, the lines that still fit."""
    filled, left = [], budget
    for line in lines:
        if sizes[line] <= left:
            filled.append(line)
            left -= sizes[line]
    return filled


def _hash(seed: int, line: str) -> bytes:
    return hashlib.sha256(f"{seed}:{line}".encode()).digest()


def line_shards(folder: Path) -> list[Path]:
    """Write the rows of a study a file a line, in its folder; return the files. Those that are there are kept."""
    from tune_jobs.files import LabelledRows, read_rows
    from tune_jobs.shards import write_shard

    rows = read_rows(folder).rows
    bounds = np.searchsorted(rows.groups, np.arange(len(rows.lines) + 1))
    paths = []
    for group, (begin, end) in enumerate(itertools.pairwise(bounds.tolist())):
        path = folder / SHARDS / f"{group:05d}.parquet"
        if begin == end:
            continue
        paths.append(path)
        if not path.exists():
            cuts = itertools.pairwise([*range(begin, end, PIECE), end])
            pieces = (LabelledRows(rows.times[a:b], rows.labels[a:b], rows.values[a:b]) for a, b in cuts)
            write_shard(pieces, len(rows.names), path)
    return paths


def pooled_learners(learners: Sequence[str]) -> tuple[str, ...]:
    """Return which of a definition's learners a sample is searched with: the one that can be fitted on all, if named.

    Examples
    --------
    >>> pooled_learners(["lightgbm", "xgboost"])
    ('xgboost',)
    >>> pooled_learners(["lightgbm"])
    ('lightgbm',)
    """
    return ("xgboost",) if "xgboost" in learners else tuple(learners)


def require_workers(workers: int) -> None:
    """Refuse what would have to be fitted on several workers, where there is one; better before a search than after.

    Raises
    ------
    AndonError
        If there are fewer than two.
    """
    if workers < LEAST_WORKERS:
        raise AndonError(
            "rows of all lines",
            f"outgrow one worker, and there is {workers}",
            "set ANDON_WORKERS to 2 or more, join a cluster, or set ANDON_WORKER_BYTES higher",
        )


def fit_pooled_on_all(
    shards: Sequence[Path],
    params: Mapping[str, Any],
    *,
    seed: int,
    workers: int,
    span: tuple[int, int] | None = None,
    report: Callable[[int], object] = lambda rounds: None,
) -> FittedXgboost:
    """Fit XGBoost on the rows of all lines, on two or more workers of one core each; needs a Ray session.

    Parameters
    ----------
    shards
        A file a line, as `tune_jobs.shards.write_shard` writes it, in a folder that all nodes share.
    params
        The winner's, in the form that `andon.models.xgboost.suggest` draws.
    workers
        Cores there are; no more than lines are used.
    span
        Times of the rows to learn from, half-open, in microseconds; None: all.
    report
        Called with the rounds done.

    Raises
    ------
    AndonError
        If there is only one worker, or as `tune_jobs.distributed_xgboost.fit_distributed` does.
    """
    require_workers(workers)
    files = [str(shard) for shard in shards]
    # Here alone: every worker of a search reads this module, and few fit over workers.
    from tune_jobs.distributed_xgboost import fit_distributed

    return fit_distributed(files, params, seed=seed, actors=min(workers, len(files)), span=span, report=report)


def refit_winner(
    bundle: Path,
    shards: Sequence[Path],
    *,
    seed: int,
    workers: int,
    span: tuple[int, int] | None = None,
    report: Callable[[int], object] = lambda rounds: None,
) -> bool:
    """Fit the winner of a search on a sample again, on all rows, and write its bundle anew.

    Calibration, threshold and metrics stay: they come from lines that the fits of the search had not seen. A bundle
    that was fitted on all already, or by another learner, is left as it is.

    Returns
    -------
    bool
        Whether it was fitted now. Other arguments and errors are those of `fit_pooled_on_all`.
    """
    from andon.models.bundle import AlertBundle, read_bundle, write_bundle
    from tune_jobs.distributed_xgboost import count_rows

    winner = read_bundle(bundle)
    if not isinstance(winner, AlertBundle) or winner.learner != "xgboost" or WORKERS in winner.card.metrics:
        return False
    model = fit_pooled_on_all(shards, winner.card.params, seed=seed, workers=workers, span=span, report=report)
    rows = sum(count_rows(str(shard), "label", span)[0] for shard in shards)
    metrics = {**winner.card.metrics, "training_rows": float(rows), WORKERS: float(min(workers, len(shards)))}
    write_bundle(replace(winner, model=model, card=replace(winner.card, metrics=metrics)), bundle)
    return True
