"""Convolutions, pooling and patches over one, two or three axes."""

import math

import torch
from torch.nn import functional as F

from torchkeras import _checks, config
from torchkeras.graph._infer import infer
from torchkeras.ops._convert import floating, promoted, tensor
from torchkeras.ops._op import op
from torchkeras.ops._rules import unified

_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_AVERAGE_POOL = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
_TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
_ADAPTIVE_MAX = {1: F.adaptive_max_pool1d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d}
_ADAPTIVE_AVERAGE = {
    1: F.adaptive_avg_pool1d,
    2: F.adaptive_avg_pool2d,
    3: F.adaptive_avg_pool3d,
}


def _images(x, data_format):
    """The tensor with channels second, the number of space axes, and whether they were last."""
    rank = x.ndim - 2
    if rank not in (1, 2, 3):
        raise ValueError(
            "`inputs` must have a batch axis, one to three axes of space, and channels. "
            f"Received: inputs.shape={tuple(x.shape)}"
        )
    last = config.standardize_data_format(data_format) == "channels_last"
    return (torch.movedim(x, -1, 1) if last else x), rank, last


def _given_back(x, last):
    return torch.movedim(x, 1, -1) if last else x


def _padding(padding):
    return _checks.one_of("padding", str(padding).lower(), ("valid", "same"))


def _same(sizes, windows, strides, dilations):
    """Zeros (before, after) along each axis for ``ceil(size / stride)`` outputs."""
    pairs = []
    for size, window, stride, dilation in zip(sizes, windows, strides, dilations):
        reach = (window - 1) * dilation
        total = max((-(-size // stride) - 1) * stride + reach + 1 - size, 0)
        pairs.append((total // 2, total - total // 2))
    return pairs


def _infer(function, inputs, kernel, axis, data_format, *args):
    """Symbols of a convolution; an unknown number of channels is what the kernel takes."""
    n = len(inputs.shape)
    labels: list[list] = [[*range(n)], [*range(n, 2 * n)]]
    last = config.standardize_data_format(data_format) == "channels_last"
    labels[0][-1 if last else 1] = labels[1][axis] = "channels"
    if len(kernel.shape) == n:  # else the function says what is wrong
        inputs, kernel = unified((inputs, kernel), labels)
    return infer(function.__wrapped__, (inputs, kernel, *args), {})


def _conv_rule(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    given = strides, padding, data_format, dilation_rate
    return _infer(conv, inputs, kernel, -2, data_format, *given)


def _depthwise_rule(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    given = strides, padding, data_format, dilation_rate
    return _infer(depthwise_conv, inputs, kernel, -2, data_format, *given)


def _transpose_rule(
    inputs,
    kernel,
    strides=1,
    padding="valid",
    output_padding=None,
    data_format=None,
    dilation_rate=1,
):
    given = strides, padding, output_padding, data_format, dilation_rate
    return _infer(conv_transpose, inputs, kernel, -1, data_format, *given)


def _flat(pairs):
    return [n for pair in reversed(pairs) for n in pair]


def _convolved(x, weight, strides, padding, dilation_rate, groups, rank):
    strides = _checks.sizes("strides", strides, rank)
    dilations = _checks.sizes("dilation_rate", dilation_rate, rank)
    pads = (0,) * rank
    if _padding(padding) == "same":
        pairs = _same(x.shape[2:], weight.shape[2:], strides, dilations)
        if all(a == b for a, b in pairs):
            pads = tuple(a for a, _ in pairs)
        else:
            x = F.pad(x, _flat(pairs))
    return _CONV[rank](x, weight, None, strides, pads, dilations, groups)


@op
def adaptive_average_pool(inputs, output_size, data_format=None):
    """Means of windows chosen so that a given number of them covers each axis.

    Args:
        inputs: Tensor ``(batch, *space, channels)`` (channels second in ``"channels_first"``).
        output_size: Number of windows along each axis; an integer, or a tuple.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the configuration.

    Example:
        >>> torchkeras.ops.adaptive_average_pool(torch.arange(4.0).reshape(1, 4, 1), 2)
        tensor([[[0.5000],
                 [2.5000]]])
    """
    x, rank, last = _images(floating(inputs), data_format)
    sizes = _checks.sizes("output_size", output_size, rank)
    return _given_back(_ADAPTIVE_AVERAGE[rank](x, sizes), last)


@op
def adaptive_max_pool(inputs, output_size, data_format=None):
    """Largest elements of windows chosen so that a given number of them covers each axis.

    Args:
        inputs: Tensor ``(batch, *space, channels)`` (channels second in ``"channels_first"``).
        output_size: Number of windows along each axis; an integer, or a tuple.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the configuration.

    Example:
        >>> torchkeras.ops.adaptive_max_pool(torch.arange(4.0).reshape(1, 4, 1), 2)
        tensor([[[1.],
                 [3.]]])
    """
    x, rank, last = _images(floating(inputs), data_format)
    sizes = _checks.sizes("output_size", output_size, rank)
    return _given_back(_ADAPTIVE_MAX[rank](x, sizes), last)


@op
def average_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    """Means of windows.

    Args:
        inputs: Tensor ``(batch, *space, channels)`` (channels second in ``"channels_first"``).
        pool_size: Sizes of the windows; an integer, or a tuple.
        strides: Distances of the windows; default their sizes.
        padding: ``"valid"`` only whole windows; ``"same"`` a window for each stride begun, where
            the outside does not count.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the configuration.

    Example:
        >>> torchkeras.ops.average_pool(torch.arange(4.0).reshape(1, 4, 1), 2)
        tensor([[[0.5000],
                 [2.5000]]])
    """
    x, rank, last = _images(floating(inputs), data_format)
    window, strides, pairs = _windows(x, rank, pool_size, strides, padding)
    pool = _AVERAGE_POOL[rank]
    if not any(map(any, pairs)):
        return _given_back(pool(x, window, strides), last)
    # The mean of what is inside: divided by the part that is.
    inside = F.pad(x.new_ones((1, 1, *x.shape[2:])), _flat(pairs))
    sums = pool(F.pad(x, _flat(pairs)), window, strides)
    return _given_back(sums / pool(inside, window, strides), last)


def _windows(x, rank, pool_size, strides, padding):
    window = _checks.sizes("pool_size", pool_size, rank)
    strides = window if strides is None else _checks.sizes("strides", strides, rank)
    if _padding(padding) == "valid":
        return window, strides, [(0, 0)] * rank
    return window, strides, _same(x.shape[2:], window, strides, (1,) * rank)


@op(rule=_conv_rule)
def conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """Convolution: at each place the window's products with the kernel, summed.

    Args:
        inputs: Tensor ``(batch, *space, channels)`` (channels second in ``"channels_first"``).
        kernel: Tensor ``(*sizes, channels / groups, filters)``; its channels give the groups.
        strides: Distances of the windows; an integer, or a tuple.
        padding: ``"valid"`` only whole windows; ``"same"`` zeros outside, for a window at each
            stride.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the configuration.
        dilation_rate: Distances within the window; an integer, or a tuple.

    Raises:
        ValueError: if shapes or options do not fit.

    Example:
        >>> torchkeras.ops.conv(torch.ones(1, 4, 2), torch.ones(3, 2, 5)).shape
        torch.Size([1, 2, 5])
    """
    inputs, kernel = promoted(inputs, kernel, least=(float,))
    x, rank, last = _images(inputs, data_format)
    _check_kernel(kernel, rank)
    channels = x.shape[1]
    if channels % kernel.shape[-2]:
        raise ValueError(
            "The number of input channels must match the kernel's, or be a multiple of it. "
            f"Received: {channels} input channels must match the kernel's {kernel.shape[-2]}."
        )
    weight = kernel.permute(rank + 1, rank, *range(rank))
    groups = channels // kernel.shape[-2]
    return _given_back(_convolved(x, weight, strides, padding, dilation_rate, groups, rank), last)


def _check_kernel(kernel, rank):
    if kernel.ndim != rank + 2:
        raise ValueError(
            f"`kernel` must have {rank + 2} axes like `inputs`. "
            f"Received: kernel.shape={tuple(kernel.shape)}"
        )


@op(rule=_transpose_rule)
def conv_transpose(
    inputs,
    kernel,
    strides=1,
    padding="valid",
    output_padding=None,
    data_format=None,
    dilation_rate=1,
):
    """Transposed convolution: the kernel times each element, added up at distances of the strides.

    Args:
        inputs: Tensor ``(batch, *space, channels)`` (channels second in ``"channels_first"``).
        kernel: Tensor ``(*sizes, filters, channels)``.
        strides: Distances of the copies of the kernel; an integer, or a tuple.
        padding: ``"valid"`` keeps all, ``"same"`` ``size * stride`` elements of each axis.
        output_padding: How many elements more at the end; default as many as ``padding`` asks for.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the configuration.
        dilation_rate: Distances within the kernel; an integer, or a tuple.

    Raises:
        ValueError: if shapes or options do not fit.

    Example:
        >>> torchkeras.ops.conv_transpose(torch.ones(1, 4, 2), torch.ones(3, 5, 2), 2).shape
        torch.Size([1, 9, 5])
    """
    inputs, kernel = promoted(inputs, kernel, least=(float,))
    x, rank, last = _images(inputs, data_format)
    _check_kernel(kernel, rank)
    strides = _checks.sizes("strides", strides, rank)
    dilations = _checks.sizes("dilation_rate", dilation_rate, rank)
    same = _padding(padding) == "same"
    more = [None] * rank
    if output_padding is not None:
        more = _checks.sizes("output_padding", output_padding, rank, allow_zero=True)
    if x.shape[1] != kernel.shape[-1]:
        raise ValueError(
            "The number of input channels must match the kernel's last axis. "
            f"Received: {x.shape[1]} input channels, kernel.shape={tuple(kernel.shape)}"
        )
    weight = kernel.permute(rank + 1, rank, *range(rank))
    y = _TRANSPOSE[rank](x, weight, None, strides, 0, 0, 1, dilations)
    crops = []  # what is cut (or, negative, added) before and after
    for size, window, stride, dilation, extra in zip(
        x.shape[2:], kernel.shape, strides, dilations, more
    ):
        reach = (window - 1) * dilation + 1
        full = (size - 1) * stride + reach
        if extra is None:
            length = size * stride if same else size * stride + max(reach - stride, 0)
            before = max(reach - stride, 0) // 2 if same else 0
        else:
            length = full - (2 * (reach // 2) if same else 0) + extra
            before = max(full - length, 0) // 2 if same else 0
        crops.append((-before, length + before - full))
    return _given_back(F.pad(y, _flat(crops)), last)


@op(rule=_depthwise_rule)
def depthwise_conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """Convolution of each channel with kernels of its own.

    Args:
        inputs: Tensor ``(batch, *space, channels)`` (channels second in ``"channels_first"``).
        kernel: Tensor ``(*sizes, channels, multiplier)``: so many outputs for each channel.
        strides: Distances of the windows; an integer, or a tuple.
        padding: ``"valid"`` only whole windows; ``"same"`` zeros outside, for a window at each
            stride.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the configuration.
        dilation_rate: Distances within the window; an integer, or a tuple.

    Raises:
        ValueError: if shapes or options do not fit.

    Example:
        >>> torchkeras.ops.depthwise_conv(torch.ones(1, 4, 2), torch.ones(3, 2, 1)).shape
        torch.Size([1, 2, 2])
    """
    return _depthwise(inputs, kernel, strides, padding, data_format, dilation_rate)


def _depthwise(inputs, kernel, strides, padding, data_format, dilation_rate):
    inputs, kernel = promoted(inputs, kernel, least=(float,))
    x, rank, last = _images(inputs, data_format)
    _check_kernel(kernel, rank)
    weight = kernel.flatten(-2)[..., None].permute(rank, rank + 1, *range(rank))
    groups = kernel.shape[-2]
    if x.shape[1] != groups:
        raise ValueError(
            "The number of input channels must match the kernel's last axis but one. "
            f"Received: {x.shape[1]} input channels, kernel.shape={tuple(kernel.shape)}"
        )
    y = _convolved(x, weight, strides, padding, dilation_rate, groups, rank)
    return _given_back(y, last)


@op
def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Images from patches, added up where they overlap; turns `unfold` around.

    Args:
        x: Patches ``(batch, channels * patch elements, patches)``.
        output_size: Height and width of the images.
        kernel_size: Height and width of the patches.
        dilation: Distance within a patch.
        padding: Zeros on each side that were unfolded too.
        stride: Distance of the patches.

    Example:
        >>> torchkeras.ops.fold(torch.ones(1, 4, 1), (2, 2), 2)
        tensor([[[[1., 1.],
                  [1., 1.]]]])
    """
    x = floating(x)
    if x.ndim != 3:
        raise ValueError(f"Input must be a 3D tensor. Received: input.shape={tuple(x.shape)}")
    return F.fold(x, output_size, kernel_size, dilation, padding, stride)


@op
def max_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    """Largest elements of windows.

    Args:
        inputs: Tensor ``(batch, *space, channels)`` (channels second in ``"channels_first"``).
        pool_size: Sizes of the windows; an integer, or a tuple.
        strides: Distances of the windows; default their sizes.
        padding: ``"valid"`` only whole windows; ``"same"`` a window for each stride begun.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the configuration.

    Example:
        >>> torchkeras.ops.max_pool(torch.arange(4.0).reshape(1, 4, 1), 2)
        tensor([[[1.],
                 [3.]]])
    """
    x, rank, last = _images(tensor(inputs), data_format)
    window, strides, pairs = _windows(x, rank, pool_size, strides, padding)
    if any(map(any, pairs)):
        low = -math.inf if x.dtype.is_floating_point else torch.iinfo(x.dtype).min
        x = F.pad(x, _flat(pairs), value=low)
    return _given_back(_MAX_POOL[rank](x, window, strides), last)


def _separable_rule(
    inputs,
    depthwise_kernel,
    pointwise_kernel,
    strides=1,
    padding="valid",
    data_format=None,
    dilation_rate=1,
):
    y = _depthwise_rule(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return _conv_rule(y, pointwise_kernel, data_format=data_format)


@op(rule=_separable_rule)
def separable_conv(
    inputs,
    depthwise_kernel,
    pointwise_kernel,
    strides=1,
    padding="valid",
    data_format=None,
    dilation_rate=1,
):
    """Convolution of each channel with kernels of its own, then of all channels at each place.

    Args:
        inputs: Tensor ``(batch, *space, channels)`` (channels second in ``"channels_first"``).
        depthwise_kernel: Tensor ``(*sizes, channels, multiplier)``.
        pointwise_kernel: Tensor ``(1, ..., channels * multiplier, filters)``.
        strides: Distances of the windows; an integer, or a tuple.
        padding: ``"valid"`` only whole windows; ``"same"`` zeros outside, for a window at each
            stride.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the configuration.
        dilation_rate: Distances within the window; an integer, or a tuple.

    Raises:
        ValueError: if shapes or options do not fit.

    Example:
        >>> kernels = torch.ones(3, 2, 1), torch.ones(1, 2, 5)
        >>> torchkeras.ops.separable_conv(torch.ones(1, 4, 2), *kernels).shape
        torch.Size([1, 2, 5])
    """
    y = _depthwise(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    y, pointwise = promoted(y, pointwise_kernel, least=(float,))
    x, rank, last = _images(y, data_format)
    weight = pointwise.permute(rank + 1, rank, *range(rank))
    return _given_back(_CONV[rank](x, weight), last)


@op
def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    """Patches of images, each as one column.

    Args:
        x: Images ``(batch, channels, height, width)``.
        kernel_size: Height and width of the patches.
        dilation: Distance within a patch.
        padding: Zeros added on each side.
        stride: Distance of the patches.

    Example:
        >>> torchkeras.ops.unfold(torch.ones(1, 1, 3, 3), 2).shape
        torch.Size([1, 4, 4])
    """
    return F.unfold(floating(x), kernel_size, dilation, padding, stride)
