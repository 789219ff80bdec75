"""Transposed convolutions over one, two and three axes."""

from typing import Any

import torch.nn.functional as F

from torchkeras import _checks, constraints, initializers, regularizers
from torchkeras.layers._conv import _Windows, positive_filters


class _ConvTranspose(_Windows):
    """Base of the transposed convolutions; the subclasses set the rank.

    The sum of all kernels is cut as the gradient of a convolution would be: ``"same"`` cuts
    evenly, the odd value at the end. That does not depend on the sizes of the data.
    """

    _convolve: Any = None

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        output_padding=None,
        data_format=None,
        dilation_rate=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
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
        self.filters = positive_filters(filters)
        if output_padding is not None:
            output_padding = _checks.sizes("output_padding", output_padding, self.rank, True)
            for axis, (more, stride) in enumerate(zip(output_padding, self.strides)):
                if more >= stride:
                    raise ValueError(
                        "`output_padding` must be strictly less than `strides` for all "
                        f"dimensions. At dimension {axis}, `output_padding` is {more} but "
                        f"`strides` is {stride}. Received: output_padding={output_padding}, "
                        f"strides={self.strides}"
                    )
        self.output_padding = output_padding
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        # The width of the kernel, and how much less than the whole sum is kept, for each axis.
        self._reach = tuple((k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation_rate))
        self._cuts = tuple(self._cut(axis) for axis in range(self.rank))
        # torch cuts both ends alike and adds at the end; an odd cut is left for `F.pad`.
        even = self.padding == "same"
        self._both = tuple(max(cut, 0) // 2 if even else 0 for cut in self._cuts)
        ends = [2 * both - cut for both, cut in zip(self._both, self._cuts)]
        self._more = tuple(max(n, 0) for n in ends)
        odd = [n for end in reversed(ends) for n in (0, min(end, 0))]
        self._odd = odd if any(odd) else None
        # torch's own sum with the bias is slow on CPUs unless the strides divide the output.
        self._bias_after = any(
            (reach - 2 * both + more) % stride
            for reach, both, more, stride in zip(self._reach, self._both, self._more, self.strides)
        )
        self._bias_shape = (-1, *(1,) * self.rank)

    def _cut(self, axis):
        reach, stride = self._reach[axis], self.strides[axis]
        if self.output_padding is None:
            return reach - stride if self.padding == "same" else min(reach - stride, 0)
        lost = 2 * (reach // 2) if self.padding == "same" else 0
        return lost - self.output_padding[axis]

    def build(self, input_shape):
        channels = self._build_inputs(input_shape)
        self.kernel = self.add_weight(
            (*self.kernel_size, self.filters, channels),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
            layout=self._kernel_layout,
        )
        self._build_bias(self.filters)

    def call(self, inputs):
        x = self._convolve(
            self._given(inputs),
            self.kernel.permute(self._kernel_to_torch),
            None if self._bias_after else self.bias,
            self.strides,
            self._both,
            self._more,
            1,
            self.dilation_rate,
        )
        if self._odd is not None:
            x = F.pad(x, self._odd)
        if self._bias_after and self.bias is not None:
            x = x.add_(self.bias.view(self._bias_shape))
        return self._returned(x)

    def compute_output_shape(self, input_shape):
        sizes = input_shape[1:-1] if self._last else input_shape[2:]
        lengths = tuple(
            None if n is None else (n - 1) * stride + reach - cut
            for n, stride, reach, cut in zip(sizes, self.strides, self._reach, self._cuts)
        )
        batch, filters = input_shape[0], self.filters
        return (batch, *lengths, filters) if self._last else (batch, filters, *lengths)

    def extra_repr(self):
        return f"filters={self.filters}, {super().extra_repr()}"


class Conv1DTranspose(_ConvTranspose):
    """Spreads each step of a sequence over a window and adds up where windows overlap.

    The transpose of the linear map that `Conv1D` is, so shapes go the other way:
    with ``strides=2`` a sequence becomes twice as long.

    Args:
        filters: Number of output channels.
        kernel_size: Width of the kernel.
        strides: Distance of the kernels in the output.
        padding: ``"valid"`` keeps the whole sum, ``"same"`` ``size * strides`` values of it.
        output_padding: Values at the end more than the least that fit; default as many as
            ``padding`` asks for.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.
        dilation_rate: Distance between the values of a kernel.
        activation: Function or its name; ``None`` returns the sum unchanged.
        use_bias: Whether a bias is added.
        kernel_initializer: Initializer of the kernel.
        bias_initializer: Initializer of the bias.
        kernel_regularizer: Term of the loss for the kernel.
        bias_regularizer: Term of the loss for the bias.
        activity_regularizer: Term of the loss for the outputs.
        kernel_constraint: Applied to the kernel after each update.
        bias_constraint: Applied to the bias after each update.

    Weights:
        kernel: ``(*kernel_size, filters, channels)``
        bias: ``(filters,)``; ``None`` without ``use_bias``

    Shapes:
        inputs: ``(batch, steps, channels)``, or ``(batch, channels, steps)``
        outputs: ``(batch, new_steps, filters)``, or ``(batch, filters, new_steps)``

    Raises:
        ValueError: for sizes that are not positive, an ``output_padding`` that is not below
            the strides, or strides together with dilation.

    Paper: Dumoulin and Visin 2016, https://arxiv.org/abs/1603.07285

    Example:
        >>> torchkeras.layers.Conv1DTranspose(4, 3, 2, "same")(torch.ones(2, 10, 8)).shape
        torch.Size([2, 20, 4])
    """

    rank = 1
    _convolve = staticmethod(F.conv_transpose1d)


class Conv2DTranspose(_ConvTranspose):
    """Spreads each pixel of an image over a window and adds up where windows overlap.

    The transpose of the linear map that `Conv2D` is, so shapes go the other way:
    with ``strides=2`` an image becomes twice as high and wide.

    Args:
        filters: Number of output channels.
        kernel_size: Width of the kernel, one number or one for each axis.
        strides: Distance of the kernels in the output.
        padding: ``"valid"`` keeps the whole sum, ``"same"`` ``size * strides`` values of it.
        output_padding: Values at the end more than the least that fit; default as many as
            ``padding`` asks for.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.
        dilation_rate: Distance between the values of a kernel.
        activation: Function or its name; ``None`` returns the sum unchanged.
        use_bias: Whether a bias is added.
        kernel_initializer: Initializer of the kernel.
        bias_initializer: Initializer of the bias.
        kernel_regularizer: Term of the loss for the kernel.
        bias_regularizer: Term of the loss for the bias.
        activity_regularizer: Term of the loss for the outputs.
        kernel_constraint: Applied to the kernel after each update.
        bias_constraint: Applied to the bias after each update.

    Weights:
        kernel: ``(*kernel_size, filters, channels)``
        bias: ``(filters,)``; ``None`` without ``use_bias``

    Shapes:
        inputs: ``(batch, height, width, channels)``, or ``(batch, channels, height, width)``
        outputs: ``(batch, new_height, new_width, filters)``, or the channels second

    Raises:
        ValueError: for sizes that are not positive, an ``output_padding`` that is not below
            the strides, or strides together with dilation.

    Paper: Dumoulin and Visin 2016, https://arxiv.org/abs/1603.07285

    Example:
        >>> torchkeras.layers.Conv2DTranspose(4, 3, 2, "same")(torch.ones(2, 8, 8, 3)).shape
        torch.Size([2, 16, 16, 4])
    """

    rank = 2
    _convolve = staticmethod(F.conv_transpose2d)


class Conv3DTranspose(_ConvTranspose):
    """Spreads each voxel of a volume over a window and adds up where windows overlap.

    The transpose of the linear map that `Conv3D` is, so shapes go the other way:
    with ``strides=2`` a volume becomes twice as deep, high and wide.

    Args:
        filters: Number of output channels.
        kernel_size: Width of the kernel, one number or one for each axis.
        strides: Distance of the kernels in the output.
        padding: ``"valid"`` keeps the whole sum, ``"same"`` ``size * strides`` values of it.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.
        output_padding: Values at the end more than the least that fit; default as many as
            ``padding`` asks for.
        dilation_rate: Distance between the values of a kernel.
        activation: Function or its name; ``None`` returns the sum unchanged.
        use_bias: Whether a bias is added.
        kernel_initializer: Initializer of the kernel.
        bias_initializer: Initializer of the bias.
        kernel_regularizer: Term of the loss for the kernel.
        bias_regularizer: Term of the loss for the bias.
        activity_regularizer: Term of the loss for the outputs.
        kernel_constraint: Applied to the kernel after each update.
        bias_constraint: Applied to the bias after each update.

    Weights:
        kernel: ``(*kernel_size, filters, channels)``
        bias: ``(filters,)``; ``None`` without ``use_bias``

    Shapes:
        inputs: ``(batch, depth, height, width, channels)``, or the channels second
        outputs: ``(batch, new_depth, new_height, new_width, filters)``, or the channels second

    Raises:
        ValueError: for sizes that are not positive, an ``output_padding`` that is not below
            the strides, or strides together with dilation.

    Paper: Dumoulin and Visin 2016, https://arxiv.org/abs/1603.07285

    Example:
        >>> torchkeras.layers.Conv3DTranspose(4, 2, 2)(torch.ones(2, 3, 3, 3, 1)).shape
        torch.Size([2, 6, 6, 6, 4])
    """

    rank = 3
    _convolve = staticmethod(F.conv_transpose3d)

    # The two arguments after `padding` stand in the other order here, as in Keras.
    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1, 1),
        padding="valid",
        data_format=None,
        output_padding=None,
        dilation_rate=(1, 1, 1),
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            output_padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            **kwargs,
        )
