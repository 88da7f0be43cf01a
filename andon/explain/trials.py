"""What became of a line that stood as it stands now, where people happened to keep a setting higher or lower.

History holds a natural experiment: people move settings for reasons of their own, and now and then something is going
wrong meanwhile. Each row of raised risk is one trial of where the settings were held in the minutes that followed, and
of what came: the event, and how the symptoms went on. Rows whose symptoms are those of the alert are compared with one
another (kernel weights; local likelihood, Tibshirani and Hastie 1987): a logistic regression of the event, and a linear
one of the symptoms, on the settings, given how far it had come at the row (g-formula for a setting that is held: Hernán
and Robins, *Causal Inference*, 2020, ch. 13), with standard errors by episode (Liang and Zeger 1986), since rows of one
episode tell of it once.

A symptom is what a sensor shows beyond what is usual *for these settings, this recipe and these ingredients* (least
squares on all rows at which the line ran), so that a setting which merely shows in a sensor cures nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from andon.explain.growth import Floats32, Growth, fit_growth
from andon.explain.states import LEVEL, SWING, forward_filled, rolling, run_lengths, spread, states_of
from andon.frames import Booleans, Floats, Integers

SETTLED = 10
"""Rows that a line must have run before symptoms are read."""
RECENT = 15
"""Rows over which settings are averaged, beside where they stand, to tell what is usual."""
RAISED = 0.85
"""Quantile of the index of symptoms from which a row is a trial."""
MOST_ROWS = 2_000
HELD, SEEN = 1.5, 2.0
"""In horizons: how long settings are followed after a row, and the event is waited for."""
EARLY = 1.0
"""Horizons after which a row of an episode counts half as much as its first."""
LEAST_EPISODES = 12
"""Episodes, beside one for each setting, that must be compared."""
ALIKE = 0.6
"""Cosine of two profiles of symptoms from which they begin to be of one kind."""
_LEAST_WEIGHT = 0.02
_RIDGE, _STEPS = 0.5, 10
_FARTHEST = 6.0


@dataclass(frozen=True, slots=True)
class Symptoms:
    """What is usual of followers (p) for settings (k), recipe and ingredients (q), and what departures from it tell."""

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
    telling: Floats
    """Logistic regression of the event on what is left, float64 (2 p,)."""

    def profile(self, departures: Floats) -> Floats:
        """Return what followers' departures, float64 (2 p, n), say of the event: log-odds (p, n), none below 0."""
        told = departures * self.telling[:, None]
        half = len(told) // 2
        found: Floats = np.maximum(told[:half] + told[half:], 0.0)
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
        offsets = (settings - self.usual[recipes].T) / self.spans[:, None]
        terms = _terms(offsets, recipes, len(self.usual), (given - self.ordinary[:, None]) / self.varied[:, None])
        found: Floats = np.clip((states - self.weights.T @ terms) / self.scales[:, None], -_FARTHEST, _FARTHEST)
        return found


@dataclass(frozen=True, slots=True)
class Evidence:
    """What trials like one row say of settings (k) that are held higher or lower."""

    against: Floats
    """How surely a higher setting keeps the event away, in standard errors, float64 (k,); negative: a lower one does.

    The event's z statistic and that of the symptoms, added up and set to their common spread (Stouffer 1949, for two
    that are not independent: Strube 1985), and then with that of the symptoms in all hours, as if it were
    independent: hours of raised risk are few among them.
    """
    relief: Floats
    """Part by which the symptoms change after one unit of each setting, by lag, float64 (m, k)."""
    guilty: Booleans
    """Which levels and swings are symptoms, bool (2 p,)."""
    excess: Floats
    """How far each level and swing stands from what is usual, in its own unit, float64 (2 p,)."""
    episodes: int
    """How many episodes were compared."""


@dataclass(frozen=True, slots=True)
class Trials:
    """Rows of raised risk (n of them), where settings were held after each, and what came."""

    symptoms: Symptoms
    profiles: Floats
    """Of symptoms, float64 (n, p)."""
    index: Floats
    """Log-odds that all symptoms together tell of the event, float64 (n,)."""
    held: Floats
    """Settings over the rows that followed, less the recipe's mean, in spans, float64 (n, k)."""
    shares: Floats
    """How much each row counts, float64 (n,): early ones of an episode more, and no long episode for many."""
    came: Booleans
    episodes: Integers
    """Which rows belong together, rising from 0, int64 (n,)."""
    course: Floats32
    """Departures at the row, at each lag and in the end, or just before the event, float32 (m + 2, n, 2 p)."""
    growth: Growth
    """How symptoms grow in all hours, beside these."""

    def evidence(self, departures: Floats) -> Evidence | None:
        """Compare the trials whose symptoms are like ``departures`` (2 p,).

        None where there are too few, or where there are no symptoms: what is wrong then are the settings themselves.
        """
        if departures @ self.symptoms.telling < self.index.min():
            return None
        profile = self.symptoms.profile(departures[:, None])[:, 0]
        sizes = np.linalg.norm(self.profiles, axis=1) * np.linalg.norm(profile)
        alike = self.profiles @ profile / np.where(sizes > 0, sizes, np.inf)
        weights = np.clip((alike - ALIKE) / (1.0 - ALIKE), 0.0, 1.0) ** 2
        rows = np.flatnonzero(weights > _LEAST_WEIGHT)
        weights = weights * self.shares
        own = np.unique(self.episodes[rows], return_inverse=True)[1]
        places = self.held.shape[1]
        if not len(rows) or own.max() + 1 < LEAST_EPISODES + places:
            return None
        weights = weights[rows]
        design = np.column_stack([np.ones(len(rows)), self.index[rows], self.held[rows]])
        ridge = np.r_[1e-6, 1e-6, np.full(places, _RIDGE)]
        labels = self.came[rows].astype(np.float64)
        event, left, inverse = _maximised(design, labels, weights, ridge)
        by_event = _influence(design * left[:, None], own, inverse)
        guilty = np.tile(profile > 0.0, 2) & (departures * self.symptoms.telling > 0.0)
        symptoms = np.where(guilty, self.symptoms.telling, 0.0)
        course = self.course[:, rows] @ symptoms
        changes = (course[1:] - course[0]).T
        inverse = np.linalg.inv(design.T @ (weights[:, None] * design) + np.diag(ridge))
        found = inverse @ (design.T @ (weights[:, None] * changes))
        left = weights * (changes[:, -1] - design @ found[:, -1])
        by_symptoms = _influence(design * left[:, None], own, inverse)
        first, second = event[2:] / _error(by_event), found[2:, -1] / _error(by_symptoms)
        together = (by_event * by_symptoms).sum(axis=1) / (_error(by_event) * _error(by_symptoms))
        against = -(first + second) / np.sqrt(np.maximum(2.0 + 2.0 * together, 1e-3))
        grows = self.growth.against(symptoms, float(symptoms @ departures))
        if grows is not None:
            against = (against + grows) / np.sqrt(2.0)
        usual = np.maximum(course[1:-1] @ weights / weights.sum(), 1e-9)
        # What is no larger than its own error is taken for chance (James and Stein 1961, positive part).
        kept = np.maximum(1.0 - 1.0 / np.maximum(second**2, 1e-9), 0.0)
        return Evidence(
            against, found[2:, :-1].T / usual[:, None] * kept / self.symptoms.spans, guilty,
            departures * self.symptoms.scales, int(own.max()) + 1,
        )  # fmt: skip


def fit_trials(
    moved: Floats,
    readings: Floats,
    ingredients: tuple[str, ...],
    given: Floats,
    contexts: Integers,
    recipes: Integers,
    usable: Booleans,
    onsets: Integers,
    horizon_rows: int,
    lags: Integers,
) -> Trials | None:
    """Learn what departures tell of the event, and collect the trials; None where history is too short for it.

    Parameters
    ----------
    moved, readings, given
        Settings (k, n), followers (p, n) and ingredients (q, n) on a regular grid of rows, NaN where nothing was read.
    contexts, recipes, usable
        As `andon.explain.responses.fit_responses` takes them.
    onsets
        Rows at which the event came, rising, int64.
    lags
        Rows after which departures are looked at, int64 (m,).
    """
    count = moved.shape[1]
    moved, given = forward_filled(moved), forward_filled(given)
    states = states_of(readings)
    known = usable & (recipes >= 0) & (run_lengths(contexts, usable) > SETTLED)
    known &= ~(np.isnan(states).any(axis=0) | np.isnan(moved).any(axis=0) | np.isnan(given).any(axis=0))
    if not len(moved) or not len(readings) or known.sum() < 50 * SETTLED or not len(onsets):
        return None
    usual = np.tile(moved[:, known].mean(axis=1), (recipes.max() + 1, 1))
    for one in np.unique(recipes[known]):
        usual[one] = moved[:, known & (recipes == one)].mean(axis=1)
    offsets = np.nan_to_num(moved - usual[recipes].T)
    spans = spread(offsets[:, known])[1]
    offsets /= spans[:, None]
    ordinary, varied = spread(given[:, known])
    terms = _terms(offsets, recipes, len(usual), (given - ordinary[:, None]) / varied[:, None])
    gram = terms[:, known] @ terms[:, known].T
    weights = np.linalg.solve(gram + 1e-6 * known.sum() * np.eye(len(gram)), terms[:, known] @ states[:, known].T)
    left = states - weights.T @ terms
    scales = spread(left[:, known])[1]
    left = np.clip(left / scales[:, None], -_FARTHEST, _FARTHEST)
    place = np.searchsorted(onsets, np.arange(count), side="right")
    until = np.where(place < len(onsets), onsets[np.minimum(place, len(onsets) - 1)], 2 * count) - np.arange(count)
    fitted = np.flatnonzero(known)[::3]
    telling = _telling(left[:, fitted], until[fitted] <= horizon_rows)
    symptoms = Symptoms(ingredients, spans, usual, ordinary, varied, weights, scales, telling)
    index = np.where(known, telling @ left, np.nan)
    seen = round(SEEN * horizon_rows)
    follow = round(HELD * horizon_rows)
    raised = known & (index > np.nanquantile(index, RAISED)) & (until > 2) & (np.arange(count) + seen < count)
    rows = np.flatnonzero(raised)
    rows = rows[:: max(1, -(-len(rows) // MOST_ROWS))]
    if not len(rows):
        return None
    episodes = np.cumsum(np.diff(rows, prepend=rows[0]) > seen).astype(np.int64)
    firsts = rows[np.searchsorted(episodes, episodes)]
    shares = np.exp2(-(rows - firsts) / (EARLY * horizon_rows))
    shares /= np.bincount(episodes, shares)[episodes]
    sums = np.concatenate([np.zeros((len(offsets), 1)), np.cumsum(offsets, axis=1)], 1)
    ends = rows + np.minimum(until[rows] - 1, follow)
    held = ((sums[:, ends + 1] - sums[:, rows + 1]) / (ends - rows)).T
    filled = forward_filled(np.where(known, left, np.nan))
    moments = [rows + np.minimum(until[rows] - 1, lag) for lag in (0, *lags.tolist(), follow)]
    course = np.stack([filled[:, moment].T for moment in moments]).astype(np.float32)
    return Trials(
        symptoms,
        symptoms.profile(left[:, rows]).T,
        index[rows],
        held,
        shares,
        until[rows] <= seen,
        episodes,
        course,
        fit_growth(left, offsets, known, until, horizon_rows),
    )


def _terms(offsets: Floats, recipes: Integers, count: int, given: Floats) -> Floats:
    """Return what tells of what is usual: recipe, settings now and lately and squared, ingredients, (n_terms, n)."""
    kinds = (np.arange(count)[:, None] == recipes[None]).astype(np.float64)
    known = np.nan_to_num(offsets)
    # What was moved a moment ago is on its way, and a step within the rows of a swing is one.
    means = [rolling(known, rows) / rows for rows in (LEVEL, SWING, RECENT)]
    swings = np.sqrt(np.maximum(rolling(known**2, SWING) / SWING - means[1] ** 2, 0.0))
    found: Floats = np.nan_to_num(np.concatenate([kinds, known, *means, swings, known**2, given]))
    return found


def _telling(departures: Floats, labels: Booleans) -> Floats:
    """Return the weights of a logistic regression of the labels on departures (2 p, n), float64 (2 p,)."""
    columns = np.column_stack([np.ones(departures.shape[1]), departures.T])
    ridge = 1e-4 * len(columns) * np.r_[0.0, np.ones(len(departures))]
    everywhere = np.ones(len(columns))
    return _maximised(columns, labels.astype(np.float64), everywhere, ridge)[0][1:]


def _maximised(columns: Floats, labels: Floats, weights: Floats, ridge: Floats) -> tuple[Floats, Floats, Floats]:
    """Return weights, what they leave (n,), and the inverse information of a penalised logistic regression."""
    found: Floats = np.zeros(columns.shape[1])
    for turn in range(_STEPS):
        chances = 1.0 / (1.0 + np.exp(-np.clip(columns @ found, -30.0, 30.0)))
        left = weights * (labels - chances)
        curved = weights * chances * (1.0 - chances)
        information = columns.T @ (curved[:, None] * columns) + np.diag(ridge + 1e-9)
        inverse: Floats = np.asarray(np.linalg.inv(information), dtype=np.float64)
        if turn < _STEPS - 1:
            found = found + np.asarray(inverse @ (columns.T @ left - ridge * found), dtype=np.float64)
    return found, left, inverse


def _influence(scores: Floats, groups: Integers, inverse: Floats) -> Floats:
    """Return what each group moves each setting's weight by, float64 (k, groups), from scores of rows (n, 2 + k)."""
    sums = np.zeros((int(groups.max()) + 1, scores.shape[1]))
    np.add.at(sums, groups, scores)
    found: Floats = (inverse @ sums.T)[2:]
    return found


def _error(influence: Floats) -> Floats:
    """Return standard errors of weights, float64 (k,), from the influence of groups (Liang and Zeger 1986)."""
    found: Floats = np.sqrt(np.maximum((influence**2).sum(axis=1), 1e-12))
    return found
