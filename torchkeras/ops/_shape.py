"""Other orders, shapes and parts of the same elements."""

import math
import numbers

import torch

from torchkeras._shapes import axes_of
from torchkeras.graph._infer import infer
from torchkeras.graph._tensor import KerasTensor
from torchkeras.ops._convert import tensor
from torchkeras.ops._op import clamped, op
from torchkeras.ops._rules import broadcast, shape_of, unified


def _joined(function, xs, axis):
    """Runs a function of tensors that differ along one axis at most, with sizes made known."""
    n = len(shape_of(xs[0]))
    if any(len(shape_of(x)) != n for x in xs):
        raise ValueError(
            "Every value in `xs` must have the same shape except on the `axis` dim. Received "
            f"shapes: {', '.join(str(shape_of(x)) for x in xs)}"
        )
    joined = None if axis is None else axes_of(axis, n)[0]
    labels = [[(i, a) if a == joined else a for a in range(n)] for i in range(len(xs))]
    return infer(function, (unified(xs, labels),), {})


def _concatenate_rule(xs, axis=0):
    if axis is None:
        return infer(concatenate.__wrapped__, (xs, None), {})
    return _joined(lambda xs: concatenate.__wrapped__(xs, axis), xs, axis)


def _stack_rule(x, axis=0):
    return _joined(lambda xs: torch.stack([tensor(x) for x in xs], axis), x, None)


def _append_rule(x1, x2, axis=None):
    if axis is None:
        return infer(append.__wrapped__, (x1, x2), {})
    return _concatenate_rule([x1, x2], axis)


def _broadcast_to_rule(x, shape):
    broadcast(x.shape, tuple(shape))  # raises if they do not fit
    return KerasTensor(tuple(shape), x.dtype)


def _repeat_rule(x, repeats, axis=None):
    total = None if None in x.shape else math.prod(x.shape)
    shape: list = [total] if axis is None else list(x.shape)
    place = 0 if axis is None else axis
    if isinstance(repeats, int):
        repeats = [repeats]
    if isinstance(repeats, KerasTensor):
        shape[place] = None
    elif len(repeats) == 1:
        shape[place] = None if shape[place] is None else shape[place] * int(repeats[0])
    else:
        if shape[place] is not None:
            if shape[place] != len(repeats):
                raise ValueError(
                    f"`repeats` must have one entry for each of {shape[place]} elements. "
                    f"Received: {len(repeats)}"
                )
            shape[place] = int(sum(repeats))
    return KerasTensor(shape, x.dtype)


def _check_sizes(newshape):
    if any(size is not None and size < -1 for size in newshape):
        raise ValueError(
            "Sizes must be non-negative integers, or -1 for one that follows from the others. "
            f"Received: newshape={tuple(newshape)}"
        )


def _reshape_rule(x, newshape):
    if isinstance(newshape, KerasTensor):
        return KerasTensor((None,) * (newshape.shape[0] if newshape.shape else 1), x.dtype)
    newshape = (newshape,) if isinstance(newshape, int) else tuple(newshape)
    if any(isinstance(size, KerasTensor) for size in newshape):
        newshape = [None if isinstance(size, KerasTensor) else size for size in newshape]
        return KerasTensor([None if size == -1 else size for size in newshape], x.dtype)
    _check_sizes(newshape)
    shape = [None if size == -1 else size for size in newshape]
    if None not in x.shape:
        known = math.prod(size for size in shape if size is not None)
        total = math.prod(x.shape)
        unknown = shape.count(None)
        if unknown > 1 or (known != total if not unknown else (known == 0 or total % known)):
            raise ValueError(
                "The total size of the tensor must be unchanged. "
                f"Received: input_shape={x.shape}, newshape={newshape}"
            )
        shape = [total // known if size is None else size for size in shape]
    return KerasTensor(shape, x.dtype)


def _hsplit_rule(x, indices_or_sections):
    return _split_rule(x, indices_or_sections, 1 if x.ndim > 1 else 0)


def _dsplit_rule(x, indices_or_sections):
    return _split_rule(x, indices_or_sections, 2)


def _array_split_rule(x, indices_or_sections, axis=0):
    if x.shape[axis] is None:
        return _split_rule(x, indices_or_sections, axis)
    return infer(array_split.__wrapped__, (x, indices_or_sections, axis), {})


def _hstack_rule(xs):
    return _joined(hstack.__wrapped__, xs, 1 if len(shape_of(xs[0])) > 1 else 0)


def _vstack_rule(xs):
    return _joined(vstack.__wrapped__, xs, 0 if len(shape_of(xs[0])) > 1 else None)


def _dstack_rule(xs):
    return _joined(dstack.__wrapped__, xs, 2 if len(shape_of(xs[0])) > 2 else None)


def _split_rule(x, indices_or_sections, axis=0):
    axes_of(axis, x.ndim)
    size = x.shape[axis]

    def part(length):
        shape = list(x.shape)
        shape[axis] = length
        return KerasTensor(shape, x.dtype)

    if not isinstance(indices_or_sections, int):
        cuts = [0, *indices_or_sections]
        parts = [part(max(b - a, 0)) for a, b in zip(cuts, cuts[1:])]
        return [*parts, part(None if size is None else max(size - cuts[-1], 0))]
    _check_sections(x.shape, indices_or_sections, axis)
    length = None if size is None else size // indices_or_sections
    return [part(length) for _ in range(indices_or_sections)]


def _check_sections(shape, sections, axis):
    if shape[axis] is not None and shape[axis] % sections:
        raise ValueError(
            f"Received indices_or_sections={sections} (interpreted as a number of sections) and "
            f"axis={axis}, but input dimension x.shape[{axis}]={shape[axis]} is not divisible by "
            f"{sections}. Full input shape: x.shape={tuple(shape)}. Use `array_split` for "
            "parts of different sizes."
        )


def _unstack_rule(x, num=None, axis=0):
    (axis,) = axes_of(axis, x.ndim)
    n = x.shape[axis] if num is None else num
    if n is None:
        raise ValueError(
            f"Cannot infer argument `num` from shape {x.shape}. Either provide a tensor with a "
            "concrete shape in the `axis` dimension or explicitly pass the `num` argument."
        )
    shape = x.shape[:axis] + x.shape[axis + 1 :]
    return [KerasTensor(shape, x.dtype) for _ in range(n)]


@op(rule=_append_rule)
def append(x1, x2, axis=None):
    """One tensor after another.

    Args:
        x1: First tensor.
        x2: Second tensor.
        axis: Axis along which they are joined; default both are flattened.

    Example:
        >>> torchkeras.ops.append([1, 2], [3])
        tensor([1, 2, 3], dtype=torch.int32)
    """
    x1, x2 = tensor(x1), tensor(x2)
    if axis is None:
        return torch.cat([x1.reshape(-1), x2.reshape(-1)])
    return torch.cat([x1, x2], axis)


@op(rule=_array_split_rule)
def array_split(x, indices_or_sections, axis=0):
    """Parts of sizes that differ by one at most.

    Args:
        x: Tensor, array, list or number.
        indices_or_sections: Number of parts.
        axis: Axis that is cut.

    Raises:
        TypeError: if ``indices_or_sections`` is no integer.

    Example:
        >>> torchkeras.ops.array_split([1, 2, 3], 2)
        [tensor([1, 2], dtype=torch.int32), tensor([3], dtype=torch.int32)]
    """
    if not isinstance(indices_or_sections, int):
        raise TypeError(
            "Argument `indices_or_sections` must be of type `int`. "
            f"Received: indices_or_sections={indices_or_sections}. Use `split` for indices."
        )
    return list(torch.tensor_split(tensor(x), indices_or_sections, axis))


@op(rule=_broadcast_to_rule)
def broadcast_to(x, shape):
    """The tensor repeated to a shape.

    Args:
        x: Tensor, array, list or number.
        shape: Sizes of the axes.

    Example:
        >>> torchkeras.ops.broadcast_to([1, 2], (2, 2))
        tensor([[1, 2],
                [1, 2]], dtype=torch.int32)
    """
    return tensor(x).broadcast_to(tuple(shape))


@op(rule=_concatenate_rule)
def concatenate(xs, axis=0):
    """Several tensors one after another along an axis.

    Args:
        xs: List of tensors of the same shape but for the axis.
        axis: Axis along which they are joined; ``None`` flattens.

    Example:
        >>> torchkeras.ops.concatenate([[1, 2], [3]])
        tensor([1, 2, 3], dtype=torch.int32)
    """
    xs = [tensor(x) for x in xs]
    if axis is None:
        return torch.cat([x.reshape(-1) for x in xs])
    return torch.cat(xs, axis)


@clamped
def diag(x, k=0):
    """The diagonal of a matrix, or the matrix with a given diagonal.

    Args:
        x: Matrix or vector.
        k: Which diagonal; 0 is the main one, positive ones lie above it.

    Raises:
        ValueError: if ``x`` has not one or two axes.

    Example:
        >>> torchkeras.ops.diag([1, 2]), torchkeras.ops.diag([[1, 2], [3, 4]])
        (tensor([[1, 0],
                [0, 2]], dtype=torch.int32), tensor([1, 4], dtype=torch.int32))
    """
    x = tensor(x)
    if x.ndim not in (1, 2):
        raise ValueError(
            f"`x` must be 1-D or 2-D, but received shape {tuple(x.shape)}. For other tensors use "
            "`diagonal` or `diagflat`."
        )
    return torch.diag(x, k)


@op
def diagflat(x, k=0):
    """The matrix with the flattened elements on a diagonal.

    Args:
        x: Tensor, array, list or number.
        k: Which diagonal; 0 is the main one, positive ones lie above it.

    Example:
        >>> torchkeras.ops.diagflat([[1, 2]])
        tensor([[1, 0],
                [0, 2]], dtype=torch.int32)
    """
    return torch.diagflat(tensor(x), k)


@clamped
def diagonal(x, offset=0, axis1=0, axis2=1):
    """Diagonals of matrices, along a new last axis.

    Args:
        x: Tensor of two axes or more.
        offset: Which diagonal; 0 is the main one, positive ones lie above it.
        axis1: First axis of the matrices.
        axis2: Second axis of the matrices.

    Raises:
        ValueError: if ``x`` has less than two axes, or the axes are the same.

    Example:
        >>> torchkeras.ops.diagonal([[1, 2], [3, 4]])
        tensor([1, 4], dtype=torch.int32)
    """
    x = tensor(x)
    if x.ndim < 2:
        raise ValueError(
            "`diagonal` requires an array of at least two dimensions, "
            f"but `x` is of shape {tuple(x.shape)}. For vectors use `diag`."
        )
    if axis1 % x.ndim == axis2 % x.ndim:
        raise ValueError(f"`axis1` and `axis2` must differ. Received: axis1={axis1}, axis2={axis2}")
    return torch.diagonal(x, offset, axis1, axis2)


@op(rule=_dsplit_rule)
def dsplit(x, indices_or_sections):
    """Parts along the third axis.

    Args:
        x: Tensor, array, list or number.
        indices_or_sections: Number of equal parts, or the indices where to cut.

    Example:
        >>> [part.shape for part in torchkeras.ops.dsplit(torch.ones(1, 2, 4), 2)]
        [torch.Size([1, 2, 2]), torch.Size([1, 2, 2])]
    """
    return _split(tensor(x), indices_or_sections, 2)


@op(rule=_dstack_rule)
def dstack(xs):
    """Several tensors joined along the third axis.

    Args:
        xs: List of tensors; vectors and matrices get the missing axes.

    Example:
        >>> torchkeras.ops.dstack([[1, 2], [3, 4]])
        tensor([[[1, 3],
                 [2, 4]]], dtype=torch.int32)
    """
    return torch.dstack([tensor(x) for x in xs])


@op
def expand_dims(x, axis):
    """The tensor with new axes of size one.

    Args:
        x: Tensor, array, list or number.
        axis: Place of the new axis in the result, or a tuple of places.

    Example:
        >>> torchkeras.ops.expand_dims([1, 2], -1)
        tensor([[1],
                [2]], dtype=torch.int32)
    """
    x = tensor(x)
    if isinstance(axis, int):
        return torch.unsqueeze(x, axis)
    ndim = x.ndim + len(axis)
    for a in sorted(a + ndim if a < 0 else a for a in axis):
        x = torch.unsqueeze(x, a)
    return x


@op
def flip(x, axis=None):
    """The elements in reverse order.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.

    Example:
        >>> torchkeras.ops.flip([1, 2, 3])
        tensor([3, 2, 1], dtype=torch.int32)
    """
    x = tensor(x)
    axes = range(x.ndim) if axis is None else [axis] if isinstance(axis, int) else axis
    return torch.flip(x, list(axes))


@op
def fliplr(x):
    """The elements in reverse order along the second axis.

    Args:
        x: Tensor of two axes or more.

    Example:
        >>> torchkeras.ops.fliplr([[1, 2], [3, 4]])
        tensor([[2, 1],
                [4, 3]], dtype=torch.int32)
    """
    return torch.fliplr(tensor(x))


@op
def flipud(x):
    """The elements in reverse order along the first axis.

    Args:
        x: Tensor of one axis or more.

    Example:
        >>> torchkeras.ops.flipud([[1, 2], [3, 4]])
        tensor([[3, 4],
                [1, 2]], dtype=torch.int32)
    """
    return torch.flipud(tensor(x))


@op(rule=_hsplit_rule)
def hsplit(x, indices_or_sections):
    """Parts along the second axis (of a vector the first one).

    Args:
        x: Tensor, array, list or number.
        indices_or_sections: Number of equal parts, or the indices where to cut.

    Example:
        >>> torchkeras.ops.hsplit([[1, 2, 3, 4]], 2)
        [tensor([[1, 2]], dtype=torch.int32), tensor([[3, 4]], dtype=torch.int32)]
    """
    x = tensor(x)
    return _split(x, indices_or_sections, 1 if x.ndim > 1 else 0)


@op(rule=_hstack_rule)
def hstack(xs):
    """Several tensors joined along the second axis (vectors along the first one).

    Args:
        xs: List of tensors.

    Example:
        >>> torchkeras.ops.hstack([[1, 2], [3]])
        tensor([1, 2, 3], dtype=torch.int32)
    """
    return torch.hstack([tensor(x) for x in xs])


@op
def moveaxis(x, source, destination):
    """The tensor with axes moved to other places.

    Args:
        x: Tensor, array, list or number.
        source: Axis, or tuple of them.
        destination: Where each goes.

    Example:
        >>> torchkeras.ops.moveaxis(torch.ones(2, 3, 4), 0, -1).shape
        torch.Size([3, 4, 2])
    """
    return torch.moveaxis(tensor(x), source, destination)


@op
def pad(x, pad_width, mode="constant", constant_values=None):
    """The tensor with more elements before and after those of each axis.

    Args:
        x: Tensor, array, list or number.
        pad_width: How many: ``((before, after), ...)`` for each axis, one pair or one number for
            all.
        mode: ``"constant"``; ``"reflect"`` mirrors without the edge, ``"symmetric"`` with it.
        constant_values: What is added in mode ``"constant"``; default 0.

    Raises:
        NotImplementedError: for other modes.

    Example:
        >>> torchkeras.ops.pad([1, 2, 3], (1, 2))
        tensor([0, 1, 2, 3, 0, 0], dtype=torch.int32)
        >>> torchkeras.ops.pad([1, 2, 3], 2, mode="reflect")
        tensor([3, 2, 1, 2, 3, 2, 1], dtype=torch.int32)
    """
    x = tensor(x)
    if constant_values is not None and mode != "constant":
        raise ValueError(
            "Argument `constant_values` can only be provided when `mode == 'constant'`. "
            f"Received: mode={mode}"
        )
    widths = _widths(pad_width, x.ndim)
    if mode == "constant":
        value = 0 if constant_values is None else constant_values
        shape = [before + size + after for (before, after), size in zip(widths, x.shape)]
        inner = tuple(slice(b, b + n) for (b, _), n in zip(widths, x.shape))
        if isinstance(value, (bool, int, float)) and x.dtype is not torch.bool:
            flat = [w for before_after in reversed(widths) for w in before_after]
            return torch.nn.functional.pad(x, flat, value=value)
        padded = tensor(value).to(x).expand(shape).clone()
        padded[inner] = x
        return padded
    if mode not in ("reflect", "symmetric"):
        raise NotImplementedError(
            f"Unrecognised padding mode {mode!r}. Expected 'constant', 'reflect' or 'symmetric'."
        )
    for axis, (before, after) in enumerate(widths):
        if before or after:
            size = x.shape[axis]
            place = torch.arange(-before, size + after, device=x.device)
            period = max(2 * size - 2, 1) if mode == "reflect" else 2 * size
            place = place % period
            place = torch.where(place < size, place, 2 * size - 1 - (mode == "reflect") - place)
            x = torch.index_select(x, axis, place)
    return x


def _widths(pad_width, ndim):
    """A (before, after) pair for each axis."""
    if isinstance(pad_width, torch.Tensor):
        pad_width = pad_width.tolist()
    pairs: list = [pad_width] if isinstance(pad_width, int) else list(pad_width)
    if isinstance(pairs[0], int):
        pairs = [(pairs[0], pairs[-1])]
    pairs = [(int(p[0]), int(p[-1])) for p in pairs]
    pairs = pairs * ndim if len(pairs) == 1 else pairs
    if len(pairs) != ndim:
        raise ValueError(
            "`pad_width` must have the same length as `x.shape`. "
            f"Received: pad_width={pad_width} and x of {ndim} axes."
        )
    return pairs


@op
def ravel(x):
    """All elements along one axis.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.ravel([[1, 2], [3, 4]])
        tensor([1, 2, 3, 4], dtype=torch.int32)
    """
    return tensor(x).reshape(-1)


@op(rule=_repeat_rule)
def repeat(x, repeats, axis=None):
    """Each element several times.

    Args:
        x: Tensor, array, list or number.
        repeats: How often, a number or one for each element of the axis.
        axis: Axis; default all, flattened.

    Example:
        >>> torchkeras.ops.repeat([1, 2], [1, 3])
        tensor([1, 2, 2, 2], dtype=torch.int32)
    """
    x = tensor(x)
    if not isinstance(repeats, int):
        repeats = tensor(repeats).to(x.device).long().reshape(-1)
        if repeats.numel() == 1:
            repeats = repeats.expand(x.numel() if axis is None else x.shape[axis])
    return torch.repeat_interleave(x, repeats, dim=axis)


@op(rule=_reshape_rule)
def reshape(x, newshape):
    """The same elements, in the same order, in another shape.

    Args:
        x: Tensor, array, list or number.
        newshape: Sizes of the axes; one may be -1 or ``None`` and follows from the others.

    Raises:
        ValueError: if a size is negative, or two are left open.

    Example:
        >>> torchkeras.ops.reshape([1, 2, 3, 4], (2, -1))
        tensor([[1, 2],
                [3, 4]], dtype=torch.int32)
    """
    x = tensor(x)
    if isinstance(newshape, int):
        newshape = (newshape,)
    newshape = [-1 if size is None else int(size) for size in newshape]
    _check_sizes(newshape)
    if newshape.count(-1) > 1:
        raise ValueError(
            "`newshape` can have at most one unknown dimension (-1). "
            f"Received: newshape={tuple(newshape)}"
        )
    return x.reshape(newshape)


@op
def roll(x, shift, axis=None):
    """The elements moved on; those that fall off come in at the other end.

    Args:
        x: Tensor, array, list or number.
        shift: By how many places, a number for all axes or one for each.
        axis: Axis, or tuple of them; default all, flattened.

    Example:
        >>> torchkeras.ops.roll([1, 2, 3], 1)
        tensor([3, 1, 2], dtype=torch.int32)
    """
    x = tensor(x)
    if axis is None:
        return torch.roll(x, shift)
    axes = axes_of(axis, x.ndim)
    return torch.roll(x, (shift,) * len(axes) if isinstance(shift, int) else shift, axes)


@op
def rot90(array, k=1, axes=(0, 1)):
    """The tensor turned by 90 degrees in the plane of two axes.

    Args:
        array: Tensor of two axes or more.
        k: How often.
        axes: The two axes, turned from the first to the second.

    Raises:
        ValueError: if there are not two different axes.

    Example:
        >>> torchkeras.ops.rot90([[1, 2], [3, 4]])
        tensor([[2, 4],
                [1, 3]], dtype=torch.int32)
    """
    x = tensor(array)
    if x.ndim < 2:
        raise ValueError(
            f"Input array must have at least 2 dimensions. Received: array.ndim={x.ndim}"
        )
    if len(axes) != 2 or axes[0] % x.ndim == axes[1] % x.ndim:
        raise ValueError(f"Invalid axes: {axes}. Axes must be a tuple of two different dimensions.")
    return torch.rot90(x, k, tuple(axes))


@op(rule=_split_rule)
def split(x, indices_or_sections, axis=0):
    """Parts along an axis, as a list.

    Args:
        x: Tensor, array, list or number.
        indices_or_sections: Number of equal parts, or the indices where to cut.
        axis: Axis that is cut.

    Raises:
        ValueError: if there are no equal parts.

    Example:
        >>> [part.tolist() for part in torchkeras.ops.split([1, 2, 3, 4], 2)]
        [[1, 2], [3, 4]]
        >>> [part.tolist() for part in torchkeras.ops.split([1, 2, 3, 4], [1])]
        [[1], [2, 3, 4]]
    """
    return _split(tensor(x), indices_or_sections, axis)


def _split(x, where, axis):
    if isinstance(where, int):
        _check_sections(x.shape, where, axis)
        if x.shape[axis] == 0:
            return [x] * where
        return list(torch.split(x, x.shape[axis] // where, axis))
    where = where.tolist() if hasattr(where, "tolist") else list(where)
    return list(torch.tensor_split(x, where, axis))


@op
def squeeze(x, axis=None):
    """The tensor without axes of size one.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all of size one.

    Raises:
        ValueError: if another size would be lost.

    Example:
        >>> torchkeras.ops.squeeze([[1, 2]])
        tensor([1, 2], dtype=torch.int32)
    """
    x = tensor(x)
    if axis is None:
        return torch.squeeze(x)
    for a in (axis,) if isinstance(axis, int) else axis:
        if x.shape[a] != 1:
            raise ValueError(
                f"Cannot squeeze axis={a}, because the dimension is not 1. "
                f"Received: x.shape={tuple(x.shape)}"
            )
    return torch.squeeze(x, axis if isinstance(axis, int) else tuple(axis))


@op(rule=_stack_rule)
def stack(x, axis=0):
    """Several tensors along a new axis.

    Args:
        x: List of tensors of one shape.
        axis: Place of the new axis.

    Example:
        >>> torchkeras.ops.stack([[1, 2], [3, 4]], axis=1)
        tensor([[1, 3],
                [2, 4]], dtype=torch.int32)
    """
    return torch.stack([tensor(v) for v in x], axis)


@op
def swapaxes(x, axis1, axis2):
    """The tensor with two axes exchanged.

    Args:
        x: Tensor, array, list or number.
        axis1: One axis.
        axis2: The other.

    Example:
        >>> torchkeras.ops.swapaxes([[1, 2], [3, 4]], 0, 1)
        tensor([[1, 3],
                [2, 4]], dtype=torch.int32)
    """
    return torch.swapaxes(tensor(x), axis1, axis2)


@op
def tile(x, repeats):
    """The whole tensor several times along each axis.

    Args:
        x: Tensor, array, list or number.
        repeats: How often along each of the last axes.

    Example:
        >>> torchkeras.ops.tile([1, 2], 2)
        tensor([1, 2, 1, 2], dtype=torch.int32)
    """
    if not isinstance(repeats, int):
        repeats = repeats.tolist() if hasattr(repeats, "tolist") else tuple(repeats)
    return torch.tile(tensor(x), (repeats,) if isinstance(repeats, int) else tuple(repeats))


@op
def transpose(x, axes=None):
    """The tensor with its axes in another order.

    Args:
        x: Tensor, array, list or number.
        axes: Which axis stands at each place; default the reverse order.

    Raises:
        ValueError: if ``axes`` is no order of the axes.

    Example:
        >>> torchkeras.ops.transpose([[1, 2], [3, 4]])
        tensor([[1, 3],
                [2, 4]], dtype=torch.int32)
    """
    x = tensor(x)
    if axes is None:
        return x.permute(tuple(range(x.ndim))[::-1])
    n = x.ndim
    if len(axes) != n:
        raise ValueError(
            f"`axes` must be a list of the same length as the input shape, expected {n}, but "
            f"received {len(axes)}."
        )
    whole = all(isinstance(a, numbers.Integral) and -n <= int(a) < n for a in axes)
    if not whole or sorted(a % n for a in axes) != list(range(n)):
        raise ValueError(
            f"Each axis in `axes` must be an integer in [-{n}, {n}), and all of them a "
            "valid permutation of the axes of `x`. "
            f"Received: axes={list(axes)} for x.shape={tuple(x.shape)}"
        )
    return x.permute(tuple(axes))


@op
def tril(x, k=0):
    """The elements on and below a diagonal, and zeros.

    Args:
        x: Tensor, array, list or number.
        k: Which diagonal; 0 is the main one, positive ones lie above it.

    Example:
        >>> torchkeras.ops.tril([[1, 2], [3, 4]])
        tensor([[1, 0],
                [3, 4]], dtype=torch.int32)
    """
    return torch.tril(tensor(x), k)


@op
def triu(x, k=0):
    """The elements on and above a diagonal, and zeros.

    Args:
        x: Tensor, array, list or number.
        k: Which diagonal; 0 is the main one, positive ones lie above it.

    Example:
        >>> torchkeras.ops.triu([[1, 2], [3, 4]])
        tensor([[1, 2],
                [0, 4]], dtype=torch.int32)
    """
    return torch.triu(tensor(x), k)


@op(rule=_unstack_rule)
def unstack(x, num=None, axis=0):
    """The parts of size one along an axis, without the axis, as a list.

    Args:
        x: Tensor, array, list or number.
        num: How many there are; only needed for a symbol of unknown size.
        axis: Axis that is taken apart.

    Raises:
        ValueError: if there is no such axis, or a symbol whose size is not known.

    Example:
        >>> torchkeras.ops.unstack([[1, 2], [3, 4]])
        [tensor([1, 2], dtype=torch.int32), tensor([3, 4], dtype=torch.int32)]
    """
    x = tensor(x)
    axes_of(axis, x.ndim)
    return list(torch.unbind(x, axis))


@op(rule=_split_rule)
def vsplit(x, indices_or_sections):
    """Parts along the first axis.

    Args:
        x: Tensor, array, list or number.
        indices_or_sections: Number of equal parts, or the indices where to cut.

    Example:
        >>> torchkeras.ops.vsplit([[1, 2], [3, 4]], 2)
        [tensor([[1, 2]], dtype=torch.int32), tensor([[3, 4]], dtype=torch.int32)]
    """
    return _split(tensor(x), indices_or_sections, 0)


@op(rule=_vstack_rule)
def vstack(xs):
    """Several tensors joined along the first axis.

    Args:
        xs: List of tensors; vectors become rows.

    Example:
        >>> torchkeras.ops.vstack([[1, 2], [3, 4]])
        tensor([[1, 2],
                [3, 4]], dtype=torch.int32)
    """
    return torch.vstack([tensor(x) for x in xs])
