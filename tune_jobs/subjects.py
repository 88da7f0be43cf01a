"""What is tuned: a classifier on labelled rows, or a monitor's forecasters on readings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from andon.errors import ModelError
from andon.records import ModelCard, ModelKey
from configs.definitions import Alert, Monitor, MonitorVariables
from tune_jobs.files import read_rows, read_signals
from tune_jobs.sampling import Configuration, seed_of
from tune_jobs.study import StudySpec, Subject, typed


def open_subject(spec: StudySpec) -> Subject:
    """Read a study's files and return what is tuned."""
    definition = typed(spec)
    return _monitor(spec, definition) if isinstance(definition, Monitor) else _classifier(spec, definition)


def _classifier(spec: StudySpec, definition: Alert) -> Subject:
    from andon.evaluation.metrics import average_precision
    from andon.evaluation.splits import split_rows
    from andon.evaluation.thresholds import choose_threshold
    from andon.models.bundle import AlertBundle, write_bundle
    from andon.models.classifiers import classifier

    study = read_rows(Path(spec.folder))
    horizon = definition.horizon
    if horizon is None:
        raise ModelError(spec.title, "has no horizon", "give one")
    training, validation = split_rows(
        study.rows, definition.train, definition.validation, horizon, definition.model == "pooled"
    )
    for word, rows in (("training", training), ("validation", validation)):
        if not len(rows):
            raise ModelError(spec.title, f"no labelled {word} rows", "give longer periods, or import more data")
    if not training.labels.any() or training.labels.all():
        seen = "always" if training.labels.all() else "never"
        raise ModelError(
            spec.title,
            f"the target {seen} comes within the horizon in {len(training)} training rows",
            "give a period in which it comes and stays away, or another target",
        )
    seed = seed_of(spec.seed, spec.title, "fit")
    fitted: dict[str, Any] = {}

    def evaluate(learner: str, params: dict[str, Any]) -> float:
        model = classifier(learner).fit(training, params, seed=seed, threads=1)
        scores = model.predict(validation.values)
        # Without an event in validation there is nothing to rank: every configuration is as good as the cheapest.
        metric = average_precision(validation.labels, scores) if validation.labels.any() else 0.0
        if not fitted or metric > fitted["metric"]:
            fitted.update(metric=metric, model=model, learner=learner, params=params, scores=scores)
        return metric

    def finish(tried: list[Configuration], folder: Path) -> dict[str, Any]:
        best = max((c for c in tried if c.metric is not None), key=lambda c: (c.metric or 0.0, -c.number))
        if fitted.get("learner") != best.learner or fitted.get("params") != best.params:
            fitted.clear()
            evaluate(best.learner, best.params)
        scores = fitted["scores"]
        threshold = choose_threshold(validation.labels, scores, definition.costs, definition.precision)
        flags = scores >= threshold
        positive = validation.labels == 1
        metrics = {
            "average_precision": float(best.metric or 0.0),
            "base_rate": float(np.mean(positive)),
            "precision": float(positive[flags].mean()) if flags.any() else 0.0,
            "recall": float(flags[positive].mean()) if positive.any() else 0.0,
            "threshold": float(threshold),
            "training_rows": float(len(training)),
            "validation_rows": float(len(validation)),
        }
        card = ModelCard(
            kind="classifier",
            learner=best.learner,
            params=best.params,
            metrics=metrics,
            definition=spec.definition,
            definition_version=spec.definition_version,
            data_start=study.start,
            data_end=study.end,
            seed=spec.seed,
            comparison=_comparison(tried),
        )
        write_bundle(
            AlertBundle(
                key=ModelKey(definition.name, spec.line, spec.family),
                definition=spec.definition,
                definition_version=spec.definition_version,
                features=study.features,
                learner=best.learner,
                model=fitted["model"],
                threshold=float(threshold),
                horizon=horizon,
                card=card,
            ),
            folder,
        )
        return {"learner": best.learner, "metric_name": "average precision", "metric": best.metric, "metrics": metrics}

    learners = {name: (classifier(name).cheapest, classifier(name).suggest) for name in definition.learners}
    return Subject(learners, "maximize", evaluate, finish)


def _monitor(spec: StudySpec, definition: Monitor) -> Subject:
    from andon.models.bundle import write_bundle
    from andon.models.monitors.forecasters import forecaster
    from andon.models.monitors.training import assemble_monitor, evaluate_configuration, prepare_monitor

    if spec.variables:
        definition = definition.model_copy(update={"variables": MonitorVariables(include=spec.variables)})
    data = prepare_monitor(read_signals(Path(spec.folder)), definition)
    seed = seed_of(spec.seed, spec.title, "fit")
    evaluations: dict[str, Any] = {}

    def evaluate(learner: str, params: dict[str, Any]) -> float:
        evaluation = evaluate_configuration(data, learner, params, seed, threads=1)
        evaluations[_name(learner, params)] = evaluation
        return float(evaluation.metric)

    def finish(tried: list[Configuration], folder: Path) -> dict[str, Any]:
        for configuration in tried:
            if (
                configuration.metric is not None
                and _name(configuration.learner, configuration.params) not in evaluations
            ):
                evaluate(configuration.learner, configuration.params)
        key = ModelKey(definition.name, spec.line, spec.family)
        bundle = assemble_monitor(
            data, list(evaluations.values()), key, definition, spec.definition_version, seed, threads=1
        )
        write_bundle(bundle, folder)
        return {
            "learner": bundle.card.learner,
            "metric_name": "RMSE to persistence",
            "metric": bundle.card.metrics["rmse_to_persistence"],
            "metrics": bundle.card.metrics,
        }

    learners = {name: (forecaster(name).cheapest, forecaster(name).suggest) for name in definition.learners}
    return Subject(learners, "minimize", evaluate, finish)


def _name(learner: str, params: dict[str, Any]) -> str:
    return f"{learner} {sorted(params.items())}"


def _comparison(tried: list[Configuration]) -> tuple[dict[str, Any], ...]:
    return tuple(
        {"learner": c.learner, "params": c.params, "metric": c.metric, "seconds": c.seconds, "error": c.error}
        for c in tried
    )
