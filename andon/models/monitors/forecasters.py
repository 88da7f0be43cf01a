"""What a forecaster is, and where each is found."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

from andon.errors import ModelError
from andon.frames import Floats, Integers
from andon.models.monitors.networks import Network

if TYPE_CHECKING:
    import optuna

FORECASTERS = ("linear", "dense")


class ForecasterLearner(Protocol):
    """A module that learns one forecaster for each variable of a line."""

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """Draw a configuration, JSON values only."""
        ...

    def cheapest(self) -> dict[str, Any]:
        """Return the configuration that every model gets at least."""
        ...

    def fit(
        self, series: Floats, rows: Integers, window: int, params: Mapping[str, Any], *, seed: int, threads: int = 1
    ) -> tuple[Network, ...]:
        """Fit on ``rows`` of standardised ``series`` (n_rows, v); one network a column, the same for the same seed."""
        ...


def forecaster(name: str) -> ForecasterLearner:
    """Return a learner by name, importing only its own module.

    Raises
    ------
    ModelError
        If there is none of that name.

    Examples
    --------
    >>> forecaster("linear").cheapest()["others"]
    False
    """
    if name not in FORECASTERS:
        raise ModelError("monitor", f"has no learner {name!r}", f"use one of {', '.join(FORECASTERS)}")
    return cast(ForecasterLearner, importlib.import_module(f"andon.models.monitors.{name}"))
