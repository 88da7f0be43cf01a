"""The threshold of a classifier: chosen on validation rows only, by costs or by a target precision."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from andon.evaluation.events import find_events
from andon.evaluation.kernels import raise_alarms
from andon.frames import MICROSECOND, Floats, Integers, TrainingFrame
from configs.definitions import Costs

QUIET_QUANTILE = 0.99
"""Where validation has no event: the threshold lies above this share of the scores."""
LEAST_EVENTS = 5
"""Events on validation rows below which a threshold is chosen by rows: fewer tell little apart."""
CANDIDATES = 100
"""Thresholds tried by events: so many just below events' highest scores, and so many between scores of rows."""


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


def choose_event_threshold(
    rows: TrainingFrame,
    scores: Floats,
    costs: Costs,
    precision: float | None,
    horizon: timedelta,
    quiet: timedelta | None = None,
) -> float:
    """Return the threshold from which a score counts as an alert, weighing events and alarms instead of rows.

    With ``precision``: the lowest threshold whose alarms reach it, or the one with the most precise alarms. Otherwise
    the one with the least cost, ``costs.missed`` for an event without a flagged row and ``costs.false`` for a false
    alarm; of equal ones the middle of the highest stretch. Events and alarms are counted as by `judge_events`. With
    fewer than `LEAST_EVENTS` events: `choose_threshold` on rows.

    Parameters
    ----------
    rows
        Validation rows; labels are 0 or 1.
    scores
        float64 (n_rows,), calibrated.
    quiet
        Flagged rows less than this apart are one alarm; None: the horizon.

    Examples
    --------
    >>> labels = np.tile([0.0, 0.0, 0.0, 1.0], 5)
    >>> times, groups = np.arange(20) * 60_000_000, np.zeros(20, dtype=np.int64)
    >>> rows = TrainingFrame(np.zeros((20, 1)), labels, times, groups, ("press-07",), ("x",))
    >>> choose_event_threshold(rows, 0.1 + 0.8 * labels, Costs(), None, timedelta(minutes=2))
    0.5
    """
    events = find_events(rows.labels, rows.times, rows.groups, horizon)
    if len(events) < LEAST_EVENTS:
        return choose_threshold(rows.labels, scores, costs, precision)
    highest = np.sort(events.highest(scores))
    candidates = _candidates(np.unique(scores), scores, highest)
    reach = horizon // MICROSECOND
    gap = reach if quiet is None else quiet // MICROSECOND
    counted = [
        raise_alarms(scores, rows.labels == 1, rows.times, rows.groups, float(threshold), reach, gap)[1]
        for threshold in candidates
    ]
    alarms = np.array([len(hits) for hits in counted])
    hits = np.array([hits.sum() for hits in counted])
    if precision is not None:
        reached = hits / np.maximum(alarms, 1)
        good = np.flatnonzero((reached >= precision) & (hits > 0))
        return float(candidates[good[0] if len(good) else int(np.argmax(reached))])
    missed = np.searchsorted(highest, candidates, side="left")
    cost = costs.missed * missed + costs.false * (alarms - hits)
    return float(candidates[_middle_of_last(np.flatnonzero(cost <= cost.min() + 1e-9))])


def _candidates(levels: Floats, scores: Floats, highest: Floats) -> Floats:
    """Return thresholds in rising order, each midway between neighbouring scores, but the last: above all of them.

    Events are missed at no other threshold than above their highest score. The others stand the closer the higher they
    are, by rank: events are rare, and so are the rows that may be alarms.
    """
    ranks = len(scores) - np.geomspace(1, len(scores), CANDIDATES)
    spread = np.sort(scores)[np.clip(ranks.round().astype(np.int64), 0, len(scores) - 1)]
    shown = highest[np.linspace(0, len(highest) - 1, min(CANDIDATES, len(highest))).round().astype(np.int64)]
    at = np.searchsorted(levels, np.unique(np.concatenate([spread, shown])))
    below = np.where(at > 0, levels[np.maximum(at - 1, 0)], 0.0)
    above_all = max((levels[-1] + 1.0) / 2, np.nextafter(levels[-1], np.inf))
    midways = (levels[at] + below) / 2
    return np.append(np.where(midways > below, midways, levels[at]), above_all)


def _middle_of_last(indices: Integers) -> int:
    """Return the middle of the last stretch of indices that follow each other.

    Examples
    --------
    >>> _middle_of_last(np.array([1, 2, 5, 6, 7]))
    6
    """
    begins = np.flatnonzero(np.diff(indices, prepend=-2) > 1)
    last = indices[begins[-1] :]
    return int(last[len(last) // 2])
