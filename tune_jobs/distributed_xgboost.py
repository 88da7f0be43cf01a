"""A booster on rows that outgrow one worker: several processes grow it, each on whole files; none may hang."""

from __future__ import annotations

import contextlib
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import polars as pl

from andon.errors import AndonError, DataError, ModelError
from andon.models.xgboost import FittedXgboost, booster_settings, from_bytes
from cluster.profiles import FOR_SEARCH
from tune_jobs.xgboost_actors import TESTED, Conductor, Grown, Plan, require_tested

log = logging.getLogger(__name__)

_CAUSE = re.compile(r"^(?:[\w.]+\.)?(\w+(?:Error|Exception)): ", re.MULTILINE)
_DEATHS = ("ActorDiedError", "ActorUnavailableError", "NodeDiedError", "OutOfMemoryError", "WorkerCrashedError")
_SEVERED = "src/collective/"
"""In an error of XGBoost's: where workers speak to each other, and notice that one is gone before Ray does."""


def fit_distributed(
    files: Sequence[str],
    params: Mapping[str, Any],
    *,
    seed: int,
    actors: int = 2,
    threads: int = 1,
    label: str = "label",
    span: tuple[int, int] | None = None,
    patience: float = 300.0,
    restarts: int = 2,
    report: Callable[[int], object] = lambda rounds: None,
) -> FittedXgboost:
    """Fit a booster on the rows of many Parquet files, each read by one of ``actors`` processes.

    Needs a Ray session. A process that dies, or ``patience`` without progress, ends the attempt and all its processes;
    the next one goes on from the model that was kept last, at most ``restarts`` times.

    Parameters
    ----------
    files
        Absolute paths that every node can read: columns f0 to fn (a missing value is null or NaN) and ``label``, 0 or
        1. Other columns are not read. A file is never divided.
    params
        In the form that `andon.models.xgboost.suggest` draws.
    actors, threads
        Processes, and the cores each of them takes.
    span
        Only rows whose ``time`` is in this half-open span, in microseconds; None: all.
    patience
        Seconds to wait for cores, for a process to read its files, or for a round.
    report
        Called with the rounds done, about twice a second.

    Raises
    ------
    DataError
        If there are fewer files than ``actors``, one lacks columns, or all hold one class only.
    ModelError
        If it could not be finished.
    AndonError
        If the versions installed were not tested, or the cluster has no room.
    """
    require_tested({package: version(package) for package in TESTED})
    plan = plan_fit(files, params, seed=seed, actors=actors, threads=threads, label=label, span=span)
    grown, reasons = Grown(), []
    while len(reasons) <= restarts:
        with _conductor(plan, patience) as conductor:
            attempt = _watch(conductor, plan, grown, patience, report)
        if attempt.model is not None:
            return from_bytes(attempt.model)
        grown = attempt.grown
        reasons.append(attempt.reason)
        log.warning("attempt %d of a fit on %d workers ended: %s", len(reasons), actors, attempt.reason)
    raise ModelError(
        f"XGBoost on {actors} workers",
        f"ended {len(reasons)} time{'s' * (len(reasons) > 1)}, last after round {grown.rounds} of {plan.rounds}: "
        f"{reasons[-1]}",
        "see the workers' logs; give them more memory, or more workers a part of the rows each",
    )


def plan_fit(
    files: Sequence[str],
    params: Mapping[str, Any],
    *,
    seed: int,
    actors: int,
    threads: int,
    label: str = "label",
    span: tuple[int, int] | None = None,
) -> Plan:
    """Check the files, and deal those with rows so that every process gets about as many.

    Raises
    ------
    DataError
        As `fit_distributed`.
    """
    features = _features(files[0]) if files else ()
    rows, positive = {}, 0
    for file in files:
        lacking = {*features, label} - set(pl.scan_parquet(file).collect_schema().names())
        if lacking or not features:
            raise DataError(file, f"has no column {min(lacking, default='f0')}", "write the rows of all lines anew")
        count, events = count_rows(file, label, span)
        positive += events
        if count:
            rows[file] = count
    if not 0 < positive < sum(rows.values()):
        raise DataError(
            "training rows",
            f"hold one class only: {positive} of {sum(rows.values())} are positive",
            "give a longer period, or another target",
        )
    if len(rows) < actors:
        raise DataError("training rows", f"are in {len(rows)} files for {actors} workers", "use fewer workers")
    settings = booster_settings(params, seed=seed, threads=threads, features=len(features))
    return Plan(deal(rows, actors), features, label, span, settings, int(params["rounds"]), actors, threads)


def count_rows(file: str, label: str, span: tuple[int, int] | None) -> tuple[int, int]:
    """Return how many rows of ``span`` a file holds, and how many of them are positive."""
    table = pl.scan_parquet(file)
    if span is not None:
        table = table.filter((pl.col("time") >= span[0]) & (pl.col("time") < span[1]))
    count, events = table.select(pl.len(), pl.col(label).sum()).collect().row(0)
    return int(count), int(events)


def deal(rows: Mapping[str, int], hands: int) -> tuple[str, ...]:
    """Return files in the order in which dealing them in turn gives every hand about as many rows.

    Examples
    --------
    >>> deal({"a": 9, "b": 5, "c": 4, "d": 1}, 2)
    ('a', 'b', 'd', 'c')
    """
    ordered = sorted(rows, key=lambda file: (-rows[file], file))
    turns = [ordered[first : first + hands] for first in range(0, len(ordered), hands)]
    # The one that got the most gets the least next; a last turn that is not full goes to the first hands anyway.
    return tuple(file for number, turn in enumerate(turns) for file in (turn[::-1] if number % 2 else turn))


def _features(file: str) -> tuple[str, ...]:
    names = pl.scan_parquet(file).collect_schema().names()
    return tuple(sorted((name for name in names if re.fullmatch(r"f\d+", name)), key=lambda name: int(name[1:])))


@dataclass(frozen=True, slots=True)
class _Attempt:
    """How one attempt ended: with a ``model``, or for a ``reason`` with what had ``grown``."""

    grown: Grown
    model: bytes | None = None
    reason: str = ""


@contextlib.contextmanager
def _conductor(plan: Plan, patience: float) -> Iterator[Any]:
    """Yield a conductor with room for its actors; end every process of it after use, whatever became of them."""
    import ray
    from ray.util.placement_group import placement_group, remove_placement_group
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    bundles = [{"CPU": plan.threads}] * plan.actors
    room = placement_group(bundles, strategy="SPREAD", bundle_label_selector=[FOR_SEARCH] * plan.actors)
    try:
        if not room.wait(patience):
            raise AndonError(
                f"XGBoost on {plan.actors} workers",
                f"found no room for {plan.threads} core{'s' * (plan.threads != 1)} each within {patience:g} s",
                "join a larger cluster, set ANDON_WORKERS, or wait until it is free",
            )
        place = PlacementGroupSchedulingStrategy(room, placement_group_capture_child_tasks=True)
        kind = ray.remote(num_cpus=0, max_concurrency=4)(Conductor)
        yield kind.options(scheduling_strategy=place).remote()
    finally:
        remove_placement_group(room)


def _watch(conductor: Any, plan: Plan, begun: Grown, patience: float, report: Callable[[int], object]) -> _Attempt:
    import ray

    result = conductor.run.remote(plan, begun, conductor)
    grown, moved = replace(begun, loaded=0, rounds=begun.kept), time.monotonic()
    while True:
        done, _ = ray.wait([result], timeout=0.5)
        try:
            if done:
                return _Attempt(grown, model=ray.get(result))
            news = ray.get(conductor.grown.remote(grown.kept), timeout=patience)
        except ray.exceptions.GetTimeoutError:
            news = grown
        except ray.exceptions.RayError as error:
            return _Attempt(grown, reason=_reason(error))
        if (news.loaded, news.rounds) != (grown.loaded, grown.rounds):
            grown = news if news.model is not None else replace(news, kept=grown.kept, model=grown.model)
            moved = time.monotonic()
            report(grown.rounds)
        elif time.monotonic() - moved > patience:
            return _Attempt(grown, reason=f"nothing moved for {patience:g} s after round {grown.rounds}")


def _reason(error: Exception) -> str:
    """Return what a chain of errors comes from: a death, which others only follow, or else the first of them."""
    text = str(error)
    causes = list(_CAUSE.finditer(text))
    deaths = [found[1] for found in causes if found[1] in _DEATHS]
    if deaths or _SEVERED in text:
        return f"a worker died ({deaths[0] if deaths else 'another lost its connection to it'})"
    return " ".join(text[causes[0].start() if causes else 0 :].split())[:200]
