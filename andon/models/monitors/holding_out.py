"""Rows that judge models which have not learnt from them: validation, or all rows by blocks where that is too few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from andon.frames import Floats, Integers
from andon.models.monitors.autoencoders import Autoencoder
from andon.models.monitors.comparison import Choice, Evaluation
from andon.models.monitors.drift import walk_age
from andon.models.monitors.forecasters import FORECASTERS, autoencoder_learner, forecaster
from andon.models.monitors.networks import Network, leaning
from andon.models.monitors.preparation import MonitorData

PIECES, FOLDS = 10, 5
_SHOWN = 20
"""False alarms that validation rows must be expected to hold before they alone show the rate."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What models say of rows that they have not learnt from, in pieces of consecutive rows, oldest first."""

    residuals: tuple[Floats, ...]
    """Reading minus expected, standardised, float64 (n_k, v), NaN where nothing was read."""
    levels: tuple[Floats, ...]
    """Reading minus the mean of what was learnt, standardised."""
    errors: tuple[Floats, ...]
    """Reading minus reconstruction, standardised; empty without an autoencoder."""
    ages: tuple[float, ...]
    """How far each piece may have wandered from what was learnt; see `drift.walk_age`."""
    far: float
    """The same for rows to come: as in validation, or for as long again as there was to learn from."""
    apart: float
    """How many times as far apart pieces seem as they are: each is compared with the others only."""
    networks: tuple[Network, ...]
    """Forecasters for rows to come, one a variable."""
    autoencoder: Autoencoder | None
    """For rows to come."""
    means: Floats
    """Levels that rows to come are compared with, standardised, float64 (v,)."""


def too_few(data: MonitorData) -> bool:
    """Return whether validation rows alone are too few to show the rate of false alarms."""
    return len(data.validation) * data.rate < _SHOWN


def hold_out(
    data: MonitorData, choices: Sequence[Choice], reconstruction: Evaluation | None, seed: int, threads: int
) -> HeldOut:
    """Judge rows by the chosen models.

    Validation rows are judged by what was learnt from training rows. Where they are too few (fewer than 20 false alarms
    expected), training and validation rows are cut into five blocks, each judged by the chosen configurations fitted on
    the other four (cross-conformal prediction: Vovk, "Cross-Conformal Predictors", 2015), and what judges rows to
    come is fitted on all five. ``reconstruction`` is the autoencoder's evaluation.
    """
    networks = tuple(choice.network for choice in choices)
    autoencoder = reconstruction.autoencoder if reconstruction is not None else None
    if not too_few(data):
        learnt, parts = float(len(data.training)), np.array_split(data.validation, PIECES)
        means = _means(data.series, data.training)
        age = walk_age(learnt + len(data.validation) / 2, learnt)
        return HeldOut(
            residuals=tuple(data.residuals(networks, part) for part in parts),
            levels=tuple(data.series[part] - means for part in parts),
            errors=_errors(data, autoencoder, parts),
            autoencoder=autoencoder,
            ages=(age,) * PIECES,
            far=age,
            apart=1.0,
            networks=networks,
            means=means,
        )
    rows = np.union1d(data.training, data.validation)
    parts = np.array_split(rows, PIECES)
    residuals, levels, ages = [], [], []
    errors: list[Floats] = []
    for fold in np.array_split(np.arange(PIECES), FOLDS):
        rest = np.concatenate([part for place, part in enumerate(parts) if place not in fold])
        fitted, means = _refit(data, choices, rest, seed, threads), _means(data.series, rest)
        errors += _errors(data, _rebuilt(data, reconstruction, rest, seed, threads), [parts[place] for place in fold])
        for place in fold.tolist():
            residuals.append(data.residuals(fitted, parts[place]))
            levels.append(data.series[parts[place]] - means)
            ages.append(walk_age((place + 0.5) / PIECES * len(rows), float(len(rows))))
    return HeldOut(
        residuals=tuple(residuals),
        levels=tuple(levels),
        errors=tuple(errors),
        autoencoder=_rebuilt(data, reconstruction, rows, seed, threads),
        ages=tuple(ages),
        far=walk_age(2.0 * len(rows), float(len(rows))),
        apart=FOLDS / (FOLDS - 1),
        networks=_refit(data, choices, rows, seed, threads),
        means=_means(data.series, rows),
    )


def _refit(
    data: MonitorData, choices: Sequence[Choice], rows: Integers, seed: int, threads: int
) -> tuple[Network, ...]:
    """Fit each chosen configuration once on ``rows``; a variable without a learner keeps its network."""
    fitted: dict[str, tuple[Network, ...]] = {}
    networks = []
    for column, choice in enumerate(choices):
        if choice.learner not in FORECASTERS:
            networks.append(choice.network)
            continue
        name = f"{choice.learner} {sorted(choice.params.items())}"
        if name not in fitted:
            fitted[name] = forecaster(choice.learner).fit(
                data.series, rows, data.window, choice.params, seed=seed, threads=threads
            )
        networks.append(leaning(fitted[name][column], choice.share, choice.apart))
    return tuple(networks)


def _means(series: Floats, rows: Integers) -> Floats:
    """Return the mean reading (v,) over ``rows``, 0 (the training mean) where none was read."""
    read = ~np.isnan(series[rows])
    sums: Floats = np.where(read, series[rows], 0.0).sum(axis=0)
    means: Floats = sums / np.maximum(read.sum(axis=0), 1)
    return means


def _rebuilt(
    data: MonitorData, reconstruction: Evaluation | None, rows: Integers, seed: int, threads: int
) -> Autoencoder | None:
    """Fit an evaluation's autoencoder again on ``rows``."""
    if reconstruction is None:
        return None
    learner = autoencoder_learner()
    return learner.fit(data.series, rows, data.window, reconstruction.params, seed=seed, threads=threads)


def _errors(data: MonitorData, autoencoder: Autoencoder | None, parts: Sequence[Integers]) -> tuple[Floats, ...]:
    if autoencoder is None:
        return ()
    found = []
    for part in parts:
        first, end = int(part.min()), int(part.max()) + 1
        found.append(autoencoder.errors(data.series, data.window, first, end)[part - first])
    return tuple(found)
