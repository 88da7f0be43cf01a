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
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(labels[order])
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
    hits, taken = hits[last_of_tie], np.arange(1, len(ranked) + 1)[last_of_tie]
    total = hits[-1] if len(hits) else 0.0
    if total == 0:
        return 0.0
    return float(np.sum(np.diff(hits, prepend=0.0) / total * (hits / taken)))
