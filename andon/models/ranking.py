"""How well scores rank: what a fit watches while it grows, and what a search maximises."""

from __future__ import annotations

import numpy as np

from andon.frames import Floats


def average_precision(labels: Floats, scores: Floats) -> float:
    """Return the area under the precision-recall curve as a step function, ties taken together (as scikit-learn does).

    Parameters
    ----------
    labels, scores
        float64 (n_rows,); labels are 0 or 1. Any rising function of the scores gives the same.

    Examples
    --------
    >>> average_precision(np.array([0.0, 1.0, 1.0]), np.array([0.1, 0.4, 0.35]))
    1.0
    """
    total = labels.sum()
    if total == 0:
        return 0.0
    order = np.argsort(-scores)
    ranked, hits = scores[order], np.cumsum(labels[order])
    last_of_tie = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    hits = hits[last_of_tie]
    gained = hits.copy()
    gained[1:] -= hits[:-1]
    return float(np.sum(gained * (hits / (last_of_tie + 1))) / total)
