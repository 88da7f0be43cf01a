"""A monitor on rows that it has not read, over half of history: refitted at rolling origins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from andon.errors import ConfigError
from andon.evaluation.splits import rolling_origins
from andon.frames import MICROSECOND, SignalFrame, from_microseconds
from andon.models.monitors.bundle import MonitorBundle
from andon.models.monitors.training import fit_monitor
from andon.records import ModelCard, ModelKey
from configs.definitions import Monitor
from configs.periods import Period

MOST_ORIGINS = 50


def refit_forward(
    definition: Monitor, frame: SignalFrame, card: ModelCard, origins: int, threads: int = 1
) -> Iterator[tuple[MonitorBundle, Period]]:
    """Yield a monitor for each rolling origin, fitted on what came before it, and the rows that are its to forecast.

    Each gets the configurations that the champion of ``card`` was made of: what was searched for is not searched again,
    and so a little is known of later rows by the choice of configuration, and nothing by weights or thresholds.

    Raises
    ------
    ConfigError
        If ``origins`` is below 1 or above `MOST_ORIGINS`.
    ModelError
        If there are too few rows before the first origin.
    """
    if not 1 <= origins <= MOST_ORIGINS:
        raise ConfigError("--origins", f"must be 1 to {MOST_ORIGINS}, got {origins}", "give for example 5")
    times = frame.times
    span = Period(start=from_microseconds(int(times[0])), end=from_microseconds(int(times[-1])) + MICROSECOND)
    configurations = card_configurations(card)
    for learnt, judged in rolling_origins(span, origins):
        one = definition.model_copy(update={"train": learnt, "validation": None})
        part = frame.between(None, learnt.end)
        key = ModelKey(definition.name, frame.line)
        yield fit_monitor(key, one, card.definition_version, part, configurations or None, card.seed, threads), judged


def card_configurations(card: ModelCard) -> list[tuple[str, dict[str, Any]]]:
    """Return the configurations that a monitor was made of, each once: those of its variables, and its autoencoder.

    Nothing is in it where nothing was learnt: all variables are constant, or best forecast by persistence.
    """
    found: list[tuple[str, dict[str, Any]]] = []
    for chosen in card.params.values():
        params = {name: value for name, value in chosen.items() if name != "learner"}
        if params and (chosen["learner"], params) not in found:
            found.append((str(chosen["learner"]), params))
    autoencoders = [one for one in card.comparison if one.get("learner") == "autoencoder"]
    if autoencoders:
        best = min(autoencoders, key=lambda one: float(one["metric"]))
        found.append(("autoencoder", dict(best["params"])))
    return found
