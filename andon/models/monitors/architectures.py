"""Shapes of networks: what stands in what order, how large each layer's weights are, and where they begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from andon.frames import Floats

Kind = Literal["dense", "conv", "lstm"]


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of ``units``. A convolution has a ``width`` and a ``stride`` in steps; the others see all steps."""

    kind: Kind
    units: int
    width: int = 1
    stride: int = 1


@dataclass(frozen=True, slots=True)
class Architecture:
    """Networks of one shape, side by side: what Keras builds, and what a graph is traced for.

    Each sees ``steps`` of ``channels`` numbers. The last layer is dense, has one unit an output and no activation.
    """

    networks: int
    steps: int
    channels: int
    layers: tuple[Layer, ...]
    activation: str
    dropout: float

    def matrices(self) -> list[tuple[int, int, int]]:
        """Return the shape of each layer's matrices, (networks, in, out).

        Examples
        --------
        >>> Architecture(2, 10, 3, (Layer("lstm", 4), Layer("dense", 1)), "tanh", 0.0).matrices()
        [(2, 7, 16), (2, 4, 1)]
        """
        return [(self.networks, *shape) for shape in matrix_shapes(self.steps, self.channels, self.layers)]

    def first_weights(self, rng: np.random.Generator) -> list[Floats]:
        """Draw for each layer its matrices (networks, in, out) and its biases (networks, out).

        Uniform as Glorot and Bengio (2010), each network from draws of its own; biases are 0, but 1 at an LSTM's forget
        gates (Jozefowicz et al., 2015). The last layer begins at 0.
        """
        weights: list[Floats] = []
        for layer, shape in zip(self.layers, self.matrices(), strict=True):
            bound = 0.0 if layer is self.layers[-1] else float(np.sqrt(6 / (shape[1] + shape[2])))
            bias = np.zeros((shape[0], shape[2]))
            if layer.kind == "lstm":
                bias[:, layer.units : 2 * layer.units] = 1.0
            weights += [rng.uniform(-bound, bound, shape), bias]
        return weights


def layer_inputs(steps: int, channels: int, layers: Sequence[Layer]) -> list[tuple[int, int]]:
    """Return steps and channels that each layer sees; a dense layer sees all numbers as channels of one step.

    Examples
    --------
    >>> layer_inputs(10, 3, [Layer("conv", 4, width=4, stride=2), Layer("dense", 5), Layer("dense", 1)])
    [(10, 3), (1, 16), (1, 5)]
    """
    seen = []
    for layer in layers:
        if layer.kind == "dense":
            steps, channels = 1, steps * channels
        seen.append((steps, channels))
        steps = (steps - layer.width) // layer.stride + 1 if layer.kind == "conv" else 1
        channels = layer.units
    return seen


def matrix_shapes(steps: int, channels: int, layers: Sequence[Layer]) -> list[tuple[int, int]]:
    """Return (in, out) of each layer's matrix; an LSTM's has four gates a unit, and its own units among the inputs."""
    return [
        (channels + layer.units, 4 * layer.units) if layer.kind == "lstm" else (layer.width * channels, layer.units)
        for layer, (steps, channels) in zip(layers, layer_inputs(steps, channels, layers), strict=True)
    ]
