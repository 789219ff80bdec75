"""Shapes of symbols of which some sizes are unknown."""

import numpy as np

from torchkeras.graph._infer import infer
from torchkeras.graph._tensor import KerasTensor


def shape_of(x) -> tuple:
    """The shape of a symbol, tensor, array, list or number."""
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


def broadcast(*shapes):
    """The common shape; an unknown size takes any other but 1.

    Raises:
        ValueError: if two known sizes differ and none is 1.
    """
    result = []
    for place in range(-max(map(len, shapes), default=0), 0):
        sizes = {shape[place] for shape in shapes if len(shape) >= -place} - {1}
        known = sizes - {None}
        if len(known) > 1:
            raise ValueError(
                f"Cannot broadcast shape, the sizes {sorted(known)} differ on axis {place}. "
                f"Received shapes: {', '.join(map(str, shapes))}"
            )
        result.append(known.pop() if known else None if sizes else 1)
    return tuple(result)


def elementwise_rule(function):
    """A rule for a function of tensors that are broadcast together."""

    def rule(*args, **kwargs):
        def small(x):
            return KerasTensor((1,) * x.ndim, x.dtype) if isinstance(x, KerasTensor) else x

        values = [*args, *kwargs.values()]
        dtype = infer(function, [*map(small, args)], {k: small(v) for k, v in kwargs.items()}).dtype
        shapes = [shape_of(x) for x in values if x is not None and not isinstance(x, str)]
        return KerasTensor(broadcast(*shapes), dtype)

    return rule


def unified(xs, labels):
    """Symbols in which axes of the same label have the one known size."""
    sizes = {}
    for x, names in zip(xs, labels):
        for size, name in zip(shape_of(x), names):
            if size not in (None, 1):
                sizes.setdefault(name, size)
    return [
        KerasTensor([sizes.get(n) if s is None else s for s, n in zip(x.shape, names)], x.dtype)
        if isinstance(x, KerasTensor)
        else x
        for x, names in zip(xs, labels)
    ]


def clamped_rule(function):
    """A rule for a function that takes at most so many elements: a part of a long axis."""

    def rule(*args, **kwargs):
        def short(x):
            if not isinstance(x, KerasTensor):
                return x
            return KerasTensor([1 if n is None else n for n in x.shape], x.dtype)

        result = infer(function, args, kwargs)
        if not any(isinstance(x, KerasTensor) and None in x.shape for x in args):
            return result
        try:
            other = infer(function, [*map(short, args)], {k: short(v) for k, v in kwargs.items()})
        except (ValueError, RuntimeError, IndexError):  # an axis of one is too short
            return result
        shape = [n if n == m else None for n, m in zip(result.shape, other.shape)]
        return KerasTensor(shape, result.dtype)

    return rule
