"""Convolutions over one, two and three axes."""

from typing import Any

import torch.nn.functional as F

from torchkeras import _checks, activations, config, constraints, initializers, regularizers
from torchkeras.layers._input_spec import InputSpec
from torchkeras.layers._layer import Layer
from torchkeras.layers._lora import LoRA, adapted, stored


def same_padding(size, kernel, stride, dilation):
    """Zeros (before, after) so that there are ``ceil(size / stride)`` outputs along an axis."""
    reach = (kernel - 1) * dilation
    if stride == 1:
        total = reach
    else:
        total = max((-(-size // stride) - 1) * stride + reach + 1 - size, 0)
    return total // 2, total - total // 2


def output_length(size, kernel, stride, padding, dilation=1):
    """Number of outputs along an axis; ``None`` for an unknown size."""
    if size is None:
        return None
    if padding in ("same", "causal"):
        return -(-size // stride)
    return (size - (kernel - 1) * dilation - 1) // stride + 1


def positive_filters(filters) -> Any:
    """``filters`` as an int; a ValueError unless it is positive."""
    if not _checks.is_positive_int(filters):
        raise ValueError(
            "Invalid value for argument `filters`. Expected a strictly positive value. "
            f"Received filters={filters}."
        )
    return int(filters)


class _Windows(Layer):
    """Base of all convolutions: the windows, the bias and the activation."""

    rank: int
    _paddings = ("valid", "same")
    # What is said of windows that are spread out and far apart at once; None if they may be.
    _dilated_strides: str | None = (
        "`strides > 1` not supported in conjunction with `dilation_rate > 1`."
    )
    _config_optional = ("lora_rank", "lora_alpha")

    def __init__(
        self,
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
    ):
        super().__init__(**kwargs)
        rank = self.rank
        self.kernel_size = _checks.sizes("kernel_size", kernel_size, rank)
        self.strides = _checks.sizes("strides", strides, rank)
        self.dilation_rate = _checks.sizes("dilation_rate", dilation_rate, rank)
        if self._dilated_strides and max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{self._dilated_strides} Received: strides={self.strides} and "
                f"dilation_rate={self.dilation_rate}"
            )
        self.padding = str(padding).lower()
        _checks.one_of("padding", self.padding, self._paddings)
        self.data_format = config.standardize_data_format(data_format)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.bias_constraint = constraints.get(bias_constraint)
        self._activate = None if self.activation is activations.linear else self.activation
        self._last = self.data_format == "channels_last"
        # Without strides the padding is known now; None: it depends on the sizes of the data.
        self._zeros = self._padding((0,) * rank) if max(self.strides) == 1 else None
        # Channels second for torch and last again: (0, 3, 1, 2) and (0, 2, 3, 1).
        self._to_torch = (0, rank + 1, *range(1, rank + 1))
        self._to_keras = (0, *range(2, rank + 2), 1)
        # A kernel (*sizes, in, out) that lies in memory as (out, *sizes, in) is torch's
        # (out, in, *sizes) in channels-last order.
        self._kernel_layout = (rank + 1, *range(rank + 1))
        self._kernel_to_torch = (rank + 1, rank, *range(rank))
        self.input_spec = InputSpec(min_ndim=rank + 2)

    def _build_inputs(self, input_shape) -> Any:
        """The number of channels, which from now on is demanded of every input."""
        axis = -1 if self._last else 1
        channels = input_shape[axis]
        if channels is None:
            raise ValueError(
                "The channel dimension of the inputs should be defined. The input_shape received "
                f"is {tuple(input_shape)}, where axis {axis} is the channel dimension."
            )
        self.input_spec = InputSpec(min_ndim=self.rank + 2, axes={axis: channels})
        return channels

    def _build_bias(self, filters):
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (filters,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def _padding(self, sizes):
        """What torch's ``padding`` is, or the zeros for `F.pad` where the sides differ."""
        if self.padding == "valid":
            return 0, None
        if self.padding == "causal":
            return 0, ((self.kernel_size[0] - 1) * self.dilation_rate[0], 0)
        pairs = [
            same_padding(*axis)
            for axis in zip(sizes, self.kernel_size, self.strides, self.dilation_rate)
        ]
        if all(before == after for before, after in pairs):
            return tuple(before for before, _ in pairs), None
        return 0, tuple(n for pair in reversed(pairs) for n in pair)

    def _given(self, inputs):
        """The inputs as floats, channels second."""
        if not inputs.is_floating_point():
            inputs = inputs.to(self._compute_torch_dtype)
        return inputs.permute(self._to_torch) if self._last else inputs

    def _returned(self, x):
        """The outputs: channels where they were, and activated."""
        if self._last:
            x = x.permute(self._to_keras)
        activate = self._activate
        return x if activate is None else activate(x)

    def _filters(self, input_shape):
        """The number of output channels."""
        return self.filters

    def compute_output_shape(self, input_shape):
        sizes = input_shape[1:-1] if self._last else input_shape[2:]
        lengths = tuple(
            output_length(n, k, s, self.padding, d)
            for n, k, s, d in zip(sizes, self.kernel_size, self.strides, self.dilation_rate)
        )
        if any(n is not None and n <= 0 for n in lengths):
            raise ValueError(
                "Computed output size would be zero or negative. Received: "
                f"inputs_shape={tuple(input_shape)}, kernel_size={self.kernel_size}, "
                f"dilation_rate={self.dilation_rate}."
            )
        batch, filters = input_shape[0], self._filters(input_shape)
        return (batch, *lengths, filters) if self._last else (batch, filters, *lengths)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, strides={self.strides}"


class _Conv(LoRA, _Windows):
    """Base of the convolutions; the subclasses set the rank.

    The kernel has Keras' shape ``(*kernel_size, channels, filters)`` but lies in memory in
    torch's channels-last order, and channels-last inputs are seen as torch sees them by
    their strides: neither is ever copied.
    """

    _convolve: Any = None

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        groups=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        *,
        lora_rank=None,
        lora_alpha=None,
        **kwargs,
    ):
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
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self._check_lora(lora_rank, lora_alpha)
        self.filters = positive_filters(filters)
        if not _checks.is_positive_int(groups):
            raise ValueError(
                f"The number of groups must be a positive integer. Received: groups={groups}."
            )
        self.groups = int(groups)
        if self.filters % self.groups:
            raise ValueError(
                "The number of filters must be evenly divisible by the number of groups. "
                f"Received: groups={groups}, filters={filters}."
            )
        if self.padding == "causal" and self.data_format != "channels_last":
            raise ValueError(
                "When using `padding='causal'`, `data_format` must be 'channels_last'. "
                f"Received: data_format={self.data_format}"
            )
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)

    def build(self, input_shape):
        channels = self._build_inputs(input_shape)
        if channels % self.groups:
            raise ValueError(
                "The number of input channels must be evenly divisible by the number of groups. "
                f"Received groups={self.groups}, but the input has {channels} channels (full "
                f"input shape is {input_shape})."
            )
        self.kernel = self.add_weight(
            (*self.kernel_size, channels // self.groups, self.filters),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
            layout=self._kernel_layout,
        )
        self._build_bias(self.filters)
        self.compute_output_shape(input_shape)
        self._lora_at_build()

    kernel = adapted("kernel")
    _kernel = stored("kernel")

    def call(self, inputs):
        x = self._given(inputs)
        padding, zeros = self._zeros or self._padding(x.shape[2:])
        if zeros is not None:
            x = F.pad(x, zeros)
        x = self._convolve(
            x,
            self.kernel.permute(self._kernel_to_torch),
            self.bias,
            self.strides,
            padding,
            self.dilation_rate,
            self.groups,
        )
        return self._returned(x)

    def extra_repr(self):
        return f"filters={self.filters}, {super().extra_repr()}"


class Conv1D(_Conv):
    """Convolves sequences: each output sees ``kernel_size`` neighbouring steps.

    Args:
        filters: Number of output channels.
        kernel_size: Width of the window, one number or one for each axis.
        strides: Steps of the window.
        padding: ``"valid"`` for none, ``"same"`` for zeros on both sides so that there are
            ``ceil(size / strides)`` outputs,
            ``"causal"`` for zeros before only.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.
        dilation_rate: Distance between the values the window sees.
        groups: Number of groups of channels that are convolved by themselves.
        activation: Function or its name; ``None`` returns the sum unchanged.
        use_bias: Whether a bias is added.
        kernel_initializer: Initializer of the kernel.
        bias_initializer: Initializer of the bias.
        kernel_regularizer: Term of the loss for the kernel.
        bias_regularizer: Term of the loss for the bias.
        activity_regularizer: Term of the loss for the outputs.
        kernel_constraint: Applied to the kernel after each update.
        bias_constraint: Applied to the bias after each update.
        lora_rank: Rank of an adapter that is trained in place of the kernel (see
            `enable_lora`); default none.
        lora_alpha: The adapter counts ``lora_alpha / lora_rank`` times; default once.

    Weights:
        kernel: ``(*kernel_size, channels / groups, filters)``
        bias: ``(filters,)``; ``None`` without ``use_bias``
        lora_kernel_a: ``(*kernel_size, channels / groups, lora_rank)``
        lora_kernel_b: ``(lora_rank, filters)``

    Raises:
        ValueError: for sizes that are not positive, groups that do not divide the channels
            or filters, or strides together with dilation.
    Shapes:
        inputs: ``(batch, steps, channels)``, or ``(batch, channels, steps)``
        outputs: ``(batch, new_steps, filters)``, or ``(batch, filters, new_steps)``

    Example:
        >>> torchkeras.layers.Conv1D(4, 3, padding="causal")(torch.ones(2, 10, 8)).shape
        torch.Size([2, 10, 4])
    """

    rank = 1
    _paddings = ("valid", "same", "causal")
    _convolve = staticmethod(F.conv1d)


class Conv2D(_Conv):
    """Convolves images: each output sees a window of ``kernel_size``.

    Args:
        filters: Number of output channels.
        kernel_size: Width of the window, one number or one for each axis.
        strides: Steps of the window.
        padding: ``"valid"`` for none, ``"same"`` for zeros on both sides so that there are
            ``ceil(size / strides)`` outputs.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.
        dilation_rate: Distance between the values the window sees.
        groups: Number of groups of channels that are convolved by themselves.
        activation: Function or its name; ``None`` returns the sum unchanged.
        use_bias: Whether a bias is added.
        kernel_initializer: Initializer of the kernel.
        bias_initializer: Initializer of the bias.
        kernel_regularizer: Term of the loss for the kernel.
        bias_regularizer: Term of the loss for the bias.
        activity_regularizer: Term of the loss for the outputs.
        kernel_constraint: Applied to the kernel after each update.
        bias_constraint: Applied to the bias after each update.
        lora_rank: Rank of an adapter that is trained in place of the kernel (see
            `enable_lora`); default none.
        lora_alpha: The adapter counts ``lora_alpha / lora_rank`` times; default once.

    Weights:
        kernel: ``(*kernel_size, channels / groups, filters)``
        bias: ``(filters,)``; ``None`` without ``use_bias``
        lora_kernel_a: ``(*kernel_size, channels / groups, lora_rank)``
        lora_kernel_b: ``(lora_rank, filters)``

    Raises:
        ValueError: for sizes that are not positive, groups that do not divide the channels
            or filters, or strides together with dilation.
    Shapes:
        inputs: ``(batch, height, width, channels)``, or ``(batch, channels, height, width)``
        outputs: ``(batch, new_height, new_width, filters)``, or the channels second

    Example:
        >>> torchkeras.layers.Conv2D(4, 3, padding="same")(torch.ones(2, 8, 8, 3)).shape
        torch.Size([2, 8, 8, 4])
    """

    rank = 2
    _convolve = staticmethod(F.conv2d)


class Conv3D(_Conv):
    """Convolves volumes: each output sees a window of ``kernel_size``.

    Args:
        filters: Number of output channels.
        kernel_size: Width of the window, one number or one for each axis.
        strides: Steps of the window.
        padding: ``"valid"`` for none, ``"same"`` for zeros on both sides so that there are
            ``ceil(size / strides)`` outputs.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.
        dilation_rate: Distance between the values the window sees.
        groups: Number of groups of channels that are convolved by themselves.
        activation: Function or its name; ``None`` returns the sum unchanged.
        use_bias: Whether a bias is added.
        kernel_initializer: Initializer of the kernel.
        bias_initializer: Initializer of the bias.
        kernel_regularizer: Term of the loss for the kernel.
        bias_regularizer: Term of the loss for the bias.
        activity_regularizer: Term of the loss for the outputs.
        kernel_constraint: Applied to the kernel after each update.
        bias_constraint: Applied to the bias after each update.
        lora_rank: Rank of an adapter that is trained in place of the kernel (see
            `enable_lora`); default none.
        lora_alpha: The adapter counts ``lora_alpha / lora_rank`` times; default once.

    Weights:
        kernel: ``(*kernel_size, channels / groups, filters)``
        bias: ``(filters,)``; ``None`` without ``use_bias``
        lora_kernel_a: ``(*kernel_size, channels / groups, lora_rank)``
        lora_kernel_b: ``(lora_rank, filters)``

    Raises:
        ValueError: for sizes that are not positive, groups that do not divide the channels
            or filters, or strides together with dilation.
    Shapes:
        inputs: ``(batch, depth, height, width, channels)``, or the channels second
        outputs: ``(batch, new_depth, new_height, new_width, filters)``, or the channels second

    Example:
        >>> torchkeras.layers.Conv3D(4, 3)(torch.ones(2, 8, 8, 8, 3)).shape
        torch.Size([2, 6, 6, 6, 4])
    """

    rank = 3
    _convolve = staticmethod(F.conv3d)
