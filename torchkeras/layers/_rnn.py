"""Recurrent layers: a cell run over the steps of a sequence, by a fused kernel if there is one."""

import torch

from torchkeras import activations, tree
from torchkeras.layers import _lstm_kernel
from torchkeras.layers._cells import GRUCell, LSTMCell, SimpleRNNCell
from torchkeras.layers._input_spec import InputSpec
from torchkeras.layers._layer import Layer
from torchkeras.saving import _objects


class RNN(Layer):
    """Runs a cell over the steps of a sequence.

    A masked step changes nothing: the states stay, and the output of the step before is
    given again (or zeros, with ``zero_output_for_mask``).

    Args:
        cell: A layer with ``call(inputs, states) -> (output, states)``, a ``state_size``
            (a number or a list) and optionally ``output_size`` and
            ``get_initial_state(batch_size)``; or a list of cells, stacked.
        return_sequences: Whether the outputs of all steps are returned, not just the last.
        return_state: Whether the final states are returned after the output.
        go_backwards: Whether the steps are taken from the last to the first; the outputs
            stand in that order.
        stateful: Whether a batch starts in the states that the one before ended in.
        unroll: Kept for Keras' signature: the loop over the steps is the same.
        zero_output_for_mask: Whether masked steps give zeros.

    Shapes:
        inputs: ``(batch, steps, features)``; ``mask``: ``(batch, steps)``;
            ``initial_state``: list of ``(batch, state_size)``
        outputs: ``(batch, units)``, or ``(batch, steps, units)`` with ``return_sequences``;
            then each final state with ``return_state``

    Raises:
        ValueError: if the cell lacks ``call`` or ``state_size``.

    Example:
        >>> layer = torchkeras.layers.RNN(torchkeras.layers.GRUCell(3), return_sequences=True)
        >>> layer(torch.ones(2, 7, 5)).shape
        torch.Size([2, 7, 3])
    """

    supports_masking = True
    _makes_masks = False

    def __init__(
        self,
        cell,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        zero_output_for_mask=False,
        **kwargs,
    ):
        if "input_length" in kwargs and "input_dim" in kwargs:
            kwargs["input_shape"] = (kwargs.pop("input_length"), kwargs.pop("input_dim"))
        elif "input_dim" in kwargs:
            kwargs["input_shape"] = (None, kwargs.pop("input_dim"))
        super().__init__(**kwargs)
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        for name in ("call", "state_size"):
            if not hasattr(cell, name):
                raise ValueError(
                    f"Argument `cell` should have a `{name}` "
                    f"{'method' if name == 'call' else 'attribute'}. Received: cell={cell}"
                )
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        # Tensors outside the tracked weights: files do not hold them, as in Keras.
        self._set_plain(states=None)
        self.input_spec = InputSpec(ndim=3)

    @property
    def state_size(self):
        """The sizes of the states, as the cell has them."""
        return self.cell.state_size

    def build(self, sequences_shape, initial_state_shape=None):
        shape = tuple(sequences_shape)
        if not self.cell.built:
            self.cell.build((shape[0], *shape[2:]))
            self.cell.built = True
        if self.stateful and shape[0] is None and self._batch_input_shape is not None:
            raise ValueError(
                "When using `stateful=True` in a RNN, the batch size must be static. "
                f"Found dynamic batch size: sequence.shape={shape}"
            )

    def get_initial_state(self, batch_size):
        """Zeros (or what the cell says) for the states of a batch, as a list."""
        states = _initial_state(self.cell, batch_size)
        return list(states) if isinstance(states, (list, tuple)) else [states]

    def reset_state(self):
        """Forgets the states of a stateful layer."""
        if self.states is not None:
            self.states = tree.map_structure(torch.zeros_like, self.states)

    reset_states = reset_state

    def __setattr__(self, name, value):
        if name == "states":
            self.__dict__["states"] = value
        else:
            super().__setattr__(name, value)

    def call(self, sequences, initial_state=None, mask=None, training=False):
        batch = sequences.shape[0]
        if not sequences.is_floating_point():
            sequences = sequences.to(self._compute_torch_dtype)
        if initial_state is not None:
            states = (
                list(initial_state) if isinstance(initial_state, (list, tuple)) else [initial_state]
            )
        elif self.stateful and self.states is not None:
            states = self.states
            expected = tree.flatten(states)[0].shape[0]
            if batch != expected:
                raise ValueError(
                    "If an RNN is stateful, the batch size of the input sequences must be the same "
                    f"as the batch size of the initial state. Expected: {expected}. Received: "
                    f"{batch}. Call `reset_state()` and `layer.states = None` to start anew."
                )
        else:
            states = self.get_initial_state(batch)
        if isinstance(mask, (list, tuple)):  # the masks of initial states come along
            mask = mask[0]
        if mask is not None:
            if mask.ndim == 3 and mask.shape[-1] == 1:
                mask = mask.squeeze(-1)
            if mask.shape != sequences.shape[:2]:
                raise ValueError(
                    "`mask` must have the shape (batch, steps) of the sequences. Received: mask of "
                    f"shape {tuple(mask.shape)} for sequences of shape {tuple(sequences.shape)}"
                )
        for cell in _cells_of(self.cell):
            if hasattr(cell, "reset_dropout_mask"):
                cell.reset_dropout_mask()
                cell.reset_recurrent_dropout_mask()
        if self.go_backwards:
            sequences = sequences.flip(1)
            mask = None if mask is None else mask.flip(1)
        outputs, last, states = self._run(sequences, states, mask, training)
        if self.stateful:
            self.states = tree.map_structure(torch.Tensor.detach, states)
        result = outputs if self.return_sequences else last
        if self.return_state:
            return (result, *states)
        return result

    def _run(self, sequences, states, mask, training):
        """Outputs of all steps, the last output, and the final states."""
        return self._loop(sequences, states, mask, training)

    def _loop(self, sequences, states, mask, training, step=None):
        """The cell, step by step: any cell, any mask; or ``step``, called in its place."""
        outputs = []
        extra = {"training": training} if step or _takes_training(self.cell) else {}
        step = step or self.cell
        previous = None
        masks = None if mask is None else mask.bool().unbind(1)
        for t, x in enumerate(sequences.unbind(1)):
            output, new = step(x, states, **extra)
            new = list(new) if isinstance(new, (list, tuple)) else [new]
            if masks is not None:
                keep = masks[t]
                kept = output
                if previous is None:
                    previous = torch.zeros_like(output)
                kept = torch.where(_aligned(keep, output), output, previous)
                new = tree.map_structure(
                    lambda n, o, k=keep: torch.where(_aligned(k, n), n, o), new, list(states)
                )
                previous = kept
                if self.zero_output_for_mask:
                    output = torch.where(_aligned(keep, output), output, torch.zeros_like(output))
                else:
                    output = kept
            else:
                previous = output
            states = new
            outputs.append(output)
        if not outputs:
            raise ValueError("The sequences have no steps. Expected at least one.")
        return torch.stack(outputs, dim=1), outputs[-1], states

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch, steps = sequences_shape[0], sequences_shape[1]
        size = getattr(self.cell, "output_size", None)
        if size is None:
            size = tree.flatten(self.state_size)[0]
        size = tuple(size) if isinstance(size, (list, tuple)) else (size,)
        output = (batch, steps, *size) if self.return_sequences else (batch, *size)
        if not self.return_state:
            return output
        return (output, *_state_shapes(self.cell, batch))

    def compute_mask(self, sequences, mask=None):
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        output = mask if self.return_sequences else None
        if self.return_state:
            return [output] + [None] * len(tree.flatten(self.state_size))
        return output

    def get_config(self):
        config = self._base_config()
        for name in (
            "return_sequences return_state go_backwards stateful unroll zero_output_for_mask"
        ).split():
            config[name] = getattr(self, name)
        config["cell"] = _objects.serialize_keras_object(self.cell)
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if isinstance(config.get("cell"), dict):
            config["cell"] = _objects.deserialize_keras_object(config["cell"])
        return cls(**config)


def _initial_state(cell, batch_size):
    make = getattr(cell, "get_initial_state", None)
    if make is not None:
        return make(batch_size=batch_size)
    like = next(iter(cell.parameters()), torch.zeros(()))
    return tree.map_structure(
        lambda n: torch.zeros(batch_size, n, device=like.device, dtype=like.dtype), cell.state_size
    )


def _state_shapes(cell, batch):
    """Shapes of the states in their structure: stacked cells of several states have a list each."""
    shapes = tree.map_structure(lambda n: (batch, n), cell.state_size)
    return list(shapes) if isinstance(cell.state_size, (list, tuple)) else [shapes]


def _aligned(mask, x):
    return mask.reshape(mask.shape + (1,) * (x.ndim - mask.ndim))


def _takes_training(cell):
    return "training" in type(cell).call.__code__.co_varnames


def _cells_of(cell):
    return cell.cells if isinstance(cell, StackedRNNCells) else [cell]


class StackedRNNCells(Layer):
    """Several cells as one: each takes the output of the one before.

    Args:
        cells: List of cells.

    Shapes:
        inputs: ``(batch, features)``; states: list of the cells' states
        outputs: ``(batch, units of the last cell)`` and the list of new states

    Raises:
        ValueError: if a cell lacks ``call`` or ``state_size``.

    Example:
        >>> cells = [torchkeras.layers.LSTMCell(4), torchkeras.layers.LSTMCell(3)]
        >>> layer = torchkeras.layers.RNN(torchkeras.layers.StackedRNNCells(cells))
        >>> layer(torch.ones(2, 7, 5)).shape
        torch.Size([2, 3])
    """

    def __init__(self, cells, **kwargs):
        super().__init__(**kwargs)
        for cell in cells:
            for name in ("call", "state_size"):
                if not hasattr(cell, name):
                    raise ValueError(
                        f"All cells must have a `{name}` "
                        f"{'method' if name == 'call' else 'attribute'}. Received cell without it: "
                        f"{cell}"
                    )
        self.cells = list(cells)

    @property
    def state_size(self):
        """The state sizes of the cells, as a list."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self):
        """The output size of the last cell."""
        last = self.cells[-1]
        size = getattr(last, "output_size", None)
        return size if size is not None else tree.flatten(last.state_size)[0]

    def build(self, input_shape):
        shape = tuple(input_shape)
        for cell in self.cells:
            if not cell.built:
                cell.build(shape)
                cell.built = True
            size = getattr(cell, "output_size", None)
            size = tree.flatten(cell.state_size)[0] if size is None else size
            shape = (shape[0], size)

    def get_initial_state(self, batch_size=None):
        """The initial states of the cells, as a list of lists."""
        return [_initial_state(cell, batch_size) for cell in self.cells]

    def call(self, inputs, states, training=False):
        new = []
        for cell, state in zip(self.cells, states):
            nested = isinstance(state, (list, tuple))
            extra = {"training": training} if _takes_training(cell) else {}
            inputs, out = cell(inputs, list(state) if nested else [state], **extra)
            out = list(out) if isinstance(out, (list, tuple)) else [out]
            new.append(out if nested else out[0])
        return inputs, new

    def compute_output_shape(self, input_shape, states_shape=None):
        return (input_shape[0], self.output_size), states_shape

    def get_config(self):
        config = self._base_config()
        config["cells"] = [_objects.serialize_keras_object(cell) for cell in self.cells]
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        cells = [_objects.deserialize_keras_object(c) for c in config.pop("cells")]
        return cls(cells, **config)


class _FusedRNN(RNN):
    """Base of the layers that have a kernel of their own in torch.

    The arguments of the layer are those of its cell; the kernel runs whenever it computes
    the same: no recurrent dropout, and the activations it was written for. A mask is met
    without leaving the kernel: the steps that count are moved together to the front.
    """

    _cell_class: type
    # What the cell takes of the layer's arguments, and what `RNN` takes.
    _cell_arguments: tuple
    _rnn_arguments = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll")

    def __init__(self, cell_arguments, rnn_arguments, activity_regularizer=None, **kwargs):
        shared = {k: kwargs[k] for k in ("dtype", "trainable") if k in kwargs}
        cell = self._cell_class(**cell_arguments, **shared, name=self._cell_name)
        kwargs.pop("implementation", None)  # an argument of Keras 2 that chose between kernels
        super().__init__(cell, activity_regularizer=activity_regularizer, **rnn_arguments, **kwargs)

    def _choose_kernel(self, use_cudnn):
        if use_cudnn not in ("auto", True, False):
            raise ValueError(
                "Invalid value received for argument `use_cudnn`. Expected one of 'auto', True, "
                f"False. Received: use_cudnn={use_cudnn}"
            )
        self.use_cudnn = use_cudnn
        if use_cudnn is True and not self._can_fuse():
            raise ValueError(
                "use_cudnn=True was specified, but the fused kernel does not compute this layer: "
                "it wants the default activations and no recurrent dropout."
            )

    def _split(self, given):
        """The constructor's arguments: the cell's, and those of `RNN`."""
        each = (self._cell_arguments, self._rnn_arguments)
        return [{name: given[name] for name in names} for names in each]

    def _can_fuse(self):
        cell = self.cell
        return (
            self.use_cudnn is not False
            and cell.recurrent_dropout == 0
            and cell.activation is activations.tanh
            and cell.recurrent_activation is activations.sigmoid
        )

    def __getattr__(self, name):
        # The cell's arguments are the layer's.
        if name in type(self)._cell_arguments:
            return getattr(self.cell, name)
        return super().__getattr__(name)

    def get_config(self):
        config = super().get_config()
        del config["cell"]
        cell = self.cell.get_config()
        config.update((k, cell[k]) for k in self._cell_arguments if k in cell)
        config["activity_regularizer"] = _objects.serialize_keras_object(self.activity_regularizer)
        return config

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def _run(self, sequences, states, mask, training):
        if not self._can_fuse() or sequences.shape[1] == 0:
            return self._loop(sequences, states, mask, training)
        cell = self.cell
        if training and cell.dropout > 0:
            sequences = sequences * cell.get_dropout_mask(sequences[:, 0]).unsqueeze(1)
        states = [s.to(sequences.dtype) for s in states]
        if mask is None:
            outputs, states = self._kernel(sequences, states)
            return outputs, outputs[:, -1], states
        return self._run_masked(sequences, states, mask.bool())

    def _run_masked(self, sequences, states, mask):
        """The steps that count, moved to the front of each row, and their outputs moved back."""
        count = mask.sum(1)
        order = (~mask).to(torch.uint8).argsort(dim=1, stable=True)
        packed = sequences.gather(1, order.unsqueeze(-1).expand_as(sequences))
        if len(states) > 1 and (self.return_state or self.stateful):
            idle = torch.arange(mask.shape[1], device=mask.device) >= count.unsqueeze(1)
            outputs, new = self._kernel(packed, states, idle)
        else:
            outputs, new = self._kernel(packed, states)
        place = mask.cumsum(1) - 1  # which of the packed outputs stands at each step
        index = place.clamp(min=0).unsqueeze(-1).expand(*place.shape, outputs.shape[-1])
        at_steps = outputs.gather(1, index)
        # Before the first step that counts there is no output yet.
        full = torch.where((place >= 0).unsqueeze(-1), at_steps, torch.zeros_like(at_steps))
        last = full[:, -1]
        some = (count > 0).unsqueeze(-1)
        new = [torch.where(some, n, s) for n, s in zip([last, *new[1:]], states)]
        if self.zero_output_for_mask:
            full = full * mask.unsqueeze(-1).to(full.dtype)
            last = full[:, -1]
        return full, last, new

    def _weights(self):
        """Kernel, recurrent kernel and biases as torch's kernels take them."""
        cell = self.cell
        weights = [cell.kernel.t(), cell.recurrent_kernel.t()]
        if cell.bias is not None:
            weights += self._biases(cell.bias)
        if self._mixed_dtype is not None:
            weights = [w.to(self._mixed_dtype) for w in weights]
        return weights

    def _biases(self, bias):
        return [bias, torch.zeros_like(bias)]


class LSTM(_FusedRNN):
    """Long short-term memory: `LSTMCell` over the steps of a sequence.

    Runs torch's fused ``lstm``; without its default activations, or with recurrent dropout,
    step by step.

    Args:
        units: Size of the state and of the output.
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
        dropout: Fraction of the inputs dropped in training.
        recurrent_dropout: Fraction of the state dropped in training.
        seed: Integer for a repeatable stream of dropout masks.
        return_sequences: Whether the outputs of all steps are returned, not just the last.
        return_state: Whether the final states are returned after the output.
        go_backwards: Whether the steps are taken from the last to the first.
        stateful: Whether a batch starts in the states that the one before ended in.
        unroll: Kept for Keras' signature: the loop over the steps is the same.
        use_cudnn: Whether torch's fused kernel runs: ``"auto"`` where it computes the same.

    Weights:
        cell.kernel: ``(features, 4 * units)``, the gates in the order i, f, c, o
        cell.recurrent_kernel: ``(units, 4 * units)``
        cell.bias: ``(4 * units,)``

    Shapes:
        inputs: ``(batch, steps, features)``; ``mask``: ``(batch, steps)``;
            ``initial_state``: list of ``(batch, units)``
        outputs: ``(batch, units)``, or ``(batch, steps, units)`` with ``return_sequences``;
            then each final state with ``return_state``

    Raises:
        ValueError: if ``units`` is not a positive integer, or ``use_cudnn=True`` cannot be.

    Paper: Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735

    Example:
        >>> torchkeras.layers.LSTM(3)(torch.ones(2, 7, 5)).shape
        torch.Size([2, 3])
    """

    _cell_class = LSTMCell
    _cell_name = "lstm_cell"
    _cell_arguments = (
        "units",
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
        unroll=False,
        use_cudnn="auto",
        **kwargs,
    ):
        super().__init__(
            *self._split(locals()),
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self._choose_kernel(use_cudnn)

    def _kernel(self, sequences, states, idle=None):
        """The fused kernel; at the steps that are ``idle`` it leaves the cell state alone."""
        h, c = (s.unsqueeze(0) for s in states)
        weights = self._weights()
        if idle is not None:
            # One more feature, 1 at idle steps, that shuts the input gate and opens the forget
            # gate: sigmoid(-1e4) is 0 and sigmoid(1e4) is 1. No length has to leave the device.
            sequences = torch.cat([sequences, idle.unsqueeze(-1).to(sequences.dtype)], dim=-1)
            units = self.cell.units
            gates = weights[0].new_zeros(4 * units, 1)
            gates[:units], gates[units : 2 * units] = -1e4, 1e4
            weights[0] = torch.cat([weights[0], gates], dim=1)
        if _lstm_kernel.runs(sequences):
            outputs, h, c = _lstm_kernel.lstm(sequences, h, c, weights)
            return outputs, [h[0], c[0]]
        outputs, h, c = torch.lstm(
            sequences,
            (h, c),
            weights,
            len(weights) == 4,
            1,
            0.0,
            torch.is_grad_enabled(),
            False,
            True,
        )
        return outputs, [h[0], c[0]]


class GRU(_FusedRNN):
    """Gated recurrent unit: `GRUCell` over the steps of a sequence.

    Runs torch's fused ``gru``; without its default activations or ``reset_after``, or with
    recurrent dropout, step by step.

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
        activity_regularizer: Term of the loss for the outputs.
        kernel_constraint: Applied to the kernel after each update.
        recurrent_constraint: Applied to the recurrent kernel after each update.
        bias_constraint: Applied to the bias after each update.
        dropout: Fraction of the inputs dropped in training.
        recurrent_dropout: Fraction of the state dropped in training.
        seed: Integer for a repeatable stream of dropout masks.
        return_sequences: Whether the outputs of all steps are returned, not just the last.
        return_state: Whether the final states are returned after the output.
        go_backwards: Whether the steps are taken from the last to the first.
        stateful: Whether a batch starts in the states that the one before ended in.
        unroll: Kept for Keras' signature: the loop over the steps is the same.
        reset_after: Whether the reset gate acts after the product, as in CuDNN.
        use_cudnn: Whether torch's fused kernel runs: ``"auto"`` where it computes the same.

    Weights:
        cell.kernel: ``(features, 3 * units)``, the gates in the order z, r, h
        cell.recurrent_kernel: ``(units, 3 * units)``
        cell.bias: ``(2, 3 * units)``; ``(3 * units,)`` without ``reset_after``

    Shapes:
        inputs: ``(batch, steps, features)``; ``mask``: ``(batch, steps)``;
            ``initial_state``: list of ``(batch, units)``
        outputs: ``(batch, units)``, or ``(batch, steps, units)`` with ``return_sequences``;
            then each final state with ``return_state``

    Raises:
        ValueError: if ``units`` is not a positive integer, or ``use_cudnn=True`` cannot be.

    Paper: Cho et al. 2014, https://arxiv.org/abs/1406.1078

    Example:
        >>> torchkeras.layers.GRU(3)(torch.ones(2, 7, 5)).shape
        torch.Size([2, 3])
    """

    _cell_class = GRUCell
    _cell_name = "gru_cell"
    _cell_arguments = (
        "units",
        "activation",
        "recurrent_activation",
        "use_bias",
        "kernel_initializer",
        "recurrent_initializer",
        "bias_initializer",
        "kernel_regularizer",
        "recurrent_regularizer",
        "bias_regularizer",
        "kernel_constraint",
        "recurrent_constraint",
        "bias_constraint",
        "dropout",
        "recurrent_dropout",
        "seed",
        "reset_after",
    )

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
        unroll=False,
        reset_after=True,
        use_cudnn="auto",
        **kwargs,
    ):
        super().__init__(
            *self._split(locals()),
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self._choose_kernel(use_cudnn)

    def _can_fuse(self):
        return super()._can_fuse() and self.cell.reset_after

    def _weights(self):
        # torch has the reset gate before the update gate.
        n = self.cell.units
        return [torch.cat([w[n : 2 * n], w[:n], w[2 * n :]]) for w in super()._weights()]

    def _biases(self, bias):
        return list(bias.unbind(0))

    def _kernel(self, sequences, states):
        weights = self._weights()
        outputs, h = torch.gru(
            sequences,
            states[0].unsqueeze(0),
            weights,
            len(weights) == 4,
            1,
            0.0,
            torch.is_grad_enabled(),
            False,
            True,
        )
        return outputs, [h[0]]


class SimpleRNN(_FusedRNN):
    """The plain recurrent layer: `SimpleRNNCell` over the steps of a sequence.

    Runs torch's fused ``rnn_tanh`` or ``rnn_relu``; with another activation, or with recurrent
    dropout, step by step.

    Args:
        units: Size of the state and of the output.
        activation: Function in place of ``tanh``.
        use_bias: Whether a bias is added.
        kernel_initializer: Initializer of the kernel.
        recurrent_initializer: Initializer of the recurrent kernel.
        bias_initializer: Initializer of the bias.
        kernel_regularizer: Term of the loss for the kernel.
        recurrent_regularizer: Term of the loss for the recurrent kernel.
        bias_regularizer: Term of the loss for the bias.
        activity_regularizer: Term of the loss for the outputs.
        kernel_constraint: Applied to the kernel after each update.
        recurrent_constraint: Applied to the recurrent kernel after each update.
        bias_constraint: Applied to the bias after each update.
        dropout: Fraction of the inputs dropped in training.
        recurrent_dropout: Fraction of the state dropped in training.
        return_sequences: Whether the outputs of all steps are returned, not just the last.
        return_state: Whether the final states are returned after the output.
        go_backwards: Whether the steps are taken from the last to the first.
        stateful: Whether a batch starts in the states that the one before ended in.
        unroll: Kept for Keras' signature: the loop over the steps is the same.
        seed: Integer for a repeatable stream of dropout masks.

    Weights:
        cell.kernel: ``(features, units)``
        cell.recurrent_kernel: ``(units, units)``
        cell.bias: ``(units,)``

    Shapes:
        inputs: ``(batch, steps, features)``; ``mask``: ``(batch, steps)``;
            ``initial_state``: list of ``(batch, units)``
        outputs: ``(batch, units)``, or ``(batch, steps, units)`` with ``return_sequences``;
            then each final state with ``return_state``

    Raises:
        ValueError: if ``units`` is not a positive integer.

    Example:
        >>> torchkeras.layers.SimpleRNN(3)(torch.ones(2, 7, 5)).shape
        torch.Size([2, 3])
    """

    _cell_class = SimpleRNNCell
    _cell_name = "simple_rnn_cell"
    _cell_arguments = (
        "units",
        "activation",
        "use_bias",
        "kernel_initializer",
        "recurrent_initializer",
        "bias_initializer",
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
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            *self._split(locals()),
            activity_regularizer=activity_regularizer,
            **kwargs,
        )

    def _can_fuse(self):
        cell = self.cell
        fused = (activations.tanh, activations.relu)
        return cell.recurrent_dropout == 0 and cell.activation in fused

    def _kernel(self, sequences, states):
        weights = self._weights()
        run = torch.rnn_tanh if self.cell.activation is activations.tanh else torch.rnn_relu
        outputs, h = run(
            sequences,
            states[0].unsqueeze(0),
            weights,
            len(weights) == 4,
            1,
            0.0,
            torch.is_grad_enabled(),
            False,
            True,
        )
        return outputs, [h[0]]
