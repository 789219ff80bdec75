"""What users hand over, as tensors of the right element types."""

import numpy as np
import torch
from torch import Tensor

from torchkeras import _device, _dtypes, config

# Element types that `_dtypes.result_type` never gives.
WIDE = {torch.int64, torch.uint64, torch.float64, torch.complex128}
# What numpy knows and torch has few kernels for.
_WIDER = {"uint16": "int32", "uint32": "int64"}
_NUMBERS = (bool, int, float, complex)


def as_tensor(x, dtype=None, device=None):
    """A tensor of anything; arrays keep their element types, Python numbers have floatx."""
    if isinstance(x, Tensor):
        return _dtypes.to_tensor(x, dtype, device)
    if dtype is None:
        if isinstance(x, int) and not -(2**31) <= x < 2**31:
            dtype = "int64"
        elif isinstance(x, (np.ndarray, np.generic)) and not isinstance(x, float):
            name = x.dtype.name
            if name == "uint64":
                raise ValueError(
                    "There are no uint64 tensors. Expected an array of another type. Received: "
                    "an array of dtype uint64; convert it, for example with `x.astype('int64')`."
                )
            dtype = _WIDER.get(name, name if name in _dtypes.TORCH else None)
    if device is None:
        device = _device.default_device()
    if isinstance(x, (list, tuple)) and _holds_tensor(x):
        return _stacked([as_tensor(v, dtype, device) for v in x])
    return _dtypes.to_tensor(x, dtype, device)


def _holds_tensor(x):
    return any(
        isinstance(v, Tensor) or (isinstance(v, (list, tuple)) and _holds_tensor(v)) for v in x
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
    own, dtype = _dtypes.TORCH[_dtypes.result_type(type(value))], other.dtype
    if isinstance(value, bool) or torch.promote_types(own, dtype) is own is not dtype:
        dtype = own
        if isinstance(value, int) and other.dtype is not torch.bool:
            dtype = other.dtype  # a weak int is no wider than the other integer
    elif isinstance(value, float) and not (dtype.is_floating_point or dtype.is_complex):
        dtype = own
    elif isinstance(value, float) and dtype.is_floating_point:
        pass
    elif isinstance(value, complex) and not dtype.is_complex:
        dtype = torch.promote_types(own, dtype)
    return torch.tensor(value, dtype=dtype)
