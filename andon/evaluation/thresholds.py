"""The threshold of a classifier: chosen on validation rows only, by costs or by a target precision."""

from __future__ import annotations

import numpy as np

from andon.frames import Floats
from configs.definitions import Costs

QUIET_QUANTILE = 0.99
"""Where validation has no event: the threshold lies above this share of the scores."""


def choose_threshold(labels: Floats, scores: Floats, costs: Costs, precision: float | None) -> float:
    """Return the threshold from which a score counts as an alert.

    With ``precision``: the lowest threshold whose flagged rows reach it, or the most precise one. Otherwise the one
    with the least cost, ``costs.missed`` for a positive row below it and ``costs.false`` for a negative one at or above
    it (Elkan 2001, on rows); of equal ones the highest. It lies midway between neighbouring scores, so that small
    differences of score do not matter. Without a positive row: midway above the `QUIET_QUANTILE` of the scores.

    Parameters
    ----------
    labels, scores
        float64 (n_rows,) of validation; labels are 0 or 1.

    Examples
    --------
    >>> choose_threshold(np.array([0.0, 0.0, 1.0]), np.array([0.1, 0.2, 0.8]), Costs(), None)
    0.5
    """
    levels = np.unique(scores)
    above_all = max((levels[-1] + 1.0) / 2, np.nextafter(levels[-1], np.inf))
    midways = np.concatenate([(levels[1:] + levels[:-1]) / 2, [above_all]])
    if not labels.any():
        at = np.searchsorted(levels, np.quantile(scores, QUIET_QUANTILE), side="left")
        return float(midways[min(int(at), len(midways) - 1)])
    candidates = np.concatenate([[levels[0] / 2], midways])
    ordered = np.sort(scores)
    positives = np.sort(scores[labels == 1])
    flagged = len(ordered) - np.searchsorted(ordered, candidates, side="left")
    hits = len(positives) - np.searchsorted(positives, candidates, side="left")
    if precision is not None:
        reached = hits / np.maximum(flagged, 1)
        good = np.flatnonzero((reached >= precision) & (hits > 0))
        return float(candidates[good[0] if len(good) else int(np.argmax(reached))])
    cost = costs.missed * (len(positives) - hits) + costs.false * (flagged - hits)
    return float(candidates[len(cost) - 1 - int(np.argmin(cost[::-1]))])
