"""Names of element types, and what torch calls them."""

import numpy as np
import torch

from torchkeras import config

TORCH = {
    name: getattr(torch, name)
    for name in (
        "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 bfloat16 float32 float64 "
        "complex64 complex128 float8_e4m3fn float8_e5m2"
    ).split()
}
_NAMES = {dtype: name for name, dtype in TORCH.items()}
_PYTHON = {bool: "bool", int: "int32", str: "string"}
_FLOATS = {"float16", "bfloat16", "float32", "float64", "float8_e4m3fn", "float8_e5m2"}


def standardize_dtype(dtype):
    """Name of an element type given as a name, a Python, numpy or torch type; default floatx."""
    if dtype is None or dtype is float:
        return config.floatx()
    name = _NAMES.get(dtype) if isinstance(dtype, torch.dtype) else None
    if name is None:
        if isinstance(dtype, type) and dtype in _PYTHON:
            return _PYTHON[dtype]
        if isinstance(dtype, str):
            name = dtype.removeprefix("torch.")
        else:
            name = getattr(dtype, "name", None) or getattr(dtype, "__name__", None)
    if name in TORCH or name in ("string", "int", "int4", "uint4"):
        return "int32" if name == "int" else name
    raise ValueError(f"Invalid dtype: {dtype}. Expected one of {', '.join(TORCH)}.")


def torch_dtype(dtype):
    """The torch.dtype for a name (or anything `standardize_dtype` takes)."""
    if isinstance(dtype, torch.dtype):
        return dtype
    try:
        return TORCH[dtype]
    except (KeyError, TypeError):
        name = standardize_dtype(dtype)
    if name not in TORCH:
        raise ValueError(f"dtype {name!r} has no torch tensor. Expected one of {', '.join(TORCH)}.")
    return TORCH[name]


def is_float(dtype):
    """Whether a dtype (name or torch.dtype) is a real floating point type."""
    if isinstance(dtype, torch.dtype):
        return dtype.is_floating_point
    return standardize_dtype(dtype) in _FLOATS


def to_tensor(value, dtype=None, device=None):
    """A tensor from what users hand over; floats without a dtype become floatx.

    A numpy array is cast before it is moved, so that only the bytes needed travel.
    """
    if isinstance(value, torch.Tensor):
        wanted = value.dtype if dtype is None else torch_dtype(dtype)
        return value.to(device=device or value.device, dtype=wanted)
    if isinstance(value, np.ndarray) or not isinstance(value, (bool, int, float, complex)):
        if isinstance(value, (list, tuple)) and any(
            isinstance(v, torch.Tensor) for v in value
        ):
            return torch.stack([to_tensor(v, dtype, device) for v in value])
        array = np.asarray(value)
        if array.dtype == object or array.dtype.kind in "USMm":
            raise ValueError(
                f"Cannot make a tensor of an array of dtype {array.dtype}. Expected numbers; "
                "convert the data first, for example with `np.asarray(x, dtype='float32')`."
            )
        if dtype is None:
            if array.dtype.kind == "f" and array.dtype != np.float16:
                dtype = config.floatx()
            elif array.dtype.kind == "i" and not isinstance(value, np.ndarray):
                dtype = "int32"
            elif array.dtype.name == "bfloat16":
                dtype = "bfloat16"
        if array.dtype.name not in TORCH or array.dtype.name == "bfloat16":
            array = array.astype("float32")  # a type only numpy extensions know
        if not array.flags.writeable or any(s < 0 for s in array.strides):
            array = array.copy()
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        tensor = torch.from_numpy(array) if array.ndim else torch.tensor(array.item())
        wanted = torch_dtype(dtype) if dtype is not None else TORCH[array.dtype.name]
        return tensor.to(wanted).to(device or torch.get_default_device())
    if dtype is None:
        dtype = {bool: "bool", int: "int32", float: config.floatx(), complex: "complex64"}[
            type(value)
        ]
    return torch.tensor(value, dtype=torch_dtype(dtype), device=device)


