"""Elements found by place or by value, sorted, and put somewhere."""

import builtins
import math

import torch

from torchkeras import _dtypes
from torchkeras._shapes import axes_of
from torchkeras.graph._tensor import KerasTensor
from torchkeras.ops._convert import as_tensor, pair, promoted, tensor
from torchkeras.ops._op import clamped, op
from torchkeras.ops._rules import broadcast, elementwise_rule, shape_of


@op
def argpartition(x, kth, axis=-1):
    """Places of the elements in an order where the ``kth`` stands as in a sorted tensor, with none
    larger before it and none smaller after it.

    Args:
        x: Tensor, array, list or number.
        kth: Which place, from zero.
        axis: Axis that is ordered; ``None`` flattens.

    Example:
        >>> torchkeras.ops.argpartition([3, 1, 2], 1)
        tensor([1, 2, 0], dtype=torch.int32)
    """
    x = tensor(x)
    if not isinstance(kth, int):
        raise ValueError(f"`kth` must be an integer. Received: kth={kth}")
    if axis is None:
        x, axis = x.reshape(-1), 0
    axes_of(axis, max(x.ndim, 1))
    # A sorted order is such an order too.
    return torch.argsort(_sortable(x), dim=axis, stable=True).to(torch.int32)


def _sortable(x):
    return x.to(torch.uint8) if x.dtype is torch.bool else x


@op
def argsort(x, axis=-1):
    """Places of the elements in increasing order; equal ones keep their order.

    Args:
        x: Tensor, array, list or number.
        axis: Axis that is ordered; ``None`` flattens.

    Example:
        >>> torchkeras.ops.argsort([3, 1, 2])
        tensor([1, 2, 0], dtype=torch.int32)
    """
    x = _sortable(tensor(x))
    if axis is None:
        x, axis = x.reshape(-1), 0
    axes_of(axis, max(x.ndim, 1))
    return torch.argsort(x, dim=axis, stable=True).to(torch.int32)


@op
def digitize(x, bins):
    """Number of the bin of each element: how many edges are not above it.

    Args:
        x: Tensor, array, list or number.
        bins: Edges in increasing order, a vector.

    Raises:
        ValueError: if ``bins`` is no vector.

    Example:
        >>> torchkeras.ops.digitize([0.5, 3.0], [1.0, 2.0])
        tensor([0, 2], dtype=torch.int32)
    """
    x, bins = pair(_sortable(tensor(x)), as_tensor(bins))
    if bins.ndim != 1:
        raise ValueError(f"`bins` must be a 1D array. Received: bins.shape={tuple(bins.shape)}")
    return torch.bucketize(x, bins.contiguous(), right=True, out_int32=True)


@clamped
def get_item(x, key):
    """What ``x[key]`` gives.

    Args:
        x: Tensor, array, list or number.
        key: Integers, slices, ``...``, ``None``, or tensors of integers or booleans.

    Raises:
        ValueError: for more than one ``...``.

    Example:
        >>> torchkeras.ops.get_item([[1, 2], [3, 4]], (..., 0))
        tensor([1, 3], dtype=torch.int32)
    """
    if isinstance(key, tuple) and builtins.sum(k is ... for k in key) > 1:
        raise ValueError(f"Slice should only have one ellipsis. Received: key={key}")
    return tensor(x)[key]


@op
def isin(x1, x2, assume_unique=False, invert=False):
    """Whether each element of ``x1`` occurs in ``x2``.

    Args:
        x1: Tensor, array, list or number.
        x2: Values to look for.
        assume_unique: Whether no value occurs twice in either, which is quicker.
        invert: Whether to turn the answer over.

    Example:
        >>> torchkeras.ops.isin([1, 2, 3], [2, 5])
        tensor([False,  True, False])
    """
    x1, x2 = promoted(x1, x2)
    if x1.dtype is torch.bool:
        x1, x2 = x1.to(torch.uint8), x2.to(torch.uint8)
    return torch.isin(x1, x2, assume_unique=assume_unique, invert=invert)


def _nonzero_rule(x):
    return tuple(KerasTensor((None,), "int32") for _ in x.shape)


@op(rule=_nonzero_rule)
def nonzero(x):
    """Places of the elements that are not zero, as one vector for each axis.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.nonzero([[1, 0], [0, 2]])
        (tensor([0, 1], dtype=torch.int32), tensor([0, 1], dtype=torch.int32))
    """
    return tuple(torch.nonzero(tensor(x)).T.to(torch.int32))


def _scatter_rule(indices, values, shape):
    dtype = values.dtype if hasattr(values, "dtype") else tensor(values).dtype
    return KerasTensor(tuple(shape), _name(dtype))


@op(rule=_scatter_rule)
def scatter(indices, values, shape):
    """Zeros with values added at given places.

    Args:
        indices: Places, ``(..., k)``: each row is the start of an index.
        values: What is added at each.
        shape: Sizes of the result.

    Example:
        >>> torchkeras.ops.scatter([[0], [2], [0]], [1.0, 2.0, 3.0], (4,))
        tensor([4., 0., 2., 0.])
    """
    values = tensor(values)
    indices = as_tensor(indices, device=values.device).long()
    zeros = torch.zeros(tuple(shape), dtype=values.dtype, device=values.device)
    if values.dtype is torch.bool:
        return zeros.index_put(tuple(indices.unbind(-1)), values)
    return zeros.index_put(tuple(indices.unbind(-1)), values, accumulate=True)


_REDUCTIONS = {"add": "sum", "max": "amax", "min": "amin", "mul": "prod"}


@op
def scatter_update(inputs, indices, updates, reduction=None):
    """A copy with other values at given places.

    Args:
        inputs: Tensor, array, list or number.
        indices: Places, ``(..., k)``: each row is the start of an index.
        updates: Values for the places.
        reduction: ``"add"``, ``"max"``, ``"min"`` or ``"mul"`` combines old and new values;
            ``None`` replaces the old ones, the last of several at one place counting.

    Raises:
        ValueError: for another ``reduction``.

    Example:
        >>> torchkeras.ops.scatter_update(torch.zeros(3), [[0], [2]], [1.0, 2.0])
        tensor([1., 0., 2.])
    """
    if reduction not in (None, *_REDUCTIONS):
        raise ValueError(
            f"Invalid reduction: {reduction}. "
            "Supported values are: None, 'add', 'max', 'min', 'mul'."
        )
    inputs = tensor(inputs)
    indices = as_tensor(indices, device=inputs.device).long()
    updates = as_tensor(updates, inputs.dtype, inputs.device)
    where = tuple(indices.unbind(-1))
    if reduction is None or reduction == "add":
        return inputs.index_put(where, updates, accumulate=reduction == "add")
    # Rows of the input counted along one axis, and the update of each place as a row.
    k = indices.shape[-1]
    row = torch.zeros_like(where[0])
    for place, size in zip(where, inputs.shape):
        row = row * size + torch.where(place < 0, place + size, place)
    width = inputs.shape[k:].numel()
    updates = updates.expand(*indices.shape[:-1], *inputs.shape[k:]).reshape(-1, width)
    flat = inputs.reshape(-1, width)
    row = row.reshape(-1, 1).expand(-1, width)
    return flat.scatter_reduce(0, row, updates, _REDUCTIONS[reduction]).reshape(inputs.shape)


@op
def searchsorted(sorted_sequence, values, side="left"):
    """Where values would have to be inserted to keep a vector sorted.

    Args:
        sorted_sequence: Vector in increasing order.
        values: Values to insert.
        side: ``"left"`` before equal elements, ``"right"`` after them.

    Raises:
        ValueError: if ``sorted_sequence`` is no vector, or for another ``side``.

    Example:
        >>> torchkeras.ops.searchsorted([1, 3, 5], [3, 4])
        tensor([1, 2], dtype=torch.int32)
    """
    sequence, values = promoted(sorted_sequence, values)
    if sequence.ndim != 1:
        raise ValueError(
            "`searchsorted` only supports 1-D sorted sequences. You can use "
            "`keras.ops.vectorized_map` to extend it to N-D sequences. "
            f"Received: sorted_sequence.shape={tuple(sequence.shape)}"
        )
    if side not in ("left", "right"):
        raise ValueError(f"`side` must be 'left' or 'right'. Received: side={side!r}")
    sequence, values = _sortable(sequence).contiguous(), _sortable(values).contiguous()
    return torch.searchsorted(sequence, values, side=side, out_int32=True)


@op
def select(condlist, choicelist, default=0):
    """For each element the choice whose condition comes first.

    Args:
        condlist: List of boolean tensors.
        choicelist: List of as many tensors.
        default: What stands where no condition holds.

    Raises:
        ValueError: if there are not as many choices as conditions.

    Example:
        >>> torchkeras.ops.select([[True, False]], [[1, 2]], default=9)
        tensor([1, 9], dtype=torch.int32)
    """
    if not len(condlist) == len(choicelist) > 0:
        raise ValueError(
            "condlist and choicelist must be equal length and not empty. "
            f"Received: len(condlist)={len(condlist)}, len(choicelist)={len(choicelist)}"
        )
    *choices, result = promoted(*choicelist, default)
    for condition, choice in zip(reversed(condlist), reversed(choices)):
        result = torch.where(tensor(condition).bool(), choice, result)
    return result


def _slice_rule(inputs, start_indices, shape):
    _check_block(inputs, start_indices, shape)
    dtype = inputs.dtype if hasattr(inputs, "dtype") else tensor(inputs).dtype
    if hasattr(inputs, "shape") and isinstance(start_indices, (list, tuple)):
        # A size of -1 goes to the end.
        shape = [
            (None if n is None else n - start) if size == -1 else size
            for n, start, size in zip(inputs.shape, start_indices, shape)
        ]
    return KerasTensor(tuple(None if size == -1 else size for size in shape), _name(dtype))


def _name(dtype):
    return _dtypes.standardize_dtype(dtype)


@op(rule=_slice_rule)
def slice(inputs, start_indices, shape):
    """A block of a tensor.

    Args:
        inputs: Tensor, array, list or number.
        start_indices: Index of the first element.
        shape: Sizes of the block; -1 goes to the end.

    Raises:
        ValueError: if there are not as many indices and sizes as axes.

    Example:
        >>> torchkeras.ops.slice([[1, 2, 3], [4, 5, 6]], (0, 1), (2, 2))
        tensor([[2, 3],
                [5, 6]], dtype=torch.int32)
    """
    inputs = tensor(inputs)
    _check_block(inputs, start_indices, shape)
    return inputs[_block(start_indices, shape)]


def _check_block(inputs, starts, shape):
    given = starts.shape[0] if hasattr(starts, "shape") else len(starts)
    if not len(inputs.shape) == given == len(shape):
        raise ValueError(
            "The number of dimensions in `start_indices` must match the number of dimensions in "
            "`inputs`, and the number of dimensions in `inputs` must match the number of "
            "dimensions in `shape`. "
            f"Received: {given} indices, shape={tuple(shape)}, "
            f"inputs.shape={tuple(inputs.shape)}"
        )


def _block(starts, shape):
    starts = starts.tolist() if hasattr(starts, "tolist") else starts
    return tuple(
        builtins.slice(int(start), None if size == -1 else int(start) + size)
        for start, size in zip(starts, shape)
    )


@op
def slice_update(inputs, start_indices, updates):
    """A copy with other values in a block.

    Args:
        inputs: Tensor, array, list or number.
        start_indices: Index of the first element of the block.
        updates: Values of the block.

    Example:
        >>> torchkeras.ops.slice_update([0, 0, 0], (1,), [7, 8])
        tensor([0, 7, 8], dtype=torch.int32)
    """
    result = tensor(inputs).clone()
    updates = as_tensor(updates, result.dtype, result.device)
    result[_block(start_indices, updates.shape)] = updates
    return result


@op
def sort(x, axis=-1):
    """The elements in increasing order.

    Args:
        x: Tensor, array, list or number.
        axis: Axis that is ordered; ``None`` flattens.

    Example:
        >>> torchkeras.ops.sort([3, 1, 2])
        tensor([1, 2, 3], dtype=torch.int32)
    """
    x = tensor(x)
    if axis is None:
        x, axis = x.reshape(-1), 0
    axes_of(axis, max(x.ndim, 1))
    return torch.sort(x, dim=axis).values


@op
def take(x, indices, axis=None):
    """The elements, or slices along an axis, at given places.

    Args:
        x: Tensor, array, list or number.
        indices: Places; negative ones count from the end.
        axis: Axis; default all, flattened.

    Example:
        >>> torchkeras.ops.take([[1, 2], [3, 4]], [1, 0], axis=1)
        tensor([[2, 1],
                [4, 3]], dtype=torch.int32)
    """
    x = tensor(x)
    indices = as_tensor(indices, device=x.device).long()
    if axis is None:
        x, axis = x.reshape(-1), 0
    (axis,) = axes_of(axis, x.ndim)
    places = torch.where(indices < 0, indices + x.shape[axis], indices).reshape(-1)
    shape = x.shape[:axis] + indices.shape + x.shape[axis + 1 :]
    return torch.index_select(x, axis, places).reshape(shape)


def _take_along_axis_rule(x, indices, axis=None):
    dtype = x.dtype if isinstance(x, KerasTensor) else _name(tensor(x).dtype)
    shape = list(shape_of(indices))
    if axis is None:
        return KerasTensor((None if None in shape else math.prod(shape),), dtype)
    if len(shape) != len(shape_of(x)):
        raise ValueError(
            "`x` and `indices` must have the same number of dimensions, "
            f"but receive shape {shape_of(x)} and {tuple(shape)}."
        )
    axes_of(axis, len(shape))
    size, rest = shape[axis], list(shape_of(x))
    rest[axis] = shape[axis] = 1
    result = list(broadcast(shape, rest))
    result[axis] = size
    return KerasTensor(result, dtype)


@op(rule=_take_along_axis_rule)
def take_along_axis(x, indices, axis=None):
    """For each place of ``indices`` the element of the same row or column that it names.

    Args:
        x: Tensor, array, list or number.
        indices: Places along the axis; negative ones count from the end.
        axis: Axis; default all, flattened.

    Example:
        >>> torchkeras.ops.take_along_axis([[1, 2], [3, 4]], [[1], [0]], axis=1)
        tensor([[2],
                [3]], dtype=torch.int32)
    """
    x = tensor(x)
    indices = as_tensor(indices, device=x.device).long()
    if axis is None:
        x, indices, axis = x.reshape(-1), indices.reshape(-1), 0
    indices = torch.where(indices < 0, indices + x.shape[axis], indices)
    return torch.take_along_dim(x, indices, axis)


def _unique_rule(
    x,
    sorted=True,
    return_index=False,
    return_inverse=False,
    return_counts=False,
    axis=None,
    size=None,
    fill_value=None,
):
    place = None if axis is None else axes_of(axis, x.ndim)[0]
    rest = () if place is None else x.shape[place + 1 :]
    before = () if place is None else x.shape[:place]
    results = [KerasTensor((*before, size, *rest), x.dtype)]
    if return_index:
        results.append(KerasTensor((size,), "int64"))
    if return_inverse:
        shape = x.shape if axis is None else (x.shape[axis],)
        results.append(KerasTensor(shape, "int64"))
    if return_counts:
        results.append(KerasTensor((size,), "int64"))
    return tuple(results) if len(results) > 1 else results[0]


@op(rule=_unique_rule)
def unique(
    x,
    sorted=True,
    return_index=False,
    return_inverse=False,
    return_counts=False,
    axis=None,
    size=None,
    fill_value=None,
):
    """The values that occur, each once.

    Args:
        x: Tensor, array, list or number.
        sorted: Whether they are in order; they always are.
        return_index: Whether to return where each occurs first.
        return_inverse: Whether to return which of them each element is.
        return_counts: Whether to return how often each occurs.
        axis: Axis of which whole slices are compared; default elements.
        size: How many to return, cut or filled up.
        fill_value: What fills up; default the type's zero.

    Example:
        >>> torchkeras.ops.unique([3, 1, 3])
        tensor([1, 3], dtype=torch.int32)
        >>> torchkeras.ops.unique([3, 1, 3], return_counts=True)
        (tensor([1, 3], dtype=torch.int32), tensor([1, 2]))
    """
    x = tensor(x)
    values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True, dim=axis)
    along = 0 if axis is None else axis
    found = values.shape[along]
    results = [values]
    if return_index:
        flat = inverse.reshape(-1)
        place = torch.arange(flat.numel(), device=x.device)
        first = torch.full((found,), flat.numel(), dtype=torch.int64, device=x.device)
        results.append(first.scatter_reduce(0, flat, place, "amin"))
    if return_inverse:
        results.append(inverse)
    if return_counts:
        results.append(counts)
    if size is not None:
        results = [
            r if r is inverse else _resized(r, size, along if r is values else 0, fill)
            for r in results
            # What fills up stands where the first value does, and occurs never.
            for fill in [(fill_value or 0) if r is values else 0 if r is counts else r[:1]]
        ]
    return tuple(results) if len(results) > 1 else results[0]


def _resized(x, size, axis, fill):
    """Cut, or filled up at the end, to a size along an axis."""
    x = torch.narrow(x, axis, 0, min(size, x.shape[axis]))
    shape = list(x.shape)
    shape[axis] = size - x.shape[axis]
    fill = torch.as_tensor(fill, dtype=x.dtype, device=x.device)
    return torch.cat([x, fill.expand(shape)], axis)


@op
def unravel_index(indices, shape):
    """Index along each axis of places in the flattened tensor.

    Args:
        indices: Places; negative ones count from the end.
        shape: Sizes of the tensor.

    Example:
        >>> torchkeras.ops.unravel_index([3, 5], (2, 3))
        (tensor([1, 1], dtype=torch.int32), tensor([0, 2], dtype=torch.int32))
    """
    rest = tensor(indices)
    total = math.prod(shape)
    rest = torch.where(rest < 0, rest + total, rest)
    places = []
    for size in reversed(tuple(shape)):
        places.append(torch.remainder(rest, size))
        rest = torch.div(rest, size, rounding_mode="floor")
    return tuple(reversed(places))


def _where_rule(condition, x1=None, x2=None):
    if x1 is None and x2 is None:
        return KerasTensor((len(condition.shape), None), "int64")
    return elementwise_rule(where.__wrapped__)(condition, x1, x2)


@op(rule=_where_rule)
def where(condition, x1=None, x2=None):
    """``x1`` where the condition holds, else ``x2``; without them, the places where it holds.

    Args:
        condition: Tensor of booleans.
        x1: Tensor, array, list or number.
        x2: The same; all shapes are broadcast together.

    Raises:
        ValueError: if only one of ``x1`` and ``x2`` is given.

    Example:
        >>> torchkeras.ops.where([True, False], [1, 2], 0)
        tensor([1, 0], dtype=torch.int32)
        >>> torchkeras.ops.where([True, False, True])
        tensor([[0, 2]])
    """
    if (x1 is None) is not (x2 is None):
        raise ValueError(
            "`x1` and `x2` either both should be `None` or both should have non-None value."
        )
    condition = tensor(condition).bool()
    if x1 is None:
        return torch.nonzero(condition).T
    return torch.where(condition, *pair(x1, x2))
