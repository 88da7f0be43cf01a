"""Configurations of a classifier measured on folds: fitted and scored, fold by fold, until they are given up."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from andon.evaluation.metrics import average_precision
from andon.evaluation.splits import Fold
from andon.frames import Floats, TrainingFrame
from andon.models.classifiers import Pruned, classifier
from tune_jobs.files import StudyRows
from tune_jobs.study import Evaluated, Watch

FOLD_STEP = 1_000
"""Step at which a configuration's first whole fold is compared with others'; steps within a fit stay below it."""


class Measured:
    """Rows in folds; what the fits of one learner on one fold share is made once."""

    def __init__(self, study: StudyRows, folds: Sequence[Fold], seed: int) -> None:
        self.study = study
        self.folds = tuple(folds)
        self.seed = seed
        self._frames: dict[tuple[int, str], TrainingFrame] = {}
        self._prepared: dict[tuple[int, str], Any] = {}

    @property
    def validation(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Rows that are measured on, in the order of `Evaluated.scores`, int64 (n_rows,)."""
        return np.concatenate([np.flatnonzero(fold.validation) for fold in self.folds])

    @property
    def sizes(self) -> tuple[int, ...]:
        """Rows of each fold that are measured on."""
        return tuple(int(np.count_nonzero(fold.validation)) for fold in self.folds)

    def mean_precision(self, scores: Floats) -> float:
        """Return the metric of scores, float64 (n_rows,) in the order of `validation`, as `evaluate` does."""
        parts = zip(self.folds, np.split(scores, np.cumsum(self.sizes)[:-1]), strict=True)
        labels = self.study.rows.labels
        told = [(labels[fold.validation], part) for fold, part in parts]
        metrics = [average_precision(truth, said) for truth, said in told if truth.any() or len(told) == 1]
        return statistics.fmean(metrics) if metrics else 0.0

    def training(self, fold: int) -> TrainingFrame:
        """Rows to learn from."""
        return self._frame(fold, "training")

    def evaluate(self, learner: str, params: dict[str, Any], watch: Watch) -> Evaluated:
        """Fit and score each fold in turn; ``watch`` may end it within the first fit, or between folds.

        The metric is the mean of the folds' average precision. A fold without an event says nothing, and counts only
        where no other does: there is nothing to rank, and the default configuration stays the best.
        """
        module = classifier(learner)
        metrics: list[float] = []
        scores: list[Floats] = []
        settled: list[dict[str, Any]] = []
        fitting = 0.0
        for number in range(len(self.folds)):
            training, validation = self._frame(number, "training"), self._frame(number, "validation")
            key = (number, learner)
            started = time.perf_counter()
            try:
                if key not in self._prepared:
                    self._prepared[key] = module.prepare(training, threads=1)
                fitted = module.fit_watched(
                    training,
                    validation,
                    params,
                    seed=self.seed,
                    threads=1,
                    prepared=self._prepared[key],
                    watch=watch if number == 0 else None,
                )
            except Pruned as pruned:
                return Evaluated(pruned.metric, params, pruned=True, fitting=time.perf_counter() - started)
            finally:
                fitting += time.perf_counter() - started
            scores.append(fitted.scores)
            settled.append(dict(fitted.params))
            if validation.labels.any() or len(self.folds) == 1:
                metrics.append(average_precision(validation.labels, fitted.scores))
            far = number + 1 < len(self.folds)
            if far and metrics and watch(FOLD_STEP * (number + 1), statistics.fmean(metrics)):
                return Evaluated(statistics.fmean(metrics), params, pruned=True, fitting=fitting)
        metric = statistics.fmean(metrics) if metrics else 0.0
        return Evaluated(metric, _median(settled), np.concatenate(scores), fitting=fitting)

    def _frame(self, fold: int, part: str) -> TrainingFrame:
        key = (fold, part)
        if key not in self._frames:
            self._frames[key] = self.study.rows.rows(getattr(self.folds[fold], part))
        return self._frames[key]


def _median(settled: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return one configuration of the folds': early stopping may have kept another number of rounds on each."""
    first = settled[0]
    return {
        name: value
        if all(one[name] == value for one in settled)
        else type(value)(statistics.median_low([one[name] for one in settled]))
        for name, value in first.items()
    }
