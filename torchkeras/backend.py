"""What code asks of `keras.backend` today: types, names and settings."""

from torchkeras import _dtypes, _state
from torchkeras.config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from torchkeras.graph._tensor import is_keras_tensor
from torchkeras.utils._session import clear_session, standardize_dtype

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]


def get_uid(prefix=""):
    """1, 2, 3... for each prefix.

    Args:
        prefix: Any string.

    Example:
        >>> [torchkeras.backend.get_uid("model") for _ in range(2)]
        [1, 2]
    """
    return _state.uid(prefix)


def is_float_dtype(dtype):
    """Whether an element type, or its name, is one of floats.

    Args:
        dtype: Name or ``torch.dtype``.

    Example:
        >>> torchkeras.backend.is_float_dtype("bfloat16")
        True
    """
    return _dtypes.is_float(dtype)


def is_int_dtype(dtype):
    """Whether an element type, or its name, is one of integers; booleans are none.

    Args:
        dtype: Name or ``torch.dtype``.

    Example:
        >>> torchkeras.backend.is_int_dtype("uint8"), torchkeras.backend.is_int_dtype("bool")
        (True, False)
    """
    name = _dtypes.standardize_dtype(dtype)
    return name.startswith(("int", "uint"))


def result_type(*dtypes):
    """Name of the element type that operations on several types give.

    Args:
        *dtypes: Names, ``torch.dtype``s, or Python's ``bool``, ``int``, ``float``.

    Example:
        >>> torchkeras.backend.result_type("int32", "float16")
        'float16'
    """
    return _dtypes.result_type(*dtypes)
