"""Starting afresh in one process."""

import gc

from torchkeras import _dtypes, _state


def clear_session(free_memory=True):
    """Automatic names start again at the first; garbage is collected.

    Args:
        free_memory: Whether garbage is collected at once.

    Example:
        >>> torchkeras.utils.clear_session()
        >>> torchkeras.layers.Dense(1).name
        'dense'
    """
    _state.reset_names()
    if free_memory:
        gc.collect()


def standardize_dtype(dtype):
    """Name of an element type given as a name, a Python, numpy or torch type.

    Raises:
        ValueError: if it is none.

    Example:
        >>> torchkeras.utils.standardize_dtype(torch.float32)
        'float32'
    """
    return _dtypes.standardize_dtype(dtype)
