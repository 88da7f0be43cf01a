"""The search for the smallest feasible changes of settings: one setting, then pairs, then a sparse set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from andon.explain.counterfactuals import Situation
from andon.explain.plausibility import Region
from andon.frames import Booleans, Floats

MOST_STEPS = 20
"""Values that a setting is tried at."""
OPTIONS, ENOUGH = 3, 2
"""Options that are told, at most, and single settings that make pairs needless."""
SCALES = (0.5, 1.0, 1.5)
"""Assumptions on what follows the settings, in parts of what history shows: how sure a change is."""
SURE = 0.99
LIKELY = 2.85
"""How surely history must say that a move keeps the event away (standard errors), to be tried at all."""
PART = 0.7
"""Part of the surest setting's certainty that another must have beside it."""
RELIEF = 0.5
"""Part of the guilt of the most guilty variable that a change must take away where history says nothing of it: what
outweighs a cause is no remedy."""
_BLOCK, _BLOCKS = 48, 2
_FINALISTS = 12
AIM = 0.15
"""Odds to which the first advice brings the risk, in parts of the threshold's, by the model, and the event's, in parts
of what they were, by history; what only just helps comes later."""
_SLACK = 1.0
"""By how much, in log-odds, a pair may do better than its two settings promise."""

Score = Callable[[Floats], Floats]
"""Probabilities (n_rows,) of features (n_rows, n_features)."""
Shares = Callable[[Floats], Floats]
"""What each variable adds to the log-odds, float64 (n_rows, n_variables), of features."""


@dataclass(frozen=True, slots=True)
class Option:
    """Moves of the levers, float64 (l,), what they do and cost; ``start`` is the place of the latest that works."""

    moves: Floats
    after: float
    confidence: float
    cost: float
    start: int = 0
    kept: float = 0.0
    """Part of the event's odds that history, on its own account, would leave of them."""

    @property
    def moved(self) -> tuple[int, ...]:
        """Places of the levers that it moves."""
        return tuple(int(place) for place in np.flatnonzero(self.moves))


@dataclass(frozen=True, slots=True)
class Found:
    """Options, the best first, or ``reason`` why there is none; ``tried`` counts the candidates that were scored."""

    before: float
    options: tuple[Option, ...]
    reason: str
    tried: int


@dataclass(slots=True)
class _Search:
    situation: Situation
    score: Score
    shares: Shares
    threshold: float
    region: Region
    tried: int = 0
    before: Floats | None = None
    rejected: int = 0

    def plausible(self, moves: Floats) -> Booleans:
        """Tell which moves end at settings that history has seen together."""
        return _plausible(self.situation, moves, self.region)

    def cost(self, moves: Floats) -> Floats:
        """Return what moves cost, float64 (n,)."""
        return _cost(self.situation, moves)

    def after(self, moves: Floats) -> Floats:
        """Return the probability after moves, float64 (n,)."""
        self.tried += len(moves)
        return self.score(self.situation.build(moves))

    def options(self, moves: Floats, after: Floats) -> list[Option]:
        """Judge moves that would do, the cheapest of each set of settings first; keep those that remove the cause."""
        chosen = self._finalists(moves, self.cost(moves))
        if not len(chosen):
            return []
        moves, after = moves[chosen], after[chosen]
        values = _assumed(self.situation, moves)
        works = (self.score(values) < self.threshold).reshape(len(SCALES), -1)
        keep = _surely(self.situation, moves) >= LIKELY
        if not keep.all():
            relief = self._relief(values.reshape(len(SCALES), len(moves), -1)[SCALES.index(1.0)])
            keep |= relief >= RELIEF
        self.rejected += int((~keep).sum())
        costs = self.cost(moves)
        kept = _kept(self.situation, moves)
        found = [
            Option(moves[i], float(after[i]), float(works[:, i].mean()), float(costs[i]), 0, float(kept[i]))
            for i in np.flatnonzero(keep)
        ]
        best: dict[tuple[int, ...], Option] = {}
        for option in found:
            known = best.get(option.moved)
            if known is None or _rank(option, self.threshold) < _rank(known, self.threshold):
                best[option.moved] = option
        return list(best.values())

    def _finalists(self, moves: Floats, costs: Floats) -> list[int]:
        """Return the places of the cheapest moves of each set of settings, a few of growing size each."""
        order = np.argsort(costs, kind="stable")
        by_set: dict[tuple[bool, ...], list[int]] = {}
        for place in order:
            by_set.setdefault(tuple((moves[place] != 0).tolist()), []).append(int(place))
        each = max(2, _FINALISTS // max(1, len(by_set)))
        chosen: list[int] = []
        for places in list(by_set.values())[:_FINALISTS]:
            spread = np.unique(np.linspace(0, len(places) - 1, min(each, len(places))).round().astype(int))
            chosen += [places[place] for place in spread]
        return chosen

    def _relief(self, values: Floats) -> Floats:
        """Return which part of the most guilty variable's guilt is gone, float64 (n,); at most all of it."""
        if self.before is None:
            self.before = self.shares(self.situation.row.values[None])[0]
        cause = int(np.argmax(self.before))
        guilt = float(self.before[cause])
        if guilt <= 0:
            return np.zeros(len(values))
        found: Floats = 1.0 - np.maximum(self.shares(values)[:, cause], 0.0) / guilt
        return found


def find_moves(
    situations: Sequence[Situation],
    score: Score,
    shares: Shares,
    threshold: float,
    region: Region,
    *,
    steps: int = MOST_STEPS,
    wanted: int = OPTIONS,
) -> Found:
    """Search for changes after which the probability at the row is below ``threshold``.

    Every value of every single setting is scored, recomputed through the rolling features; then the pairs, in the order
    of what their two settings promise (log-odds added up), block by block until there are options enough, or the next
    pair promises no more; then, where neither helps, three settings and more, each at the value that helps most.

    Parameters
    ----------
    situations
        The same row with moves that begin ever later; the first is searched, the others tell how late would have done.
    score, shares
        The model, as functions of features.
    region
        What history has seen together.
    """
    first = situations[0]
    before = float(score(first.row.values[None])[0])
    search = _Search(first, score, shares, threshold, region)
    singles = _singles(first, region, steps)
    singles = singles[search.plausible(singles)] if len(singles) else singles
    if not len(singles):
        return Found(before, (), "no step of a setting stays within its bounds and what history has seen", 0)
    singles = singles[_believed(first, singles)]
    if not len(singles):
        return Found(before, (), _unproven(first), 0)
    after = search.after(singles)
    options = search.options(singles[after < threshold], after[after < threshold])
    if len(options) < min(wanted, ENOUGH):
        options += _pairs(search, singles, after, before, wanted - len(options))
    if not options:
        options += _sparse(search, singles, after)
    if not options:
        return Found(before, (), _reason(search, float(after.min()), threshold), search.tried)
    chosen = sorted(options, key=lambda option: _rank(option, threshold))[:wanted]
    return Found(
        before, tuple(_latest(option, situations, score, threshold, region) for option in chosen), "", search.tried
    )


def _plausible(situation: Situation, moves: Floats, region: Region) -> Booleans:
    """Tell which moves (m, l) end at settings that history has seen together, bool (m,)."""
    places = [lever.place for lever in situation.levers]
    settings = np.tile(situation.now, (len(moves), 1))
    settings[:, places] += moves
    return region.holds(settings)


def _surely(situation: Situation, moves: Floats) -> Floats:
    """Return how surely, in standard errors, moves (m, l) keep the event away, by the least sure lever, float64 (m,).

    0 where history says nothing.
    """
    if situation.evidence is None:
        return np.zeros(len(moves))
    against = situation.evidence.against[[lever.place for lever in situation.levers]]
    found: Floats = np.where(moves != 0, np.sign(moves) * against, np.inf).min(axis=1)
    return found


def _kept(situation: Situation, moves: Floats) -> Floats:
    """Return the part of the event's odds that moves (m, l) leave by history's own account, float64 (m,).

    0 where history says nothing: then only the model is asked.
    """
    if situation.evidence is None:
        return np.zeros(len(moves))
    found: Floats = np.exp(-moves @ situation.evidence.eases[[lever.place for lever in situation.levers]])
    return found


def _believed(situation: Situation, singles: Floats) -> Booleans:
    """Tell which moves of one lever, (m, l), history speaks for where the line stands so, bool (m,); all if unknown."""
    if situation.evidence is None:
        return np.ones(len(singles), dtype=np.bool_)
    # What is much less sure than something else is more likely chance, or that other's shadow.
    surest = float(np.abs(situation.evidence.against[[lever.place for lever in situation.levers]]).max())
    found: Booleans = _surely(situation, singles) >= max(LIKELY, PART * surest)
    return found


def _unproven(situation: Situation) -> str:
    assert situation.evidence is not None
    count = situation.evidence.episodes
    return f"in {count} episodes like this one, no setting that may be moved made a difference to what came"


def _cost(situation: Situation, moves: Floats) -> Floats:
    """Return what moves (m, l) cost, float64 (m,)."""
    return np.asarray(sum(lever.price(moves[:, place]) for place, lever in enumerate(situation.levers)))


def _assumed(situation: Situation, moves: Floats) -> Floats:
    """Return the features after moves (m, l) under every assumption, one after the other, (3 m, n_features)."""
    return situation.build(np.tile(moves, (len(SCALES), 1)), np.repeat(SCALES, len(moves)))


def _rank(option: Option, threshold: float) -> tuple[bool, int, float, float]:
    """Return what to sort by: what leaves little of the risk, by settings moved and cost, before what leaves more."""
    odds = option.after / (1.0 - option.after) / (threshold / (1.0 - threshold))
    odds = max(odds, option.kept)
    calm = option.confidence >= SURE and odds <= AIM
    return (not calm, len(option.moved), option.cost if calm else odds, option.cost)


def _singles(situation: Situation, region: Region, steps: int) -> Floats:
    moves = []
    for place, lever in enumerate(situation.levers):
        now = situation.now[lever.place]
        if np.isnan(now):
            continue
        low, high = float(region.low[lever.place]), float(region.high[lever.place])
        targets = lever.targets(float(now), steps, low, high)
        block = np.zeros((len(targets), len(situation.levers)))
        block[:, place] = targets - now
        moves.append(block)
    return np.concatenate(moves) if moves else np.zeros((0, len(situation.levers)))


def _pairs(search: _Search, singles: Floats, after: Floats, before: float, wanted: int) -> list[Option]:
    gains = _odds(after) - _odds(np.array([before]))
    of = np.argmax(singles != 0, axis=1)
    firsts, seconds = [], []
    for one, other in combinations(np.unique(of), 2):
        a, b = np.meshgrid(np.flatnonzero(of == one), np.flatnonzero(of == other), indexing="ij")
        firsts.append(a.ravel())
        seconds.append(b.ravel())
    if not firsts:
        return []
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    promised = gains[first] + gains[second]
    # Two changes where one would do are no better advice.
    enough = promised + _odds(np.array([before])) < _odds(np.array([search.threshold])) + _SLACK
    enough &= (after[first] >= search.threshold) & (after[second] >= search.threshold)
    places = np.flatnonzero(enough)
    places = places[np.argsort(promised[places], kind="stable")][: 3 * _BLOCK]
    moves = singles[first[places]] + singles[second[places]]
    moves = moves[search.plausible(moves)]
    found: list[Option] = []
    for begin in range(0, min(len(moves), _BLOCKS * _BLOCK), _BLOCK):
        block = moves[begin : begin + _BLOCK]
        scored = search.after(block)
        good = scored < search.threshold
        if good.any():
            found += search.options(block[good], scored[good])
        if len(found) >= wanted or not good.any():
            break
    return found


def _sparse(search: _Search, singles: Floats, after: Floats) -> list[Option]:
    """Add the setting that helps most, one after the other, as long as history has seen them together."""
    of = np.argmax(singles != 0, axis=1)
    at = np.zeros(singles.shape[1])
    for _ in range(singles.shape[1]):
        free = singles[at[of] == 0]
        if not len(free):
            break
        moves = free + at
        moves = moves[search.plausible(moves)]
        if not len(moves):
            break
        scored = search.after(moves)
        best = int(np.argmin(scored))
        if scored[best] >= float(after.min()) and at.any():
            break
        at = moves[best]
        if scored[best] < search.threshold and np.count_nonzero(at) > 2:
            return search.options(at[None], scored[best : best + 1])
    return []


def _latest(option: Option, situations: Sequence[Situation], score: Score, threshold: float, region: Region) -> Option:
    """Return the option at the latest start, of those given, that still works about as well."""
    odds = AIM * threshold / (1.0 - threshold)
    calm = odds / (1.0 + odds)
    for place in range(len(situations) - 1, 0, -1):
        moves = _same_targets(option.moves, situations[0], situations[place])
        # People may have moved another setting in between, so that the two were never seen together.
        if moves is None or not _plausible(situations[place], moves[None], region)[0]:
            continue
        scores = score(_assumed(situations[place], moves[None]))
        after = float(scores[SCALES.index(1.0)])
        if scores.max() < threshold and after <= max(1.5 * option.after, calm):
            cost = float(_cost(situations[place], moves[None])[0])
            return Option(moves, after, option.confidence, cost, place, option.kept)
    return option


def _same_targets(moves: Floats, first: Situation, later: Situation) -> Floats | None:
    """Return the moves that lead to the same settings from where they stood later; None where nothing would move."""
    places = [lever.place for lever in first.levers]
    found = np.where(moves != 0, first.now[places] + moves - later.now[places], 0.0)
    return found if ((found != 0) == (moves != 0)).all() and not np.isnan(found).any() else None


def _reason(search: _Search, best: float, threshold: float) -> str:
    if search.rejected:
        return "what would lower the risk leaves the cause as it is: what is to blame does not follow the settings"
    return (
        f"within bounds and what history has seen, the settings bring the risk to {best:.2f} at best, "
        f"and the alert comes at {threshold:.2f}"
    )


def _odds(scores: Floats) -> Floats:
    clipped = np.clip(scores, 1e-9, 1 - 1e-9)
    found: Floats = np.log(clipped) - np.log1p(-clipped)
    return found
