"""How far a line wanders away from what it was in training: a random walk under noise, measured between pieces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from andon.frames import Floats


def walk_age(position: float, length: float) -> float:
    """Return after how many steps' worth a random walk stands from its own mean over ``length`` steps, in variance.

    For a walk of unit steps that is the variance of its value at ``position``, counted from the start, about its
    mean: it is least in the middle, a third of the length at the end, and grows by one a step after that.

    Examples
    --------
    >>> [round(walk_age(position, 300.0)) for position in (0, 150, 300, 600)]
    [100, 25, 100, 400]
    """
    if position >= length:
        return length / 3 + position - length
    share = position / length
    return length * (1 / 3 - share * (1 - share))


def walk_variance(pieces: Sequence[Floats], span: int, apart: float = 1.0) -> Floats:
    """Return the variance that each column (m,) of consecutive pieces (n_k, m) gains a row as a random walk.

    Means of two pieces of b rows whose middles are d pieces apart differ by the noise of both, and by a walk's variance
    of (d - 1/3) b steps (Allan, "Statistics of Atomic Frequency Standards", 1966, for any distance in place of the
    next piece only). The noise of a mean is measured within pieces, on means of ``span`` rows, so that readings which
    follow each other are not taken for independent ones. Differences are ``apart`` times too large. 0 where pieces
    differ by no more than noise.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> still, walking = rng.normal(size=5_000), rng.normal(size=5_000).cumsum() * 0.1
    >>> variance = walk_variance(np.array_split(np.column_stack([still, walking + still]), 5), 30)
    >>> bool(variance[0] < 1e-4 < 0.003 < variance[1] < 0.03)
    True
    """
    rows = float(np.mean([len(piece) for piece in pieces]))
    centred = [piece - piece.mean(axis=0) for piece in pieces]
    span = max(1, min(span, int(rows) // 4))
    noise = np.mean(np.concatenate([moving_mean(piece, span) for piece in centred]) ** 2, axis=0) * span / rows
    means = [piece.mean(axis=0) for piece in pieces]
    gained, steps = np.zeros(pieces[0].shape[1]), 0.0
    for later in range(len(pieces)):
        for earlier in range(later):
            gained += ((means[later] - means[earlier]) / apart) ** 2 - 2 * noise
            steps += (later - earlier - 1 / 3) * rows
    return np.maximum(gained / steps, 0.0) if steps else gained


def moving_mean(values: Floats, span: int) -> Floats:
    """Return means (n - span + 1, m) over ``span`` rows; all rows in one where there are fewer.

    Examples
    --------
    >>> moving_mean(np.array([[1.0], [3.0], [5.0]]), 2).tolist()
    [[2.0], [4.0]]
    """
    span = min(span, len(values))
    sums = np.cumsum(np.concatenate([np.zeros((1, values.shape[1])), values]), axis=0)
    means: Floats = (sums[span:] - sums[:-span]) / span
    return means
