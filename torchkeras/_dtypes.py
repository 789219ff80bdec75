"""Names of element types, and what torch calls them."""

import functools

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


def is_text(value):
    """Whether a value is a numpy array of strings, which stays one: torch has no text tensors."""
    if not isinstance(value, (np.ndarray, np.generic)):
        return False
    kind = value.dtype.kind
    objects = kind == "O" and value.size and isinstance(value.flat[0], (str, bytes))
    return kind in "UST" or bool(objects)


def to_tensor(value, dtype=None, device=None):
    """A tensor from what users hand over; floats without a dtype become floatx.

    A numpy array is cast before it is moved, so that only the bytes needed travel.
    """
    if isinstance(value, torch.Tensor):
        if dtype is None and device is None:
            return value
        wanted = value.dtype if dtype is None else torch_dtype(dtype)
        return value.to(device=device or value.device, dtype=wanted)
    if isinstance(value, (np.ndarray, np.generic)) or not isinstance(
        value, (bool, int, float, complex)
    ):
        if isinstance(value, (list, tuple)) and any(isinstance(v, torch.Tensor) for v in value):
            return torch.stack([to_tensor(v, dtype, device) for v in value])
        if torch.compiler.is_compiling():
            return _traced(value, dtype, device)
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


def _traced(value, dtype, device):
    """A tensor of an array or a list, of which the tracing of `torch.compile` makes the graph."""
    tensor = torch.as_tensor(value)
    if dtype is not None:
        tensor = tensor.to(torch_dtype(dtype))
    elif tensor.dtype is torch.float64 or not isinstance(value, np.ndarray):
        if tensor.dtype.is_floating_point:
            tensor = tensor.to(TORCH[config.floatx()])
        elif tensor.dtype is torch.int64:
            tensor = tensor.to(torch.int32)
    return tensor if device is None else tensor.to(device)


def result_type(*dtypes):
    """Name of the element type in which values of several types are combined.

    A join in the lattice of JAX: bool, integers, floats, complex numbers in this order, where
    Python's ``int``, ``float`` and ``complex`` are weaker than any array type of their kind.
    There are no 64 bits in results, whatever floatx is.

    Args:
        *dtypes: Names, torch or numpy types; Python types stand for Python numbers.

    Returns:
        A name; ``"float32"`` for no types.

    Raises:
        ValueError: for types without a common one (float8 types, strings).
    """
    return _join(tuple(map(_promotable, dtypes)), "16" if config.floatx().endswith("16") else "32")


def _promotable(dtype):
    weak = _WEAK.get(dtype) if isinstance(dtype, type) else None
    return weak or standardize_dtype(dtype)


_WEAK = {int: "int*", float: "float*", complex: "complex64"}


# `torch.compile` takes the result for a constant: a name follows from names.
@functools.cache
def _join(names, precision):
    for name in names:
        if name not in TORCH and not name.endswith("*"):
            raise ValueError(
                f"dtype='{name}' is not a valid dtype for Keras type promotion. "
                f"Expected types among {', '.join(TORCH)}."
            )
        if name.startswith("float8"):
            raise ValueError(
                "There is no implicit conversions from float8 dtypes to others. You must cast it "
                f"internally. Received: {names}"
            )
    floats = {n for n in names if n.startswith(("float", "bfloat")) and n != "float*"}
    signed = max((int(n[3:]) for n in names if n.startswith("int") and n != "int*"), default=0)
    unsigned = max((int(n[4:]) for n in names if n.startswith("uint")), default=0)
    if "complex64" in names or "complex128" in names:
        return "complex64"
    if len(floats) == 1:  # of two, one is float32 or wider or neither holds the other
        return floats.pop().replace("64", "32")
    if floats or not names:
        return "float32"
    if "float*" in names:
        return f"float{precision}"
    if unsigned and signed:
        # The signed type that holds both; none holds uint64.
        return "float32" if unsigned == 64 else f"int{min(max(signed, 2 * unsigned), 32)}"
    if signed:
        return f"int{min(signed, 32)}"
    if unsigned:
        return f"uint{min(unsigned, 32)}"
    return f"int{precision}" if "int*" in names else "bool"


_join.__wrapped__._dynamo_marked_constant = True
