"""Whether arrays that were read from a file are networks: compiled loops follow their indices without a look."""

from __future__ import annotations

import numpy as np

from andon.frames import Integers
from andon.models.monitors import kernels
from andon.models.monitors.autoencoders import Autoencoder
from andon.models.monitors.line_score import LineScore
from andon.models.monitors.networks import PackedNetworks

_MOST = 1_000_000
"""No width, step or count comes near it, and products of three stay whole numbers."""


def check_networks(networks: PackedNetworks, window: int, count: int) -> None:
    """Raise ValueError unless all that the loops follow for ``count`` variables stays inside its array."""
    for name in ("lags", "others", "steps", "anchored", "activations", "skips", "offsets"):
        vector = getattr(networks, name)
        least = {"skips": -1, "steps": 1}.get(name, 0)
        if vector.shape != (count,) or vector.dtype != np.int64 or (vector < least).any():
            raise ValueError(f"networks.{name} is not {count} whole numbers")
    for name, numbers in (("limits", networks.limits), ("reaches", networks.reaches)):
        if numbers.shape != (count,) or numbers.dtype != np.float64 or not (numbers > 0).all():
            raise ValueError(f"networks.{name} is not {count} numbers above 0")
    program = networks.program
    if program.ndim != 3 or program.shape[::2] != (count, 6) or program.dtype != np.int64 or not program.shape[1]:
        raise ValueError("networks.program does not fit the variables")
    if (program < 0).any() or (program > _MOST).any() or (program[:, :, 0] > kernels.LSTM).any():
        raise ValueError("networks.program has layers of no kind")
    if networks.weights.dtype != np.float64 or networks.weights.ndim != 1:
        raise ValueError("networks.weights are not numbers in a row")
    shares, aparts = networks.shares, networks.aparts
    for name, numbers, most in (("shares", shares, 1.0), ("aparts", aparts, np.inf)):
        known = numbers.shape == (count,) and numbers.dtype == np.float64 and np.isfinite(numbers).all()
        if not (known and (numbers >= 0).all() and (numbers <= most).all()):
            raise ValueError(f"networks.{name} is not {count} numbers of at least 0")
    lags, others, steps = networks.lags, networks.others, networks.steps
    if (lags > window).any() or (others > window).any() or (steps > window).any() or (lags % steps).any():
        raise ValueError("networks look back further than the window")
    if (others > window - lags + lags // steps).any():
        raise ValueError("networks look at others further back than the window")
    ends = networks.skips + lags + np.minimum(others, 1) * count + 1
    if (ends[networks.skips >= 0] > len(networks.weights)).any():
        raise ValueError("networks.skips do not fit their weights")
    for column in np.flatnonzero(aparts > 0).tolist():
        alone = not program[column, 1:, 0].any() and (program[column, 0, 3:] == 1).all()
        plain = lags[column] and steps[column] == 1 and networks.skips[column] < 0 and not networks.anchored[column]
        if not (alone and plain and program[column, 0, 0] == kernels.CONVOLUTION):
            raise ValueError("networks.aparts are of networks that are no regressions")
    for column in range(count):
        seen = int(lags[column] + steps[column] * others[column] * count)
        length = _length(program[column], seen)
        if networks.offsets[column] + length > len(networks.weights):
            raise ValueError("networks do not fit their weights")


def check_autoencoder(autoencoder: Autoencoder, window: int, count: int) -> None:
    """Raise ValueError unless an autoencoder of ``count`` variables fits them, the window, and its weights."""
    sizes, weights = autoencoder.sizes, autoencoder.weights
    if sizes.ndim != 1 or sizes.dtype != np.int64 or len(sizes) < 2 or (sizes < 1).any() or (sizes > _MOST).any():
        raise ValueError("autoencoder.sizes are not widths of layers")
    if (
        not 1 <= autoencoder.lags <= window
        or autoencoder.activation < 0
        or not autoencoder.limit > 0
        or (sizes[0], sizes[-1]) != (autoencoder.lags * count, count)
        or weights.dtype != np.float64
        or weights.shape != (((sizes[:-1] + 1) * sizes[1:]).sum(),)
    ):
        raise ValueError("the autoencoder does not fit the variables, or its weights")


def check_line(line: LineScore, count: int, sources: int) -> None:
    """Raise ValueError unless a line score of ``sources`` sources fits ``count`` variables."""
    members, charts = len(line.members), len(line.spans)
    shapes = {
        "members": (members,), "sources": (charts,), "spans": (charts,), "persistence": (2,),
        "centres": (sources, members), "scales": (sources, members), "limits": (charts, members),
        "precisions": (charts, members, members), "reaches": (charts,),
    }  # fmt: skip
    for name, shape in shapes.items():
        array, kind = getattr(line, name), np.int64 if len(shape) == 1 and name != "reaches" else np.float64
        if array.shape != shape or array.dtype != kind or np.isnan(array).any():
            raise ValueError(f"line.{name} does not fit the variables")
    indices = ((line.members, count), (line.sources, sources))
    if not members or not charts or any(array.min() < 0 or array.max() >= most for array, most in indices):
        raise ValueError("the line score does not fit the variables")
    needed, among = line.persistence.tolist()
    if not (line.spans.min() >= 1 and line.spans.max() <= _MOST and 1 <= needed <= among <= _MOST):
        raise ValueError("the line score looks back on no number of rows")
    if not (line.scales > 0).all() or not (line.reaches > 0).all() or not isinstance(line.threshold, float):
        raise ValueError("the line score has sizes that are not above 0")


def _length(program: Integers, seen: int) -> int:
    """Return how many weights the layers (depth, 6) of a network have that sees ``seen`` numbers."""
    total = layers = 0
    for kind, steps, channels, units, width, stride in program.tolist():
        if not kind:
            break
        if steps * channels != seen or not units or not 1 <= width <= steps or not stride:
            raise ValueError("networks.program has layers that do not follow each other")
        if kind == kernels.LSTM:
            total += (channels + units + 1) * 4 * units
            seen = units
        else:
            total += (width * channels + 1) * units
            seen = ((steps - width) // stride + 1) * units
        layers += 1
    if not layers or seen != 1:
        raise ValueError("networks.program does not end in one number")
    return total
