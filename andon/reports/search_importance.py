"""Which parameters matter: a random forest's importance over all configurations of a learner, whatever the line.

Within a study, a metric is replaced by its rank among the study's (0 the worst, 1 the best), so that lines whose events
are easy to foresee do not count more; then one forest a definition and learner is fitted from parameters to ranks.
Importance is the mean decrease of impurity (Breiman 2001, Random Forests; for searches, compare Hutter, Hoos and
Leyton-Brown 2014, functional ANOVA), and ``told`` its R2 on the trees' out-of-bag configurations: near 0, the
parameters that were tried hardly matter, or too few were.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from andon.frames import Floats
from andon.reports.search_figures import by_definition, standings
from andon.searches import SearchRecord

FEWEST = 20
"""Configurations that were measured whole, below which nothing is said."""
_TREES = 100


@dataclass(frozen=True, slots=True)
class Importance:
    """Shares of the parameters of a learner, the greatest first; they sum to 1."""

    definition: str
    learner: str
    configurations: int
    told: float
    shares: tuple[tuple[str, float], ...]


def parameter_importance(search: SearchRecord, seed: int = 0) -> list[Importance]:
    """Return importance by definition and learner, where at least `FEWEST` configurations were measured whole."""
    found = []
    for definition, studies in by_definition(search).items():
        rows: dict[str, list[tuple[dict[str, Any], float]]] = {}
        for study in studies:
            for place, rank in standings(study).items():
                one = study.configurations[place]
                rows.setdefault(one.learner, []).append((dict(one.params), rank))
        for learner, tried in sorted(rows.items()):
            if len(tried) >= FEWEST:
                important = _importance(definition, learner, tried, seed)
                if important is not None:
                    found.append(important)
    return found


def _importance(
    definition: str, learner: str, tried: list[tuple[dict[str, Any], float]], seed: int
) -> Importance | None:
    from sklearn.ensemble import RandomForestRegressor

    names = sorted({name for params, _ in tried for name in params})
    columns = {name: _numbers([params.get(name) for params, _ in tried]) for name in names}
    columns = {name: column for name, column in columns.items() if len(np.unique(column)) > 1}
    ranks = np.array([rank for _, rank in tried])
    if not columns or np.ptp(ranks) == 0:
        return None
    forest = RandomForestRegressor(_TREES, min_samples_leaf=3, oob_score=True, random_state=seed, n_jobs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of rows that every tree drew, so that none is left to score them
        forest.fit(np.column_stack(list(columns.values())), ranks)
    shares = sorted(zip(columns, forest.feature_importances_.tolist(), strict=True), key=lambda item: -item[1])
    return Importance(definition, learner, len(tried), float(forest.oob_score_), tuple(shares))


def _numbers(values: list[Any]) -> Floats:
    """Return numbers as they are, and of anything else the place in order of its text."""
    if all(isinstance(value, int | float) for value in values):
        return np.array(values, dtype=np.float64)
    order = {text: place for place, text in enumerate(sorted({str(value) for value in values}))}
    return np.array([order[str(value)] for value in values], dtype=np.float64)
