"""A classifier alert as the subject of a study: configurations are measured on folds, the winner fitted on all rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from andon.errors import ModelError
from andon.evaluation.splits import fold_rows
from andon.frames import Floats, TrainingFrame
from andon.models.classifiers import classifier
from configs.definitions import Alert
from tune_jobs.files import read_rows
from tune_jobs.lane import best_of
from tune_jobs.measuring import Measured
from tune_jobs.sampling import Configuration, seed_of
from tune_jobs.study import StudySpec, Subject

MOST_FOLDED_BYTES = 128 * 2**20
"""Pooled rows that take more than this are measured on the last fifth of the lines alone."""


def open_classifier(spec: StudySpec, definition: Alert) -> Subject:
    """Read the rows of a classifier's study.

    Raises
    ------
    ModelError
        If there is nothing to learn from, or to measure on.
    """
    study = read_rows(Path(spec.folder))
    if spec.sample:
        study = replace(study, rows=rows_of_lines(study.rows, spec.sample))
    horizon = definition.horizon
    if horizon is None:
        raise ModelError(spec.title, "has no horizon", "give one")
    pooled = definition.model == "pooled"
    folds = fold_rows(study.rows, definition.train, definition.validation, horizon, pooled)
    if study.rows.values.nbytes > MOST_FOLDED_BYTES:
        folds = folds[:1]
    for word, mask in (("training", folds[0].training), ("validation", folds[0].validation)):
        if not mask.any():
            raise ModelError(spec.title, f"no labelled {word} rows", "give longer periods, or import more data")
    labels = study.rows.labels[folds[0].training]
    if not labels.any() or labels.all():
        seen = "always" if labels.all() else "never"
        raise ModelError(
            spec.title,
            f"the target {seen} comes within the horizon in {len(labels)} training rows",
            "give a period in which it comes and stays away, or another target",
        )
    measured = Measured(study, folds, seed_of(spec.seed, spec.title, "fit"))

    def finish(
        tried: list[Configuration], kept: Callable[[Configuration], Floats | None], folder: Path
    ) -> dict[str, Any]:
        from tune_jobs.blending import candidate, choose_members, towards_equal
        from tune_jobs.winners import write_winner

        winner = best_of(tried, "maximize")
        if winner is None:
            raise ModelError(spec.title, "no configuration was measured whole", "give more time")
        labels = study.rows.labels[measured.validation]
        candidates = []
        for learner in (winner.learner, *(name for name in learners if name != winner.learner)):
            best = best_of([one for one in tried if one.learner == learner], "maximize")
            scores = None if best is None else kept(best)
            if best is winner and scores is None:
                scores = measured.evaluate(winner.learner, winner.params, lambda step, metric: False).scores
            if best is not None and scores is not None:
                candidates.append(candidate(best, labels, scores, measured.sizes))
        members = choose_members(labels, candidates)
        if len(measured.folds) > 1:
            members = towards_equal(members)
        return write_winner(spec, definition, measured, tried, members, folder)

    learners = {name: (classifier(name).cheapest, classifier(name).suggest) for name in definition.learners}
    signature = {} if pooled else signature_of(measured.training(0))
    return Subject(learners, "maximize", measured.evaluate, finish, signature)


def rows_of_lines(rows: TrainingFrame, lines: Sequence[str]) -> TrainingFrame:
    """Keep the rows of some lines."""
    kept = [place for place, line in enumerate(rows.lines) if line in set(lines)]
    mask = np.isin(rows.groups, kept)
    groups = np.searchsorted(kept, rows.groups[mask])
    return replace(rows.rows(mask), groups=groups, lines=tuple(rows.lines[place] for place in kept))


def signature_of(training: TrainingFrame) -> dict[str, float]:
    """Return the correlation of each feature with the label; missing values count as the feature's mean.

    Lines on which the same features move with the event, in the same direction, are taken to be similar.
    """
    values, labels = training.values, training.labels - training.labels.mean()
    known = ~np.isnan(values)
    counts = known.sum(axis=0)
    filled = np.where(known, values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        centred = np.where(known, filled - filled.sum(axis=0) / counts, 0.0)
        found = labels @ centred / np.sqrt((labels @ labels) * np.einsum("ij,ij->j", centred, centred))
    return {name: float(value) for name, value in zip(training.names, found, strict=True) if np.isfinite(value)}
