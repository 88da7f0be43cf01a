"""What else moves when a setting is moved: learned from the moves that people made in a line's history.

A setting that is changed on paper only would stand beside readings that never followed it: a slower packer with the
motor current of a fast one looks worn out. So each candidate takes its followers along. By how much is a regression of
where a variable stands ``lag`` rows later on where everything stood before, and on how the settings were moved in
between (direct forecasting, Marcellino, Stock and Watson 2006). People move settings mostly for reasons of their own,
and what the sensors showed before stands in the regression beside them (adjustment for confounders: Pearl, *Causality*,
2009, ch. 3). What history does not show beyond chance (Wald's test) is taken for nothing: better no advice than one
that follows from noise. What a move does to what is *wrong* with a line is another question: `andon.explain.trials`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from andon.explain.states import LEVEL, SWING, run_lengths, spread, states_of, within
from andon.frames import Booleans, Floats, Integers

LAGS = (0.1, 0.2, 1 / 3, 2 / 3, 1.0)
"""Of the horizon: how long after a move its effects are learned."""
PENALTY = 0.003
"""Ridge penalty of a standardised column, as a share of the rows."""
CERTAIN = 13.8
"""Wald's statistic from which a setting is believed to move a variable: 0.999 of chi squared with two degrees."""
MOST_ROWS = 6_000
_FARTHEST = 6.0
"""Standard deviations at which a state is cut off."""


@dataclass(frozen=True, slots=True)
class Responses:
    """What followers (p of them) do after one unit of each setting (k), by lag (m), where nothing is wrong."""

    settings: tuple[str, ...]
    followers: tuple[str, ...]
    lags: Integers
    """Rows, rising, int64 (m,)."""
    gains: Floats
    """Change of each level, then of the log of each swing, a unit of setting, float64 (m, 2 p, k)."""
    limits: Floats
    """By how much a move may change each level or swing at most, float64 (2 p,)."""


def fit_responses(
    settings: Sequence[str],
    followers: Sequence[str],
    moved: Floats,
    readings: Floats,
    contexts: Integers,
    recipes: Integers,
    usable: Booleans,
    horizon_rows: int,
) -> Responses:
    """Learn what follows the settings.

    Parameters
    ----------
    moved, readings
        Settings (k, n) and followers (p, n) on a regular grid of rows, NaN where nothing was read.
    contexts
        Recipe and state of each row as one number, int64 (n,): rows before and after a move must share it.
    recipes
        Recipe of each row, from 0, -1 where there is none, int64 (n,): what is usual is told by recipe.
    usable
        Rows at which the line ran, bool (n,).
    horizon_rows
        Rows of the alert's horizon: effects are learned as far as that.
    """
    count, places = len(followers), len(settings)
    lags = np.unique([max(LEVEL, round(share * horizon_rows)) for share in LAGS])
    gains, limits = np.zeros((len(lags), 2 * count, places)), np.zeros(2 * count)
    if not count or not places:
        return Responses(tuple(settings), tuple(followers), lags, gains, limits)
    states = states_of(readings)
    known = usable & ~np.isnan(states).any(axis=0) & ~np.isnan(moved).any(axis=0)
    means, scales = spread(states[:, known])
    standing = np.clip((states - means[:, None]) / scales[:, None], -_FARTHEST, _FARTHEST)
    centred, offsets = within(standing, recipes, known), within(moved, recipes, known)
    spans = spread(offsets[:, known])[1]
    if known.any():
        limits = 4.0 * scales
    runs = run_lengths(contexts, known)
    sums = np.concatenate([np.zeros((places, 1)), np.cumsum(np.where(known, moved, 0.0), axis=1)], axis=1)
    for place, lag in enumerate(lags):
        ends = np.flatnonzero(runs > lag)
        ends = ends[:: max(1, len(ends) // MOST_ROWS)]
        begins = ends - lag
        steps = (moved[:, ends] - moved[:, begins]) / spans[:, None]
        held = ((sums[:, ends + 1] - sums[:, begins + 1]) / lag - moved[:, begins]) / spans[:, None]
        before = np.concatenate([centred[:, begins], offsets[:, begins] / spans[:, None]])
        if len(ends) < 10 * (len(before) + 2 * places):
            continue
        # What is wrong with a line lasts for hours, and rows of the same hours tell of it once.
        independent = max(1.0, len(np.unique(ends // (2 * horizon_rows))))
        found = _believed(before, steps, held, centred[:, ends] - centred[:, begins], independent)
        gains[place] = found * (scales[:, None] / spans)
        if lag < SWING:
            gains[place, count:] = 0.0
    return Responses(tuple(settings), tuple(followers), lags, gains, limits)


def _believed(before: Floats, steps: Floats, held: Floats, changes: Floats, independent: float) -> Floats:
    """Return what a move that is held changes, float64 (2 p, k), 0 where that may well be chance."""
    columns = np.concatenate([before, steps, held])
    columns = columns - columns.mean(axis=1, keepdims=True)
    spreads = columns.std(axis=1)
    rate = np.where(spreads > 1e-9, 1.0 / np.where(spreads > 1e-9, spreads, 1.0), 0.0)
    columns = columns * rate[:, None]
    gram = columns @ columns.T / columns.shape[1]
    inverse = np.linalg.inv(gram + PENALTY * np.eye(len(gram)))
    changes = changes - changes.mean(axis=1, keepdims=True)
    weights = (changes @ columns.T / columns.shape[1]) @ inverse
    noise = (changes - weights @ columns).var(axis=1)
    sandwich = inverse @ gram @ inverse / independent
    found = np.zeros((len(changes), len(steps)))
    for place in range(len(steps)):
        own = [len(before) + place, len(before) + len(steps) + place]
        if not rate[own].any():
            continue
        part = np.linalg.inv(sandwich[np.ix_(own, own)] + 1e-12 * np.eye(2))
        wald = np.einsum("fi,ij,fj->f", weights[:, own], part, weights[:, own]) / np.maximum(noise, 1e-12)
        found[:, place] = np.where(wald >= CERTAIN, weights[:, own] @ rate[own], 0.0)
    return found
