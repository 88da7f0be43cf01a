"""Many small Keras networks trained as one: a leading variable axis, and one compiled graph for a whole epoch.

Tracing a graph costs far more than running it on networks of this size. So an epoch is traced once an architecture,
and the graph is kept and its weights reset for the next fit of the same architecture.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from andon.frames import Floats, Integers

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-7


class BatchedTrainer:
    """A Keras model of all variables of a line, with Adam (Kingma and Ba, 2015). Build with `batched_trainer`.

    Examples are triples of float32 arrays: inputs (n, v, p), targets (n, v), and 1 where a target was read (n, v).
    """

    def __init__(self, shapes: Sequence[tuple[int, int, int]], activation: str, dropout: float, threads: int) -> None:
        keras, tensorflow = _import_quietly(threads)
        self._tensorflow = tensorflow
        self.model = _build_model(keras, tensorflow, shapes, activation, dropout)
        self._variables = [variable.value for variable in self.model.trainable_variables]
        self._slots = [[tensorflow.Variable(tensorflow.zeros_like(v)) for v in self._variables] for _ in range(2)]
        self._powers = [tensorflow.Variable(1.0), tensorflow.Variable(1.0)]
        self._dropouts = [layer for layer in self.model.layers if isinstance(layer, keras.layers.Dropout)]
        count, width = shapes[0][0], shapes[0][1]
        examples = (
            tensorflow.TensorSpec((None, count, width), tensorflow.float32),
            tensorflow.TensorSpec((None, count), tensorflow.float32),
            tensorflow.TensorSpec((None, count), tensorflow.float32),
        )
        batches = tensorflow.TensorSpec((None, None), tensorflow.int32)
        rate = tensorflow.TensorSpec((), tensorflow.float32)
        self._epoch = tensorflow.function(
            self._run_epoch, input_signature=(examples, examples, batches, rate), autograph=False
        )

    def reset(self, weights: Sequence[Any], seed: int) -> None:
        """Begin anew from ``weights``: for every layer its matrices (v, in, out), then its biases (v, out)."""
        self.model.set_weights(list(weights) + self.model.get_weights()[len(weights) :])
        for slot in (slot for slots in self._slots for slot in slots):
            slot.assign(np.zeros(slot.shape, np.float32))
        for power in self._powers:
            power.assign(1.0)
        for layer, dropout in enumerate(self._dropouts):
            dropout.seed_generator.state.assign([layer, seed % 2**31])

    def weights(self) -> list[Any]:
        """Return the weights, in the order of `reset`."""
        return [variable.numpy() for variable in self._variables]

    def epoch(self, learn: Any, tail: Any, order: Integers, batch: int, rate: float) -> Floats:
        """Learn once from every row of ``learn`` in ``order`` (n,), then return the `losses` on ``tail``, (v,)."""
        count = -(-len(order) // batch)
        # The last batch is filled up with the first rows of the order, so that all are of one size.
        batches = np.resize(order, count * min(batch, len(order))).reshape(count, -1).astype(np.int32)
        losses: Floats = self._epoch(learn, tail, batches, np.float32(rate)).numpy().astype(np.float64)
        return losses

    def losses(self, examples: Any) -> Floats:
        """Return the mean squared error of each variable over the targets that were read, float64 (v,)."""
        nothing = np.zeros((0, 1), np.int32)
        losses: Floats = self._epoch(examples, examples, nothing, np.float32(0)).numpy().astype(np.float64)
        return losses

    def _run_epoch(self, learn: Any, tail: Any, batches: Any, rate: Any) -> Any:
        tensorflow = self._tensorflow

        def step(index: Any) -> tuple[Any]:
            rows = batches[index]
            inputs, targets, known = (tensorflow.gather(part, rows) for part in learn)
            with tensorflow.GradientTape() as tape:
                outputs = self.model(inputs, training=True)
                # Summed over variables, not averaged: the step of one does not depend on how many others there are.
                loss = tensorflow.reduce_sum(tensorflow.reduce_mean(tensorflow.square(targets - outputs) * known, 0))
            gradients = tape.gradient(loss, self._variables)
            powers = [self._powers[0] * _BETA1, self._powers[1] * _BETA2]
            for variable, mean, square, gradient in zip(self._variables, *self._slots, gradients, strict=True):
                tensorflow.raw_ops.ResourceApplyAdam(
                    var=variable.handle,
                    m=mean.handle,
                    v=square.handle,
                    beta1_power=powers[0],
                    beta2_power=powers[1],
                    lr=rate,
                    beta1=_BETA1,
                    beta2=_BETA2,
                    epsilon=_EPSILON,
                    grad=gradient,
                )
            for power, now in zip(self._powers, powers, strict=True):
                power.assign(now)
            return (index + 1,)

        count = tensorflow.shape(batches)[0]
        done = tensorflow.while_loop(lambda index: index < count, step, (tensorflow.constant(0),))
        with tensorflow.control_dependencies(done):
            outputs = self.model(tail[0], training=False)
        errors = tensorflow.reduce_sum(tensorflow.square(tail[1] - outputs) * tail[2], 0)
        return errors / tensorflow.maximum(tensorflow.reduce_sum(tail[2], 0), 1.0)


@lru_cache(maxsize=4)
def batched_trainer(
    shapes: tuple[tuple[int, int, int], ...], activation: str, dropout: float, threads: int
) -> BatchedTrainer:
    """Return the trainer of an architecture; the newest few are kept, since a line is fitted several times over.

    ``shapes`` are (v, in, out) for each layer, the last one with one unit out; ``dropout`` follows hidden layers.
    ``threads`` counts only where TensorFlow has not run in this process yet.
    """
    return BatchedTrainer(shapes, activation, dropout, threads)


def _build_model(
    keras: Any, tensorflow: Any, shapes: Sequence[tuple[int, int, int]], activation: str, dropout: float
) -> Any:
    """Build the Keras model: inputs (batch, v, p) to outputs (batch, v)."""

    class VariableDense(keras.layers.Layer):  # type: ignore[misc]
        """A dense layer of its own for each variable."""

        def __init__(self, shape: tuple[int, int, int], activation: str) -> None:
            super().__init__()
            self.kernel = self.add_weight(shape=shape, initializer="zeros")
            self.bias = self.add_weight(shape=(shape[0], shape[2]), initializer="zeros")
            self.activation = keras.activations.get(activation)

        def call(self, inputs: Any) -> Any:
            return self.activation(tensorflow.einsum("bvi,vio->bvo", inputs, self.kernel) + self.bias)

    tensor = inputs = keras.Input(shapes[0][:2])
    for layer, shape in enumerate(shapes):
        last = layer == len(shapes) - 1
        tensor = VariableDense(shape, "linear" if last else activation)(tensor)
        if dropout and not last:
            tensor = keras.layers.Dropout(dropout, seed=layer)(tensor)
    return keras.Model(inputs, keras.layers.Reshape((shapes[0][0],))(tensor))


def _import_quietly(threads: int) -> tuple[Any, Any]:
    """Import Keras and TensorFlow without their chatter, and with explicit threads where that is still possible."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    import keras
    import tensorflow

    try:
        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:
        # TensorFlow has run in this process and keeps the threads that it began with.
        pass
    return keras, tensorflow
