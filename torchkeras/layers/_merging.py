"""Layers of several inputs: sums, products, concatenations."""

import functools
import math
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras.graph._tensor import as_tensor
from torchkeras.layers._layer import Layer


class _Merge(Layer):
    """Base of layers that combine inputs value by value, with broadcasting."""

    supports_masking = True
    _makes_masks = False

    def __init__(self, **kwargs):
        super().__init__(**kwargs)

    def build(self, input_shape):
        shapes = _shapes(input_shape, type(self).__name__, self._at_least)
        if len({s[0] for s in shapes if s and s[0] is not None}) > 1:
            raise ValueError(
                "Cannot merge tensors with different batch sizes. "
                f"Received tensors with shapes {input_shape}"
            )
        self.compute_output_shape(input_shape)

    _at_least = 1

    def call(self, inputs):
        if inputs.__class__ not in (list, tuple):
            raise ValueError(
                "A merge layer should be called on a list of inputs. "
                f"Received: inputs={type(inputs).__name__} (not a list of tensors)"
            )
        rank = max(x.ndim for x in inputs)
        aligned = [_expand(x, rank) if x.ndim != rank else x for x in inputs]
        if self._neutral is not None:
            masks = [getattr(x, "_keras_mask", None) for x in inputs]
            if any(m is not None for m in masks):
                return self._merge_masked(aligned, masks)
        return self._merge(aligned)

    # What stands for a masked value in the merge; None: masked values are merged as they are.
    _neutral: Any = None

    def _merge_masked(self, inputs, masks):
        masks = [
            x.new_ones((), dtype=torch.bool) if m is None else _as_wide(m.bool(), x)
            for x, m in zip(inputs, masks)
        ]
        merged = self._merge([torch.where(m, x, self._neutral) for x, m in zip(inputs, masks)])
        some = functools.reduce(torch.logical_or, masks)
        return torch.where(some, merged, self._where_none_counts(inputs[0]))

    def _where_none_counts(self, first):
        return first

    def compute_output_shape(self, input_shape):
        shapes = _shapes(input_shape, type(self).__name__, 1)
        rank = max(map(len, shapes))
        shapes = [(s[:1] + (1,) * (rank - len(s)) + s[1:]) if len(s) < rank else s for s in shapes]
        return tuple(functools.reduce(_broadcast, sizes) for sizes in zip(*shapes))

    def compute_mask(self, inputs, mask=None):
        if mask is None or not _checked_masks(inputs, mask):
            return None
        if any(m is None for m in mask):
            return None  # an input without a mask counts everywhere
        masks = [as_tensor(m) for m in mask]
        rank = max(m.ndim for m in masks)
        return functools.reduce(torch.logical_or, [_expand(m, rank) for m in masks])


def _shapes(input_shape, name, at_least):
    if (
        not isinstance(input_shape, (list, tuple))
        or not input_shape
        or not isinstance(input_shape[0], (list, tuple))
    ):
        raise ValueError(
            "A merge layer should be called on a list of inputs. "
            f"Received: input_shape={input_shape} (not a list of shapes)"
        )
    if len(input_shape) < at_least:
        raise ValueError(
            f"A `{name}` layer should be called on a list of at least {at_least} inputs. "
            f"Received: {len(input_shape)} inputs"
        )
    return [tuple(s) for s in input_shape]


def _checked_masks(inputs, mask):
    """Whether there is a mask at all; an error unless there is one, or ``None``, for each input."""
    for name, value in (("inputs", inputs), ("mask", mask)):
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"`{name}` should be a list. Received: {name}={type(value).__name__}")
    if len(mask) != len(inputs):
        raise ValueError(
            "The lists `inputs` and `mask` should have the same length. "
            f"Received: {len(inputs)} inputs and {len(mask)} masks"
        )
    return any(m is not None for m in mask)


def _as_wide(mask, x):
    """The mask with as many axes as ``x``."""
    return mask[(..., *(None,) * (x.ndim - mask.ndim))] if mask.ndim < x.ndim else mask


def _expand(x, rank):
    # Missing axes stand after the batch axis.
    return x if x.ndim == rank else x[(slice(None), *(None,) * (rank - x.ndim))]


def _broadcast(a, b):
    if a == b or b == 1:
        return a
    if a == 1:
        return b
    if a is None or b is None:
        return b if a is None else a
    raise ValueError(f"Inputs have incompatible shapes. Sizes {a} and {b} cannot be merged.")


def _reduced(function):
    return lambda self, inputs: functools.reduce(function, inputs)


class Add(_Merge):
    """The sum of the inputs.

    Shapes:
        inputs: list of tensors whose shapes broadcast
        outputs: the broadcast shape

    Example:
        >>> torchkeras.layers.Add()([torch.ones(2), torch.ones(2)])
        tensor([2., 2.])
    """

    _merge = _reduced(torch.add)


class Subtract(_Merge):
    """The first input less the second.

    Shapes:
        inputs: list of two tensors whose shapes broadcast
        outputs: the broadcast shape

    Raises:
        ValueError: unless there are two inputs.

    Example:
        >>> torchkeras.layers.Subtract()([torch.ones(2), torch.ones(2)])
        tensor([0., 0.])
    """

    def build(self, input_shape):
        super().build(input_shape)
        if len(input_shape) != 2:
            raise ValueError(
                "A `Subtract` layer should be called on exactly 2 inputs. "
                f"Received: input_shape={input_shape}"
            )

    _merge = _reduced(torch.sub)


class Multiply(_Merge):
    """The product of the inputs, value by value; masked values are left out.

    Shapes:
        inputs: list of tensors whose shapes broadcast
        outputs: the broadcast shape

    Example:
        >>> torchkeras.layers.Multiply()([torch.ones(2), torch.ones(2) * 3])
        tensor([3., 3.])
    """

    _merge = _reduced(torch.mul)
    _neutral = 1.0

    def _where_none_counts(self, first):
        return torch.zeros_like(first)


class Average(_Merge):
    """The mean of the inputs.

    Shapes:
        inputs: list of tensors whose shapes broadcast
        outputs: the broadcast shape

    Example:
        >>> torchkeras.layers.Average()([torch.ones(2), torch.ones(2) * 3])
        tensor([2., 2.])
    """

    def _merge(self, inputs):
        return functools.reduce(torch.add, inputs) / len(inputs)


class Maximum(_Merge):
    """The largest of the inputs, value by value; masked values are left out.

    Shapes:
        inputs: list of tensors whose shapes broadcast
        outputs: the broadcast shape

    Example:
        >>> torchkeras.layers.Maximum()([torch.ones(2), torch.zeros(2)])
        tensor([1., 1.])
    """

    _merge = _reduced(torch.maximum)
    _neutral = -math.inf


class Minimum(_Merge):
    """The smallest of the inputs, value by value; masked values are left out.

    Shapes:
        inputs: list of tensors whose shapes broadcast
        outputs: the broadcast shape

    Example:
        >>> torchkeras.layers.Minimum()([torch.ones(2), torch.zeros(2)])
        tensor([0., 0.])
    """

    _merge = _reduced(torch.minimum)
    _neutral = math.inf


class Concatenate(_Merge):
    """The inputs one after another along an axis.

    Args:
        axis: The axis.

    Shapes:
        inputs: list of tensors that differ in that axis only
        outputs: the sizes of that axis added up

    Raises:
        ValueError: if another axis differs.

    Example:
        >>> torchkeras.layers.Concatenate()([torch.ones(2, 3), torch.ones(2, 1)]).shape
        torch.Size([2, 4])
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, input_shape):
        self.compute_output_shape(input_shape)

    def call(self, inputs):
        return torch.cat(tuple(inputs), dim=self.axis)

    def compute_output_shape(self, input_shape):
        if not isinstance(input_shape, (list, tuple)) or not isinstance(
            input_shape[0], (list, tuple)
        ):
            raise ValueError(
                "A `Concatenate` layer should be called on a list of at least 1 input. "
                f"Received: input_shape={input_shape}"
            )
        shapes = [list(s) for s in input_shape]
        rank = len(shapes[0])
        if not -rank <= self.axis < rank:
            raise ValueError(
                f"`axis` must be an axis of the inputs. Received: axis={self.axis} for inputs of "
                f"shapes {input_shape}"
            )
        axis = self.axis % rank
        total = 0
        for shape in shapes:
            fits = len(shape) == len(shapes[0]) and all(
                i == axis or a is None or b is None or a == b
                for i, (a, b) in enumerate(zip(shape, shapes[0]))
            )
            if not fits:
                raise ValueError(
                    "A `Concatenate` layer requires inputs with matching shapes except for the "
                    f"concatenation axis. Received: input_shape={input_shape}"
                )
            total = None if total is None or shape[axis] is None else total + shape[axis]
        merged = [next((n for n in sizes if n is not None), None) for sizes in zip(*shapes)]
        merged[axis] = total
        return tuple(merged)

    _makes_masks = False

    def compute_mask(self, inputs, mask=None):
        if mask is None or not _checked_masks(inputs, mask):
            return None
        masks = [_as_large(m, as_tensor(x)) for m, x in zip(mask, inputs)]
        return torch.cat(masks, dim=self.axis).any(dim=-1)


def _as_large(mask, x):
    """A mask in the shape of ``x``, from one that has it, lacks the last axes, or is ``None``."""
    if mask is None:
        return torch.ones_like(x, dtype=torch.bool)
    mask = as_tensor(mask).bool()
    if mask.ndim == x.ndim:
        return mask
    return torch.ones_like(x, dtype=torch.bool) & _as_wide(mask, x)


class Dot(_Merge):
    """The sum of products of two inputs along an axis of each.

    Args:
        axes: The axis, or a pair of them, counted with the batch axis as 0.
        normalize: Whether the vectors get length one first: the result is a cosine.

    Shapes:
        inputs: list of two tensors ``(batch, ...)``
        outputs: ``(batch, rest of the first, rest of the second)``; ``(batch, 1)`` if none

    Raises:
        ValueError: unless there are two inputs of equal size along the axes.

    Example:
        >>> torchkeras.layers.Dot(axes=1)([torch.ones(2, 3), torch.ones(2, 3)])
        tensor([[3.],
                [3.]])
    """

    def __init__(self, axes, normalize=False, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(axes, int):
            if not isinstance(axes, (list, tuple)):
                raise TypeError(
                    "Invalid type for argument `axes`: it should be a list or an int. "
                    f"Received: axes={axes}"
                )
            if len(axes) != 2:
                raise ValueError(
                    "Invalid format for argument `axes`: it should contain two elements. "
                    f"Received: axes={axes}"
                )
            if not all(isinstance(a, int) for a in axes):
                raise ValueError(
                    "Invalid format for argument `axes`: list elements should be integers. "
                    f"Received: axes={axes}"
                )
        self.axes = axes
        self.normalize = normalize

    def build(self, input_shape):
        if len(input_shape) != 2 or not isinstance(input_shape[0], (list, tuple)):
            raise ValueError(
                "A `Dot` layer should be called on a list of 2 inputs. "
                f"Received: input_shape={input_shape}"
            )
        first, second = input_shape
        a, b = self._axes(first, second)
        if first[a] is not None and second[b] is not None and first[a] != second[b]:
            raise ValueError(
                "Incompatible input shapes: axis values "
                f"{first[a]} (at axis {a}) != {second[b]} (at axis {b}). "
                f"Full input shapes: {tuple(first)}, {tuple(second)}"
            )

    def _axes(self, first, second):
        axes = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        for axis, shape in zip(axes, (first, second)):
            if not -len(shape) <= axis < len(shape):
                raise ValueError(
                    f"`axes` must be axes of the inputs. Received: axes={self.axes} for inputs of "
                    f"shapes {tuple(first)}, {tuple(second)}"
                )
        return axes[0] % len(first), axes[1] % len(second)

    def call(self, inputs):
        x, y = inputs
        a, b = self._axes(x.shape, y.shape)
        if self.normalize:
            x, y = F.normalize(x, dim=a, eps=1e-6), F.normalize(y, dim=b, eps=1e-6)
        x, y = x.movedim(a, -1), y.movedim(b, 1)
        rest_x, rest_y = x.shape[1:-1], y.shape[2:]
        out = torch.bmm(
            x.reshape(x.shape[0], -1, x.shape[-1]), y.reshape(y.shape[0], y.shape[1], -1)
        )
        return out.reshape(x.shape[0], *(rest_x + rest_y or (1,)))

    def compute_output_shape(self, input_shape):
        first, second = input_shape
        a, b = self._axes(first, second)
        rest = [n for i, n in enumerate(first) if i not in (0, a)]
        rest += [n for i, n in enumerate(second) if i not in (0, b)]
        return (first[0], *(rest or (1,)))

    _makes_masks = False

    def compute_mask(self, inputs, mask=None):
        return None


def add(inputs, **kwargs):
    """The sum of the inputs: `Add` as a function."""
    return Add(**kwargs)(inputs)


def subtract(inputs, **kwargs):
    """The first input less the second: `Subtract` as a function."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs, **kwargs):
    """The product of the inputs: `Multiply` as a function."""
    return Multiply(**kwargs)(inputs)


def average(inputs, **kwargs):
    """The mean of the inputs: `Average` as a function."""
    return Average(**kwargs)(inputs)


def maximum(inputs, **kwargs):
    """The largest of the inputs: `Maximum` as a function."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs, **kwargs):
    """The smallest of the inputs: `Minimum` as a function."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs, axis=-1, **kwargs):
    """The inputs one after another along an axis: `Concatenate` as a function."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs, axes=-1, **kwargs):
    """The sum of products of two inputs: `Dot` as a function."""
    return Dot(axes=axes, **kwargs)(inputs)
