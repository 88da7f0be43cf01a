"""What a learner of monitors is, and where each is found."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

from andon.errors import ModelError
from andon.frames import Floats, Integers
from andon.models.monitors.autoencoders import Autoencoder
from andon.models.monitors.networks import Network
from andon.models.watching import Watch

if TYPE_CHECKING:
    import optuna

FORECASTERS = ("linear", "smoothing", "dense", "conv", "lstm")
"""The simplest first: each further one must be better beyond noise to be chosen."""
NETWORKS = ("dense", "conv", "lstm")
AUTOENCODER = "autoencoder"
LEARNERS = (*FORECASTERS, AUTOENCODER)


class MonitorLearner(Protocol):
    """A module that learns something of a line, under configurations of its own."""

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """Draw a configuration, JSON values only."""
        ...

    def cheapest(self) -> dict[str, Any]:
        """Return the configuration that every model gets at least."""
        ...


class ForecasterLearner(MonitorLearner, Protocol):
    """A module that learns one forecaster for each variable of a line."""

    def fit(
        self, series: Floats, rows: Integers, window: int, params: Mapping[str, Any], *, seed: int, threads: int = 1
    ) -> tuple[Network, ...]:
        """Fit on ``rows`` of standardised ``series`` (n_rows, v); one network a column, the same for the same seed."""
        ...


class NetworkLearner(MonitorLearner, Protocol):
    """A forecaster of `NETWORKS`: its fit grows by epochs and may be watched."""

    def fit(
        self,
        series: Floats,
        rows: Integers,
        window: int,
        params: Mapping[str, Any],
        *,
        seed: int,
        threads: int = 1,
        watch: Watch | None = None,
    ) -> tuple[Network, ...]:
        """Fit as a `ForecasterLearner`; raise `Pruned` where ``watch`` sees no use in going on."""
        ...


class AutoencoderLearner(MonitorLearner, Protocol):
    """A module that learns one autoencoder of all variables of a line."""

    def fit(
        self, series: Floats, rows: Integers, window: int, params: Mapping[str, Any], *, seed: int, threads: int = 1
    ) -> Autoencoder:
        """Fit on ``rows`` of standardised ``series`` (n_rows, v); the same for the same seed."""
        ...


def monitor_learner(name: str) -> MonitorLearner:
    """Return any learner by name, importing only its own module.

    Raises
    ------
    ModelError
        If there is none of that name.

    Examples
    --------
    >>> monitor_learner("autoencoder").cheapest()["lags"]
    0.2
    """
    if name not in LEARNERS:
        raise ModelError("monitor", f"has no learner {name!r}", f"use one of {', '.join(LEARNERS)}")
    return cast(MonitorLearner, importlib.import_module(f"andon.models.monitors.{name}"))


def forecaster(name: str) -> ForecasterLearner:
    """Return a forecaster's learner by name.

    Raises
    ------
    ModelError
        If there is none of that name.

    Examples
    --------
    >>> forecaster("linear").cheapest()["others"]
    0
    """
    if name not in FORECASTERS:
        raise ModelError("monitor", f"has no forecaster {name!r}", f"use one of {', '.join(FORECASTERS)}")
    return cast(ForecasterLearner, monitor_learner(name))


def network_learner(name: str) -> NetworkLearner:
    """Return a learner of `NETWORKS` by name.

    Raises
    ------
    ModelError
        If there is none of that name.
    """
    if name not in NETWORKS:
        raise ModelError("monitor", f"has no network {name!r}", f"use one of {', '.join(NETWORKS)}")
    return cast(NetworkLearner, monitor_learner(name))


def autoencoder_learner() -> AutoencoderLearner:
    """Return the autoencoder's learner."""
    return cast(AutoencoderLearner, monitor_learner(AUTOENCODER))
