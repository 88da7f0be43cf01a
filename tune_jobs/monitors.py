"""A monitor as the subject of a study: its forecasters are measured on readings, and the best of each variable kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from andon.frames import Floats
from andon.records import ModelKey
from configs.definitions import Monitor, MonitorVariables
from tune_jobs.files import read_signals
from tune_jobs.sampling import Configuration, seed_of
from tune_jobs.study import Evaluated, StudySpec, Subject, Watch, search_id


def open_monitor(spec: StudySpec, definition: Monitor) -> Subject:
    """Read the readings of a monitor's study."""
    from andon.models.bundle import write_bundle
    from andon.models.monitors.forecasters import monitor_learner
    from andon.models.monitors.training import assemble_monitor, evaluate_configuration, prepare_monitor
    from andon.models.watching import Pruned

    if spec.variables:
        definition = definition.model_copy(update={"variables": MonitorVariables(include=spec.variables)})
    data = prepare_monitor(read_signals(Path(spec.folder)), definition)
    seed = seed_of(spec.seed, spec.title, "fit")
    evaluations: dict[str, Any] = {}

    def evaluate(learner: str, params: dict[str, Any], watch: Watch) -> Evaluated:
        started = time.perf_counter()
        try:
            evaluation = evaluate_configuration(data, learner, params, seed, threads=1, watch=watch)
        except Pruned as pruned:
            return Evaluated(pruned.metric, params, pruned=True, fitting=time.perf_counter() - started)
        evaluations[_name(learner, params)] = evaluation
        return Evaluated(float(evaluation.metric), params, fitting=time.perf_counter() - started)

    def finish(
        tried: list[Configuration], kept: Callable[[Configuration], Floats | None], folder: Path
    ) -> dict[str, Any]:
        for one in tried:
            # What an earlier process measured is fitted again: fits are kept in memory only.
            if one.metric is not None and not one.pruned and _name(one.learner, one.params) not in evaluations:
                evaluate(one.learner, one.params, lambda step, metric: False)
        key = ModelKey(definition.name, spec.line, spec.family)
        bundle = assemble_monitor(
            data, list(evaluations.values()), key, definition, spec.definition_version, seed, threads=1
        )
        bundle = replace(bundle, card=replace(bundle.card, search=search_id(spec)))
        write_bundle(bundle, folder)
        return {
            "learner": bundle.card.learner,
            "metric_name": "RMSE to persistence",
            "metric": bundle.card.metrics["rmse_to_persistence"],
            "metrics": bundle.card.metrics,
        }

    learners = {name: (monitor_learner(name).cheapest, monitor_learner(name).suggest) for name in definition.learners}
    return Subject(learners, "minimize", evaluate, finish)


def _name(learner: str, params: dict[str, Any]) -> str:
    return f"{learner} {sorted(params.items())}"
