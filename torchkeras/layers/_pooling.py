"""Pooling over windows and over whole axes."""

from typing import Any

import torch
import torch.nn.functional as F

from torchkeras import _checks, config
from torchkeras.layers._conv import output_length, same_padding
from torchkeras.layers._input_spec import InputSpec
from torchkeras.layers._layer import Layer


class _Pooling(Layer):
    """Base of pooling over windows; the subclasses set the rank and the function."""

    rank: int
    _pool: Any = None
    _is_average = False

    def __init__(
        self, pool_size=2, strides=None, padding="valid", data_format=None, name=None, **kwargs
    ):
        super().__init__(name=name, **kwargs)
        self.pool_size = _checks.sizes("pool_size", pool_size, self.rank)
        strides = self.pool_size if strides is None else strides
        self.strides = _checks.sizes("strides", strides, self.rank)
        self.padding = str(padding).lower()
        _checks.one_of("padding", self.padding, ("valid", "same"))
        self.data_format = config.standardize_data_format(data_format)
        self._last = self.data_format == "channels_last"
        rank = self.rank
        self._to_torch = (0, rank + 1, *range(1, rank + 1))
        self._to_keras = (0, *range(2, rank + 2), 1)
        self.input_spec = InputSpec(ndim=rank + 2)
        self._build_at_init()

    def call(self, inputs):
        x = inputs.permute(self._to_torch) if self._last else inputs
        x = (
            self._pool(x, self.pool_size, self.strides)
            if self.padding == "valid"
            else self._same(x)
        )
        return x.permute(self._to_keras) if self._last else x

    def _same(self, x):
        """Padded at both ends; the padding is never the largest value, and does not count."""
        pairs = [
            same_padding(n, k, s, 1) for n, k, s in zip(x.shape[2:], self.pool_size, self.strides)
        ]
        if not any(map(any, pairs)):
            return self._pool(x, self.pool_size, self.strides)
        if all(before == after for before, after in pairs):
            padding = tuple(before for before, _ in pairs)
            if all(2 * p <= k for p, k in zip(padding, self.pool_size)):
                extra = {"count_include_pad": False} if self._is_average else {}
                return self._pool(x, self.pool_size, self.strides, padding, **extra)
        zeros = tuple(n for pair in reversed(pairs) for n in pair)
        if not self._is_average:
            low = float("-inf") if x.dtype.is_floating_point else torch.iinfo(x.dtype).min
            return self._pool(F.pad(x, zeros, value=low), self.pool_size, self.strides)
        ones = torch.ones((1, 1, *x.shape[2:]), dtype=x.dtype, device=x.device)
        total = self._pool(F.pad(x, zeros), self.pool_size, self.strides)
        return total / self._pool(F.pad(ones, zeros), self.pool_size, self.strides)

    def compute_output_shape(self, input_shape):
        sizes = input_shape[1:-1] if self._last else input_shape[2:]
        lengths = tuple(
            output_length(n, k, s, self.padding)
            for n, k, s in zip(sizes, self.pool_size, self.strides)
        )
        if any(n is not None and n <= 0 for n in lengths):
            raise ValueError(
                "Computed output size would be zero or negative. Received: "
                f"input_shape={tuple(input_shape)}, pool_size={self.pool_size}"
            )
        if self._last:
            return (input_shape[0], *lengths, input_shape[-1])
        return (input_shape[0], input_shape[1], *lengths)


class _AveragePooling(_Pooling):
    """Base of the average pooling layers, which have no default window."""

    _is_average = True

    def __init__(
        self, pool_size, strides=None, padding="valid", data_format=None, name=None, **kwargs
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class _GlobalPooling(Layer):
    """Base of pooling over all positions; the subclasses set the rank."""

    rank: int
    _is_average = False

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.keepdims = keepdims
        self._last = self.data_format == "channels_last"
        self._axes = tuple(range(1, self.rank + 1) if self._last else range(2, self.rank + 2))
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self._build_at_init()

    def call(self, inputs):
        if self._is_average:
            if not inputs.is_floating_point():
                inputs = inputs.to(self._compute_torch_dtype)
            return inputs.mean(dim=self._axes, keepdim=self.keepdims)
        return inputs.amax(dim=self._axes, keepdim=self.keepdims)

    def compute_output_shape(self, input_shape):
        if self.keepdims:
            return tuple(1 if i in self._axes else n for i, n in enumerate(input_shape))
        return tuple(n for i, n in enumerate(input_shape) if i not in self._axes)


class _AdaptivePooling(Layer):
    """Base of pooling into a given number of windows; the subclasses set rank and function."""

    rank: int
    _pool: Any = None
    _names: str

    def __init__(self, output_size, data_format=None, **kwargs):
        super().__init__(**kwargs)
        rank = self.rank
        pair = isinstance(output_size, (tuple, list))
        if not pair and (not isinstance(output_size, int) or isinstance(output_size, bool)):
            self._refuse(output_size)
        if pair and len(output_size) != rank:
            if rank == 1:
                raise ValueError(
                    f"For 1D input, `output_size` tuple must have length 1. Received: {output_size}"
                )
            self._refuse(output_size)
        self.output_size = _checks.sizes("output_size", output_size, rank)
        if data_format not in (None, "channels_first", "channels_last"):
            raise ValueError(
                f"Invalid data_format: {data_format}. Expected 'channels_first' or 'channels_last'."
            )
        self.data_format = config.standardize_data_format(data_format)
        self._last = self.data_format == "channels_last"
        self._to_torch = (0, rank + 1, *range(1, rank + 1))
        self._to_keras = (0, *range(2, rank + 2), 1)
        self.input_spec = InputSpec(ndim=rank + 2)
        self._build_at_init()

    def _refuse(self, output_size):
        raise TypeError(
            f"`output_size` must be an integer or {self._names}. "
            f"Received: {output_size} of type {type(output_size)}"
        )

    def call(self, inputs):
        if not inputs.is_floating_point():
            inputs = inputs.to(self._compute_torch_dtype)
        x = inputs.permute(self._to_torch) if self._last else inputs
        x = self._pool(x, self.output_size)
        return x.permute(self._to_keras) if self._last else x

    def compute_output_shape(self, input_shape):
        if self._last:
            return (input_shape[0], *self.output_size, input_shape[-1])
        return (input_shape[0], input_shape[1], *self.output_size)


class MaxPooling1D(_Pooling):
    """Takes the largest value of each window of sequences.

    Args:
        pool_size: Width of the window, one number or one for each axis.
        strides: Steps of the window; default the window's width.
        padding: ``"valid"`` for none, ``"same"`` for ``ceil(size / strides)`` outputs.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Shapes:
        inputs: ``(batch, steps, channels)``, or the channels second
        outputs: ``(batch, new_steps, channels)``, or the channels second

    Example:
        >>> torchkeras.layers.MaxPooling1D(2)(torch.ones(1, 6, 2)).shape
        torch.Size([1, 3, 2])
    """

    rank = 1
    _pool = staticmethod(F.max_pool1d)


class MaxPooling2D(_Pooling):
    """Takes the largest value of each window of images.

    Args:
        pool_size: Width of the window, one number or one for each axis.
        strides: Steps of the window; default the window's width.
        padding: ``"valid"`` for none, ``"same"`` for ``ceil(size / strides)`` outputs.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Shapes:
        inputs: ``(batch, height, width, channels)``, or the channels second
        outputs: ``(batch, new_height, new_width, channels)``, or the channels second

    Example:
        >>> torchkeras.layers.MaxPooling2D(2)(torch.ones(1, 6, 6, 2)).shape
        torch.Size([1, 3, 3, 2])
    """

    rank = 2
    _pool = staticmethod(F.max_pool2d)


class MaxPooling3D(_Pooling):
    """Takes the largest value of each window of volumes.

    Args:
        pool_size: Width of the window, one number or one for each axis.
        strides: Steps of the window; default the window's width.
        padding: ``"valid"`` for none, ``"same"`` for ``ceil(size / strides)`` outputs.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Shapes:
        inputs: ``(batch, depth, height, width, channels)``, or the channels second
        outputs: ``(batch, new_depth, new_height, new_width, channels)``, or the channels second

    Example:
        >>> torchkeras.layers.MaxPooling3D(2)(torch.ones(1, 6, 6, 6, 2)).shape
        torch.Size([1, 3, 3, 3, 2])
    """

    rank = 3
    _pool = staticmethod(F.max_pool3d)


class AveragePooling1D(_AveragePooling):
    """Takes the mean of each window of sequences.

    Args:
        pool_size: Width of the window, one number or one for each axis.
        strides: Steps of the window; default the window's width.
        padding: ``"valid"`` for none, ``"same"`` for ``ceil(size / strides)`` outputs.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Shapes:
        inputs: ``(batch, steps, channels)``, or the channels second
        outputs: ``(batch, new_steps, channels)``, or the channels second

    Example:
        >>> torchkeras.layers.AveragePooling1D(2)(torch.ones(1, 6, 2)).shape
        torch.Size([1, 3, 2])
    """

    rank = 1
    _pool = staticmethod(F.avg_pool1d)


class AveragePooling2D(_AveragePooling):
    """Takes the mean of each window of images.

    Args:
        pool_size: Width of the window, one number or one for each axis.
        strides: Steps of the window; default the window's width.
        padding: ``"valid"`` for none, ``"same"`` for ``ceil(size / strides)`` outputs.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Shapes:
        inputs: ``(batch, height, width, channels)``, or the channels second
        outputs: ``(batch, new_height, new_width, channels)``, or the channels second

    Example:
        >>> torchkeras.layers.AveragePooling2D(2)(torch.ones(1, 6, 6, 2)).shape
        torch.Size([1, 3, 3, 2])
    """

    rank = 2
    _pool = staticmethod(F.avg_pool2d)


class AveragePooling3D(_AveragePooling):
    """Takes the mean of each window of volumes.

    Args:
        pool_size: Width of the window, one number or one for each axis.
        strides: Steps of the window; default the window's width.
        padding: ``"valid"`` for none, ``"same"`` for ``ceil(size / strides)`` outputs.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Shapes:
        inputs: ``(batch, depth, height, width, channels)``, or the channels second
        outputs: ``(batch, new_depth, new_height, new_width, channels)``, or the channels second

    Example:
        >>> torchkeras.layers.AveragePooling3D(2)(torch.ones(1, 6, 6, 6, 2)).shape
        torch.Size([1, 3, 3, 3, 2])
    """

    rank = 3
    _is_average = True

    @staticmethod
    def _pool(x, *args, **kwargs):
        # torch has no bfloat16 kernel for the CPU.
        if x.dtype is torch.bfloat16 and x.device.type == "cpu":
            return F.avg_pool3d(x.float(), *args, **kwargs).to(x.dtype)
        return F.avg_pool3d(x, *args, **kwargs)


class GlobalMaxPooling1D(_GlobalPooling):
    """Takes the largest value of each channel of sequences.

    Args:
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.
        keepdims: Whether the pooled axes stay, with size 1.

    Shapes:
        inputs: ``(batch, steps, channels)``, or the channels second
        outputs: ``(batch, channels)``; with ``keepdims`` the pooled axes as 1

    Example:
        >>> torchkeras.layers.GlobalMaxPooling1D()(torch.ones(1, 6, 2)).shape
        torch.Size([1, 2])
    """

    rank = 1


class GlobalMaxPooling2D(_GlobalPooling):
    """Takes the largest value of each channel of images.

    Args:
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.
        keepdims: Whether the pooled axes stay, with size 1.

    Shapes:
        inputs: ``(batch, height, width, channels)``, or the channels second
        outputs: ``(batch, channels)``; with ``keepdims`` the pooled axes as 1

    Example:
        >>> torchkeras.layers.GlobalMaxPooling2D()(torch.ones(1, 6, 6, 2)).shape
        torch.Size([1, 2])
    """

    rank = 2


class GlobalMaxPooling3D(_GlobalPooling):
    """Takes the largest value of each channel of volumes.

    Args:
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.
        keepdims: Whether the pooled axes stay, with size 1.

    Shapes:
        inputs: ``(batch, depth, height, width, channels)``, or the channels second
        outputs: ``(batch, channels)``; with ``keepdims`` the pooled axes as 1

    Example:
        >>> torchkeras.layers.GlobalMaxPooling3D()(torch.ones(1, 6, 6, 6, 2)).shape
        torch.Size([1, 2])
    """

    rank = 3


class GlobalAveragePooling2D(_GlobalPooling):
    """Takes the mean of each channel of images.

    Args:
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.
        keepdims: Whether the pooled axes stay, with size 1.

    Shapes:
        inputs: ``(batch, height, width, channels)``, or the channels second
        outputs: ``(batch, channels)``; with ``keepdims`` the pooled axes as 1

    Example:
        >>> torchkeras.layers.GlobalAveragePooling2D()(torch.ones(1, 6, 6, 2)).shape
        torch.Size([1, 2])
    """

    rank = 2
    _is_average = True


class GlobalAveragePooling3D(_GlobalPooling):
    """Takes the mean of each channel of volumes.

    Args:
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.
        keepdims: Whether the pooled axes stay, with size 1.

    Shapes:
        inputs: ``(batch, depth, height, width, channels)``, or the channels second
        outputs: ``(batch, channels)``; with ``keepdims`` the pooled axes as 1

    Example:
        >>> torchkeras.layers.GlobalAveragePooling3D()(torch.ones(1, 6, 6, 6, 2)).shape
        torch.Size([1, 2])
    """

    rank = 3
    _is_average = True


class GlobalAveragePooling1D(_GlobalPooling):
    """Takes the mean of each channel of sequences, over the steps that a mask leaves.

    Args:
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.
        keepdims: Whether the pooled axis stays, with size 1.

    Shapes:
        inputs: ``(batch, steps, channels)``, or the channels second; ``mask``: ``(batch, steps)``
        outputs: ``(batch, channels)``; with ``keepdims`` the pooled axis as 1

    Example:
        >>> torchkeras.layers.GlobalAveragePooling1D()(torch.ones(1, 6, 2)).shape
        torch.Size([1, 2])
    """

    rank = 1
    _is_average = True
    supports_masking = True
    _makes_masks = False

    def call(self, inputs, mask=None):
        if mask is None:
            return super().call(inputs)
        mask = mask.to(inputs.dtype).unsqueeze(-1 if self._last else 1)
        axis = self._axes[0]
        total = (inputs * mask).sum(dim=axis, keepdim=self.keepdims)
        return total / mask.sum(dim=axis, keepdim=self.keepdims)

    def compute_mask(self, inputs, mask=None):
        return None


class AdaptiveAveragePooling1D(_AdaptivePooling):
    """Takes the mean of each of a given number of windows of sequences.

    Window ``i`` of ``m`` along an axis of size ``n`` reaches from ``floor(i * n / m)`` to
    ``ceil((i + 1) * n / m)``: windows may overlap and differ in width by one.

    Args:
        output_size: Number of windows.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Shapes:
        inputs: ``(batch, steps, channels)``, or ``(batch, channels, steps)``
        outputs: ``(batch, output_size, channels)``, or ``(batch, channels, output_size)``

    Raises:
        TypeError: if ``output_size`` is neither an integer nor a tuple of them.
        ValueError: if a size is not positive.

    Example:
        >>> torchkeras.layers.AdaptiveAveragePooling1D(4)(torch.ones(1, 6, 2)).shape
        torch.Size([1, 4, 2])
    """

    rank = 1
    _names = "tuple of 1 integer"
    _pool = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAveragePooling2D(_AdaptivePooling):
    """Takes the mean of each of a given number of windows of images.

    Window ``i`` of ``m`` along an axis of size ``n`` reaches from ``floor(i * n / m)`` to
    ``ceil((i + 1) * n / m)``: windows may overlap and differ in width by one.

    Args:
        output_size: Number of windows, one number or one for each axis.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Shapes:
        inputs: ``(batch, height, width, channels)``, or ``(batch, channels, height, width)``
        outputs: ``(batch, *output_size, channels)``, or the channels second

    Raises:
        TypeError: if ``output_size`` is neither an integer nor a tuple of them.
        ValueError: if a size is not positive.

    Example:
        >>> torchkeras.layers.AdaptiveAveragePooling2D(4)(torch.ones(1, 6, 6, 2)).shape
        torch.Size([1, 4, 4, 2])
    """

    rank = 2
    _names = "(height, width) tuple"
    _pool = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAveragePooling3D(_AdaptivePooling):
    """Takes the mean of each of a given number of windows of volumes.

    Window ``i`` of ``m`` along an axis of size ``n`` reaches from ``floor(i * n / m)`` to
    ``ceil((i + 1) * n / m)``: windows may overlap and differ in width by one.

    Args:
        output_size: Number of windows, one number or one for each axis.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Shapes:
        inputs: ``(batch, depth, height, width, channels)``, or the channels second
        outputs: ``(batch, *output_size, channels)``, or the channels second

    Raises:
        TypeError: if ``output_size`` is neither an integer nor a tuple of them.
        ValueError: if a size is not positive.

    Example:
        >>> torchkeras.layers.AdaptiveAveragePooling3D(4)(torch.ones(1, 6, 6, 6, 2)).shape
        torch.Size([1, 4, 4, 4, 2])
    """

    rank = 3
    _names = "(depth, height, width) tuple"
    _pool = staticmethod(F.adaptive_avg_pool3d)


class AdaptiveMaxPooling1D(_AdaptivePooling):
    """Takes the largest value of each of a given number of windows of sequences.

    Window ``i`` of ``m`` along an axis of size ``n`` reaches from ``floor(i * n / m)`` to
    ``ceil((i + 1) * n / m)``: windows may overlap and differ in width by one.

    Args:
        output_size: Number of windows.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Shapes:
        inputs: ``(batch, steps, channels)``, or ``(batch, channels, steps)``
        outputs: ``(batch, output_size, channels)``, or ``(batch, channels, output_size)``

    Raises:
        TypeError: if ``output_size`` is neither an integer nor a tuple of them.
        ValueError: if a size is not positive.

    Example:
        >>> torchkeras.layers.AdaptiveMaxPooling1D(4)(torch.ones(1, 6, 2)).shape
        torch.Size([1, 4, 2])
    """

    rank = 1
    _names = "tuple of 1 integer"
    _pool = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPooling2D(_AdaptivePooling):
    """Takes the largest value of each of a given number of windows of images.

    Window ``i`` of ``m`` along an axis of size ``n`` reaches from ``floor(i * n / m)`` to
    ``ceil((i + 1) * n / m)``: windows may overlap and differ in width by one.

    Args:
        output_size: Number of windows, one number or one for each axis.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Shapes:
        inputs: ``(batch, height, width, channels)``, or ``(batch, channels, height, width)``
        outputs: ``(batch, *output_size, channels)``, or the channels second

    Raises:
        TypeError: if ``output_size`` is neither an integer nor a tuple of them.
        ValueError: if a size is not positive.

    Example:
        >>> torchkeras.layers.AdaptiveMaxPooling2D(4)(torch.ones(1, 6, 6, 2)).shape
        torch.Size([1, 4, 4, 2])
    """

    rank = 2
    _names = "(height, width) tuple"
    _pool = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPooling3D(_AdaptivePooling):
    """Takes the largest value of each of a given number of windows of volumes.

    Window ``i`` of ``m`` along an axis of size ``n`` reaches from ``floor(i * n / m)`` to
    ``ceil((i + 1) * n / m)``: windows may overlap and differ in width by one.

    Args:
        output_size: Number of windows, one number or one for each axis.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Shapes:
        inputs: ``(batch, depth, height, width, channels)``, or the channels second
        outputs: ``(batch, *output_size, channels)``, or the channels second

    Raises:
        TypeError: if ``output_size`` is neither an integer nor a tuple of them.
        ValueError: if a size is not positive.

    Example:
        >>> torchkeras.layers.AdaptiveMaxPooling3D(4)(torch.ones(1, 6, 6, 6, 2)).shape
        torch.Size([1, 4, 4, 4, 2])
    """

    rank = 3
    _names = "(depth, height, width) tuple"
    _pool = staticmethod(F.adaptive_max_pool3d)
