"""How fast symptoms grow or fade while a setting stands higher or lower, over all the time that a line ran.

Trials (`andon.explain.trials`) look at the hours in which something was about to go wrong, and there are some tens of
those. What builds up slowly also does so in all other hours, of which there are a hundred times as many: over a short
while after a row, the change of the symptoms is regressed on where the settings stood meanwhile (a local projection:
Jordà 2005). Part of what a setting does may come in proportion to the symptoms, so its product with them is in as well.
So is how the settings were moved meanwhile: what only shows in a sensor goes with the move, and what builds up goes
with the standing. Rows of the same hours tell of the same hours: errors are by block (Liang and Zeger 1986).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from andon.explain.states import rolling
from andon.frames import Booleans, Floats, Integers

Floats32 = np.ndarray[Any, np.dtype[np.float32]]
WHILE, BLOCK = 0.25, 4.0
"""In horizons: over how long a change is looked at, and how far apart rows tell of different hours."""
SMOOTHED, EVERY = 5, 10
"""Rows over which symptoms are averaged, and of how many one is looked at."""
_LEAST_BLOCKS = 40
_CUT = 0.005
"""Share of the changes at either end that is cut back: cleaning takes all symptoms away at once."""
_LARGEST = 0.99
"""Quantile of the symptoms beyond which nothing is extrapolated."""


@dataclass(frozen=True, slots=True)
class Growth:
    """Rows (n of them) at which a line ran on without the event, with what its symptoms and settings did."""

    before: Floats32
    """Departures of levels and swings at the row, float32 (n, 2 p)."""
    changes: Floats32
    """By how much they changed in the while that followed, float32 (n, 2 p)."""
    held: Floats32
    """Settings over that while, less the recipe's mean, in spans, float32 (n, k)."""
    moved: Floats32
    """By how much they were moved in it, float32 (n, k)."""
    blocks: Integers
    """Which rows belong together, rising from 0, int64 (n,)."""

    def against(self, weights: Floats, excess: float) -> Floats | None:
        """Return how surely a higher setting makes symptoms grow less, in standard errors, float64 (k,).

        Parameters
        ----------
        weights
            Of departures in the symptoms, float64 (2 p,).
        excess
            The symptoms where the line stands, by the same weights.

        None where history is too short, or nothing is a symptom.
        """
        places = self.held.shape[1]
        if not weights.any() or not len(self.blocks) or self.blocks[-1] + 1 < _LEAST_BLOCKS + 3 * places:
            return None
        short = weights.astype(np.float32)
        level = (self.before @ short).astype(np.float64)
        change = (self.changes @ short).astype(np.float64)
        change = np.clip(change, *np.quantile(change, [_CUT, 1.0 - _CUT]))
        held = self.held.astype(np.float64)
        design = np.column_stack([np.ones(len(level)), level, self.moved, held, held * level[:, None]])
        inverse = np.linalg.inv(design.T @ design + 1e-6 * len(level) * np.eye(design.shape[1]))
        found = inverse @ (design.T @ change)
        scores = np.zeros((int(self.blocks[-1]) + 1, design.shape[1]))
        np.add.at(scores, self.blocks, design * (change - design @ found)[:, None])
        spread = inverse @ (scores.T @ scores) @ inverse
        at = min(excess, float(np.quantile(level, _LARGEST)))
        # What a setting does where the line stands: its own part, and that in proportion to the symptoms.
        asked = np.zeros((places, design.shape[1]))
        asked[:, 2 + places : 2 + 2 * places] = np.eye(places)
        asked[:, 2 + 2 * places :] = at * np.eye(places)
        error = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", asked, spread, asked), 1e-24))
        return np.asarray(-(asked @ found) / error, dtype=np.float64)


def fit_growth(departures: Floats, offsets: Floats, known: Booleans, until: Integers, horizon_rows: int) -> Growth:
    """Collect the rows.

    Parameters
    ----------
    departures
        Of levels and swings from what is usual, float64 (2 p, n), on a regular grid of rows.
    offsets
        Settings less the recipe's mean, in spans, float64 (k, n).
    known
        Rows at which the line had run for a while and all was read, bool (n,).
    until
        Rows until the event comes, int64 (n,).
    """
    count, length = len(known), max(2, round(WHILE * horizon_rows))
    smooth = rolling(np.where(known, departures, 0.0), SMOOTHED) / SMOOTHED
    rows = np.arange(SMOOTHED, count - length - 1, EVERY)
    gaps = np.cumsum(np.r_[0, ~known])
    rows = rows[(gaps[rows + length + 1] == gaps[rows - SMOOTHED]) & (until[rows] > length)]
    sums = np.concatenate([np.zeros((len(offsets), 1)), np.cumsum(offsets, axis=1)], axis=1)
    return Growth(
        smooth[:, rows].T.astype(np.float32),
        (smooth[:, rows + length] - smooth[:, rows]).T.astype(np.float32),
        ((sums[:, rows + length + 1] - sums[:, rows + 1]) / length).T.astype(np.float32),
        (offsets[:, rows + length] - offsets[:, rows]).T.astype(np.float32),
        np.unique(rows // round(BLOCK * horizon_rows), return_inverse=True)[1].astype(np.int64),
    )
