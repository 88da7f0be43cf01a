"""Which forecaster each variable gets: the simplest one, unless another is better beyond noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from andon.frames import Floats
from andon.models.monitors.autoencoders import Autoencoder
from andon.models.monitors.forecasters import NETWORKS
from andon.models.monitors.networks import Network, leaning

NOISE = 2.0
"""Standard errors by which a forecaster must be better than a simpler one."""
_WITHIN = 1.0
"""The same, for another configuration of one learner: the one-standard-error rule (Breiman et al., "Classification and
Regression Trees", 1984, section 3.4.3)."""
LEAST_GAIN = 0.01
"""Share of a simpler forecaster's RMSE that a further learner must save: less is not worth its weights, and the best of
many configurations is so much better by luck."""
_BLOCKS = 5
_LEAST_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One configuration tried on all variables of a line."""

    learner: str
    params: dict[str, Any]
    networks: tuple[Network, ...]
    residuals: Floats
    """On validation rows, standardised, float64 (n_rows, v), NaN where nothing was read."""
    seconds: float
    autoencoder: Autoencoder | None = None
    """Where the learner makes one; then there are no networks, and ``residuals`` are its errors."""

    @property
    def rmse(self) -> Floats:
        """Error of each variable on validation rows, standardised, float64 (v,)."""
        return root_mean_square(self.residuals)

    @property
    def metric(self) -> float:
        """Mean standardised RMSE over the variables: what a search minimises."""
        return float(np.mean(self.rmse))


@dataclass(frozen=True, slots=True)
class Choice:
    """The forecaster of one variable. ``learner`` is persistence, constant or that of an evaluation.

    ``network`` is `networks.leaning` by ``share`` and ``apart``.
    """

    learner: str
    params: Mapping[str, Any]
    network: Network
    errors: dict[str, float | None]
    """RMSE on validation rows of ``persistence`` and of what each learner would be chosen with, standardised."""
    share: float = 1.0
    """How much of the forecast is the learner's, as a rule; the rest is the last reading."""
    apart: float = 0.0
    """Mean square distance of the learner's forecasts from the last reading on validation rows, standardised."""


def root_mean_square(residuals: Floats) -> Floats:
    """Return the root mean square of each column (n, v) over its known rows, 0 where there are none.

    Examples
    --------
    >>> root_mean_square(np.array([[3.0, np.nan], [-3.0, np.nan]])).tolist()
    [3.0, 0.0]
    """
    known = ~np.isnan(residuals)
    squares: Floats = np.where(known, residuals, 0.0) ** 2
    means: Floats = squares.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.sqrt(means)


def beats(challenger: Floats, incumbent: Floats, noise: float = NOISE) -> bool:
    """Return whether a challenger's squared residuals (n,) are smaller than an incumbent's beyond noise.

    The mean difference must pass ``noise`` times its standard error by batch means: the rows, which follow each other,
    are cut into at most 20 blocks, and the blocks taken as independent (Diebold and Mariano, "Comparing Predictive
    Accuracy", 1995, with the variance of Schmeiser's batch means, 1982).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> small, large = rng.normal(size=400), rng.normal(size=400) * 2
    >>> beats(small, large), beats(large, small), beats(small, small)
    (True, False, False)
    """
    gain = incumbent**2 - challenger**2
    gain = gain[~np.isnan(gain)]
    blocks = min(20, len(gain) // 4)
    if blocks < 2:
        return False
    means = np.array([block.mean() for block in np.array_split(gain, blocks)])
    return bool(means.mean() > noise * means.std(ddof=1) / np.sqrt(blocks) and means.mean() > 0)


def best_autoencoder(evaluations: Sequence[Evaluation]) -> Evaluation | None:
    """Return the evaluation of the autoencoder that tells unseen rows best, if any was tried."""
    tried = [evaluation for evaluation in evaluations if evaluation.autoencoder is not None]
    return min(tried, key=lambda evaluation: evaluation.metric, default=None)


def one_of_each_network(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Keep of the configurations of each neural network only the best over all variables.

    For where every one that is chosen has to be fitted several times over.
    """
    best = {
        learner: min(
            (evaluation for evaluation in evaluations if evaluation.learner == learner),
            key=lambda evaluation: evaluation.metric,
            default=None,
        )
        for learner in NETWORKS
    }
    return [one for one in evaluations if one.learner not in NETWORKS or one is best[one.learner]]


def best_share(residuals: Floats, persistence: Floats) -> float:
    """Return how much of a forecaster to mix with persistence, 0 to 1; both squared residuals (n,) of the same rows.

    The share that leaves the least squares (Bates and Granger, "The Combination of Forecasts", 1969) in each of five
    blocks of rows, and the median of these: one burst of errors must not decide for all other times.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> exact, far = np.zeros(100), rng.normal(size=100)
    >>> best_share(exact, far), best_share(far, exact)
    (1.0, 0.0)
    """
    known = ~np.isnan(residuals) & ~np.isnan(persistence)
    shares = []
    for mine, other in zip(
        *(np.array_split(part[known], min(_BLOCKS, int(known.sum()))) for part in (residuals, persistence)), strict=True
    ):
        apart = other - mine
        power = float(apart @ apart)
        if power > 0:
            shares.append(min(max(float(apart @ other) / power, 0.0), 1.0))
    return float(np.median(shares)) if shares else 1.0


def _worth(challenger: Floats, incumbent: Floats) -> bool:
    """Return whether a challenger `beats` an incumbent, and by a margin that is worth its weights."""
    found, before = (float(root_mean_square(residuals[:, None])[0]) for residuals in (challenger, incumbent))
    return found < (1 - LEAST_GAIN) * before and beats(challenger, incumbent)


def choose(
    column: int,
    evaluations: Sequence[Evaluation],
    persistence: Floats,
    fallback: Network,
    order: Sequence[str],
    residuals_of: Callable[[Network, int], Floats],
) -> Choice:
    """Choose the forecaster of one variable.

    ``order`` names the learners from the simplest on. Within a learner the first configuration tried stays unless the
    best is better by a standard error; it is mixed with persistence (`networks.leaning`), as a rule by `best_share`.
    The simplest learner is taken; each further one must be better than what was chosen before it and than persistence,
    beyond noise and by 1 %. Where nearly nothing of it is left, persistence stands alone. ``persistence`` (n,) are
    standardised residuals on validation rows; ``fallback`` is the network of persistence; ``residuals_of`` judges a
    network of a column there.
    """
    errors: dict[str, float | None] = {"persistence": float(root_mean_square(persistence[:, None])[0])}
    chosen: tuple[Choice, Floats] | None = None
    for position, learner in enumerate(order):
        tried = [evaluation for evaluation in evaluations if evaluation.learner == learner]
        if not tried:
            errors[learner] = None
            continue
        best = min(tried, key=lambda evaluation: float(evaluation.rmse[column]))
        if best is not tried[0] and not beats(best.residuals[:, column], tried[0].residuals[:, column], _WITHIN):
            best = tried[0]
        share = best_share(best.residuals[:, column], persistence)
        apart = float(root_mean_square((best.residuals[:, column] - persistence)[:, None])[0]) ** 2
        network = leaning(best.networks[column], share, apart)
        mine = residuals_of(network, column)
        errors[learner] = float(root_mean_square(mine[:, None])[0])
        if share < _LEAST_SHARE:
            continue
        simplest = position == 0 and learner == "linear"
        if simplest or all(_worth(mine, other) for other in (persistence, *([] if chosen is None else [chosen[1]]))):
            chosen = Choice(best.learner, best.params, network, errors, share, apart), mine
    return Choice("persistence", {}, fallback, errors) if chosen is None else chosen[0]
