"""The winner of a classifier's study: calibrated, given a threshold, fitted on all rows, and written as a bundle."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from andon.models.blend import NAME, FittedBlend, Member
from andon.models.bundle import AlertBundle, write_bundle
from andon.models.classifiers import classifier
from andon.records import Evaluation, ModelCard, ModelKey
from configs.definitions import Alert
from tune_jobs.blending import Candidate, blended
from tune_jobs.evaluations import write_evaluation
from tune_jobs.measuring import Measured
from tune_jobs.sampling import Configuration
from tune_jobs.study import StudySpec, search_id


def write_winner(
    spec: StudySpec,
    definition: Alert,
    measured: Measured,
    tried: list[Configuration],
    members: Sequence[Candidate],
    folder: Path,
) -> dict[str, Any]:
    """Write the bundle of a study's winner, or of a blend of several learners' best; return its summary.

    Calibration, threshold and metrics come from rows that the scoring fits had not seen. The model itself is then
    fitted on every row that may be read, boosters in smaller steps (`ClassifierLearner.final`): only a validation
    period that the definition names stays out of it.
    """
    from andon.evaluation.events import judge_events
    from andon.evaluation.importance import feature_importance
    from andon.evaluation.thresholds import choose_event_threshold
    from andon.models.calibration import calibrate

    horizon = definition.horizon
    assert horizon is not None
    rows = measured.study.rows
    validation = rows.rows(_mask(len(rows), measured.validation))
    order = np.argsort(measured.validation, kind="stable")
    several = len(members) > 1
    scores = blended(members) if several else members[0].scores
    reached = measured.mean_precision(scores) if several else float(members[0].configuration.metric or 0.0)
    scores = scores[order]
    calibration = calibrate(validation.labels, scores)
    scores = calibration.apply(scores)
    threshold = choose_event_threshold(validation, scores, definition.costs, definition.precision, horizon)
    named = spec.definition.get("validation") is not None and spec.periods is None
    learnt = measured.training(0) if named else rows
    started = time.perf_counter()
    final = {
        one.configuration.learner: classifier(one.configuration.learner).final(one.configuration.params)
        for one in members
    }
    fitted = [
        Member(
            one.configuration.learner,
            classifier(one.configuration.learner).fit(
                learnt, final[one.configuration.learner], seed=measured.seed, threads=1
            ),
            one.calibration,
            one.weight,
        )
        for one in members
    ]
    model = FittedBlend(tuple(fitted)) if several else fitted[0].model
    learner = NAME if several else fitted[0].learner
    params: dict[str, Any] = final if several else final[learner]
    fitting = time.perf_counter() - started
    flags, positive = scores >= threshold, validation.labels == 1
    metrics = {
        "average_precision": reached,
        "base_rate": float(np.mean(positive)),
        "precision": float(positive[flags].mean()) if flags.any() else 0.0,
        "recall": float(flags[positive].mean()) if positive.any() else 0.0,
        "threshold": threshold,
        "training_rows": float(len(learnt)),
        "validation_rows": float(len(validation)),
        "folds": float(len(measured.folds)),
        **judge_events(validation.labels, scores, threshold, validation.times, validation.groups, horizon).figures(),
    }
    card = ModelCard(
        kind="classifier",
        learner=learner,
        params=params,
        metrics=metrics,
        definition=spec.definition,
        definition_version=spec.definition_version,
        data_start=measured.study.start,
        data_end=measured.study.end,
        seed=spec.seed,
        comparison=_comparison(tried),
        search=search_id(spec),
    )
    started = time.perf_counter()
    shares = feature_importance(
        model.predict, validation.values, validation.names, np.random.default_rng(measured.seed)
    )
    fitting += time.perf_counter() - started
    write_evaluation(
        Evaluation(validation.labels, scores, validation.times, validation.groups, threshold, horizon, shares),
        Path(spec.folder),
    )
    write_bundle(
        AlertBundle(
            key=ModelKey(definition.name, spec.line, spec.family),
            definition=spec.definition,
            definition_version=spec.definition_version,
            features=measured.study.features,
            learner=learner,
            model=model,
            threshold=threshold,
            horizon=horizon,
            card=card,
            calibration=calibration,
        ),
        folder,
    )
    return {
        "learner": learner,
        "metric_name": "average precision",
        "metric": reached,
        "metrics": metrics,
        "fitting": round(fitting, 4),
    }


def _mask(length: int, rows: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    mask = np.zeros(length, dtype=np.bool_)
    mask[rows] = True
    return mask


def _comparison(tried: list[Configuration]) -> tuple[dict[str, Any], ...]:
    """Return every configuration in the form that a model card keeps."""
    return tuple(
        {
            "learner": one.learner,
            "params": one.params,
            "metric": one.metric,
            "seconds": one.seconds,
            "error": one.error,
            "pruned": one.pruned,
            "source": one.source,
        }
        for one in tried
    )
