"""What every forecaster becomes: layers of numbers in arrays, scored without the library that trained them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from andon.frames import Floats, Integers
from andon.models.monitors import kernels
from andon.models.monitors.architectures import Layer, layer_inputs

Activation = Literal["linear", "relu", "tanh", "elu"]
ACTIVATIONS: dict[str, int] = {"linear": kernels.LINEAR, "relu": kernels.RELU, "tanh": kernels.TANH, "elu": kernels.ELU}
_KINDS: dict[str, int] = {"dense": kernels.CONVOLUTION, "conv": kernels.CONVOLUTION, "lstm": kernels.LSTM}


@dataclass(frozen=True, slots=True)
class Network:
    """A forecaster of one variable on standardised readings; without hidden layers it is a linear regression.

    It sees the newest ``lags`` readings of its variable, oldest first, and the newest ``others`` readings of every
    variable (in name order). ``anchored`` adds its own last reading to what comes out, so that nothing learnt means
    "as before" and not "as usual". ``weights[i]`` is float64 (in, out), ``biases[i]`` (out,).
    """

    lags: int
    others: int
    anchored: bool
    activation: Activation
    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    layers: tuple[Layer, ...] = ()
    """What its layers are; all dense where empty."""
    steps: int = 1
    """Parts that the lags are cut into, for a layer that runs over them; each has ``others`` readings of its own."""
    skip: Floats | None = None
    """A regression beside the layers, added to what they say: weights of the lags and, with ``others``, of the last
    reading of every variable, then an intercept, float64 (lags [+ v] + 1,)."""
    limit: float = np.inf
    """The layers see readings within so many standard deviations of the mean; ``skip`` sees all."""
    reach: float = np.inf
    """The layers are not asked where the variable's last reading lies further from the mean than this."""
    share: float = 1.0
    """How much of the forecast is a regression's, as a rule; the rest is the last reading. See `apart`."""
    apart: float = 0.0
    """Above 0, of a regression without skip: the share follows recent rows, see `kernels.recent_share`, and this is how
    far its forecasts usually lie from the last reading, in the mean square."""


def constant_network() -> Network:
    """Return a forecaster that always expects the training mean."""
    return Network(0, 0, False, "linear", (np.zeros((0, 1)),), (np.zeros(1),))


def persistence_network() -> Network:
    """Return a forecaster that expects the last reading."""
    return Network(0, 0, True, "linear", (np.zeros((0, 1)),), (np.zeros(1),))


def steadied(network: Network, share: float) -> Network:
    """Return ``share`` of what a network expects, and for the rest of its variable's last reading.

    Examples
    --------
    >>> half = steadied(Network(2, 0, False, "linear", (np.array([[0.2], [0.6]]),), (np.zeros(1),)), 0.5)
    >>> float(pack([half]).predict(np.array([[1.0], [2.0]]), 2, 2, 3)[0, 0])
    1.7
    """
    if share == 1.0 or not network.lags:
        return network
    skip = None if network.skip is None else share * network.skip
    if not network.anchored:
        skip = np.zeros(network.lags + min(network.others, 1) * _count(network) + 1) if skip is None else skip
        skip[network.lags - 1] += 1.0 - share
    return replace(
        network,
        weights=(*network.weights[:-1], share * network.weights[-1]),
        biases=(*network.biases[:-1], share * network.biases[-1]),
        skip=skip,
    )


def leaning(network: Network, share: float, apart: float) -> Network:
    """Return ``share`` of what a network expects, and for the rest its variable's last reading.

    A regression's share is only its usual one and follows how well both have told recent rows: where a line no longer
    runs as it did, the better of the two soon counts for more. Networks with layers, which would have to be asked again
    for each of these rows, keep it as `steadied` does. ``apart`` is the mean square distance of the forecasts from the
    last reading, standardised.
    """
    regression = network.lags and not (network.layers or network.anchored) and network.skip is None
    if apart > 0 and regression and len(network.weights) == 1:
        return replace(network, share=share, apart=apart)
    return steadied(network, share)


def _count(network: Network) -> int:
    """Return how many variables a network with others was made for."""
    layers = network.layers or (Layer("dense", network.weights[0].shape[1]),)
    first, n_in = layers[0], int(network.weights[0].shape[0])
    channels = {"dense": n_in // network.steps, "conv": n_in // first.width, "lstm": n_in - first.units}[first.kind]
    return (channels - network.lags // network.steps) // max(network.others, 1)


@dataclass(frozen=True, slots=True)
class PackedNetworks:
    """Networks of all variables of a line (v of them) in arrays, as `kernels.expected_rows` takes them."""

    lags: Integers
    others: Integers
    steps: Integers
    anchored: Integers
    activations: Integers
    limits: Floats
    reaches: Floats
    skips: Integers
    """Where in ``weights`` a network's skip begins; -1 where it has none."""
    shares: Floats
    aparts: Floats
    program: Integers
    """Layers of each network, int64 (v, depth, 6): kind, steps in, channels in, units, width, stride; rows of 0 end."""
    offsets: Integers
    """Where in ``weights`` a network's layers begin: for each its matrix (in, out), then its bias (out,)."""
    weights: Floats

    def predict(self, series: Floats, window: int, first: int, end: int) -> Floats:
        """Return what is expected at rows ``[first, end)`` of ``series``, float64 (end - first, v), standardised.

        ``first`` is at least ``window``; ``end`` at most one past the last row. A row's answer depends on the
        ``window`` rows before it and on nothing else, to the last bit.
        """
        return kernels.expected_rows(np.ascontiguousarray(series), first, end, window, *self.arguments)

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What `kernels.expected_rows` takes, from ``lags`` on."""
        return (
            self.lags, self.others, self.steps, self.anchored, self.activations, self.limits, self.reaches, self.skips,
            self.shares, self.aparts, self.program, self.offsets, self.weights,
        )  # fmt: skip


def pack(networks: Sequence[Network]) -> PackedNetworks:
    """Pack one network a variable, in name order."""
    depth = max(len(network.weights) for network in networks)
    program = np.zeros((len(networks), depth, 6), np.int64)
    offsets = np.zeros(len(networks), np.int64)
    skips = np.full(len(networks), -1, np.int64)
    parts: list[Floats] = []
    length = 0
    for row, network in enumerate(networks):
        offsets[row] = length
        program[row, : len(network.weights)] = _program(network, len(networks))
        for weight, bias in zip(network.weights, network.biases, strict=True):
            parts += [np.ascontiguousarray(weight, np.float64).ravel(), np.asarray(bias, np.float64)]
            length += weight.size + bias.size
        if network.skip is not None:
            skips[row] = length
            parts.append(np.asarray(network.skip, np.float64))
            length += len(network.skip)
    return PackedNetworks(
        lags=np.array([network.lags for network in networks], np.int64),
        others=np.array([network.others for network in networks], np.int64),
        steps=np.array([network.steps for network in networks], np.int64),
        anchored=np.array([network.anchored for network in networks], np.int64),
        activations=np.array([ACTIVATIONS[network.activation] for network in networks], np.int64),
        limits=np.array([network.limit for network in networks], np.float64),
        reaches=np.array([network.reach for network in networks], np.float64),
        skips=skips,
        shares=np.array([network.share for network in networks], np.float64),
        aparts=np.array([network.apart for network in networks], np.float64),
        program=program,
        offsets=offsets,
        weights=np.concatenate(parts),
    )


def _program(network: Network, count: int) -> list[tuple[int, ...]]:
    layers = network.layers or tuple(Layer("dense", weight.shape[1]) for weight in network.weights)
    channels = network.lags // network.steps + network.others * count
    return [
        (_KINDS[layer.kind], steps, wide, layer.units, layer.width, layer.stride)
        for layer, (steps, wide) in zip(layers, layer_inputs(network.steps, channels, layers), strict=True)
    ]
