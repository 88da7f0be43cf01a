"""What every forecaster becomes: layers of numbers in arrays, scored without the library that trained them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from andon.frames import Floats, Integers
from andon.models.monitors import kernels

Activation = Literal["linear", "relu", "tanh", "elu"]
_CODES: dict[str, int] = {"linear": kernels.LINEAR, "relu": kernels.RELU, "tanh": kernels.TANH, "elu": kernels.ELU}


@dataclass(frozen=True, slots=True)
class Network:
    """A forecaster of one variable on standardised readings; without hidden layers it is a linear regression.

    It sees the newest ``lags`` readings of its variable, oldest first, and with ``others`` the last reading of every
    variable (in name order). ``anchored`` adds its own last reading to what comes out, so that nothing learnt means
    "as before" and not "as usual". ``weights[i]`` is float64 (in, out), ``biases[i]`` (out,).
    """

    lags: int
    others: bool
    anchored: bool
    activation: Activation
    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]


def constant_network() -> Network:
    """Return a forecaster that always expects the training mean."""
    return Network(0, False, False, "linear", (np.zeros((0, 1)),), (np.zeros(1),))


def persistence_network() -> Network:
    """Return a forecaster that expects the last reading."""
    return Network(0, False, True, "linear", (np.zeros((0, 1)),), (np.zeros(1),))


@dataclass(frozen=True, slots=True)
class PackedNetworks:
    """Networks of all variables of a line (v of them) in arrays, as `kernels.expected_rows` takes them."""

    lags: Integers
    others: Integers
    anchored: Integers
    activations: Integers
    sizes: Integers
    offsets: Integers
    weights: Floats

    def predict(self, series: Floats, window: int, first: int, end: int) -> Floats:
        """Return what is expected at rows ``[first, end)`` of ``series``, float64 (end - first, v), standardised.

        ``first`` is at least ``window``; ``end`` at most one past the last row. A row's answer depends on the
        ``window`` rows before it and on nothing else, to the last bit.
        """
        return kernels.expected_rows(
            np.ascontiguousarray(series), first, end, window, self.lags, self.others, self.anchored,
            self.activations, self.sizes, self.offsets, self.weights,
        )  # fmt: skip


def pack(networks: Sequence[Network]) -> PackedNetworks:
    """Pack one network a variable, in name order."""
    depth = max(len(network.weights) for network in networks) + 1
    sizes = np.zeros((len(networks), depth), np.int64)
    offsets = np.zeros(len(networks), np.int64)
    parts: list[Floats] = []
    length = 0
    for row, network in enumerate(networks):
        offsets[row] = length
        sizes[row, 0] = network.weights[0].shape[0]
        for layer, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True), start=1):
            sizes[row, layer] = weight.shape[1]
            parts += [np.ascontiguousarray(weight, np.float64).ravel(), np.asarray(bias, np.float64)]
            length += weight.size + bias.size
    return PackedNetworks(
        lags=np.array([network.lags for network in networks], np.int64),
        others=np.array([network.others for network in networks], np.int64),
        anchored=np.array([network.anchored for network in networks], np.int64),
        activations=np.array([_CODES[network.activation] for network in networks], np.int64),
        sizes=sizes,
        offsets=offsets,
        weights=np.concatenate(parts),
    )
