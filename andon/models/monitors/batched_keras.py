"""Many small Keras networks trained as one: a leading variable axis, and one compiled graph for a whole epoch.

Tracing a graph costs far more than running it on networks of this size. So an epoch is traced once an architecture,
and the graph is kept and its weights reset for the next fit of the same architecture.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from andon.frames import Floats, Integers
from andon.models.monitors.architectures import Architecture, Layer, layer_inputs

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-7


class BatchedTrainer:
    """A Keras model of networks of one shape, with Adam (Kingma and Ba, 2015). Build with `batched_trainer`.

    Examples are triples of float32 arrays: inputs (n, networks, steps, channels), targets (n, networks, out), and 1
    where a target was read, 0 elsewhere, (n, networks, out).
    """

    def __init__(self, architecture: Architecture, threads: int) -> None:
        keras, tensorflow = _import_quietly(threads)
        self._tensorflow = tensorflow
        self.model = _build_model(keras, tensorflow, architecture)
        self._variables = [variable.value for variable in self.model.trainable_variables]
        self._slots = [[tensorflow.Variable(tensorflow.zeros_like(v)) for v in self._variables] for _ in range(2)]
        self._powers = [tensorflow.Variable(1.0), tensorflow.Variable(1.0)]
        self._dropouts = [layer for layer in self.model.layers if isinstance(layer, keras.layers.Dropout)]
        count, outputs = architecture.networks, architecture.layers[-1].units
        examples = (
            tensorflow.TensorSpec((None, count, architecture.steps, architecture.channels), tensorflow.float32),
            tensorflow.TensorSpec((None, count, outputs), tensorflow.float32),
            tensorflow.TensorSpec((None, count, outputs), tensorflow.float32),
        )
        batches = tensorflow.TensorSpec((None, None), tensorflow.int32)
        rate = tensorflow.TensorSpec((), tensorflow.float32)
        self._epoch = tensorflow.function(
            self._run_epoch, input_signature=(examples, examples, batches, rate), autograph=False
        )

    def reset(self, weights: Sequence[Any], seed: int) -> None:
        """Begin anew from ``weights``: for every layer its matrices, then its biases."""
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
        """Learn once from every row of ``learn`` in ``order`` (n,), then return the `losses` on ``tail``."""
        count = -(-len(order) // batch)
        # The last batch is filled up with the first rows of the order, so that all are of one size.
        batches = np.resize(order, count * min(batch, len(order))).reshape(count, -1).astype(np.int32)
        losses: Floats = self._epoch(learn, tail, batches, np.float32(rate)).numpy().astype(np.float64)
        return losses

    def losses(self, examples: Any) -> Floats:
        """Return the mean squared error of each network over the targets that were read, float64 (networks,)."""
        nothing = np.zeros((0, 1), np.int32)
        losses: Floats = self._epoch(examples, examples, nothing, np.float32(0)).numpy().astype(np.float64)
        return losses

    def answers(self, weights: Sequence[Any], inputs: Any) -> Floats:
        """Return what the networks with other ``weights`` say to ``inputs``, float64 (n, networks, out)."""
        self.model.set_weights(list(weights) + self.model.get_weights()[len(weights) :])
        parts = [inputs[begin : begin + 4_096] for begin in range(0, len(inputs), 4_096)]
        return np.concatenate([np.asarray(self.model(part, training=False)) for part in parts]).astype(np.float64)

    def _run_epoch(self, learn: Any, tail: Any, batches: Any, rate: Any) -> Any:
        tensorflow = self._tensorflow

        def step(index: Any) -> tuple[Any]:
            rows = batches[index]
            inputs, targets, known = (tensorflow.gather(part, rows) for part in learn)
            with tensorflow.GradientTape() as tape:
                outputs = self.model(inputs, training=True)
                # Summed over networks, not averaged: the step of one does not depend on how many others there are.
                squares = tensorflow.reduce_mean(tensorflow.square(targets - outputs) * known, 2)
                loss = tensorflow.reduce_sum(tensorflow.reduce_mean(squares, 0))
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
        errors = tensorflow.reduce_sum(tensorflow.square(tail[1] - outputs) * tail[2], (0, 2))
        return errors / tensorflow.maximum(tensorflow.reduce_sum(tail[2], (0, 2)), 1.0)


_KEPT = 24
"""Trainers that are kept, a megabyte each: a line is fitted several times over, and a family's lines are alike."""
_trainers: dict[tuple[Architecture, int], BatchedTrainer] = {}


def batched_trainer(architecture: Architecture, threads: int) -> BatchedTrainer:
    """Return the trainer of an architecture, the one that was built before where it is still there.

    ``threads`` counts only where TensorFlow has not run in this process yet. Once there are many, all go at once: Keras
    holds on to something of every graph until its session is cleared, and clearing is for all or none.
    """
    key = (architecture, threads)
    if key not in _trainers:
        if len(_trainers) >= _KEPT:
            _forget()
        _trainers[key] = BatchedTrainer(architecture, threads)
    return _trainers[key]


def _forget() -> None:
    import keras

    _trainers.clear()
    keras.backend.clear_session()
    gc.collect()


def _build_model(keras: Any, tensorflow: Any, architecture: Architecture) -> Any:
    """Build the Keras model: inputs (batch, networks, steps, channels) to outputs (batch, networks, out).

    Inside, the networks come first, so that each layer is one matrix product of all of them.
    """

    class VariableDense(keras.layers.Layer):  # type: ignore[misc]
        """A dense layer of its own for each network: (networks, batch, in) to (networks, batch, out)."""

        def __init__(self, shape: tuple[int, int, int], activation: str) -> None:
            super().__init__()
            self.kernel = self.add_weight(shape=shape, initializer="zeros")
            self.bias = self.add_weight(shape=(shape[0], shape[2]), initializer="zeros")
            self.activation = keras.activations.get(activation)

        def call(self, inputs: Any) -> Any:
            return self.activation(tensorflow.matmul(inputs, self.kernel) + self.bias[:, None, :])

    class VariableConvolution(VariableDense):
        """A convolution without padding: (networks, batch, steps, channels) to (networks, batch, steps out, units)."""

        def __init__(self, shape: tuple[int, int, int], activation: str, steps: int, layer: Layer) -> None:
            super().__init__(shape, activation)
            begins = np.arange(0, steps - layer.width + 1, layer.stride)
            self.seen = (begins[:, None] + np.arange(layer.width)).astype(np.int32)

        def call(self, inputs: Any) -> Any:
            parts = tensorflow.gather(inputs, self.seen.ravel(), axis=2)
            rows = tensorflow.reshape(parts, (self.kernel.shape[0], -1, self.kernel.shape[1]))
            return tensorflow.reshape(
                super().call(rows), (self.kernel.shape[0], -1, len(self.seen), self.kernel.shape[2])
            )

    class VariableLSTM(VariableDense):
        """An LSTM: (networks, batch, steps, channels) to its last hidden state, (networks, batch, units).

        Unrolled: there are few steps, and a loop in the graph costs more than they do.
        """

        def call(self, inputs: Any) -> Any:
            units = self.kernel.shape[2] // 4
            # What comes in is weighed for all steps at once; unstack and split have gradients without copies of zeros.
            taken = tensorflow.einsum("vbsi,vio->svbo", inputs, self.kernel[:, :-units]) + self.bias[:, None, :]
            again = self.kernel[:, -units:]
            cell = hidden = None
            for gates in tensorflow.unstack(taken):
                if hidden is not None:
                    gates += tensorflow.matmul(hidden, again)
                take, keep, candidate, show = tensorflow.split(gates, 4, axis=-1)
                new = tensorflow.sigmoid(take) * tensorflow.tanh(candidate)
                cell = new if cell is None else tensorflow.sigmoid(keep) * cell + new
                hidden = tensorflow.sigmoid(show) * tensorflow.tanh(cell)
            return hidden

    class BatchedNetworks(keras.Model):  # type: ignore[misc]
        """The layers one after another."""

        def __init__(self) -> None:
            super().__init__()
            self.stack = []
            inputs = layer_inputs(architecture.steps, architecture.channels, architecture.layers)
            for layer, shape, (steps, _) in zip(architecture.layers, architecture.matrices(), inputs, strict=True):
                last = layer is architecture.layers[-1]
                activation = "linear" if last else architecture.activation
                if layer.kind == "dense":
                    self.stack += [keras.layers.Reshape((-1, shape[1])), VariableDense(shape, activation)]
                elif layer.kind == "conv":
                    self.stack.append(VariableConvolution(shape, activation, steps, layer))
                else:
                    self.stack.append(VariableLSTM(shape, "linear"))
                if architecture.dropout and not last:
                    self.stack.append(keras.layers.Dropout(architecture.dropout, seed=len(self.stack)))

        def call(self, inputs: Any, training: bool = False) -> Any:
            tensor = tensorflow.transpose(inputs, (1, 0, 2, 3))
            for layer in self.stack:
                tensor = layer(tensor, training=training) if isinstance(layer, keras.layers.Dropout) else layer(tensor)
            return tensorflow.transpose(tensor, (1, 0, 2))

    model = BatchedNetworks()
    model(np.zeros((1, architecture.networks, architecture.steps, architecture.channels), np.float32))
    return model


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
