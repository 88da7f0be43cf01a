"""A trained monitor of one line, and its parts on disk: arrays without pickle, and JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from andon.errors import ModelError
from andon.frames import Floats
from andon.models.monitors.autoencoders import Autoencoder
from andon.models.monitors.checking import check_autoencoder, check_line, check_networks
from andon.models.monitors.line_score import LineScore
from andon.models.monitors.networks import PackedNetworks
from andon.models.monitors.newest import Newest
from andon.models.monitors.windows import Scaling
from andon.records import ModelCard, ModelKey

PARTS = "monitor.npz"
_LATEST = {"networks.program", "networks.aparts", "line.persistence"}
"""Arrays that bundles of earlier versions lack."""


@dataclass(frozen=True, slots=True)
class MonitorBundle:
    """Everything needed to forecast and judge the variables (v of them, in name order) of one line."""

    key: ModelKey
    definition: dict[str, Any]
    """JSON form of the Monitor."""
    definition_version: int
    window: int
    """Rows that a forecast looks back on."""
    sampling: timedelta
    variables: tuple[str, ...]
    scaling: Scaling
    networks: PackedNetworks
    residual_scales: Floats
    """Usual size of each variable's residuals, in its own unit, float64 (v,)."""
    thresholds: Floats
    """Scores from which a variable is flagged, float64 (v,)."""
    line: LineScore
    card: ModelCard
    autoencoder: Autoencoder | None = None
    """Where the monitor has one."""
    newest: Newest = field(default_factory=Newest, init=False, repr=False, compare=False)
    """What was worked out last; a changed copy begins without it."""

    @property
    def rows_needed(self) -> int:
        """Rows that stand before a row so that its scores are the same as with all of history."""
        return self.window + self.line.reach


def write_parts(bundle: MonitorBundle, folder: Path) -> dict[str, Any]:
    """Write the arrays into ``folder`` and return what the manifest keeps: window, sampling, variables."""
    arrays: dict[str, Any] = {"residual_scales": bundle.residual_scales, "thresholds": bundle.thresholds}
    parts: dict[str, Any] = {"scaling": bundle.scaling, "networks": bundle.networks, "line": bundle.line}
    if bundle.autoencoder is not None:
        parts["autoencoder"] = bundle.autoencoder
    for prefix, part in parts.items():
        arrays |= {f"{prefix}.{one.name}": np.asarray(getattr(part, one.name)) for one in fields(part)}
    np.savez(folder / PARTS, allow_pickle=False, **arrays)
    return {
        "window": bundle.window,
        "sampling_us": bundle.sampling // timedelta(microseconds=1),
        "variables": list(bundle.variables),
    }


def read_parts(
    folder: Path,
    parts: Mapping[str, Any],
    *,
    key: ModelKey,
    definition: dict[str, Any],
    definition_version: int,
    card: ModelCard,
) -> MonitorBundle:
    """Read what `write_parts` wrote. Nothing in it is trusted to be well formed.

    Raises
    ------
    ModelError
        If an array is missing, or its shape or type does not fit the others.
    """
    try:
        with np.load(folder / PARTS, allow_pickle=False) as arrays:
            if not set(arrays) >= _LATEST:
                raise ModelError(f"{folder / PARTS}", "is of an earlier version", "train the monitor again")
            bundle = MonitorBundle(
                key=key,
                definition=definition,
                definition_version=definition_version,
                window=int(parts["window"]),
                sampling=timedelta(microseconds=int(parts["sampling_us"])),
                variables=tuple(str(name) for name in parts["variables"]),
                scaling=Scaling(**_fields(arrays, "scaling", Scaling)),
                networks=PackedNetworks(**_fields(arrays, "networks", PackedNetworks)),
                residual_scales=arrays["residual_scales"],
                thresholds=arrays["thresholds"],
                line=LineScore(**_fields(arrays, "line", LineScore)),
                card=card,
                autoencoder=_autoencoder(arrays),
            )
        _check(bundle)
    except (OSError, KeyError, TypeError, ValueError, EOFError) as error:
        raise ModelError(f"{folder / PARTS}", f"is damaged: {error}", "train the monitor again") from error
    return bundle


def _fields(arrays: Mapping[str, Any], prefix: str, part: type[Any]) -> dict[str, Any]:
    values = {one.name: arrays[f"{prefix}.{one.name}"] for one in fields(part)}
    return {name: float(value) if value.ndim == 0 else value for name, value in values.items()}


def _autoencoder(arrays: Mapping[str, Any]) -> Autoencoder | None:
    if "autoencoder.weights" not in arrays:
        return None
    values = {one.name: arrays[f"autoencoder.{one.name}"] for one in fields(Autoencoder)}
    numbers = {"lags": int(values["lags"]), "activation": int(values["activation"]), "limit": float(values["limit"])}
    return Autoencoder(**values | numbers)


def _check(bundle: MonitorBundle) -> None:
    """Raise ValueError unless every index and size that the compiled loops follow stays inside its array."""
    count, networks, line = len(bundle.variables), bundle.networks, bundle.line
    if bundle.window < 1 or bundle.sampling <= timedelta(0):
        raise ValueError("window and sampling must be positive")
    vectors = {
        "means": bundle.scaling.means, "scales": bundle.scaling.scales,
        "residual_scales": bundle.residual_scales, "thresholds": bundle.thresholds,
    }  # fmt: skip
    for name, vector in vectors.items():
        if vector.shape != (count,) or vector.dtype != np.float64 or not np.isfinite(vector).all():
            raise ValueError(f"{name} is not {count} finite numbers")
    check_networks(networks, bundle.window, count)
    if bundle.autoencoder is not None:
        check_autoencoder(bundle.autoencoder, bundle.window, count)
    check_line(line, count, 3 if bundle.autoencoder is None else 4)
