"""Shapes as tuples in which None stands for an unknown size."""

import operator

import torch


def standardize_shape(shape):
    """A tuple of ints and None from what users write as a shape.

    Raises:
        ValueError: if ``shape`` is no list of sizes, or a size is negative or no integer.
    """
    if isinstance(shape, (str, bytes)) or not hasattr(shape, "__iter__"):
        raise ValueError(f"Cannot convert '{shape}' to a shape.")
    sizes = []
    for size in shape:
        if size is None or isinstance(size, torch.SymInt):
            sizes.append(size)
            continue
        try:
            size = size.__index__()
        except AttributeError:
            raise ValueError(
                f"Cannot convert '{tuple(shape)}' to a shape. Found invalid entry '{size}' of "
                f"type '{type(size)}'; expected integers or None."
            ) from None
        if size < 0:
            raise ValueError(
                f"Cannot convert '{tuple(shape)}' to a shape. Negative dimensions are not allowed."
            )
        sizes.append(size)
    return tuple(sizes)


def is_shape(value):
    """Whether ``value`` is one shape (and not a structure of shapes)."""
    return isinstance(value, (tuple, list)) and all(
        size is None or (isinstance(size, int) and not isinstance(size, bool)) for size in value
    )


def axes_of(axis, ndim):
    """Numbers from 0 of one axis or several, of which negative ones count from the end.

    Raises:
        ValueError: if there is no such axis.
    """
    axes = list(axis) if isinstance(axis, (tuple, list, set, range)) else [operator.index(axis)]
    for a in axes:
        if not -ndim <= a < ndim:
            raise ValueError(
                f"axis {a} is out of bounds for a tensor of {ndim} axes. Received: axis={axis}"
            )
    return [a % ndim for a in axes]
