"""Convolutional LSTMs: recurrent layers whose products are convolutions."""

from typing import Any

import torch
import torch.nn.functional as F

from torchkeras import _device, activations, constraints, initializers, regularizers
from torchkeras.layers._conv import _Windows, positive_filters, same_padding
from torchkeras.layers._input_spec import InputSpec
from torchkeras.layers._rnn import _FusedRNN
from torchkeras.random import SeedGenerator, dropout

_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


class _ConvLSTMCell(_Windows):
    """One step of a convolutional LSTM, and the part of it that all steps can do at once.

    The states are as large as what the convolution of the inputs gives; their own convolution
    keeps that size.
    """

    _dilated_strides = (
        "Specifying `strides > 1` is not compatible with `dilation_rate > 1`. "
        "Please provide `strides=1` or `dilation_rate=1`."
    )

    def __init__(
        self,
        rank,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
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
        self.rank = rank
        super().__init__(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            bias_initializer,
            bias_regularizer,
            bias_constraint,
            **kwargs,
        )
        self.filters = positive_filters(filters)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.dropout = min(1.0, max(0.0, dropout))
        self.recurrent_dropout = min(1.0, max(0.0, recurrent_dropout))
        self.seed = seed
        # As in Keras it is a variable of the cell; without a seed torch's own generator draws.
        self.seed_generator = SeedGenerator(seed)
        self._stream = None if seed is None else self.seed_generator
        self._dropout_masks = self._recurrent_dropout_masks = None
        # Two states, whose sizes `build` finds.
        self.state_size = [-1, -1]
        self._channel_axis = -1 if self._last else 1
        pairs = [same_padding(0, k, 1, 1) for k in self.kernel_size]
        even = all(before == after for before, after in pairs)
        self._state_padding = tuple(before for before, _ in pairs) if even else 0
        self._state_zeros = None if even else tuple(n for p in reversed(pairs) for n in p)

    def build(self, input_shape):
        if None in (input_shape[1:-1] if self._last else input_shape[2:]):
            raise ValueError(
                "ConvLSTM layers only support static input shapes for the spatial dimension. "
                f"Received invalid input shape: input_shape={tuple(input_shape)}"
            )
        channels = self._build_inputs(input_shape)
        self.kernel = self.add_weight(
            (*self.kernel_size, channels, 4 * self.filters),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
            layout=self._kernel_layout,
        )
        self.recurrent_kernel = self.add_weight(
            (*self.kernel_size, self.filters, 4 * self.filters),
            self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
            name="recurrent_kernel",
            layout=self._kernel_layout,
        )
        self._build_bias(4 * self.filters)
        if self.bias is not None and self.unit_forget_bias:
            self.bias.data[self.filters : 2 * self.filters] = 1.0
        self._state_shape = self.output_shape_of(input_shape)[1:]

    def get_initial_state(self, batch_size: Any = None):
        """Zeros for the two states of a batch, as a list."""
        shape: Any = (batch_size, *self._state_shape)
        options: Any = {"dtype": self._compute_torch_dtype, "device": _device.device_of(self)}
        return [torch.zeros(shape, **options) for _ in range(2)]

    def get_dropout_mask(self, step_input) -> Any:
        """The masks, one for each gate, by which every step multiplies its input."""
        if self._dropout_masks is None and self.dropout > 0:
            self._dropout_masks = self._masks(step_input, self.dropout)
        return self._dropout_masks

    def get_recurrent_dropout_mask(self, step_input) -> Any:
        """The masks, one for each gate, by which every step multiplies its state."""
        if self._recurrent_dropout_masks is None and self.recurrent_dropout > 0:
            self._recurrent_dropout_masks = self._masks(step_input, self.recurrent_dropout)
        return self._recurrent_dropout_masks

    def _masks(self, x, rate):
        ones = torch.ones_like(x)
        return [dropout(ones, rate, seed=self._stream) for _ in range(4)]

    def reset_dropout_mask(self):
        """The next sequence gets new input masks."""
        self._dropout_masks = None

    def reset_recurrent_dropout_mask(self):
        """The next sequence gets new state masks."""
        self._recurrent_dropout_masks = None

    def project(self, sequences, training):
        """The part of the gates that the inputs make, for all steps in one convolution."""
        batch, steps = sequences.shape[:2]
        dtype = sequences.dtype
        weight = self.kernel.to(dtype).permute(self._kernel_to_torch)
        bias = None if self.bias is None else self.bias.to(dtype)
        if training and self.dropout > 0:
            masks = self.get_dropout_mask(sequences[:, 0])
            biases = [None] * 4 if bias is None else bias.chunk(4)
            gates = torch.cat(
                [
                    self._convolved((sequences * m.unsqueeze(1)).flatten(0, 1), w, b)
                    for m, w, b in zip(masks, weight.chunk(4), biases)
                ],
                self._channel_axis,
            )
        else:
            gates = self._convolved(sequences.flatten(0, 1), weight, bias)
        return gates.unflatten(0, (batch, steps))

    def _convolved(self, x, weight, bias):
        x = self._given(x)
        padding, zeros = self._zeros or self._padding(x.shape[2:])
        if zeros is not None:
            x = F.pad(x, zeros)
        x = _CONV[self.rank](x, weight, bias, self.strides, padding, self.dilation_rate)
        return x.permute(self._to_keras) if self._last else x

    def _convolved_state(self, h, weight):
        x = self._given(h)
        if self._state_zeros is not None:
            x = F.pad(x, self._state_zeros)
        x = _CONV[self.rank](x, weight, None, 1, self._state_padding)
        return x.permute(self._to_keras) if self._last else x

    def step(self, gates, states, weight, training):
        """The output and states after a step, from its part of `project`'s gates.

        Args:
            gates: What the inputs make of the four gates.
            states: ``[h, c]``.
            weight: The recurrent kernel in torch's order.
            training: Whether the states are dropped out.
        """
        h, c = states
        axis = self._channel_axis
        if training and self.recurrent_dropout > 0:
            masks = self.get_recurrent_dropout_mask(h)
            own = [self._convolved_state(h * m, w) for m, w in zip(masks, weight.chunk(4))]
            own = torch.cat(own, axis)
        else:
            own = self._convolved_state(h, weight)
        i, f, g, o = (gates + own).chunk(4, axis)
        gate, activation = self.recurrent_activation, self.activation
        c = gate(f) * c + gate(i) * activation(g)
        h = gate(o) * activation(c)
        return h, [h, c]

    def state_weight(self, dtype):
        """The recurrent kernel as `step` takes it."""
        return self.recurrent_kernel.to(dtype).permute(self._kernel_to_torch)

    def call(self, inputs, states, training=False):
        gates = self.project(inputs.unsqueeze(1), training).squeeze(1)
        return self.step(gates, states, self.state_weight(gates.dtype), training)

    def output_shape_of(self, input_shape):
        """Shape of the output and of each state."""
        return super().compute_output_shape(input_shape)

    def compute_output_shape(self, input_shape, states_shape=None):
        shape = self.output_shape_of(input_shape)
        return shape, [shape, shape]


class _ConvLSTM(_FusedRNN):
    """Base of the convolutional LSTMs; the subclasses set the rank."""

    rank: int
    _cell_class = _ConvLSTMCell
    _cell_name = "conv_lstm_cell"
    _cell_arguments = (
        "filters",
        "kernel_size",
        "strides",
        "padding",
        "data_format",
        "dilation_rate",
        "activation",
        "recurrent_activation",
        "use_bias",
        "kernel_initializer",
        "recurrent_initializer",
        "bias_initializer",
        "unit_forget_bias",
        "kernel_regularizer",
        "recurrent_regularizer",
        "bias_regularizer",
        "kernel_constraint",
        "recurrent_constraint",
        "bias_constraint",
        "dropout",
        "recurrent_dropout",
        "seed",
    )
    _rnn_arguments = ("return_sequences", "return_state", "go_backwards", "stateful")

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
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
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        **kwargs,
    ):
        cell_arguments, rnn_arguments = self._split(locals())
        super().__init__(
            {"rank": self.rank, **cell_arguments},
            rnn_arguments,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.input_spec = InputSpec(ndim=self.rank + 3)

    def _run(self, sequences, states, mask, training):
        cell: Any = self.cell
        gates = cell.project(sequences, training)
        weight = cell.state_weight(gates.dtype)
        states = [s.to(gates.dtype) for s in states]

        def step(x, states, training):
            return cell.step(x, states, weight, training)

        return self._loop(gates, states, mask, training, step)

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch, steps, *rest = sequences_shape
        state = self.cell.output_shape_of((batch, *rest))
        output = (batch, steps, *state[1:]) if self.return_sequences else state
        return (output, state, state) if self.return_state else output


class ConvLSTM1D(_ConvLSTM):
    """Convolutional LSTM over sequences of sequences.

    An LSTM whose inputs ``x`` and states ``h, c`` keep their axes of space: with ``i, f, g, o``
    the four blocks of channels of ``conv(x, kernel) + conv(h, recurrent_kernel) + bias``::

        c' = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h' = sigmoid(o) * tanh(c')

    The inputs of all steps are convolved at once, the states step by step.

    Args:
        filters: Number of channels of the states and of the output.
        kernel_size: Width of the windows.
        strides: Steps of the windows over the inputs.
        padding: Of the inputs: ``"valid"`` for none, ``"same"`` for zeros on both sides.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.
        dilation_rate: Distance between the values that a window over the inputs sees.
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
        activity_regularizer: Term of the loss for the outputs.
        kernel_constraint: Applied to the kernel after each update.
        recurrent_constraint: Applied to the recurrent kernel after each update.
        bias_constraint: Applied to the bias after each update.
        dropout: Fraction of the inputs dropped in training, for each gate by itself.
        recurrent_dropout: Fraction of the state dropped in training, for each gate by itself.
        seed: Integer for a repeatable stream of dropout masks.
        return_sequences: Whether the outputs of all steps are returned, not just the last.
        return_state: Whether the final states are returned after the output.
        go_backwards: Whether the steps are taken from the last to the first.
        stateful: Whether a batch starts in the states that the one before ended in.

    Weights:
        cell.kernel: ``(*kernel_size, channels, 4 * filters)``, the gates in the order i, f, g, o
        cell.recurrent_kernel: ``(*kernel_size, filters, 4 * filters)``
        cell.bias: ``(4 * filters,)``

    Shapes:
        inputs: ``(batch, steps, length, channels)``, or ``(batch, steps, channels, length)``;
            ``mask``: ``(batch, steps)``
        outputs: ``(batch, new_length, filters)``; a second axis of steps with
            ``return_sequences``; then ``h`` and ``c`` with ``return_state``

    Raises:
        ValueError: for sizes that are not positive, strides together with dilation, or sizes of
            the inputs' axes of space that are not known.

    Paper: Shi et al. 2015, https://arxiv.org/abs/1506.04214

    Example:
        >>> torchkeras.layers.ConvLSTM1D(3, 3)(torch.ones(1, 4, 9, 2)).shape
        torch.Size([1, 7, 3])
    """

    rank = 1


class ConvLSTM2D(_ConvLSTM):
    """Convolutional LSTM over sequences of images.

    An LSTM whose inputs ``x`` and states ``h, c`` keep their axes of space: with ``i, f, g, o``
    the four blocks of channels of ``conv(x, kernel) + conv(h, recurrent_kernel) + bias``::

        c' = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h' = sigmoid(o) * tanh(c')

    The inputs of all steps are convolved at once, the states step by step.

    Args:
        filters: Number of channels of the states and of the output.
        kernel_size: Width of the windows, one number or one for each axis.
        strides: Steps of the windows over the inputs.
        padding: Of the inputs: ``"valid"`` for none, ``"same"`` for zeros on both sides.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.
        dilation_rate: Distance between the values that a window over the inputs sees.
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
        activity_regularizer: Term of the loss for the outputs.
        kernel_constraint: Applied to the kernel after each update.
        recurrent_constraint: Applied to the recurrent kernel after each update.
        bias_constraint: Applied to the bias after each update.
        dropout: Fraction of the inputs dropped in training, for each gate by itself.
        recurrent_dropout: Fraction of the state dropped in training, for each gate by itself.
        seed: Integer for a repeatable stream of dropout masks.
        return_sequences: Whether the outputs of all steps are returned, not just the last.
        return_state: Whether the final states are returned after the output.
        go_backwards: Whether the steps are taken from the last to the first.
        stateful: Whether a batch starts in the states that the one before ended in.

    Weights:
        cell.kernel: ``(*kernel_size, channels, 4 * filters)``, the gates in the order i, f, g, o
        cell.recurrent_kernel: ``(*kernel_size, filters, 4 * filters)``
        cell.bias: ``(4 * filters,)``

    Shapes:
        inputs: ``(batch, steps, height, width, channels)``, or the channels third;
            ``mask``: ``(batch, steps)``
        outputs: ``(batch, new_height, new_width, filters)``; a second axis of steps with
            ``return_sequences``; then ``h`` and ``c`` with ``return_state``

    Raises:
        ValueError: for sizes that are not positive, strides together with dilation, or sizes of
            the inputs' axes of space that are not known.

    Paper: Shi et al. 2015, https://arxiv.org/abs/1506.04214

    Example:
        >>> torchkeras.layers.ConvLSTM2D(3, 3)(torch.ones(1, 4, 9, 8, 2)).shape
        torch.Size([1, 7, 6, 3])
    """

    rank = 2


class ConvLSTM3D(_ConvLSTM):
    """Convolutional LSTM over sequences of volumes.

    An LSTM whose inputs ``x`` and states ``h, c`` keep their axes of space: with ``i, f, g, o``
    the four blocks of channels of ``conv(x, kernel) + conv(h, recurrent_kernel) + bias``::

        c' = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h' = sigmoid(o) * tanh(c')

    The inputs of all steps are convolved at once, the states step by step.

    Args:
        filters: Number of channels of the states and of the output.
        kernel_size: Width of the windows, one number or one for each axis.
        strides: Steps of the windows over the inputs.
        padding: Of the inputs: ``"valid"`` for none, ``"same"`` for zeros on both sides.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.
        dilation_rate: Distance between the values that a window over the inputs sees.
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
        activity_regularizer: Term of the loss for the outputs.
        kernel_constraint: Applied to the kernel after each update.
        recurrent_constraint: Applied to the recurrent kernel after each update.
        bias_constraint: Applied to the bias after each update.
        dropout: Fraction of the inputs dropped in training, for each gate by itself.
        recurrent_dropout: Fraction of the state dropped in training, for each gate by itself.
        seed: Integer for a repeatable stream of dropout masks.
        return_sequences: Whether the outputs of all steps are returned, not just the last.
        return_state: Whether the final states are returned after the output.
        go_backwards: Whether the steps are taken from the last to the first.
        stateful: Whether a batch starts in the states that the one before ended in.

    Weights:
        cell.kernel: ``(*kernel_size, channels, 4 * filters)``, the gates in the order i, f, g, o
        cell.recurrent_kernel: ``(*kernel_size, filters, 4 * filters)``
        cell.bias: ``(4 * filters,)``

    Shapes:
        inputs: ``(batch, steps, depth, height, width, channels)``, or the channels third;
            ``mask``: ``(batch, steps)``
        outputs: ``(batch, new_depth, new_height, new_width, filters)``; a second axis of steps with
            ``return_sequences``; then ``h`` and ``c`` with ``return_state``

    Raises:
        ValueError: for sizes that are not positive, strides together with dilation, or sizes of
            the inputs' axes of space that are not known.

    Paper: Shi et al. 2015, https://arxiv.org/abs/1506.04214

    Example:
        >>> torchkeras.layers.ConvLSTM3D(3, 3)(torch.ones(1, 4, 5, 5, 5, 2)).shape
        torch.Size([1, 3, 3, 3, 3])
    """

    rank = 3
