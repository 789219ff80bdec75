"""Activation functions, and how to find them by name."""

import warnings

import torch
from torch import Tensor
from torch.nn import functional as F

from torchkeras import _dtypes
from torchkeras._registry import Registry

__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]


def _tensor(x):
    """Arrays, lists and numbers as tensors; whatever torch functions take stays as it is."""
    return x if hasattr(x, "__torch_function__") else _dtypes.to_tensor(x)


# Every function tests for a tensor on its own line: cheaper than a call for the common case.


def linear(x):
    """Returns its input.

    Args:
        x: Anything.

    Example:
        >>> torchkeras.activations.linear(3)
        3
    """
    return x


def relu(x, negative_slope=0.0, max_value=None, threshold=0.0):
    """Rectified linear unit: ``max(x, 0)``, with an optional slope, cap and threshold.

    ``max_value`` where ``x >= max_value``, ``x`` where ``x > threshold``, and
    ``negative_slope * (x - threshold)`` below.

    Args:
        x: Tensor.
        negative_slope: Slope below the threshold.
        max_value: Largest value of the result, or ``None``.
        threshold: Where the linear part begins.

    Example:
        >>> torchkeras.activations.relu(torch.tensor([-1.0, 2.0, 9.0]), max_value=6.0)
        tensor([0., 2., 6.])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    if threshold != 0:
        below = negative_slope * (x - threshold) if negative_slope else torch.zeros_like(x)
        x = torch.where(x > threshold, x, below)
    elif negative_slope:
        x = F.leaky_relu(x, negative_slope)
    else:
        x = torch.relu(x)
    return x if max_value is None else torch.clamp(x, max=max_value)


def leaky_relu(x, negative_slope=0.2):
    """``x`` where positive, ``negative_slope * x`` elsewhere.

    Args:
        x: Tensor.
        negative_slope: Slope below zero.

    Example:
        >>> torchkeras.activations.leaky_relu(torch.tensor([-1.0, 2.0]))
        tensor([-0.2000,  2.0000])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    return F.leaky_relu(x, negative_slope)


def relu6(x):
    """``min(max(x, 0), 6)``.

    Args:
        x: Tensor.

    Example:
        >>> torchkeras.activations.relu6(torch.tensor([-1.0, 2.0, 9.0]))
        tensor([0., 2., 6.])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    return torch.clamp(x, 0, 6)


def softmax(x, axis=-1):
    """Positive values that sum to one along an axis: ``exp(x) / sum(exp(x))``.

    Args:
        x: Tensor.
        axis: Axis, or tuple of axes, of the sum.

    Warns:
        UserWarning: if that axis has size one, so that the result is one everywhere.

    Example:
        >>> torchkeras.activations.softmax(torch.zeros(1, 2))
        tensor([[0.5000, 0.5000]])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    if isinstance(axis, (tuple, list)):
        return _over_axes(torch.softmax, x, axis)
    if x.ndim and x.shape[axis] == 1:
        warnings.warn(
            f"You are using a softmax over axis {axis} of a tensor of shape {tuple(x.shape)}. "
            "This axis has size 1. The softmax operation will always return the value 1, which "
            "is likely not what you intended. Did you mean to use a sigmoid instead?",
            stacklevel=2,
        )
    y = torch.softmax(x, axis)
    if axis == -1 or axis == x.ndim - 1:
        # For a cross-entropy, which is faster and safer on logits.
        y._softmax_of = x  # type: ignore
    return y


def log_softmax(x, axis=-1):
    """The logarithm of `softmax`, computed safely.

    Args:
        x: Tensor.
        axis: Axis, or tuple of axes, of the sum.

    Example:
        >>> torchkeras.activations.log_softmax(torch.zeros(1, 2))
        tensor([[-0.6931, -0.6931]])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    if isinstance(axis, (tuple, list)):
        return _over_axes(torch.log_softmax, x, axis)
    return torch.log_softmax(x, axis)


def _over_axes(function, x, axes):
    """A function of one axis, over several axes taken as one."""
    last = list(range(-len(axes), 0))
    moved = torch.movedim(x, list(axes), last)
    result = function(moved.flatten(-len(axes)), -1).reshape(moved.shape)
    return torch.movedim(result, last, list(axes))


def elu(x, alpha=1.0):
    """Exponential linear unit: ``x`` where positive, ``alpha * (exp(x) - 1)`` elsewhere.

    Args:
        x: Tensor.
        alpha: Minus the limit far below zero.

    Reference: `Clevert et al., 2016 <https://arxiv.org/abs/1511.07289>`_

    Example:
        >>> torchkeras.activations.elu(torch.tensor([-1.0, 2.0]))
        tensor([-0.6321,  2.0000])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    return F.elu(x, alpha)


def selu(x):
    """Scaled `elu` whose fixed constants keep mean zero and variance one.

    Args:
        x: Tensor.

    Reference: `Klambauer et al., 2017 <https://arxiv.org/abs/1706.02515>`_

    Example:
        >>> torchkeras.activations.selu(torch.tensor([-1.0, 2.0]))
        tensor([-1.1113,  2.1014])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    return torch.selu(x)


def celu(x, alpha=1.0):
    """Continuously differentiable `elu`: ``max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0)``.

    Args:
        x: Tensor.
        alpha: Minus the limit far below zero.

    Reference: `Barron, 2017 <https://arxiv.org/abs/1704.07483>`_

    Example:
        >>> torchkeras.activations.celu(torch.tensor([-1.0, 2.0]))
        tensor([-0.6321,  2.0000])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    return torch.celu(x, alpha)


def glu(x, axis=-1):
    """Gated linear unit: the first half along an axis times the sigmoid of the second half.

    Args:
        x: Tensor of an even size along ``axis``.
        axis: Axis that is halved.

    Reference: `Dauphin et al., 2017 <https://arxiv.org/abs/1612.08083>`_

    Example:
        >>> torchkeras.activations.glu(torch.tensor([1.0, 2.0, 0.0, 0.0]))
        tensor([0.5000, 1.0000])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    return F.glu(x, axis)


def gelu(x, approximate=False):
    """Gaussian error linear unit: ``x`` times the normal distribution function at ``x``.

    Args:
        x: Tensor.
        approximate: Whether to use the formula with ``tanh``.

    Reference: `Hendrycks and Gimpel, 2016 <https://arxiv.org/abs/1606.08415>`_

    Example:
        >>> torchkeras.activations.gelu(torch.tensor([-1.0, 2.0]))
        tensor([-0.1587,  1.9545])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    return F.gelu(x, approximate="tanh" if approximate else "none")


def silu(x):
    """``x * sigmoid(x)``, also called swish.

    Args:
        x: Tensor.

    Reference: `Ramachandran et al., 2017 <https://arxiv.org/abs/1710.05941>`_

    Example:
        >>> torchkeras.activations.silu(torch.tensor([-1.0, 2.0]))
        tensor([-0.2689,  1.7616])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    return F.silu(x)


def hard_silu(x):
    """``x * hard_sigmoid(x)``, also called hard swish.

    Args:
        x: Tensor.

    Reference: `Howard et al., 2019 <https://arxiv.org/abs/1905.02244>`_

    Example:
        >>> torchkeras.activations.hard_silu(torch.tensor([-1.0, 2.0]))
        tensor([-0.3333,  1.6667])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    return F.hardswish(x)


def mish(x):
    """``x * tanh(softplus(x))``.

    Args:
        x: Tensor.

    Reference: `Misra, 2019 <https://arxiv.org/abs/1908.08681>`_

    Example:
        >>> torchkeras.activations.mish(torch.tensor([-1.0, 2.0]))
        tensor([-0.3034,  1.9440])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    return F.mish(x)


def sigmoid(x):
    """``1 / (1 + exp(-x))``.

    Args:
        x: Tensor.

    Example:
        >>> torchkeras.activations.sigmoid(torch.tensor([0.0, 2.0]))
        tensor([0.5000, 0.8808])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    y = torch.sigmoid(x)
    y._sigmoid_of = x  # type: ignore  # as in `softmax`
    return y


def log_sigmoid(x):
    """The logarithm of `sigmoid`, computed safely.

    Args:
        x: Tensor.

    Example:
        >>> torchkeras.activations.log_sigmoid(torch.tensor([0.0, 2.0]))
        tensor([-0.6931, -0.1269])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    return F.logsigmoid(x)


def hard_sigmoid(x):
    """A piecewise linear `sigmoid`: ``min(max(x / 6 + 1 / 2, 0), 1)``.

    Args:
        x: Tensor.

    Example:
        >>> torchkeras.activations.hard_sigmoid(torch.tensor([-4.0, 0.0, 1.5]))
        tensor([0.0000, 0.5000, 0.7500])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    return F.hardsigmoid(x)


def sparse_sigmoid(x):
    """The link function of `sparse_plus`: ``min(max((x + 1) / 2, 0), 1)``.

    Args:
        x: Tensor.

    Example:
        >>> torchkeras.activations.sparse_sigmoid(torch.tensor([-2.0, 0.0, 2.0]))
        tensor([0.0000, 0.5000, 1.0000])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    return torch.clamp((x + 1) * 0.5, 0, 1)


def tanh(x):
    """Hyperbolic tangent.

    Args:
        x: Tensor.

    Example:
        >>> torchkeras.activations.tanh(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7616])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    return torch.tanh(x)


def hard_tanh(x):
    """``min(max(x, -1), 1)``.

    Args:
        x: Tensor.

    Example:
        >>> torchkeras.activations.hard_tanh(torch.tensor([-2.0, 0.5, 2.0]))
        tensor([-1.0000,  0.5000,  1.0000])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    return torch.clamp(x, -1, 1)


def tanh_shrink(x):
    """``x - tanh(x)``.

    Args:
        x: Tensor.

    Example:
        >>> torchkeras.activations.tanh_shrink(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.2384])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    return x - torch.tanh(x)


def hard_shrink(x, threshold=0.5):
    """``x`` where ``|x| > threshold``, zero elsewhere.

    Args:
        x: Tensor.
        threshold: Half the width of the zero part.

    Example:
        >>> torchkeras.activations.hard_shrink(torch.tensor([-1.0, 0.2, 0.7]))
        tensor([-1.0000,  0.0000,  0.7000])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    return torch.hardshrink(x, threshold)


def soft_shrink(x, threshold=0.5):
    """``x`` moved towards zero by ``threshold``, and zero where ``|x| <= threshold``.

    Args:
        x: Tensor.
        threshold: Half the width of the zero part.

    Example:
        >>> torchkeras.activations.soft_shrink(torch.tensor([-1.0, 0.2, 0.7]))
        tensor([-0.5000,  0.0000,  0.2000])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    return F.softshrink(x, threshold)


def threshold(x, threshold, default_value):
    """``x`` where ``x > threshold``, ``default_value`` elsewhere.

    Args:
        x: Tensor.
        threshold: Where ``x`` begins.
        default_value: What stands below.

    Example:
        >>> torchkeras.activations.threshold(torch.tensor([1.0, 3.0]), 2.0, -1.0)
        tensor([-1.,  3.])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    return torch.threshold(x, threshold, default_value)


def softplus(x):
    """``log(exp(x) + 1)``.

    Args:
        x: Tensor.

    Example:
        >>> torchkeras.activations.softplus(torch.tensor([0.0, 2.0]))
        tensor([0.6931, 2.1269])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    return F.softplus(x)


def sparse_plus(x):
    """Zero up to -1, ``(x + 1)**2 / 4`` between -1 and 1, ``x`` from 1 on.

    Args:
        x: Tensor.

    Example:
        >>> torchkeras.activations.sparse_plus(torch.tensor([-2.0, 0.0, 2.0]))
        tensor([0.0000, 0.2500, 2.0000])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    return torch.where(x >= 1, x, 0.25 * torch.clamp(x + 1, 0, 2) ** 2)


def squareplus(x, b=4):
    """``(x + sqrt(x**2 + b)) / 2``, a `softplus` without exponentials.

    Args:
        x: Tensor.
        b: Width of the bend.

    Reference: `Barron, 2021 <https://arxiv.org/abs/2112.11687>`_

    Example:
        >>> torchkeras.activations.squareplus(torch.tensor([0.0, 2.0]))
        tensor([1.0000, 2.4142])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    return (x + torch.sqrt(torch.square(x) + b)) * 0.5


def softsign(x):
    """``x / (|x| + 1)``.

    Args:
        x: Tensor.

    Example:
        >>> torchkeras.activations.softsign(torch.tensor([-1.0, 3.0]))
        tensor([-0.5000,  0.7500])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    return x / (torch.abs(x) + 1)


def exponential(x):
    """``exp(x)``.

    Args:
        x: Tensor.

    Example:
        >>> torchkeras.activations.exponential(torch.tensor([0.0, 1.0]))
        tensor([1.0000, 2.7183])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    return torch.exp(x)


def sparsemax(x, axis=-1):
    """The point of the probability simplex nearest to ``x``: a `softmax` with exact zeros.

    ``max(x - tau, 0)``, with ``tau`` such that the values along the axis sum to one.

    Args:
        x: Tensor.
        axis: Axis of the sum.

    Reference: `Martins and Astudillo, 2016 <https://arxiv.org/abs/1602.02068>`_

    Example:
        >>> torchkeras.activations.sparsemax(torch.tensor([[2.0, 1.5, -1.0]]))
        tensor([[0.7500, 0.2500, 0.0000]])
    """
    x = x if isinstance(x, Tensor) else _tensor(x)
    ordered = torch.sort(x, dim=axis, descending=True).values
    sums = torch.cumsum(ordered, axis) - 1
    size = x.shape[axis]
    ranks = torch.arange(1, size + 1, dtype=x.dtype, device=x.device)
    ranks = ranks.reshape([size] + [1] * (x.ndim - 1 - axis % x.ndim))
    # Equation 2: tau belongs to the largest k with 1 + k x_(k) > x_(1) + ... + x_(k).
    count = torch.sum(ranks * ordered > sums, axis, keepdim=True)
    tau = torch.gather(sums, axis, count - 1) / count
    return torch.relu(x - tau)


swish = silu
hard_swish = hard_silu

_registry = Registry("activation function")
_registry.add(
    celu,
    elu,
    exponential,
    gelu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    linear,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
    tanh_shrink,
    threshold,
    hard_swish=hard_silu,
    swish=silu,
)


def get(identifier):
    """An activation function from its name, its config or itself; ``None`` gives `linear`.

    Args:
        identifier: Name, config dict, or a callable.

    Raises:
        ValueError: if nothing has that name.

    Example:
        >>> torchkeras.activations.get("relu") is torchkeras.activations.relu
        True
    """
    return linear if identifier is None else _registry.get(identifier)


def serialize(activation):
    """The name of one of these functions; the config of any other object.

    Args:
        activation: Function, or a layer that serves as one.

    Example:
        >>> torchkeras.activations.serialize(torchkeras.activations.relu)
        'relu'
    """
    return _registry.serialize(activation)


def deserialize(config, custom_objects=None):
    """The activation of a name or a config.

    Args:
        config: What `serialize` returned.
        custom_objects: Dict from name to the user's functions and classes.

    Raises:
        ValueError: if nothing has that name.

    Example:
        >>> torchkeras.activations.deserialize("tanh") is torchkeras.activations.tanh
        True
    """
    return _registry.deserialize(config, custom_objects)
