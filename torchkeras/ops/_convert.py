"""What users hand over, as tensors of the right element types."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras import _device, _dtypes, config

# Element types that `_dtypes.result_type` never gives.
WIDE = {torch.int64, torch.uint64, torch.float64, torch.complex128}
# What numpy knows and torch has few kernels for.
_WIDER = {"uint16": "int32", "uint32": "int64"}
_NUMBERS = (bool, int, float, complex)
_SYMBOLIC_NUMBERS: Any = (torch.SymInt, torch.SymFloat, torch.SymBool)


def as_tensor(x: Any, dtype=None, device=None):
    """A tensor of anything; arrays keep their element types, Python numbers have floatx."""
    if isinstance(x, Tensor):
        return _dtypes.to_tensor(x, dtype, device)
    if dtype is None:
        if isinstance(x, float):  # numpy's float64 is a Python float too
            x = float(x)
        elif isinstance(x, int) and not -(2**31) <= x < 2**31:
            dtype = "int64"
        elif isinstance(x, (np.ndarray, np.generic)):
            name = x.dtype.name
            if name == "uint64":
                raise ValueError(
                    "There are no uint64 tensors. Expected an array of another type. Received: "
                    "an array of dtype uint64; convert it, for example with `x.astype('int64')`."
                )
            dtype = _WIDER.get(name, name if name in _dtypes.TORCH else None)
    if device is None:
        device = _device.default_device()
    if isinstance(x, _SYMBOLIC_NUMBERS):  # a size, while a graph is traced
        name = dtype or ("int32" if isinstance(x, torch.SymInt) else config.floatx())
        number: Any = x
        return torch.scalar_tensor(number, dtype=_dtypes.torch_dtype(name), device=device)
    if isinstance(x, (list, tuple)) and _holds_tensor(x):
        return _stacked([as_tensor(v, dtype, device) for v in x])
    return _dtypes.to_tensor(x, dtype, device)


def _holds_tensor(x):
    return any(
        isinstance(v, (Tensor, *_SYMBOLIC_NUMBERS))
        or (isinstance(v, (list, tuple)) and _holds_tensor(v))
        for v in x
    )


def _stacked(tensors):
    dtype = tensors[0].dtype
    for t in tensors[1:]:
        dtype = torch.promote_types(dtype, t.dtype)
    return torch.stack([t.to(dtype) for t in tensors])


def tensor(x):
    """The tensor itself, or a new one."""
    return x if isinstance(x, Tensor) else as_tensor(x)


def floating(x):
    """A floating point or complex tensor: integers become floatx."""
    x = x if isinstance(x, Tensor) else as_tensor(x)
    if x.dtype.is_floating_point or x.dtype.is_complex:
        return x
    return x.to(_dtypes.TORCH[config.floatx()])


def narrow_floating(x):
    """Like `floating`, with 32 bits at most."""
    x = floating(x)
    return x if x.dtype not in WIDE else x.to(_dtypes.TORCH[_dtypes.result_type(x.dtype)])


def operands(x1, x2) -> Any:
    """Like `pair`, for functions of torch that take a number beside a tensor of floats."""
    if isinstance(x1, Tensor):
        if isinstance(x2, Tensor):
            return x1, x2
        if (type(x2) is float or type(x2) is int) and x1.dtype.is_floating_point:
            return x1, x2
    return pair(x1, x2)


def pair(x1, x2):
    """Two tensors that torch promotes as Keras does; Python numbers take the other's type."""
    if isinstance(x1, Tensor):
        return (x1, x2) if isinstance(x2, Tensor) else (x1, _beside(x2, x1))
    if isinstance(x2, Tensor):
        return _beside(x1, x2), x2
    if isinstance(x1, _NUMBERS):
        if isinstance(x2, _NUMBERS):
            return promoted(x1, x2)
        x2 = as_tensor(x2)
        return _beside(x1, x2), x2
    x1 = as_tensor(x1)
    return x1, _beside(x2, x1)


def _beside(value, other):
    """A value as a tensor beside another; a number is weak and stays on the CPU."""
    if not isinstance(value, _NUMBERS):
        return as_tensor(value, device=other.device)
    dtype = other.dtype
    if not is_weaker(value, dtype):  # only a number of a higher kind matters
        dtype = _dtypes.TORCH[_dtypes.result_type(dtype, _kind(value))]
    return torch.tensor(value, dtype=dtype)


def is_weaker(value, dtype):
    """Whether a value is a number that takes a tensor's element type."""
    return isinstance(value, _NUMBERS) and _NUMBERS.index(_kind(value)) <= _rank(dtype)


def _kind(number):
    return next(kind for kind in _NUMBERS if isinstance(number, kind))


def dtype_or_kind(x):
    """What takes part in a promotion for ``x``: its element type, or that it is a number."""
    if isinstance(x, (torch.SymInt, torch.SymFloat)):
        return int if isinstance(x, torch.SymInt) else float
    return type(x) if isinstance(x, _NUMBERS) else getattr(x, "dtype", type(x))


def _rank(dtype):
    if dtype.is_complex:
        return 3
    return 2 if dtype.is_floating_point else int(dtype is not torch.bool)


def promoted(*xs, least=()):
    """Tensors of the one element type that `result_type` gives, on one device.

    Args:
        *xs: Tensors, arrays, lists and numbers, of which numbers are weak.
        least: Types that take part in the promotion.
    """
    if not least and all(isinstance(x, Tensor) for x in xs):
        dtype = xs[0].dtype
        if dtype not in WIDE and all(x.dtype is dtype for x in xs):
            return xs
    device = next((x.device for x in xs if isinstance(x, Tensor)), None)
    kinds = [_kind(x) if isinstance(x, _NUMBERS) else None for x in xs]
    xs = [as_tensor(x, device=device) if k is None else x for x, k in zip(xs, kinds)]
    name = _dtypes.result_type(*(k or x.dtype for x, k in zip(xs, kinds)), *least)
    return [_dtypes.to_tensor(x, name, device or _device.default_device()) for x in xs]
