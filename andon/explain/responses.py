"""What else moves when a setting is moved: learned from the moves that people made in a line's history.

A setting that is changed on paper only would stand beside readings that never followed it: a slower packer with the
motor current of a fast one looks worn out. So each candidate takes its followers along. By how much is a regression of
where a variable stands ``lag`` rows later on where everything stood before, and on how the settings were moved in
between (direct forecasting, Marcellino, Stock and Watson 2006), with products of the move and of the variable's own
state, because what a move does depends on what is wrong: skimming takes away foam only where there is foam. People move
settings mostly for reasons of their own, and what the sensors showed before stands in the regression beside them
(adjustment for confounders: Pearl, *Causality*, 2009, ch. 3). What history does not show beyond chance (Wald's test) is
taken for nothing: better no advice than one that follows from noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from andon.frames import Booleans, Floats, Integers

LAGS = (0.1, 0.2, 1 / 3, 2 / 3, 1.0)
"""Of the horizon: how long after a move its effects are learned."""
LEVEL, SWING = 3, 10
"""Rows that a level is the mean of, and that a swing (log of the standard deviation) is taken over."""
PENALTY = 0.003
"""Ridge penalty of a standardised column, as a share of the rows."""
CERTAIN = 22.5
"""Wald's statistic from which a setting is believed to move a variable: 0.999 of chi squared with `_TERMS` degrees."""
_TERMS = 6
MOST_ROWS = 6_000
_FARTHEST = 6.0
"""Standard deviations at which a state is cut off."""


@dataclass(frozen=True, slots=True)
class Responses:
    """Gains of followers (p of them) to settings (k) by lag (m) and by the follower's own level and swing.

    A setting moved by d, ``lags[i]`` rows ago, has moved the level of follower j by
    ``d * (gains[i, j, s, 0] + gains[i, j, s, 1:] @ (level_j, swing_j))``, and the log of its swing by the same of
    ``p + j``.
    """

    settings: tuple[str, ...]
    followers: tuple[str, ...]
    lags: Integers
    """Rows, rising, int64 (m,)."""
    means: Floats
    scales: Floats
    """Mean and spread of level and swing of each follower, float64 (2 p,)."""
    gains: Floats
    """Float64 (m, 2 p, k, 3), in units of follower a unit of setting."""
    limits: Floats
    """By how much a move may change each level or swing at most, float64 (2 p,)."""
    centres: Floats
    """What is usual of each recipe (r of them), standardised, float64 (r, 2 p)."""

    def state(self, readings: Floats, recipe: int) -> Floats:
        """Return how far from the recipe's usual the last row of ``readings`` (p, n_rows) stands, float64 (2 p,)."""
        found = (_state(readings[:, -SWING:])[:, -1] - self.means) / self.scales - self.centres[recipe]
        near: Floats = np.clip(np.nan_to_num(found), -_FARTHEST, _FARTHEST)
        return near

    def effects(self, state: Floats) -> Floats:
        """Return what one unit of each setting does by lag, float64 (m, 2 p, k), where the line stands so."""
        count = len(self.followers)
        level, swing = (np.tile(half, 2)[None, :, None] for half in (state[:count], state[count:]))
        found: Floats = self.gains[..., 0] + self.gains[..., 1] * level + self.gains[..., 2] * swing
        return found


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
    gains, limits = np.zeros((len(lags), 2 * count, places, 3)), np.zeros(2 * count)
    centres = np.zeros((int(recipes.max(initial=-1)) + 1, 2 * count))
    if not count or not places:
        return Responses(tuple(settings), tuple(followers), lags, limits, limits + 1.0, gains, limits, centres)
    states = _state(readings)
    known = usable & ~np.isnan(states).any(axis=0) & ~np.isnan(moved).any(axis=0)
    means, scales = _spread(states[:, known])
    standing = np.clip((states - means[:, None]) / scales[:, None], -_FARTHEST, _FARTHEST)
    for recipe in range(len(centres)):
        rows = known & (recipes == recipe)
        if rows.any():
            centres[recipe] = standing[:, rows].mean(axis=1)
    centred, offsets = _within(standing, recipes, known), _within(moved, recipes, known)
    spans = _spread(offsets[:, known])[1]
    if known.any():
        limits = 4.0 * scales
    runs = _run_lengths(contexts, known)
    sums = np.concatenate([np.zeros((places, 1)), np.cumsum(np.where(known, moved, 0.0), axis=1)], axis=1)
    for place, lag in enumerate(lags):
        ends = np.flatnonzero(runs > lag)
        ends = ends[:: max(1, len(ends) // MOST_ROWS)]
        begins = ends - lag
        steps = (moved[:, ends] - moved[:, begins]) / spans[:, None]
        held = ((sums[:, ends + 1] - sums[:, begins + 1]) / lag - moved[:, begins]) / spans[:, None]
        before = np.concatenate([centred[:, begins], offsets[:, begins] / spans[:, None]])
        if len(ends) < 10 * (len(before) + _TERMS * places):
            continue
        # What is wrong with a line lasts for hours, and rows of the same hours tell of it once.
        independent = max(1.0, len(np.unique(ends // (2 * horizon_rows))))
        for follower in range(2 * count):
            own = [centred[follower % count + half * count, begins] for half in (0, 1)]
            terms = np.stack([steps, held, *(one * way for way in own for one in (steps, held))], axis=1)
            change = centred[follower, ends] - centred[follower, begins]
            weights = _believed(before, terms.reshape(-1, len(ends)), change, places, independent)
            unit = scales[follower] / spans
            gains[place, follower] = np.stack([weights[:, pair : pair + 2].sum(axis=1) * unit for pair in (0, 2, 4)], 1)
        if lag < SWING:
            gains[place, count:] = 0.0
    return Responses(tuple(settings), tuple(followers), lags, means, scales, gains, limits, centres)


def _believed(before: Floats, terms: Floats, change: Floats, places: int, independent: float) -> Floats:
    """Return the weights of each setting's terms, float64 (k, `_TERMS`), 0 where they may well be chance."""
    columns = np.concatenate([before, terms])
    columns = columns - columns.mean(axis=1, keepdims=True)
    spread = columns.std(axis=1)
    rate = np.where(spread > 1e-9, 1.0 / np.where(spread > 1e-9, spread, 1.0), 0.0)
    columns = columns * rate[:, None]
    gram = columns @ columns.T / columns.shape[1]
    inverse = np.linalg.inv(gram + PENALTY * np.eye(len(gram)))
    weights = inverse @ (columns @ (change - change.mean()) / columns.shape[1])
    left = change - change.mean() - weights @ columns
    spreads = inverse @ gram @ inverse * (left.var() / independent)
    found = np.zeros((places, _TERMS))
    for place in range(places):
        own = slice(len(before) + place * _TERMS, len(before) + (place + 1) * _TERMS)
        part = spreads[own, own] + 1e-12 * np.eye(_TERMS)
        if rate[own].any() and weights[own] @ np.linalg.solve(part, weights[own]) >= CERTAIN:
            found[place] = weights[own] * rate[own]
    return found


def _state(readings: Floats) -> Floats:
    """Return levels, then log swings, of each row from those up to it, float64 (2 p, n); NaN with too few readings."""
    known = ~np.isnan(readings)
    filled = np.where(known, readings, 0.0)
    level = _rolling(filled, LEVEL) / np.where(_rolling(known, LEVEL) > 0, _rolling(known, LEVEL), np.nan)
    number = _rolling(known, SWING)
    number = np.where(number > 2, number, np.nan)
    centre = np.nanmean(np.where(known, readings, np.nan), axis=1, keepdims=True) if known.any() else 0.0
    shifted = np.where(known, readings - np.nan_to_num(centre), 0.0)
    mean = _rolling(shifted, SWING) / number
    variance = np.maximum(_rolling(shifted**2, SWING) / number - mean**2, 0.0)
    floor = 1e-3 * np.maximum(np.nanstd(np.where(known, readings, np.nan), axis=1, keepdims=True), 1e-9)
    return np.concatenate([level, np.log(np.sqrt(variance) + np.nan_to_num(floor, nan=1e-9))])


def _rolling(values: Floats, rows: int) -> Floats:
    total = np.cumsum(np.asarray(values, dtype=np.float64), axis=1)
    total[:, rows:] = total[:, rows:] - total[:, :-rows]
    return total


def _spread(values: Floats) -> tuple[Floats, Floats]:
    if not values.shape[1]:
        return np.zeros(len(values)), np.ones(len(values))
    scales = values.std(axis=1)
    return values.mean(axis=1), np.where(scales > 1e-12, scales, 1.0)


def _within(values: Floats, contexts: Integers, known: Booleans) -> Floats:
    """Return values less the mean of their own recipe, 0 where nothing is known."""
    found = np.zeros_like(values)
    for context in np.unique(contexts[known]):
        rows = known & (contexts == context)
        found[:, rows] = values[:, rows] - values[:, rows].mean(axis=1, keepdims=True)
    return found


def _run_lengths(contexts: Integers, known: Booleans) -> Integers:
    """Return how many rows up to each one are known and of one context, int64 (n,)."""
    breaks = ~known
    breaks[1:] |= contexts[1:] != contexts[:-1]
    place = np.arange(len(known))
    last = np.maximum.accumulate(np.where(breaks, place, -1))
    # A run begins after a row that is not known, but with one of another context.
    found: Integers = np.where(known, place - last + known[last], 0)
    return found
