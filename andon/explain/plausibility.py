"""Which settings a line has been seen with: a candidate outside of them is no advice, whatever the model says of it.

Distance to the k-th nearest of the settings that history holds of the same recipe, against a high quantile of what
those have among themselves: the nearest-neighbour density test (Loftsgaarden and Quesenberry 1965; as a test for
outliers Ramaswamy, Rastogi and Shim 2000), which counterfactuals need so as to stay where the model has seen data
(Poyiadzi et al., "FACE", 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from andon.frames import Booleans, Floats

NEIGHBOURS = 3
QUANTILE = 0.99
MOST_POINTS = 400
LEAST_POINTS = 5


@dataclass(frozen=True, slots=True)
class Region:
    """Settings (k of them) that history holds of one recipe."""

    points: Floats
    """Float64 (n, k), in units of ``scales``."""
    scales: Floats
    low: Floats
    high: Floats
    """Least and greatest of each setting, float64 (k,)."""
    reach: float
    """Distance to the `NEIGHBOURS`-th nearest that is still plausible; negative: too little is known."""

    def holds(self, settings: Floats) -> Booleans:
        """Tell which settings, float64 (m, k), lie in the region, bool (m,).

        Examples
        --------
        >>> region = region_of(np.array([[60.0], [61], [62], [63], [64], [65]]))
        >>> region.holds(np.array([[62.0], [65.0], [80.0]]))
        array([ True,  True, False])
        """
        inside = ((settings >= self.low - 1e-9) & (settings <= self.high + 1e-9)).all(axis=1)
        inside = np.asarray(inside & (self.reach >= 0.0), dtype=np.bool_)
        rows = np.flatnonzero(inside)
        if len(rows):
            inside[rows] = _kth(settings[rows] / self.scales, self.points, NEIGHBOURS) <= self.reach
        return inside


def region_of(settings: Floats) -> Region:
    """Return the region of the settings of rows, float64 (n, k); rows with a missing one count for nothing."""
    known = settings[~np.isnan(settings).any(axis=1)]
    places = settings.shape[1]
    if not len(known):
        nothing = np.zeros(places)
        return Region(np.zeros((0, places)), np.ones(places), nothing, nothing, -1.0)
    spread = known.std(axis=0)
    scales = np.where(spread > 1e-12, spread, 1.0)
    points = np.unique(known, axis=0) / scales
    if len(points) > MOST_POINTS:
        points = points[np.linspace(0, len(points) - 1, MOST_POINTS).round().astype(int)]
    reach = -1.0
    if len(points) >= LEAST_POINTS:
        # Each point is nearest to itself.
        reach = float(np.quantile(_kth(points, points, NEIGHBOURS + 1), QUANTILE)) + 1e-9
    return Region(points, scales, known.min(axis=0), known.max(axis=0), reach)


def _kth(rows: Floats, points: Floats, k: int) -> Floats:
    squares = (rows**2).sum(axis=1)[:, None] - 2.0 * rows @ points.T + (points**2).sum(axis=1)[None]
    place = min(k, len(points)) - 1
    found: Floats = np.sqrt(np.maximum(np.partition(squares, place, axis=1)[:, place], 0.0))
    return found
