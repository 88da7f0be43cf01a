"""From a line's readings to a monitor: try configurations, choose, calibrate, bundle."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from andon.frames import Floats, SignalFrame
from andon.models.monitors.accuracy import with_accuracy
from andon.models.monitors.bundle import MonitorBundle
from andon.models.monitors.calibration import conformal_threshold, robust_scale
from andon.models.monitors.charting import Piece, fit_line_score
from andon.models.monitors.comparison import Choice, Evaluation, best_autoencoder, choose, one_of_each_network
from andon.models.monitors.forecasters import (
    AUTOENCODER,
    FORECASTERS,
    NETWORKS,
    autoencoder_learner,
    forecaster,
    monitor_learner,
    network_learner,
)
from andon.models.monitors.holding_out import HeldOut, hold_out, too_few
from andon.models.monitors.networks import constant_network, pack, persistence_network
from andon.models.monitors.preparation import MonitorData, prepare_monitor
from andon.models.watching import Watch
from andon.records import ModelCard, ModelKey
from configs.definitions import Monitor

__all__ = ["MonitorData", "assemble_monitor", "evaluate_configuration", "fit_monitor", "prepare_monitor"]


def evaluate_configuration(
    data: MonitorData,
    learner: str,
    params: Mapping[str, Any],
    seed: int,
    threads: int = 1,
    watch: Watch | None = None,
) -> Evaluation:
    """Fit one configuration on training rows, for all variables, and measure it on validation rows.

    Raises
    ------
    ModelError
        If there is no such learner.
    Pruned
        If ``watch``, who is told of networks as they learn, sees no use in going on.
    """
    began = time.perf_counter()
    if learner == AUTOENCODER:
        autoencoder = autoencoder_learner().fit(
            data.series, data.training, data.window, params, seed=seed, threads=threads
        )
        first, end = int(data.validation.min()), int(data.validation.max()) + 1
        errors = autoencoder.unseen_errors(data.series, data.window, first, end)[data.validation - first]
        return Evaluation(learner, dict(params), (), errors, time.perf_counter() - began, autoencoder)
    networks = (
        network_learner(learner).fit(
            data.series, data.training, data.window, params, seed=seed, threads=threads, watch=watch
        )
        if learner in NETWORKS
        else forecaster(learner).fit(data.series, data.training, data.window, params, seed=seed, threads=threads)
    )
    residuals = data.residuals(networks, data.validation)
    return Evaluation(learner, dict(params), networks, residuals, time.perf_counter() - began)


def assemble_monitor(
    data: MonitorData,
    evaluations: Sequence[Evaluation],
    key: ModelKey,
    definition: Monitor,
    definition_version: int,
    seed: int,
    threads: int = 1,
) -> MonitorBundle:
    """Choose a forecaster for each variable, calibrate on held-out rows, and bundle.

    Held-out rows are the validation rows or, where these are too few to show the rate, all rows by blocks, and then the
    chosen configurations are fitted again on all of them; see `holding_out.hold_out`.
    """
    eligible = one_of_each_network(evaluations) if too_few(data) else evaluations
    persistence = data.persistence
    order = [name for name in FORECASTERS if name in definition.learners]
    choices = [
        Choice("constant", {}, constant_network(), {})
        if data.constant[column]
        else choose(column, eligible, persistence[:, column], persistence_network(), order, data.residuals_of)
        for column in range(len(data.variables))
    ]
    held_out = hold_out(data, choices, best_autoencoder(evaluations), seed, threads)
    residuals = np.concatenate(held_out.residuals)
    scales = np.array([robust_scale(residuals[:, column], data.least[column]) for column in range(len(choices))])
    thresholds = np.array([conformal_threshold(np.abs(column), data.rate) for column in (residuals / scales).T])
    # A variable that never moved says nothing of a usual error: any true change counts, rounding does not.
    thresholds = np.where(data.constant, np.maximum(thresholds, 1.0), thresholds)
    members = np.flatnonzero(~data.constant) if not data.constant.all() else np.arange(len(choices))
    line = fit_line_score(
        _pieces(held_out, scales, thresholds),
        members,
        thresholds[members],
        data.least[members],
        held_out.means[members],
        data.window,
        data.rate,
        held_out.far,
        held_out.apart,
    )
    scales_in_units = data.scaling.restore_sizes(scales)
    card = _card(data, evaluations, choices, len(residuals), definition, definition_version, seed)
    return MonitorBundle(
        key=key,
        definition=definition.model_dump(mode="json", by_alias=True),
        definition_version=definition_version,
        window=data.window,
        sampling=data.sampling,
        variables=data.variables,
        scaling=data.scaling,
        networks=pack(held_out.networks),
        residual_scales=scales_in_units,
        thresholds=thresholds,
        line=line,
        card=with_accuracy(card, data, [choice.network for choice in choices], thresholds * scales_in_units),
        autoencoder=held_out.autoencoder,
    )


def fit_monitor(
    key: ModelKey,
    definition: Monitor,
    definition_version: int,
    frame: SignalFrame,
    configurations: Sequence[tuple[str, Mapping[str, Any]]] | None = None,
    seed: int = 0,
    threads: int = 1,
) -> MonitorBundle:
    """Train a monitor without a search: the given configurations, by default the cheapest of each learner.

    Raises
    ------
    ConfigError, ModelError
        As `prepare_monitor`.
    """
    data = prepare_monitor(frame, definition)
    tried = configurations or [(name, monitor_learner(name).cheapest()) for name in definition.learners]
    evaluations = [evaluate_configuration(data, learner, params, seed, threads) for learner, params in tried]
    return assemble_monitor(data, evaluations, key, definition, definition_version, seed, threads)


def _pieces(held_out: HeldOut, scales: Floats, limits: Floats) -> list[Piece]:
    """Return held-out rows as a line score takes them, residuals in units of their usual size."""
    pieces = []
    for place, age in enumerate(held_out.ages):
        residuals = held_out.residuals[place] / scales
        sources = [residuals, held_out.levels[place], np.minimum(np.abs(residuals), limits)]
        if held_out.errors:
            sources.append(held_out.errors[place])
        pieces.append(Piece(tuple(sources), age))
    return pieces


def _card(
    data: MonitorData,
    evaluations: Sequence[Evaluation],
    choices: Sequence[Choice],
    held_out: int,
    definition: Monitor,
    definition_version: int,
    seed: int,
) -> ModelCard:
    variables: list[dict[str, Any]] = []
    for column, (name, choice) in enumerate(zip(data.variables, choices, strict=True)):
        scale = float(data.scaling.scales[column])
        entry: dict[str, Any] = {"variable": name, "chosen": choice.learner}
        entry |= {f"{which}_rmse": None if error is None else error * scale for which, error in choice.errors.items()}
        if choice.share < 1.0:
            entry["share"] = choice.share
        if choice.learner == "constant":
            entry["reason"] = "never changes in training"
        variables.append(entry)
    variables += [{"variable": name, "chosen": None, "reason": reason} for name, reason in data.skipped.items()]
    ratios = [
        error / before
        for choice in choices
        if (before := choice.errors.get("persistence")) and (error := choice.errors.get(choice.learner)) is not None
    ]
    learners = sorted({choice.learner for choice in choices})
    tried = [
        {"learner": e.learner, "params": e.params, "metric": e.metric, "seconds": round(e.seconds, 3)}
        for e in evaluations
    ]
    return ModelCard(
        kind="monitor",
        learner="+".join(learners),
        params={name: {"learner": c.learner, **c.params} for name, c in zip(data.variables, choices, strict=True)},
        metrics={
            "rmse_to_persistence": float(np.mean(ratios)) if ratios else 1.0,
            "held_out_rows": float(held_out),
            "variables": float(len(choices)),
        },
        definition=definition.model_dump(mode="json", by_alias=True),
        definition_version=definition_version,
        data_start=data.start,
        data_end=data.end,
        seed=seed,
        comparison=(*variables, *tried),
    )
