"""Projections that weights go through after every update."""

import torch

from torchkeras import _dtypes, config
from torchkeras._configurable import Configurable
from torchkeras._registry import Registry

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]


class Constraint(Configurable):
    """Base of all constraints: a callable from a weight to the value it should have.

    A subclass writes ``__call__`` and keeps its constructor arguments under their names.

    Example:
        >>> class Clip(torchkeras.constraints.Constraint):
        ...     def __call__(self, w):
        ...         return w.clamp(-1, 1)
        >>> Clip()(torch.tensor([0.5, -3.0]))
        tensor([ 0.5000, -1.0000])
    """

    def __call__(self, w):
        """The projected value; ``w`` itself here."""
        return _dtypes.to_tensor(w)


class MaxNorm(Constraint):
    """Shrinks the vectors along an axis to a norm of at most ``max_value``.

    Args:
        max_value: Largest norm.
        axis: Axis, or sequence of axes, of the norm: 0 for the units of a dense kernel,
            ``[0, 1, 2]`` for the filters of a 2D convolution.

    Example:
        >>> torchkeras.constraints.MaxNorm(1.0)(torch.tensor([[3.0, 0.1], [4.0, 0.1]]))
        tensor([[0.6000, 0.1000],
                [0.8000, 0.1000]])
    """

    def __init__(self, max_value=2, axis=0):
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w):
        """The projected value."""
        w = _dtypes.to_tensor(w)
        norms = _norms(w, self.axis)
        return w * (torch.clamp(norms, 0, self.max_value) / (config.epsilon() + norms))


class MinMaxNorm(Constraint):
    """Brings the vectors along an axis to a norm between two bounds.

    The norm becomes ``rate * clip(norm, min_value, max_value) + (1 - rate) * norm``.

    Args:
        min_value: Smallest norm.
        max_value: Largest norm.
        rate: Part of the way to the bounds that is gone at each call.
        axis: Axis, or sequence of axes, of the norm.

    Example:
        >>> torchkeras.constraints.MinMaxNorm(2.0, 3.0)(torch.tensor([[0.6], [0.8]]))
        tensor([[1.2000],
                [1.6000]])
    """

    def __init__(self, min_value=0.0, max_value=1.0, rate=1.0, axis=0):
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w):
        """The projected value."""
        w = _dtypes.to_tensor(w)
        norms = _norms(w, self.axis)
        clipped = torch.clamp(norms, self.min_value, self.max_value)
        wanted = self.rate * clipped + (1 - self.rate) * norms
        return w * (wanted / (config.epsilon() + norms))


class NonNeg(Constraint):
    """Sets negative values to zero.

    Example:
        >>> torchkeras.constraints.NonNeg()(torch.tensor([0.5, -3.0]))
        tensor([0.5000, 0.0000])
    """

    def __call__(self, w):
        """The projected value."""
        return torch.relu(_dtypes.to_tensor(w))


class UnitNorm(Constraint):
    """Scales the vectors along an axis to norm one.

    Args:
        axis: Axis, or sequence of axes, of the norm.

    Example:
        >>> torchkeras.constraints.UnitNorm()(torch.tensor([[3.0], [4.0]]))
        tensor([[0.6000],
                [0.8000]])
    """

    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        """The projected value."""
        w = _dtypes.to_tensor(w)
        return w / (config.epsilon() + _norms(w, self.axis))


def _norms(w, axis):
    return torch.sqrt(torch.sum(torch.square(w), axis, keepdim=True))


max_norm = MaxNorm
min_max_norm = MinMaxNorm
non_neg = NonNeg
unit_norm = UnitNorm

_registry = Registry("constraint", Constraint)
_registry.add(Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm)


def get(identifier):
    """A constraint from its name, its config or itself; ``None`` stays ``None``.

    Args:
        identifier: Name, config dict, class, or a callable.

    Raises:
        ValueError: if nothing has that name.

    Example:
        >>> torchkeras.constraints.get("max_norm").max_value
        2
    """
    return _registry.get(identifier)


def serialize(constraint):
    """The config of a constraint.

    Args:
        constraint: Constraint, or a registered function.

    Example:
        >>> torchkeras.constraints.serialize(torchkeras.constraints.UnitNorm())["config"]
        {'axis': 0}
    """
    return _registry.serialize(constraint)


def deserialize(config, custom_objects=None):
    """The constraint of a config.

    Args:
        config: What `serialize` returned.
        custom_objects: Dict from name to the user's classes and functions.

    Raises:
        ValueError: if nothing has that name.

    Example:
        >>> config = torchkeras.constraints.serialize(torchkeras.constraints.UnitNorm(1))
        >>> torchkeras.constraints.deserialize(config).axis
        1
    """
    return _registry.deserialize(config, custom_objects)
