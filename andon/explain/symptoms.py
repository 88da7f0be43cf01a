"""What is usual of the sensors for these settings, this recipe and these ingredients, and how far they lie from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from andon.explain.states import LEVEL, SWING, rolling, spread
from andon.frames import Booleans, Floats, Integers

RECENT = 15
"""Rows over which settings are averaged, beside where they stand, to tell what is usual."""
_FARTHEST = 6.0


@dataclass(frozen=True, slots=True)
class Symptoms:
    """What is usual of followers (p) for settings (k), recipe and ingredients (q)."""

    ingredients: tuple[str, ...]
    spans: Floats
    """How far each setting strays from its recipe (standard deviation), float64 (k,)."""
    usual: Floats
    """Mean of each setting by recipe, float64 (recipes, k)."""
    ordinary: Floats
    """Mean of each ingredient, float64 (q,), and its spread."""
    varied: Floats
    weights: Floats
    """Least squares of level and swing on the terms of `_terms`, float64 (n_terms, 2 p)."""
    scales: Floats
    """Spread of what is left of them, float64 (2 p,)."""

    def offsets(self, settings: Floats, recipes: Integers) -> Floats:
        """Return settings (k, n) less their recipe's mean, in spans, float64 (k, n)."""
        found: Floats = (settings - self.usual[recipes].T) / self.spans[:, None]
        return found

    def departures(self, states: Floats, settings: Floats, recipes: Integers, given: Floats) -> Floats:
        """Return how far levels and swings lie from what is usual, in spreads, float64 (2 p, n).

        Parameters
        ----------
        states, settings, given
            Levels and swings (2 p, n), settings (k, n) and ingredients (q, n) of consecutive rows.
        recipes
            Recipe of each row, int64 (n,).
        """
        varied = (given - self.ordinary[:, None]) / self.varied[:, None]
        terms = _terms(self.offsets(settings, recipes), recipes, len(self.usual), varied)
        found: Floats = np.clip((states - self.weights.T @ terms) / self.scales[:, None], -_FARTHEST, _FARTHEST)
        return found


def fit_symptoms(
    ingredients: tuple[str, ...], states: Floats, settings: Floats, recipes: Integers, given: Floats, known: Booleans
) -> Symptoms:
    """Learn what is usual from the ``known`` rows, bool (n,); the others as `Symptoms.departures` takes them."""
    usual = np.tile(settings[:, known].mean(axis=1), (recipes.max() + 1, 1))
    for one in np.unique(recipes[known]):
        usual[one] = settings[:, known & (recipes == one)].mean(axis=1)
    spans = spread((settings - usual[recipes].T)[:, known])[1]
    ordinary, varied = spread(given[:, known])
    terms = _terms(
        (settings - usual[recipes].T) / spans[:, None],
        recipes,
        len(usual),
        (given - ordinary[:, None]) / varied[:, None],
    )
    gram = terms[:, known] @ terms[:, known].T
    weights = np.linalg.solve(gram + 1e-6 * known.sum() * np.eye(len(gram)), terms[:, known] @ states[:, known].T)
    scales = spread(states[:, known] - weights.T @ terms[:, known])[1]
    return Symptoms(ingredients, spans, usual, ordinary, varied, weights, scales)


def _terms(offsets: Floats, recipes: Integers, count: int, given: Floats) -> Floats:
    """Return what tells of what is usual: recipe, settings now and lately and squared, ingredients, (n_terms, n)."""
    kinds = (np.arange(count)[:, None] == recipes[None]).astype(np.float64)
    known = np.nan_to_num(offsets)
    # What was moved a moment ago is on its way, and a step within the rows of a swing is one.
    means = [rolling(known, rows) / rows for rows in (LEVEL, SWING, RECENT)]
    swings = np.sqrt(np.maximum(rolling(known**2, SWING) / SWING - means[1] ** 2, 0.0))
    found: Floats = np.nan_to_num(np.concatenate([kinds, known, *means, swings, known**2, given]))
    return found
