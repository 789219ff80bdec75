"""Layers that move values to other places: reshape, permute, repeat, crop, pad, enlarge."""

import math
import numbers
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras import _checks, config
from torchkeras.layers._input_spec import InputSpec
from torchkeras.layers._layer import Layer


class Flatten(Layer):
    """Makes one axis of all axes but the batch axis.

    Args:
        data_format: ``"channels_first"`` if the second axis holds channels that must come
            last in the result, as they do for ``"channels_last"``.

    Shapes:
        inputs: ``(batch, ...)``
        outputs: ``(batch, values)``

    Example:
        >>> torchkeras.layers.Flatten()(torch.ones(2, 3, 4)).shape
        torch.Size([2, 12])
    """

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)
        self._build_at_init()

    def call(self, inputs):
        if self.data_format == "channels_first" and inputs.ndim > 2:
            inputs = inputs.movedim(1, -1)
        return inputs.flatten(1) if inputs.ndim > 1 else inputs.unsqueeze(1)

    def compute_output_shape(self, input_shape):
        sizes = input_shape[1:]
        return (input_shape[0], None if None in sizes else math.prod(sizes))


class Reshape(Layer):
    """Gives the axes after the batch axis another shape.

    Args:
        target_shape: The shape without the batch axis; one size may be -1: what is left.

    Shapes:
        inputs: ``(batch, ...)``
        outputs: ``(batch, *target_shape)``

    Raises:
        ValueError: if a size of ``target_shape`` is no size, or the numbers of values differ.

    Example:
        >>> torchkeras.layers.Reshape((-1, 2))(torch.ones(3, 4)).shape
        torch.Size([3, 2, 2])
    """

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        target_shape = tuple(target_shape)
        if not all(isinstance(n, numbers.Integral) and int(n) >= -1 for n in target_shape):
            raise ValueError(
                "Each dimension in `target_shape` must be a non-negative integer, or `-1` for a "
                f"single unknown dimension. Received: target_shape={target_shape}"
            )
        if target_shape.count(-1) > 1:
            raise ValueError(
                "There must be at most one unknown dimension (-1) in `target_shape`. "
                f"Received: target_shape={target_shape}"
            )
        self.target_shape = tuple(int(n) for n in target_shape)
        self._build_at_init()

    def call(self, inputs):
        return inputs.reshape(inputs.shape[0], *self.target_shape)

    def compute_output_shape(self, input_shape):
        sizes, target = input_shape[1:], self.target_shape
        known = math.prod(n for n in target if n != -1)
        if None in sizes:
            return (input_shape[0], *(None if n == -1 else n for n in target))
        total = math.prod(sizes)
        if (-1 in target and (known == 0 or total % known)) or (
            -1 not in target and total != known
        ):
            raise ValueError(
                "The total size of the tensor must be unchanged. Received: "
                f"input_shape={tuple(sizes)}, target_shape={target}"
            )
        return (input_shape[0], *(total // known if n == -1 else n for n in target))


class Permute(Layer):
    """Puts the axes after the batch axis into another order.

    Args:
        dims: The order of the axes, counted from 1: ``(2, 1)`` swaps the first two.

    Shapes:
        inputs: ``(batch, ...)``
        outputs: the same sizes in another order

    Raises:
        ValueError: if ``dims`` is no order of ``1..n``.

    Example:
        >>> torchkeras.layers.Permute((2, 1))(torch.ones(3, 4, 5)).shape
        torch.Size([3, 5, 4])
    """

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                "Invalid permutation argument `dims` for Permute Layer. The set of indices in "
                f"`dims` must be consecutive and start from 1. Received dims={dims}"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)
        self._build_at_init()

    def call(self, inputs):
        return inputs.permute(0, *self.dims)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *(input_shape[axis] for axis in self.dims))


class RepeatVector(Layer):
    """Repeats each row ``n`` times along a new axis.

    Args:
        n: How many times.

    Shapes:
        inputs: ``(batch, features)``
        outputs: ``(batch, n, features)``

    Raises:
        TypeError: if ``n`` is no integer.
        ValueError: if ``n`` is not positive.

    Example:
        >>> torchkeras.layers.RepeatVector(3)(torch.ones(2, 4)).shape
        torch.Size([2, 3, 4])
    """

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(n, int):
            raise TypeError(f"Expected an integer value for `n`, got {type(n)}.")
        if n < 1:
            raise ValueError(f"Argument `n` should be a positive integer. Received: n={n}")
        self.n = n
        self.input_spec = InputSpec(ndim=2)
        self._build_at_init()

    def call(self, inputs):
        return inputs.unsqueeze(1).expand(-1, self.n, -1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.n, input_shape[1])


class _Edges(Layer):
    """Base of cropping and padding: a number of values before and after, for each axis."""

    rank: int

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        first = 1 if self.data_format == "channels_last" else 2
        self._axes = tuple(range(first, first + self.rank))
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self._build_at_init()

    def _pairs(self, name, value) -> tuple:
        """(before, after) for each axis from a number, a number or a pair for each."""
        rank = self.rank
        if isinstance(value, numbers.Integral) and not isinstance(value, bool):
            if value < 0:
                raise ValueError(f"`{name}` cannot be negative. Received: {name}={value}.")
            return ((int(value),) * 2,) * rank
        if not hasattr(value, "__len__"):
            raise ValueError(
                f"`{name}` should be either an int, a tuple of {rank} ints (the same before and "
                f"after), or a tuple of {rank} tuples of 2 ints (before, after). "
                f"Received: {name}={value}."
            )
        if len(value) != rank:
            raise ValueError(
                f"`{name}` should have {'two' if rank == 2 else rank} elements. "
                f"Received: {name}={value}."
            )
        return tuple(
            _checks.sizes(f"{place} entry of {name}", pair, 2, allow_zero=True)
            for place, pair in zip(("1st", "2nd", "3rd"), value)
        )


class _Cropping(_Edges):
    """Base of the cropping layers; the subclasses set the rank."""

    def __init__(self, cropping, data_format=None, **kwargs):
        super().__init__(data_format, **kwargs)
        self.cropping: tuple = self._pairs("cropping", cropping)
        self._cut(self.cropping)

    def _cut(self, pairs):
        slices = [slice(None)] * (self.rank + 2)
        for axis, (before, after) in zip(self._axes, pairs):
            slices[axis] = slice(before, -after or None)
        self._slices = tuple(slices)
        self._cuts = tuple(zip(self._axes, map(sum, pairs)))

    def call(self, inputs):
        self._check(inputs.shape)
        return inputs[self._slices]

    def _check(self, shape):
        for axis, cut in self._cuts:
            if shape[axis] is not None and shape[axis] <= cut:
                raise ValueError(
                    f"{self._too_much}. Received: input_shape={tuple(shape)}, "
                    f"cropping={self.cropping}"
                )

    _too_much = (
        "Values in `cropping` argument should be smaller than the corresponding spatial "
        "dimension of the input"
    )

    def compute_output_shape(self, input_shape):
        self._check(input_shape)
        sizes = list(input_shape)
        for axis, cut in self._cuts:
            sizes[axis] = None if sizes[axis] is None else sizes[axis] - cut
        return tuple(sizes)


class Cropping1D(_Cropping):
    """Leaves out steps at the beginning and the end of sequences.

    Args:
        cropping: How many: one number, or ``(before, after)``.

    Shapes:
        inputs: ``(batch, steps, channels)``
        outputs: ``(batch, steps - before - after, channels)``

    Raises:
        ValueError: for a negative number, or if nothing is left.

    Example:
        >>> torchkeras.layers.Cropping1D((1, 2))(torch.ones(2, 7, 3)).shape
        torch.Size([2, 4, 3])
    """

    rank = 1
    _too_much = "`cropping` parameter of `Cropping1D` layer must be smaller than the input length"

    def __init__(self, cropping=(1, 1), **kwargs):
        cropping = _checks.sizes("cropping", cropping, 2, allow_zero=True)
        super().__init__((cropping,), "channels_last", **kwargs)
        self.cropping = cropping

    _config_skip = ("autocast", "data_format")


class Cropping2D(_Cropping):
    """Leaves out rows and columns at the edges of images.

    Args:
        cropping: How many: one number, ``(rows, columns)``, or
            ``((top, bottom), (left, right))``.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Shapes:
        inputs: ``(batch, height, width, channels)``, or ``(batch, channels, height, width)``
        outputs: the same with a smaller height and width

    Raises:
        ValueError: for a negative number, or if nothing is left.

    Example:
        >>> torchkeras.layers.Cropping2D(((1, 2), (0, 1)))(torch.ones(2, 7, 6, 3)).shape
        torch.Size([2, 4, 5, 3])
    """

    rank = 2

    def __init__(self, cropping=((0, 0), (0, 0)), data_format=None, **kwargs):
        super().__init__(cropping, data_format, **kwargs)


class Cropping3D(_Cropping):
    """Leaves out values at the faces of volumes.

    Args:
        cropping: How many: one number, one for each axis, or three pairs ``(before, after)``.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Shapes:
        inputs: ``(batch, depth, height, width, channels)``, or the channels second
        outputs: the same with a smaller depth, height and width

    Raises:
        ValueError: for a negative number, or if nothing is left.

    Example:
        >>> torchkeras.layers.Cropping3D((1, 1, 2))(torch.ones(2, 7, 6, 5, 3)).shape
        torch.Size([2, 5, 4, 1, 3])
    """

    rank = 3

    def __init__(self, cropping=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        super().__init__(cropping, data_format, **kwargs)


class _ZeroPadding(_Edges):
    """Base of the padding layers; the subclasses set the rank."""

    def __init__(self, padding, data_format=None, **kwargs):
        super().__init__(data_format, **kwargs)
        self.padding: tuple = self._pairs("padding", padding)
        self._zeros = self._for_torch(self.padding)

    def _for_torch(self, pairs):
        """The pairs as `F.pad` wants them: the last axis first."""
        channels = (0, 0) if self.data_format == "channels_last" else ()
        return (*channels, *(n for pair in reversed(pairs) for n in pair))

    def call(self, inputs):
        return F.pad(inputs, self._zeros)

    def compute_output_shape(self, input_shape):
        sizes = list(input_shape)
        for axis, more in zip(self._axes, map(sum, self._pairs_of_axes())):
            sizes[axis] = None if sizes[axis] is None else sizes[axis] + more
        return tuple(sizes)

    def _pairs_of_axes(self):
        return self.padding


class ZeroPadding1D(_ZeroPadding):
    """Adds zeros before and after sequences.

    Args:
        padding: How many: one number, or ``(before, after)``.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Shapes:
        inputs: ``(batch, steps, channels)``, or ``(batch, channels, steps)``
        outputs: the same with more steps

    Raises:
        ValueError: for a negative number.

    Example:
        >>> torchkeras.layers.ZeroPadding1D((1, 0))(torch.ones(1, 2, 1)).flatten()
        tensor([0., 1., 1.])
    """

    rank = 1

    def __init__(self, padding=1, data_format=None, **kwargs):
        padding = _checks.sizes("padding", padding, 2, allow_zero=True)
        super().__init__((padding,), data_format, **kwargs)
        self.padding = padding

    def _pairs_of_axes(self):
        return (self.padding,)


class ZeroPadding2D(_ZeroPadding):
    """Adds rows and columns of zeros at the edges of images.

    Args:
        padding: How many: one number, ``(rows, columns)``, or
            ``((top, bottom), (left, right))``.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Shapes:
        inputs: ``(batch, height, width, channels)``, or ``(batch, channels, height, width)``
        outputs: the same with a larger height and width

    Raises:
        ValueError: for a negative number.

    Example:
        >>> torchkeras.layers.ZeroPadding2D(((1, 0), (2, 2)))(torch.ones(2, 4, 4, 3)).shape
        torch.Size([2, 5, 8, 3])
    """

    rank = 2

    def __init__(self, padding=(1, 1), data_format=None, **kwargs):
        super().__init__(padding, data_format, **kwargs)


class ZeroPadding3D(_ZeroPadding):
    """Adds zeros at the faces of volumes.

    Args:
        padding: How many: one number, one for each axis, or three pairs ``(before, after)``.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Shapes:
        inputs: ``(batch, depth, height, width, channels)``, or the channels second
        outputs: the same with a larger depth, height and width

    Raises:
        ValueError: for a negative number.

    Example:
        >>> torchkeras.layers.ZeroPadding3D((0, 1, 2))(torch.ones(2, 4, 4, 4, 3)).shape
        torch.Size([2, 4, 6, 8, 3])
    """

    rank = 3

    def __init__(self, padding=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        super().__init__(padding, data_format, **kwargs)


_LANCZOS = {"lanczos3": 3, "lanczos5": 5}
_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", *_LANCZOS)


class UpSampling1D(Layer):
    """Repeats each step of sequences.

    Args:
        size: How many times each step stands in the output.

    Shapes:
        inputs: ``(batch, steps, channels)``
        outputs: ``(batch, steps * size, channels)``

    Raises:
        TypeError: if ``size`` is no integer.
        ValueError: if ``size`` is not positive.

    Example:
        >>> torchkeras.layers.UpSampling1D(2)(torch.tensor([[[1.0], [2.0]]])).flatten()
        tensor([1., 1., 2., 2.])
    """

    def __init__(self, size=2, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(size, int) or isinstance(size, bool):
            raise TypeError(f"Expected an integer value for `size`, got {type(size)}.")
        if size < 1:
            raise ValueError(f"Argument `size` should be a positive integer. Received: size={size}")
        self.size = size
        self.input_spec = InputSpec(ndim=3)
        self._build_at_init()

    def call(self, inputs):
        return inputs.repeat_interleave(self.size, dim=1)

    def compute_output_shape(self, input_shape):
        batch, steps, channels = input_shape
        return (batch, None if steps is None else steps * self.size, channels)


class _UpSampling(Layer):
    """Base of up-sampling over several axes; the subclasses set the rank."""

    rank: int

    def __init__(self, size, data_format=None, **kwargs):
        super().__init__(**kwargs)
        rank = self.rank
        self.size = _checks.sizes("size", size, rank)
        self.data_format = config.standardize_data_format(data_format)
        self._last = self.data_format == "channels_last"
        self._axes = tuple(range(1, rank + 1) if self._last else range(2, rank + 2))
        self._to_torch = (0, rank + 1, *range(1, rank + 1))
        self._to_keras = (0, *range(2, rank + 2), 1)
        self._mode: Any = self._nearest()
        self.input_spec = InputSpec(ndim=rank + 2)
        self._build_at_init()

    def _nearest(self):
        """torch's faster kernel where its rounded factors are exact: for powers of two."""
        return "nearest" if all(n & (n - 1) == 0 for n in self.size) else "nearest-exact"

    def call(self, inputs):
        x = inputs.permute(self._to_torch) if self._last else inputs
        if x.is_floating_point():
            x = self._enlarge(x)
        else:
            # torch has kernels for floats only; what lies between integers is rounded.
            limits = torch.iinfo(x.dtype)
            y = self._enlarge(x.double()).round().clamp(limits.min, limits.max)
            x = y.to(x.dtype)
        return x.permute(self._to_keras) if self._last else x

    def _enlarge(self, x):
        sizes = [n * times for n, times in zip(x.shape[2:], self.size)]
        return F.interpolate(x, sizes, mode=self._mode)

    def compute_output_shape(self, input_shape):
        sizes = list(input_shape)
        for axis, times in zip(self._axes, self.size):
            sizes[axis] = None if sizes[axis] is None else sizes[axis] * times
        return tuple(sizes)


class UpSampling2D(_UpSampling):
    """Makes images larger by whole factors.

    Args:
        size: The factors for height and width, or one number.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.
        interpolation: What stands between the pixels: ``"nearest"`` repeats them,
            ``"bilinear"`` and ``"bicubic"`` are torch's of these names, ``"lanczos3"`` and
            ``"lanczos5"`` the windowed sinc of that radius.

    Shapes:
        inputs: ``(batch, height, width, channels)``, or ``(batch, channels, height, width)``
        outputs: the same with ``height * size[0]`` and ``width * size[1]``

    Raises:
        ValueError: if ``size`` is not positive, or for an unknown ``interpolation``.

    Example:
        >>> torchkeras.layers.UpSampling2D((2, 3))(torch.ones(2, 4, 4, 3)).shape
        torch.Size([2, 8, 12, 3])
    """

    rank = 2

    def __init__(self, size=(2, 2), data_format=None, interpolation="nearest", **kwargs):
        super().__init__(size, data_format, **kwargs)
        self.interpolation = str(interpolation).lower()
        _checks.one_of("interpolation", self.interpolation, _INTERPOLATIONS)
        if self.interpolation != "nearest":
            self._mode = self.interpolation

    def _enlarge(self, x):
        radius = _LANCZOS.get(self.interpolation)
        if radius is None:
            return super()._enlarge(x)
        rows, columns = (
            _lanczos_weights(n, times, radius, x) for n, times in zip(x.shape[2:], self.size)
        )
        return rows @ x @ columns.mT


class UpSampling3D(_UpSampling):
    """Repeats the values of volumes along three axes.

    Args:
        size: How many times along each axis, or one number.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Shapes:
        inputs: ``(batch, depth, height, width, channels)``, or the channels second
        outputs: the same with each axis times its ``size``

    Raises:
        ValueError: if ``size`` is not positive.

    Example:
        >>> torchkeras.layers.UpSampling3D((1, 2, 3))(torch.ones(2, 4, 4, 4, 3)).shape
        torch.Size([2, 4, 8, 12, 3])
    """

    rank = 3

    def __init__(self, size=(2, 2, 2), data_format=None, **kwargs):
        super().__init__(size, data_format, **kwargs)


def _lanczos_weights(n, times, radius, like):
    """The matrix ``(n * times, n)`` that interpolates an axis; each row sums to 1."""
    options = {"dtype": torch.float64, "device": like.device}
    # Pixels are areas: the centre of the first of `times` parts is half a part from the edge.
    centres = (torch.arange(n * times, **options) + 0.5) / times - 0.5
    distance = centres.unsqueeze(1) - torch.arange(n, **options)
    weights = torch.sinc(distance) * torch.sinc(distance / radius)
    weights = torch.where(distance.abs() < radius, weights, 0.0)
    return (weights / weights.sum(1, keepdim=True)).to(like.dtype)
