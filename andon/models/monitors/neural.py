"""How networks of any architecture are trained: beside a regression, stopped by the newest rows, and held in bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from andon.frames import Booleans, Floats, Integers
from andon.models.monitors import kernels
from andon.models.monitors.architectures import Architecture, Layer
from andon.models.monitors.linear import regress
from andon.models.monitors.networks import Network, constant_network
from andon.models.watching import Pruned, Watch

TAIL = 0.15
"""Share of the rows, the newest ones, that only stop the training."""
PATIENCE = 6
"""Epochs without a better one after which a network stops."""
EPOCH = 10
"""Steps that an epoch counts for with whoever watches a fit, who leaves it alone for the first few of them."""
LIMIT = 5.0
"""Layers see readings within so many standard deviations of the mean."""
_OUTLIERS = 30.0
"""Targets are held within so many times their root mean square: a few absurd rows must not lead all others."""

Examples = tuple[Any, Any, Any]
"""Inputs (n, networks, steps, channels), targets (n, networks, out), and 1 where a target was read; float32."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What networks see: the newest ``lags`` readings of their variable in ``steps`` parts, and others at each."""

    lags: int
    others: int
    steps: int = 1

    def channels(self, n_variables: int) -> int:
        """Return how many numbers each step has."""
        return self.lags // self.steps + self.others * n_variables


def fit_networks(
    series: Floats,
    rows: Integers,
    window: int,
    params: Mapping[str, Any],
    sight: Sight,
    layers: tuple[Layer, ...],
    *,
    most_rows: int,
    seed: int,
    threads: int,
    watch: Watch | None = None,
) -> tuple[Network, ...]:
    """Fit one network a variable, all in one model; each stops at its own best epoch on the tail of ``rows``.

    A network learns what a ridge regression on the same readings leaves, or with ``params["base"] == "last"`` the
    change since the last reading. It begins at that, and what it adds is shrunk to what pays on the tail (stacking
    with one weight; Breiman, "Stacked Regressions", 1996): with nothing more to learn it stays as good as its base.

    Parameters
    ----------
    series
        Standardised readings, float64 (n_rows, v), NaN where nothing was read.
    rows
        Rows to learn from, int64, in order of time; each has ``window`` rows before it. The last 15 % only stop the
        training and set the shrinking (the others alone move the weights).
    params
        ``base``, ``activation``, ``dropout``, ``epochs``, and ``rate``, the learning rate of Adam.
    most_rows
        Rows learnt from at most, drawn at random: more make small networks slower, not better.
    seed
        Fixes first weights, order and dropout. Each variable begins from weights of its own.
    threads
        For TensorFlow, where this process has not run it yet.
    watch
        Is told at each epoch, `EPOCH` steps further, the mean over variables of the standardised RMSE on the tail.

    Returns
    -------
    tuple of Network
        In the order of the columns; a column without readings in ``rows`` expects its mean.

    Raises
    ------
    Pruned
        If ``watch`` says so.
    """
    rng = np.random.default_rng(seed)
    cut = len(rows) - max(1, round(len(rows) * TAIL))
    learn, tail = rows[:cut], rows[cut:][-most_rows:]
    anchored = params["base"] == "last"
    bases = [
        _LAST if anchored else _regression(series, learn, column, window, sight) for column in range(series.shape[1])
    ]
    if len(learn) > most_rows:
        learn = np.sort(rng.choice(learn, most_rows, replace=False))
    n_variables = series.shape[1]
    left = _left(series, learn, window, sight, bases)
    known = ~np.isnan(left)
    squares: Floats = np.where(known, left, 0.0) ** 2
    scales = np.maximum(np.sqrt(squares.sum(axis=0) / np.maximum(known.sum(axis=0), 1)), 1e-9)
    learnt = _examples(series, learn, window, sight, left / scales)
    judged = _examples(series, tail, window, sight, _left(series, tail, window, sight, bases) / scales)
    # Beyond what was shown to it a network answers anything: there only its base goes on.
    reaches = np.array([np.nanmax(np.abs(series[rows, column]), initial=1e-3) for column in range(n_variables)])
    architecture = Architecture(
        n_variables, sight.steps, sight.channels(n_variables), layers, params["activation"], params["dropout"]
    )

    def told(epoch: int, losses: Floats) -> None:
        metric = float(np.mean(np.sqrt(losses) * scales))
        if watch is not None and watch(EPOCH * epoch, metric):
            raise Pruned(metric)

    best = train(architecture, learnt, judged, params, rng=rng, seed=seed, threads=threads, told=told)
    shares = _shares(architecture, best, judged, threads)
    best[-2], best[-1] = best[-2] * (shares * scales)[:, None, None], best[-1] * (shares * scales)[:, None]
    return tuple(
        Network(
            sight.lags,
            sight.others,
            anchored,
            params["activation"],
            tuple(part[column].astype(np.float64) for part in best[::2]),
            tuple(part[column].astype(np.float64) for part in best[1::2]),
            layers=layers,
            steps=sight.steps,
            skip=bases[column].skip,
            limit=LIMIT,
            reach=float(reaches[column]),
        )
        if known[:, column].any()
        else constant_network()
        for column in range(n_variables)
    )


def train(
    architecture: Architecture,
    learnt: Examples,
    judged: Examples,
    params: Mapping[str, Any],
    *,
    rng: np.random.Generator,
    seed: int,
    threads: int,
    told: Callable[[int, Floats], None] = lambda epoch, losses: None,
) -> list[Any]:
    """Train; return for every layer its matrices and biases, each network's from its own best epoch on ``judged``.

    ``told`` is told each epoch, from 1, and the lowest loss of each network by then; what it raises ends the training.
    """
    from andon.models.monitors.batched_keras import batched_trainer

    trainer = batched_trainer(architecture, threads)
    best = [weight.astype(np.float32) for weight in architecture.first_weights(rng)]
    trainer.reset(best, seed)
    count = len(learnt[0])
    batch = 64 if count < 4_000 else 256
    order = np.random.default_rng(seed)
    lowest = trainer.losses(judged)
    waited = np.zeros(len(lowest), np.int64)
    for epoch in range(1, params["epochs"] + 1):
        losses = trainer.epoch(learnt, judged, order.permutation(count), batch, params["rate"])
        better = losses < lowest
        if better.any():
            for kept, now in zip(best, trainer.weights(), strict=True):
                kept[better] = now[better]
        lowest[better] = losses[better]
        told(epoch, lowest)
        waited = np.where(better, 0, waited + 1)
        if (waited >= PATIENCE).all():
            break
    return best


@dataclass(frozen=True, slots=True)
class _Base:
    """What a network adds to: a regression on its lags and the last readings of others, or the last reading."""

    weights: Floats | None
    intercept: float

    @property
    def skip(self) -> Floats | None:
        return None if self.weights is None else np.append(self.weights, self.intercept)


_LAST = _Base(None, 0.0)


def _regression(series: Floats, rows: Integers, column: int, window: int, sight: Sight) -> _Base:
    found = regress(series, rows, column, window, sight.lags, min(sight.others, 1), relative=True)
    return _LAST if found is None else _Base(*found)


def _left(series: Floats, rows: Integers, window: int, sight: Sight, bases: list[_Base]) -> Floats:
    """Return what the bases leave of the readings at ``rows``, float64 (n, v), NaN where nothing was read."""
    left = series[rows].copy()
    for column, base in enumerate(bases):
        if base.weights is None:
            left[:, column] -= kernels.lag_matrix(series, rows, column, window, 1, 0)[:, 0]
        else:
            seen = kernels.lag_matrix(series, rows, column, window, sight.lags, min(sight.others, 1))
            left[:, column] -= seen @ base.weights + base.intercept
    return left


def _examples(series: Floats, rows: Integers, window: int, sight: Sight, targets: Floats) -> Examples:
    n_variables = series.shape[1]
    inputs = np.empty((len(rows), n_variables, sight.steps, sight.channels(n_variables)), np.float32)
    for column in range(n_variables):
        seen = kernels.lag_matrix(series, rows, column, window, sight.lags, sight.others, sight.steps)
        inputs[:, column] = np.clip(seen, -LIMIT, LIMIT).reshape(len(rows), sight.steps, -1)
    known: Booleans = ~np.isnan(targets)
    held = np.clip(np.where(known, targets, 0.0), -_OUTLIERS, _OUTLIERS)
    return inputs, held[:, :, None].astype(np.float32), known[:, :, None].astype(np.float32)


def _shares(architecture: Architecture, weights: list[Any], judged: Examples, threads: int) -> Floats:
    """Return what share of each network's answers fits the targets best, 0 to 1, float64 (networks,)."""
    from andon.models.monitors.batched_keras import batched_trainer

    answers = batched_trainer(architecture, threads).answers(weights, judged[0]) * judged[2]
    power = (answers**2).sum(axis=(0, 2))
    along = (answers * judged[1]).sum(axis=(0, 2))
    shares: Floats = np.divide(along, power, out=np.zeros_like(power), where=power > 0)
    return np.clip(shares, 0.0, 1.0)
