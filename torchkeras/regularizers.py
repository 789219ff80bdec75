"""Penalties on weights, added to the loss."""

import numbers

import torch
from torch.nn import functional as F

from torchkeras import _dtypes
from torchkeras._configurable import Configurable
from torchkeras._registry import Registry

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]


class Regularizer(Configurable):
    """Base of all regularizers: a callable from a weight to a scalar.

    A subclass writes ``__call__`` and keeps its constructor arguments under their names.

    Example:
        >>> class Largest(torchkeras.regularizers.Regularizer):
        ...     def __call__(self, x):
        ...         return x.abs().max()
        >>> Largest()(torch.tensor([1.0, -3.0]))
        tensor(3.)
    """

    def __call__(self, x):
        """The penalty on ``x``; none here."""
        return 0.0


class L1(Regularizer):
    """``l1 * sum(|x|)``, which drives weights to zero.

    Args:
        l1: Factor, not negative.

    Raises:
        ValueError: for any other factor.

    Example:
        >>> torchkeras.regularizers.L1(0.5)(torch.tensor([1.0, -3.0]))
        tensor(2.)
    """

    def __init__(self, l1=0.01):
        self.l1 = _factor("l1", l1, 0.01)

    def __call__(self, x):
        """The penalty on ``x``."""
        return self.l1 * torch.sum(torch.abs(_dtypes.to_tensor(x)))


class L2(Regularizer):
    """``l2 * sum(x**2)``, which keeps weights small.

    Args:
        l2: Factor, not negative.

    Raises:
        ValueError: for any other factor.

    Example:
        >>> torchkeras.regularizers.L2(0.5)(torch.tensor([1.0, -3.0]))
        tensor(5.)
    """

    def __init__(self, l2=0.01):
        self.l2 = _factor("l2", l2, 0.01)

    def __call__(self, x):
        """The penalty on ``x``."""
        return self.l2 * torch.sum(torch.square(_dtypes.to_tensor(x)))


class L1L2(Regularizer):
    """``l1 * sum(|x|) + l2 * sum(x**2)``.

    Args:
        l1: Factor of the first sum, not negative.
        l2: Factor of the second sum, not negative.

    Raises:
        ValueError: for any other factor.

    Example:
        >>> torchkeras.regularizers.L1L2(1.0, 0.5)(torch.tensor([1.0, -3.0]))
        tensor(9.)
    """

    def __init__(self, l1=0.0, l2=0.0):
        self.l1 = _factor("l1", l1, 0.0)
        self.l2 = _factor("l2", l2, 0.0)

    def __call__(self, x):
        """The penalty on ``x``."""
        x = _dtypes.to_tensor(x)
        penalty = x.new_zeros(())
        if self.l1:
            penalty = penalty + self.l1 * torch.sum(torch.abs(x))
        if self.l2:
            penalty = penalty + self.l2 * torch.sum(torch.square(x))
        return penalty


class OrthogonalRegularizer(Regularizer):
    """``factor`` times the mean size of the cosines between the rows, or the columns.

    Zero when all of them are orthogonal to each other.

    Args:
        factor: Factor of the mean, not negative.
        mode: ``"rows"`` or ``"columns"``.

    Raises:
        ValueError: for another factor or mode, or when called with a tensor that is no matrix.

    Example:
        >>> penalty = torchkeras.regularizers.OrthogonalRegularizer(0.1)
        >>> penalty(torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
        tensor(0.)
    """

    def __init__(self, factor=0.01, mode="rows"):
        self.factor = _factor("factor", factor, 0.01)
        if mode not in ("rows", "columns"):
            raise ValueError(
                "Invalid value for argument `mode`. Expected one of "
                f'{{"rows", "columns"}}. Received: mode={mode}'
            )
        self.mode = mode

    def __call__(self, inputs):
        """The penalty on a matrix."""
        inputs = _dtypes.to_tensor(inputs)
        if inputs.ndim != 2:
            raise ValueError(
                "Inputs to OrthogonalRegularizer must have rank 2. Received: "
                f"inputs.shape={tuple(inputs.shape)}"
            )
        unit = F.normalize(inputs if self.mode == "rows" else inputs.T, dim=1)
        cosines = torch.abs(unit @ unit.T)
        pairs = len(unit) * (len(unit) - 1)
        return self.factor * cosines.triu(1).sum() * 2 / max(pairs, 1)


def _factor(name, value, default):
    if value is None:
        return default
    if not isinstance(value, numbers.Real) or not 0 <= float(value) < float("inf"):
        raise ValueError(
            f"Invalid value for argument {name}: expected a non-negative float. "
            f"Received: {name}={value}"
        )
    return float(value)


l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer

_registry = Registry("regularizer", Regularizer)
_registry.add(L1, L1L2, L2, OrthogonalRegularizer, Regularizer, l1=L1, l2=L2, l1_l2=L1L2)


def get(identifier):
    """A regularizer from its name, its config or itself; ``None`` stays ``None``.

    Args:
        identifier: Name, config dict, class, or a callable.

    Raises:
        ValueError: if nothing has that name.

    Example:
        >>> torchkeras.regularizers.get("l2").l2
        0.01
    """
    return _registry.get(identifier)


def serialize(regularizer):
    """The config of a regularizer.

    Args:
        regularizer: Regularizer, or a registered function.

    Example:
        >>> torchkeras.regularizers.serialize(torchkeras.regularizers.L2(0.1))["config"]
        {'l2': 0.1}
    """
    return _registry.serialize(regularizer)


def deserialize(config, custom_objects=None):
    """The regularizer of a config.

    Args:
        config: What `serialize` returned.
        custom_objects: Dict from name to the user's classes and functions.

    Raises:
        ValueError: if nothing has that name.

    Example:
        >>> config = torchkeras.regularizers.serialize(torchkeras.regularizers.L2(0.1))
        >>> torchkeras.regularizers.deserialize(config).l2
        0.1
    """
    return _registry.deserialize(config, custom_objects)
