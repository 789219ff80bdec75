"""Depthwise and separable convolutions over one and two axes."""

from typing import Any

import torch.nn.functional as F

from torchkeras import _checks, constraints, initializers, regularizers
from torchkeras.layers._conv import _Windows, positive_filters


class _Channelwise(_Windows):
    """Base of the convolutions with kernels of their own for each channel.

    Such a kernel has Keras' shape ``(*kernel_size, channels, depth_multiplier)`` but lies in
    memory as torch's ``(channels * depth_multiplier, 1, *kernel_size)``.
    """

    _convolve: Any = None
    _dilated_strides = None

    def __init__(self, *args, depth_multiplier, **kwargs):
        super().__init__(*args, **kwargs)
        if not _checks.is_positive_int(depth_multiplier):
            raise ValueError(
                "Invalid value for argument `depth_multiplier`. Expected a strictly positive "
                f"value. Received depth_multiplier={depth_multiplier}."
            )
        self.depth_multiplier = int(depth_multiplier)
        rank = self.rank
        self._depthwise_layout = (rank, rank + 1, *range(rank))

    def _depthwise_weight(self, channels, name):
        return self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            name=name,
            layout=self._depthwise_layout,
        )

    def _depthwise(self, x, kernel, bias):
        padding, zeros = self._zeros or self._padding(x.shape[2:])
        if zeros is not None:
            x = F.pad(x, zeros)
        weight = kernel.permute(self._depthwise_layout)
        if self.depth_multiplier > 1:
            weight = weight.reshape(-1, 1, *self.kernel_size)
        return self._convolve(
            x, weight, bias, self.strides, padding, self.dilation_rate, x.shape[1]
        )


class _DepthwiseConv(_Channelwise):
    """Base of the depthwise convolutions; the subclasses set the rank."""

    def __init__(
        self,
        kernel_size,
        strides=1,
        padding="valid",
        depth_multiplier=1,
        data_format=None,
        dilation_rate=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
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
            depth_multiplier=depth_multiplier,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)

    def build(self, input_shape):
        channels = self._build_inputs(input_shape)
        self.kernel = self._depthwise_weight(channels, "kernel")
        self._build_bias(channels * self.depth_multiplier)
        self.compute_output_shape(input_shape)

    def call(self, inputs):
        return self._returned(self._depthwise(self._given(inputs), self.kernel, self.bias))

    def _filters(self, input_shape):
        channels = input_shape[-1 if self._last else 1]
        return None if channels is None else channels * self.depth_multiplier


class DepthwiseConv1D(_DepthwiseConv):
    """Convolves each channel of sequences with kernels of its own.

    Args:
        kernel_size: Width of the window.
        strides: Steps of the window.
        padding: ``"valid"`` for none, ``"same"`` for zeros on both sides so that there are
            ``ceil(size / strides)`` outputs.
        depth_multiplier: Number of kernels, and so of outputs, for each channel.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.
        dilation_rate: Distance between the values the window sees.
        activation: Function or its name; ``None`` returns the sum unchanged.
        use_bias: Whether a bias is added.
        depthwise_initializer: Initializer of the kernel.
        bias_initializer: Initializer of the bias.
        depthwise_regularizer: Term of the loss for the kernel.
        bias_regularizer: Term of the loss for the bias.
        activity_regularizer: Term of the loss for the outputs.
        depthwise_constraint: Applied to the kernel after each update.
        bias_constraint: Applied to the bias after each update.

    Weights:
        kernel: ``(kernel_size, channels, depth_multiplier)``
        bias: ``(channels * depth_multiplier,)``; ``None`` without ``use_bias``

    Shapes:
        inputs: ``(batch, steps, channels)``, or ``(batch, channels, steps)``
        outputs: ``(batch, new_steps, channels * depth_multiplier)``, or the channels second

    Raises:
        ValueError: for sizes that are not positive.

    Example:
        >>> torchkeras.layers.DepthwiseConv1D(3, depth_multiplier=2)(torch.ones(2, 10, 4)).shape
        torch.Size([2, 8, 8])
    """

    rank = 1
    _convolve = staticmethod(F.conv1d)


class DepthwiseConv2D(_DepthwiseConv):
    """Convolves each channel of images with kernels of its own.

    Args:
        kernel_size: Width of the window, one number or one for each axis.
        strides: Steps of the window.
        padding: ``"valid"`` for none, ``"same"`` for zeros on both sides so that there are
            ``ceil(size / strides)`` outputs.
        depth_multiplier: Number of kernels, and so of outputs, for each channel.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.
        dilation_rate: Distance between the values the window sees.
        activation: Function or its name; ``None`` returns the sum unchanged.
        use_bias: Whether a bias is added.
        depthwise_initializer: Initializer of the kernel.
        bias_initializer: Initializer of the bias.
        depthwise_regularizer: Term of the loss for the kernel.
        bias_regularizer: Term of the loss for the bias.
        activity_regularizer: Term of the loss for the outputs.
        depthwise_constraint: Applied to the kernel after each update.
        bias_constraint: Applied to the bias after each update.

    Weights:
        kernel: ``(*kernel_size, channels, depth_multiplier)``
        bias: ``(channels * depth_multiplier,)``; ``None`` without ``use_bias``

    Shapes:
        inputs: ``(batch, height, width, channels)``, or ``(batch, channels, height, width)``
        outputs: ``(batch, new_height, new_width, channels * depth_multiplier)``, or the
            channels second

    Raises:
        ValueError: for sizes that are not positive.

    Example:
        >>> torchkeras.layers.DepthwiseConv2D(3)(torch.ones(2, 8, 8, 4)).shape
        torch.Size([2, 6, 6, 4])
    """

    rank = 2
    _convolve = staticmethod(F.conv2d)


class _SeparableConv(_Channelwise):
    """Base of the separable convolutions; the subclasses set the rank."""

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        depth_multiplier=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        pointwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        pointwise_constraint=None,
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
            depth_multiplier=depth_multiplier,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.filters = positive_filters(filters)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.pointwise_constraint = constraints.get(pointwise_constraint)

    def build(self, input_shape):
        channels = self._build_inputs(input_shape)
        self.depthwise_kernel = self._depthwise_weight(channels, "depthwise_kernel")
        self.pointwise_kernel = self.add_weight(
            (*(1,) * self.rank, channels * self.depth_multiplier, self.filters),
            self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
            name="pointwise_kernel",
            layout=self._kernel_layout,
        )
        self._build_bias(self.filters)
        self.compute_output_shape(input_shape)

    def call(self, inputs):
        x = self._depthwise(self._given(inputs), self.depthwise_kernel, None)
        weight = self.pointwise_kernel.permute(self._kernel_to_torch)
        return self._returned(self._convolve(x, weight, self.bias))

    def extra_repr(self):
        return f"filters={self.filters}, {super().extra_repr()}"


class SeparableConv1D(_SeparableConv):
    """Convolves each channel of sequences by itself, then mixes the channels at each step.

    Args:
        filters: Number of output channels.
        kernel_size: Width of the window.
        strides: Steps of the window.
        padding: ``"valid"`` for none, ``"same"`` for zeros on both sides so that there are
            ``ceil(size / strides)`` outputs.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.
        dilation_rate: Distance between the values the window sees.
        depth_multiplier: Number of depthwise kernels for each channel.
        activation: Function or its name; ``None`` returns the sum unchanged.
        use_bias: Whether a bias is added.
        depthwise_initializer: Initializer of the depthwise kernel.
        pointwise_initializer: Initializer of the pointwise kernel.
        bias_initializer: Initializer of the bias.
        depthwise_regularizer: Term of the loss for the depthwise kernel.
        pointwise_regularizer: Term of the loss for the pointwise kernel.
        bias_regularizer: Term of the loss for the bias.
        activity_regularizer: Term of the loss for the outputs.
        depthwise_constraint: Applied to the depthwise kernel after each update.
        pointwise_constraint: Applied to the pointwise kernel after each update.
        bias_constraint: Applied to the bias after each update.

    Weights:
        depthwise_kernel: ``(kernel_size, channels, depth_multiplier)``
        pointwise_kernel: ``(1, channels * depth_multiplier, filters)``
        bias: ``(filters,)``; ``None`` without ``use_bias``

    Shapes:
        inputs: ``(batch, steps, channels)``, or ``(batch, channels, steps)``
        outputs: ``(batch, new_steps, filters)``, or ``(batch, filters, new_steps)``

    Raises:
        ValueError: for sizes that are not positive.

    Paper: Chollet 2017, https://arxiv.org/abs/1610.02357

    Example:
        >>> torchkeras.layers.SeparableConv1D(5, 3)(torch.ones(2, 10, 4)).shape
        torch.Size([2, 8, 5])
    """

    rank = 1
    _convolve = staticmethod(F.conv1d)


class SeparableConv2D(_SeparableConv):
    """Convolves each channel of images by itself, then mixes the channels at each pixel.

    Args:
        filters: Number of output channels.
        kernel_size: Width of the window, one number or one for each axis.
        strides: Steps of the window.
        padding: ``"valid"`` for none, ``"same"`` for zeros on both sides so that there are
            ``ceil(size / strides)`` outputs.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.
        dilation_rate: Distance between the values the window sees.
        depth_multiplier: Number of depthwise kernels for each channel.
        activation: Function or its name; ``None`` returns the sum unchanged.
        use_bias: Whether a bias is added.
        depthwise_initializer: Initializer of the depthwise kernel.
        pointwise_initializer: Initializer of the pointwise kernel.
        bias_initializer: Initializer of the bias.
        depthwise_regularizer: Term of the loss for the depthwise kernel.
        pointwise_regularizer: Term of the loss for the pointwise kernel.
        bias_regularizer: Term of the loss for the bias.
        activity_regularizer: Term of the loss for the outputs.
        depthwise_constraint: Applied to the depthwise kernel after each update.
        pointwise_constraint: Applied to the pointwise kernel after each update.
        bias_constraint: Applied to the bias after each update.

    Weights:
        depthwise_kernel: ``(*kernel_size, channels, depth_multiplier)``
        pointwise_kernel: ``(1, 1, channels * depth_multiplier, filters)``
        bias: ``(filters,)``; ``None`` without ``use_bias``

    Shapes:
        inputs: ``(batch, height, width, channels)``, or ``(batch, channels, height, width)``
        outputs: ``(batch, new_height, new_width, filters)``, or the channels second

    Raises:
        ValueError: for sizes that are not positive.

    Paper: Chollet 2017, https://arxiv.org/abs/1610.02357

    Example:
        >>> torchkeras.layers.SeparableConv2D(5, 3)(torch.ones(2, 8, 8, 4)).shape
        torch.Size([2, 6, 6, 5])
    """

    rank = 2
    _convolve = staticmethod(F.conv2d)
