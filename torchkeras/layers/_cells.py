"""Recurrent cells: one step of SimpleRNN, LSTM and GRU."""

from typing import Any

import torch

from torchkeras import _checks, _device, activations, constraints, initializers, regularizers
from torchkeras.layers._layer import Layer
from torchkeras.random import SeedGenerator, dropout


class _Cell(Layer):
    """Base of the cells: arguments, weights, and dropout masks kept over a sequence."""

    gates: int  # how many blocks of `units` the kernels hold

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not _checks.is_positive_int(units):
            raise ValueError(
                "Received an invalid value for argument `units`, expected a positive integer, "
                f"got {units}."
            )
        self.units = int(units)
        self.activation = activations.get(activation)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.dropout = min(1.0, max(0.0, dropout))
        self.recurrent_dropout = min(1.0, max(0.0, recurrent_dropout))
        self.seed = seed
        # As in Keras it is a variable of the cell; without a seed torch's own generator draws.
        self.seed_generator = SeedGenerator(seed)
        self._stream = None if seed is None else self.seed_generator
        self.state_size = self.units
        self.output_size = self.units
        self._dropout_mask = self._recurrent_dropout_mask = None

    def build(self, input_shape):
        width = self.gates * self.units
        # torch's kernels want (width, features): that is how the values lie in memory.
        self.kernel = self.add_weight(
            (input_shape[-1], width),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
            layout=(1, 0),
        )
        self.recurrent_kernel = self.add_weight(
            (self.units, width),
            self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
            name="recurrent_kernel",
            layout=(1, 0),
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                self._bias_shape(width),
                self._initial_bias(),
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def _bias_shape(self, width):
        return (width,)

    def _initial_bias(self):
        return self.bias_initializer

    def get_initial_state(self, batch_size: Any = None):
        """Zeros for the states of a batch, as a list."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        options: Any = {"dtype": self._compute_torch_dtype, "device": _device.device_of(self)}
        return [torch.zeros((batch_size, n), **options) for n in sizes]

    def get_dropout_mask(self, step_input):
        """The mask by which every step of the running sequence multiplies its input."""
        if self._dropout_mask is None and self.dropout > 0:
            self._dropout_mask = dropout(
                torch.ones_like(step_input), self.dropout, seed=self._stream
            )
        return self._dropout_mask

    def get_recurrent_dropout_mask(self, step_input):
        """The mask by which every step of the running sequence multiplies its state."""
        if self._recurrent_dropout_mask is None and self.recurrent_dropout > 0:
            self._recurrent_dropout_mask = dropout(
                torch.ones_like(step_input), self.recurrent_dropout, seed=self._stream
            )
        return self._recurrent_dropout_mask

    def reset_dropout_mask(self):
        """The next sequence gets a new input mask."""
        self._dropout_mask = None

    def reset_recurrent_dropout_mask(self):
        """The next sequence gets a new state mask."""
        self._recurrent_dropout_mask = None

    def _dropped(self, inputs, state, training):
        """The input and the state of a step, with the dropout of training."""
        if training and self.dropout > 0:
            inputs = inputs * self.get_dropout_mask(inputs)
        if training and self.recurrent_dropout > 0:
            state = state * self.get_recurrent_dropout_mask(state)
        return inputs, state

    def compute_output_shape(self, input_shape, states_shape=None):
        n = len(self.state_size) if isinstance(self.state_size, list) else 1
        out = (input_shape[0], self.units)
        return out, [out] * n


class SimpleRNNCell(_Cell):
    """One step of `SimpleRNN`: ``activation(inputs @ kernel + state @ recurrent_kernel + bias)``.

    Args:
        units: Size of the state and of the output.
        activation: Function of the sum, or its name.
        use_bias: Whether a bias is added.
        kernel_initializer: Initializer of the kernel.
        recurrent_initializer: Initializer of the recurrent kernel.
        bias_initializer: Initializer of the bias.
        kernel_regularizer: Term of the loss for the kernel.
        recurrent_regularizer: Term of the loss for the recurrent kernel.
        bias_regularizer: Term of the loss for the bias.
        kernel_constraint: Applied to the kernel after each update.
        recurrent_constraint: Applied to the recurrent kernel after each update.
        bias_constraint: Applied to the bias after each update.
        dropout: Fraction of the inputs dropped in training.
        recurrent_dropout: Fraction of the state dropped in training.
        seed: Integer for a repeatable stream of masks.

    Weights:
        kernel: ``(features, units)``
        recurrent_kernel: ``(units, units)``
        bias: ``(units,)``

    Shapes:
        inputs: ``(batch, features)``; states: list of ``(batch, units)``
        outputs: ``(batch, units)`` and the list of the new state

    Example:
        >>> cell = torchkeras.layers.SimpleRNNCell(3)
        >>> output, states = cell(torch.ones(2, 5), [torch.zeros(2, 3)])
        >>> output.shape
        torch.Size([2, 3])
    """

    gates = 1

    def __init__(
        self,
        units,
        activation="tanh",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            units,
            activation,
            None,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
            dropout,
            recurrent_dropout,
            seed,
            **kwargs,
        )

    _config_skip = ("autocast", "recurrent_activation")

    def call(self, sequence, states, training=False):
        state = states[0] if isinstance(states, (list, tuple)) else states
        inputs, state = self._dropped(sequence, state, training)
        x = inputs @ self.kernel
        if self.bias is not None:
            x = x + self.bias
        output = self.activation(x + state @ self.recurrent_kernel)
        return output, [output] if isinstance(states, (list, tuple)) else output


class LSTMCell(_Cell):
    """One step of `LSTM`.

    With ``i, f, c, o`` the four blocks of ``inputs @ kernel + h @ recurrent_kernel + bias``::

        c' = sigmoid(f) * c + sigmoid(i) * tanh(c_block)
        h' = sigmoid(o) * tanh(c')

    Args:
        units: Size of the states and of the output.
        activation: Function in place of ``tanh``.
        recurrent_activation: Function in place of ``sigmoid``.
        use_bias: Whether a bias is added.
        kernel_initializer: Initializer of the kernel.
        recurrent_initializer: Initializer of the recurrent kernel.
        bias_initializer: Initializer of the bias.
        unit_forget_bias: Whether the bias of the forget gate starts at 1.
        kernel_regularizer: Term of the loss for the kernel.
        recurrent_regularizer: Term of the loss for the recurrent kernel.
        bias_regularizer: Term of the loss for the bias.
        kernel_constraint: Applied to the kernel after each update.
        recurrent_constraint: Applied to the recurrent kernel after each update.
        bias_constraint: Applied to the bias after each update.
        dropout: Fraction of the inputs dropped in training.
        recurrent_dropout: Fraction of the state dropped in training.
        seed: Integer for a repeatable stream of masks.

    Weights:
        kernel: ``(features, 4 * units)``
        recurrent_kernel: ``(units, 4 * units)``
        bias: ``(4 * units,)``

    Shapes:
        inputs: ``(batch, features)``; states: ``[h, c]``, each ``(batch, units)``
        outputs: ``(batch, units)`` and ``[h, c]``

    Paper: Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735

    Example:
        >>> cell = torchkeras.layers.LSTMCell(3)
        >>> h, c = torch.zeros(2, 3), torch.zeros(2, 3)
        >>> output, states = cell(torch.ones(2, 5), [h, c])
        >>> output.shape
        torch.Size([2, 3])
    """

    gates = 4

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            units,
            activation,
            recurrent_activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
            dropout,
            recurrent_dropout,
            seed,
            **kwargs,
        )
        self.unit_forget_bias = unit_forget_bias
        self.state_size = [self.units, self.units]

    def _initial_bias(self):
        if not self.unit_forget_bias:
            return self.bias_initializer

        def initial(shape, dtype=None):
            bias = self.bias_initializer(shape, dtype=dtype)
            bias[self.units : 2 * self.units] = 1.0
            return bias

        return initial

    def call(self, inputs, states, training=False):
        h, c = states
        inputs, h = self._dropped(inputs, h, training)
        x = inputs @ self.kernel + h @ self.recurrent_kernel
        if self.bias is not None:
            x = x + self.bias
        i, f, g, o = x.chunk(4, dim=-1)
        gate, activation = self.recurrent_activation, self.activation
        c = gate(f) * c + gate(i) * activation(g)
        h = gate(o) * activation(c)
        return h, [h, c]


class GRUCell(_Cell):
    """One step of `GRU`.

    With the blocks ``z, r, h`` of ``inputs @ kernel`` (``x``) and of
    ``state @ recurrent_kernel`` (``u``), each with its bias::

        z = sigmoid(x_z + u_z)
        r = sigmoid(x_r + u_r)
        candidate = tanh(x_h + r * u_h)
        state' = z * state + (1 - z) * candidate

    Without ``reset_after`` the reset gate acts before the product:
    ``candidate = tanh(x_h + (r * state) @ recurrent_kernel_h)``, and there is one bias.

    Args:
        units: Size of the state and of the output.
        activation: Function in place of ``tanh``.
        recurrent_activation: Function in place of ``sigmoid``.
        use_bias: Whether a bias is added.
        kernel_initializer: Initializer of the kernel.
        recurrent_initializer: Initializer of the recurrent kernel.
        bias_initializer: Initializer of the bias.
        kernel_regularizer: Term of the loss for the kernel.
        recurrent_regularizer: Term of the loss for the recurrent kernel.
        bias_regularizer: Term of the loss for the bias.
        kernel_constraint: Applied to the kernel after each update.
        recurrent_constraint: Applied to the recurrent kernel after each update.
        bias_constraint: Applied to the bias after each update.
        dropout: Fraction of the inputs dropped in training.
        recurrent_dropout: Fraction of the state dropped in training.
        reset_after: Whether the reset gate acts after the product, as in CuDNN.
        seed: Integer for a repeatable stream of masks.

    Weights:
        kernel: ``(features, 3 * units)``
        recurrent_kernel: ``(units, 3 * units)``
        bias: ``(2, 3 * units)``; ``(3 * units,)`` without ``reset_after``

    Shapes:
        inputs: ``(batch, features)``; states: list of ``(batch, units)``
        outputs: ``(batch, units)`` and the list of the new state

    Paper: Cho et al. 2014, https://arxiv.org/abs/1406.1078

    Example:
        >>> cell = torchkeras.layers.GRUCell(3)
        >>> output, states = cell(torch.ones(2, 5), [torch.zeros(2, 3)])
        >>> output.shape
        torch.Size([2, 3])
    """

    gates = 3

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        reset_after=True,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            units,
            activation,
            recurrent_activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
            dropout,
            recurrent_dropout,
            seed,
            **kwargs,
        )
        self.reset_after = reset_after

    def _bias_shape(self, width):
        return (2, width) if self.reset_after else (width,)

    def call(self, inputs, states, training=False):
        state = states[0] if isinstance(states, (list, tuple)) else states
        inputs, h = self._dropped(inputs, state, training)
        gate, units = self.recurrent_activation, self.units
        bias = self.bias
        x = inputs @ self.kernel
        if bias is not None:
            x = x + (bias[0] if self.reset_after else bias)
        x_z, x_r, x_h = x.chunk(3, dim=-1)
        recurrent = self.recurrent_kernel
        if self.reset_after:
            u = h @ recurrent
            if bias is not None:
                u = u + bias[1]
            u_z, u_r, u_h = u.chunk(3, dim=-1)
            z, r = gate(x_z + u_z), gate(x_r + u_r)
            candidate = self.activation(x_h + r * u_h)
        else:
            u_z, u_r = (h @ recurrent[:, : 2 * units]).chunk(2, dim=-1)
            z, r = gate(x_z + u_z), gate(x_r + u_r)
            candidate = self.activation(x_h + (r * h) @ recurrent[:, 2 * units :])
        output = z * h + (1.0 - z) * candidate
        return output, [output] if isinstance(states, (list, tuple)) else output
